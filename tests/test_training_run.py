"""A training run from its first step to its last: exact resume, what it keeps, and what must not cost it anything."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from enhancer.errors import CheckpointError
from enhancer.model import SplatEnhancer
from tests.loss_networks import vgg16_trunk, vgg_state
from tests.runs import argv_of, assert_same_weights, folders, lines_of
from training import train
from training.config import TrainConfig
from training.loop import run, run_folder
from training.losses.networks import VggFeatures

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


@pytest.fixture
def rich(train_config, squeeze, root) -> TrainConfig:
    """LoRA on the embedded checkpoint with all that has state: averages, discriminator, accumulation, extras."""
    return replace(
        train_config,
        checkpoint=str(root / "enhancer/pocket/enhancer"),
        rank=4,
        vae_rank=4,
        perceptual_weights=str(squeeze),
        perceptual_weight=0.1,
        adversarial_weight=0.1,
        adversarial_start_step=1,
        gradient_accumulation_steps=2,
        max_train_steps=4,
    )


@pytest.fixture
def one_thread():
    """As many in this process as in the one that is killed: sums in another order differ in the last digit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_run_killed_at_any_moment_and_resumed_ends_with_the_same_weights(rich, tmp_path, root):
    train.main(rich)
    killed = replace(rich, output_dir=str(tmp_path / "killed"))
    log = Path(killed.output_dir) / "log.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "training.train", *argv_of(killed)],
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:
        while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) >= 3):
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert folders(killed)[-1].startswith("checkpoint-")
    assert not (Path(killed.output_dir) / "checkpoint-4").exists()
    train.main(killed)
    assert_same_weights(Path(rich.output_dir) / "checkpoint-4", Path(killed.output_dir) / "checkpoint-4")
    assert SplatEnhancer.from_pretrained(Path(killed.output_dir) / "best").config.unet_rank == 4


@pytest.mark.slow
def test_dropout_too_is_the_same_after_a_resume(train_config, tmp_path, monkeypatch):
    assert SplatEnhancer.from_pretrained(train_config.checkpoint).config.skip_dropout == 0.3
    train.main(replace(train_config, max_train_steps=3))
    other = replace(train_config, output_dir=str(tmp_path / "other"), max_train_steps=3)
    with monkeypatch.context() as patch:
        patch.setattr(run.Training, "report", stop_at(2))
        with pytest.raises(ZeroDivisionError):
            train.main(other)
    train.main(other)
    assert_same_weights(Path(train_config.output_dir) / "best", tmp_path / "other/best")


def stop_at(step: int):
    """A report that breaks the run off, as a bug or a dying machine would."""

    def report(_self, number, _values):
        if number == step:
            raise ZeroDivisionError

    return report


@pytest.mark.slow
def test_a_run_keeps_the_newest_checkpoints_and_the_best(train_config):
    train.main(replace(train_config, checkpointing_steps=1, checkpoints_total_limit=2))
    assert folders(train_config) == ["best", "checkpoint-5", "checkpoint-6"]
    assert_same_weights(Path(train_config.output_dir) / "best", Path(train_config.output_dir) / "checkpoint-6")


def test_validation_chooses_the_best_and_draws_a_sheet(train_config, train_faces):
    config = replace(
        train_config,
        validation_data_dir=str(train_faces),
        validation_steps=3,
        learning_rate=2.0,
        max_train_steps=3,
    )
    train.main(config)
    rows = lines_of(config, "validation.jsonl")
    assert [row["step"] for row in rows] == [0, 3]
    assert rows[0].keys() >= {"loss", "l1", "psnr", "psnr_gain"}
    assert rows[1]["loss"] > rows[0]["loss"], "a learning rate of 2 was to do harm"
    best = json.loads((Path(config.output_dir) / "best.json").read_text())
    assert best == {"step": 0, "loss": pytest.approx(rows[0]["loss"], abs=1e-5)}
    assert sorted(path.name for path in (Path(config.output_dir) / "validation").iterdir()) == [
        "step-000000.png",
        "step-000003.png",
    ]


