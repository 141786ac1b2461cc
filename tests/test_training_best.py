"""Which checkpoint is the best: by which metric, and on which of several sets of pictures."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
from dataclasses import replace
from pathlib import Path

import pytest

from enhancer.errors import SettingsError
from tests.runs import lines_of
from training import train
from training.config import TrainConfig
from training.loop import run
from training.loop.run_folder import RunFolder
from training.loop.validation import Validation

pytestmark = pytest.mark.usefixtures("fresh_accelerate")

FOUND = [  # what four validations find: each metric has another best
    {"loss": 0.4, "psnr": 20.0, "psnr_gain": 1.0, "lpips_alex": 0.4},
    {"loss": 0.1, "psnr": 21.0, "psnr_gain": 2.0, "lpips_alex": 0.3},
    {"loss": 0.2, "psnr": 23.0, "psnr_gain": 4.0, "lpips_alex": 0.2},
    {"loss": 0.3, "psnr": 22.0, "psnr_gain": 3.0, "lpips_alex": 0.1},
]


@pytest.mark.parametrize(
    ("metric", "step", "value", "words"),
    [
        ("loss", 1, 0.1, "lowest loss"),
        ("psnr", 2, 23.0, "highest PSNR"),
        ("lpips", 3, 0.1, "lowest LPIPS"),
    ],
)
def test_the_best_is_that_of_the_metric_asked_for(
    train_config, train_faces, monkeypatch, capsys, metric, step, value, words
):
    monkeypatch.setattr(Validation, "__call__", lambda self, done, trainer: (FOUND[done], None))
    config = replace(train_config, validation_data_dir=str(train_faces), validation_steps=1, max_train_steps=3)
    train.main(replace(config, best_metric=metric))
    assert json.loads((Path(config.output_dir) / "best.json").read_text()) == {"step": step, metric: value}
    assert f"Best is step {step}, by the {words} of 4 validations." in capsys.readouterr().out


def test_without_validation_the_newest_is_the_best_and_the_first_validated_one_replaces_it(train_config, train_faces):
    train.main(replace(train_config, max_train_steps=1))
    note = Path(train_config.output_dir) / "best.json"
    assert json.loads(note.read_text()) == {"step": 1}
    train.main(replace(train_config, max_train_steps=1, validation_data_dir=str(train_faces)))
    assert json.loads(note.read_text()).keys() == {"step", "loss"}


def test_several_sets_have_numbers_sheets_and_a_line_each_and_the_first_decides(
    train_config, train_faces, capsys, caplog
):
    caplog.set_level("INFO", "training")
    sets = f"own={train_faces},general={train_faces},general={train_faces}"
    config = replace(train_config, validation_data_dir=sets, max_validation_samples=3, max_train_steps=1)
    train.main(config)
    rows = lines_of(config, "validation.jsonl")
    assert [(row["pictures"], row["general/pictures"]) for row in rows] == [(2, 3), (2, 3)]
    assert rows[1]["psnr"] != rows[1]["general/psnr"]
    assert json.loads((Path(config.output_dir) / "best.json").read_text())["loss"] in [
        pytest.approx(row["loss"], abs=1e-5) for row in rows
    ]
    sheets = {path.name for path in (Path(config.output_dir) / "validation").iterdir()}
    assert sheets == {f"{name}-step-00000{step}.png" for name in ("own", "general") for step in (0, 1)}
    for said in ("Step 1, own: over 2 pictures loss", "Step 1, general: over 3 pictures loss"):
        assert any(message.startswith(said) for message in caplog.messages)
    summary = capsys.readouterr().out
    assert "\nown: over 2 pictures" in summary
    assert "\ngeneral: over 3 pictures" in summary
    former = RunFolder(config, {"data": run.Pairs(run.find_samples(config.train_data_dir), config).fingerprint()})
    assert former.validations("general/").keys() == {0, 1}


@pytest.mark.parametrize(
    ("given", "sets"),
    [
        ("", {}),
        ("a, b", {"": "a,b"}),
        ("own=a, general=b,own=c=d", {"own": "a,c=d", "general": "b"}),
        ("runs/x=1/test", {"": "runs/x=1/test"}),
    ],
)
def test_sets_are_read_from_the_flag(given, sets):
    assert TrainConfig(train_data_dir="x", validation_data_dir=given).validation_sets == sets


def test_a_set_without_a_name_among_others_is_refused():
    with pytest.raises(SettingsError, match="NAME=FOLDER for all folders or for none, got 'b'"):
        TrainConfig(train_data_dir="x", validation_data_dir="own=a,b")
