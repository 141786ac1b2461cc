"""A run's folder: what counts as a run, when one may become longer, and what the way out is where it may not."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
from dataclasses import replace
from pathlib import Path

import pytest

from enhancer.errors import CheckpointError, SettingsError
from tests.runs import assert_same_weights, lines_of
from training import train
from training.loop import run

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


def test_after_a_start_that_failed_other_settings_work_in_the_same_folder(train_config):
    with pytest.raises(CheckpointError, match="nowhere"):
        train.main(replace(train_config, checkpoint="nowhere", learning_rate=0.5))
    assert (Path(train_config.output_dir) / "config.json").is_file()
    train.main(replace(train_config, max_train_steps=1))
    assert json.loads((Path(train_config.output_dir) / "config.json").read_text())["learning_rate"] == 1e-3


def test_what_was_validated_before_the_first_step_of_other_settings_is_forgotten(
    train_config, train_faces, monkeypatch
):
    def broken(*_):
        raise ZeroDivisionError

    config = replace(train_config, validation_data_dir=str(train_faces), validation_steps=1, max_train_steps=1)
    with monkeypatch.context() as patch:
        patch.setattr("training.loop.trainer.Trainer.step", broken)
        with pytest.raises(ZeroDivisionError):
            train.main(replace(config, seed=7))
    assert [row["step"] for row in lines_of(config, "validation.jsonl")] == [0]
    train.main(replace(config, l1_weight=2.0))
    rows = lines_of(config, "validation.jsonl")
    assert [row["step"] for row in rows] == [0, 1]
    assert rows[0]["loss"] == pytest.approx(2.0 * rows[0]["l1"], rel=1e-4)


def test_a_run_at_a_constant_rate_becomes_longer_as_if_it_had_been_meant_to(train_config, tmp_path):
    constant = replace(train_config, lr_scheduler="constant", max_train_steps=3)
    train.main(constant)
    twice = replace(constant, num_train_epochs=2)  # of two pictures
    train.main(twice)
    train.main(replace(twice, output_dir=str(tmp_path / "at_once")))
    assert_same_weights(Path(constant.output_dir) / "checkpoint-4", tmp_path / "at_once/checkpoint-4")
    assert json.loads((Path(constant.output_dir) / "config.json").read_text())["max_train_steps"] == 4


def test_a_run_whose_rate_has_fallen_to_zero_is_not_made_longer_and_the_way_out_works(train_config, tmp_path):
    done = replace(train_config, max_train_steps=1)
    train.main(done)
    with pytest.raises(SettingsError, match=r"falls to 0 by step 1 .*--checkpoint \S+/run/best --output_dir NEW"):
        train.main(replace(done, max_train_steps=2))
    with pytest.raises(SettingsError, match=r"seed was 0 and is now 1.* or go on from its best .*/run/best"):
        train.main(replace(done, max_train_steps=2, seed=1))
    best = str(Path(done.output_dir) / "best")
    training = run.Training(replace(done, max_train_steps=2, checkpoint=best, output_dir=str(tmp_path / "new")))
    assert (training.start, training.end) == (0, 2)
    training.close()


def test_a_run_of_fewer_steps_is_refused_with_the_flag_that_stops_early(train_config):
    config = replace(train_config, lr_scheduler="constant", max_train_steps=3, stop_at_step=1)
    train.main(config)
    with pytest.raises(SettingsError, match="--max_train_steps 3 --stop_at_step 2"):
        train.main(replace(config, max_train_steps=2, stop_at_step=0))