def test_a_run_stops_by_itself_when_validation_gets_no_better_and_knows_it_again(train_config, train_faces):
    patient = replace(
        train_config,
        learning_rate=0.0,  # nothing is learnt
        validation_data_dir=str(train_faces),
        validation_steps=1,
        early_stopping_patience=2,
        max_train_steps=20,
    )
    train.main(patient)
    assert [row["step"] for row in lines_of(patient, "validation.jsonl")] == [0, 1, 2]
    assert "checkpoint-2" in folders(patient)
    train.main(patient)
    assert [row["step"] for row in lines_of(patient)] == [0, 1]


def test_a_run_stops_when_its_minutes_are_up_and_knows_it_again(train_config):
    short = replace(train_config, max_train_minutes=1e-6, max_train_steps=20)
    train.main(short)
    assert "checkpoint-1" in folders(short)
    train.main(short)
    assert len(lines_of(short)) == 1
    train.main(replace(short, max_train_minutes=0, max_train_steps=20, stop_at_step=2))
    assert len(lines_of(short)) == 2


def test_a_validation_that_a_kill_kept_from_being_made_is_made_up_for(train_config, train_faces, monkeypatch):
    config = replace(train_config, validation_data_dir=str(train_faces), validation_steps=1, checkpointing_steps=1)
    with monkeypatch.context() as patched:
        patched.setattr(run_folder.RunFolder, "log", killed_at_validation(1))
        with pytest.raises(KeyboardInterrupt):
            train.main(config)
    train.main(config)
    steps = [row["step"] for row in lines_of(config, "validation.jsonl")]
    assert steps == list(range(config.max_train_steps + 1))


def killed_at_validation(step):
    log = run_folder.RunFolder.log

    def killed(self, done, values, *, validation=False):
        if validation and done == step:
            raise KeyboardInterrupt
        log(self, done, values, validation=validation)

    return killed


def test_validation_gives_the_same_numbers_whenever_it_is_asked(train_config, train_faces):
    training = run.Training(replace(train_config, validation_data_dir=str(train_faces)))
    (validation,) = training.validations
    first, again = (validation(0, training.trainer)[0] for _ in range(2))
    assert first == again
    training.close()


def test_where_it_writes_and_how_often_it_saves_may_change_on_the_way(train_config, tmp_path):
    train.main(replace(train_config, max_train_steps=2))
    moved = tmp_path / "moved"
    Path(train_config.output_dir).rename(moved)
    train.main(replace(train_config, max_train_steps=2, output_dir=str(moved), checkpoints_total_limit=1))


@pytest.mark.slow
def test_a_run_stopped_at_a_step_goes_on_as_if_it_had_not_been(train_config, tmp_path):
    train.main(replace(train_config, max_train_steps=3))
    halved = replace(train_config, max_train_steps=3, output_dir=str(tmp_path / "halved"))
    train.main(replace(halved, stop_at_step=1))
    assert folders(halved) == ["best", "checkpoint-1"]
    train.main(halved)
    assert_same_weights(Path(train_config.output_dir) / "best", tmp_path / "halved/best")


@pytest.mark.slow
def test_going_on_from_a_named_checkpoint(train_config, tmp_path):
    train.main(train_config)
    whole = Path(train_config.output_dir)
    other = replace(
        train_config, output_dir=str(tmp_path / "other"), resume_from_checkpoint=str(whole / "checkpoint-2")
    )
    train.main(other)
    assert_same_weights(whole / "checkpoint-6", tmp_path / "other/checkpoint-6")
    with pytest.raises(CheckpointError, match=r"nowhere holds no training_state\.pt"):
        train.main(replace(other, output_dir=str(tmp_path / "third"), resume_from_checkpoint="nowhere"))


