"""What a run says at its end, and of its numbers on the way: what they are over, and against what."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runs import argv_of, lines_of
from training import train
from training.loop.outcome import outcome
from training.loop.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


@pytest.fixture
def validated(train_config, train_faces):
    return replace(train_config, validation_data_dir=str(train_faces), validation_steps=1, max_train_steps=2)


def test_a_run_ends_with_its_best_its_gain_and_the_next_commands_and_says_so_again(validated, capsys, caplog):
    caplog.set_level("INFO", "training")
    assert train.command(argv_of(validated)) == 0
    said, rows = capsys.readouterr(), {row["step"]: row for row in lines_of(validated, "validation.jsonl")}
    summary, folder = said.out, validated.output_dir
    best = json.loads((Path(folder) / "best.json").read_text())["step"]
    assert best > 0
    assert summary.startswith("Finished: step 2 of 2.\n")
    assert f"Best is step {best}, by the lowest loss of 3 validations.\nOver 2 pictures " in summary
    gained = rows[best]["psnr"] - rows[0]["psnr"]
    assert f"{rows[best]['psnr_gain']:+.2f} over doing nothing, {gained:+.2f} over the start; LPIPS" in summary
    assert f"It lies in {folder}/best." in summary
    assert f"python -m training.push {folder} USER/NAME" in summary
    assert f"CHECKPOINT={folder}/best python app.py" in summary
    assert "over a batch of 1" in said.err
    assert any(re.match(r"Step 0: over 2 pictures loss .* over doing nothing", each) for each in caplog.messages)
    assert any(re.match(r"Step 1: over 2 pictures loss .* over the start", each) for each in caplog.messages)

    before, lines = sorted(Path(folder).rglob("*")), lines_of(validated)
    assert train.command(argv_of(validated)) == 0
    assert capsys.readouterr().out == summary
    assert (sorted(Path(folder).rglob("*")), lines_of(validated)) == (before, lines)


def test_a_run_that_did_harm_says_that_its_start_is_the_best(validated, capsys):
    train.main(replace(validated, learning_rate=2.0, max_train_steps=3, validation_steps=3))
    assert "Best is the start, by the lowest loss of 2 validations." in capsys.readouterr().out


def test_a_run_without_validation_or_stopped_early_says_that(train_config, capsys):
    train.main(replace(train_config, stop_at_step=1, max_train_steps=2))
    summary = capsys.readouterr().out
    assert summary.startswith("Stopped at step 1 of 2.\nNot validated, so the newest counts: step 1.\n")


def test_a_log_that_is_cut_off_does_not_cost_the_summary(validated):
    run = RunFolder(validated, {"data": "data"})
    (run.folder / "best.json").write_text('{"step": 2, "loss": 0.1}')
    (run.folder / "validation.jsonl").write_text('{"step": 0, "los\n')
    assert "Best is step 2, by the lowest loss of 0 validations.\nIt lies" in outcome(validated, run, 2)
