"""A training run's folder where a checkpoint is asked for, in every command: its best is meant, else its newest, said."""

# Must precede torchvision.
import enhancer.torchvision_stub

# isort: split
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import enhancer.__main__
from enhancer.hub import resolve
from enhancer.parts import load_restorer
from page.i18n import de
from training import evaluate
from training.loop.build import build_model
from training.publish.checkpoint import find_checkpoint


@pytest.fixture
def a_run(tiny_checkpoint, tmp_path) -> Path:
    """A run's folder with a best checkpoint and two others."""
    folder = tmp_path / "anna"
    for name in ("best", "checkpoint-9", "checkpoint-10"):
        shutil.copytree(tiny_checkpoint, folder / name)
    (folder / "config.json").write_text(json.dumps({"train_data_dir": "x"}))
    return folder


def test_a_run_means_its_best_checkpoint_and_without_one_its_newest_with_a_notice(a_run):
    assert (resolve(a_run).folder, resolve(a_run).notice) == (a_run / "best", None)
    assert find_checkpoint(a_run) == a_run / "best"
    assert resolve(a_run / "checkpoint-9").folder == a_run / "checkpoint-9"
    shutil.rmtree(a_run / "best")
    (a_run / "checkpoint-11").mkdir()  # cut off
    found = resolve(str(a_run))
    assert found.folder == a_run / "checkpoint-10"
    assert (
        found.notice == f"{a_run} is a training run that has no best checkpoint yet; its newest is used: checkpoint-10."
    )
    assert "checkpoint-10" in found.notice.translated(de.MESSAGES)
    assert find_checkpoint(a_run) == a_run / "checkpoint-10"


def test_restoring_training_and_evaluating_take_a_run_for_its_checkpoint(a_run, train_config, train_faces, tmp_path):
    assert load_restorer(a_run, "cpu").notices == ()
    assert build_model(replace(train_config, checkpoint=str(a_run))).source.folder == a_run / "best"
    shutil.rmtree(a_run / "best")
    assert "checkpoint-10" in str(load_restorer(a_run, "cpu").notices)
    flags = ["--data_dir", str(train_faces), "--checkpoint", str(a_run), "--output_dir", str(tmp_path / "evaluation")]
    assert evaluate.command([*flags, "--limit", "1", "--lpips_nets", ""]) == 0
    assert json.loads((tmp_path / "evaluation/metrics.json").read_text())["checkpoint"]["folder"] == str(a_run)


def test_measuring_says_which_checkpoint_of_a_run_it_takes(a_run, capsys, monkeypatch):
    shutil.rmtree(a_run / "best")
    asked = []
    monkeypatch.setattr("enhancer.bench.bench", lambda settings: asked.append(settings.checkpoint) or {})
    for name in ("table", "figure"):
        monkeypatch.setattr(f"enhancer.bench.{name}", lambda _: "")
    assert enhancer.__main__.main(["bench", "--checkpoint", str(a_run)]) == 0
    assert asked == [str(a_run)]
    assert "its newest is used: checkpoint-10" in capsys.readouterr().err