def test_bfloat16_trains_in_float32_with_frozen_weights_in_half(train_config, train_faces):
    config = replace(train_config, mixed_precision="bf16", max_train_steps=2, validation_data_dir=str(train_faces))
    training = run.Training(config)
    dtypes = {weight.requires_grad: weight.dtype for weight in training.trainer.model.parameters()}
    assert dtypes == {True: torch.float32, False: torch.bfloat16}
    training.steps()
    training.close()
    rows = lines_of(train_config)
    assert all(0 < row["loss"] < 1 for row in rows)


def test_bfloat16_weights_have_masters_that_are_saved_and_judged(train_config):
    config = replace(train_config, mixed_precision="bf16_weights", train_base=True, max_train_steps=2)
    training = run.Training(config)
    trainer = training.trainer
    weight = trainer.model.trainable()[0]
    assert (weight.dtype, trainer.weights[0].dtype) == (torch.bfloat16, torch.float32)
    training.steps()
    training.close()
    assert torch.equal(weight, trainer.weights[0].bfloat16())
    assert not torch.equal(weight.float(), trainer.weights[0]), "the masters keep what bfloat16 drops"
    with trainer.averaged():
        assert torch.equal(weight, trainer.ema.average[0]) or torch.equal(weight, trainer.weights[0])
        assert weight.dtype == torch.float32
    assert weight.dtype == torch.bfloat16


def test_the_weight_of_a_balanced_discriminator_is_a_share_of_the_other_gradient(train_config):
    config = replace(
        train_config,
        lpips_net="alex",
        lpips_weight=1.0,
        discriminator="lpips",
        adversarial_weight=0.5,
        adversarial_balance=True,
        max_train_steps=2,
    )
    training = run.Training(config)
    training.steps()
    first = training.trainer.balance
    training.close()
    assert first > 0
    assert [row["adversarial"] is not None for row in lines_of(config)] == [True, True]


def test_a_state_of_another_architecture_or_of_other_losses_is_refused_in_a_sentence(train_config, tmp_path):
    plain = replace(train_config, max_train_steps=1)
    train.main(plain)
    other = {
        "output_dir": str(tmp_path / "other"),
        "resume_from_checkpoint": str(Path(plain.output_dir) / "checkpoint-1"),
    }
    with pytest.raises(CheckpointError, match=r"another architecture: \d+ weights differ, such as unet\."):
        train.main(replace(plain, checkpoint="new_pocket", train_base=True, **other))
    shutil.rmtree(other["output_dir"])
    with pytest.raises(CheckpointError, match=r"of a run with other settings \('discriminator'\)"):
        train.main(replace(plain, adversarial_weight=1.0, **other))


def test_the_default_objective_trains_from_end_to_end(train_config, train_faces, tmp_path, monkeypatch):
    defaults = {name: TrainConfig(train_data_dir="x").to_json()[name] for name in ("lpips_weight", "gram_weight")}
    monkeypatch.setattr(VggFeatures, "from_pretrained", lambda: VggFeatures(vgg_state()))
    save_file(vgg16_trunk(), tmp_path / "vgg16.safetensors")
    config = replace(
        train_config,
        **defaults,
        lpips_trunk=str(tmp_path / "vgg16.safetensors"),
        max_train_steps=3,
        validation_data_dir=str(train_faces),
    )
    train.main(config)
    for row in lines_of(config):
        assert row["loss"] == pytest.approx(0.5 * row["l1"] + 1.0 * row["lpips"] + 0.07 * row["gram"], abs=1e-5)
        assert min(row["l1"], row["lpips"], row["gram"]) > 0
    assert lines_of(config, "validation.jsonl")[1].keys() >= {
        "loss",
        "l1",
        "lpips",
        "gram",
        "lpips_alex",
        "psnr",
    }


def test_training_lowers_the_loss(train_config):
    config = replace(
        train_config,
        max_train_samples=1,
        full_severity_share=1.0,
        plain_background_share=0,
        augment=False,
        max_train_steps=12,
        checkpointing_steps=12,
        learning_rate=1e-2,
        train_base=True,
    )
    train.main(config)
    losses = [row["loss"] for row in lines_of(config)]
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])
