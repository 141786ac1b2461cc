"""What every command line of the project shares: help as it was written, one line for a mistake, and what launchers are told."""

# Must precede torchvision.
import enhancer.torchvision_stub

# isort: split
import json
import re
from pathlib import Path

import pytest

import enhancer.__main__
from enhancer.runtime.command_line import say_error
from training import evaluate, fit, pairs, prepare, preview, push, train

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("program", "argv", "nearest"),
    [
        (enhancer.__main__.main, ["restore", "x.png", "--outptu", "y"], "--output"),
        (enhancer.__main__.main, ["degrade", "--preste=v1"], "--preset"),
        (enhancer.__main__.main, ["--verson"], "--version"),
        (train.command, ["--train-data-dir", "x"], "--train_data_dir"),
        (evaluate.command, ["--chekpoint", "pocket"], "--checkpoint"),
        (prepare.command, ["--photograhps", "x"], "--photographs"),
        (pairs.command, ["--render", "x"], "--renders"),
        (preview.command, ["--row", "3"], "--rows"),
        (fit.flags_given, ["views", "--gausians", "3"], "--gaussians"),
        (push.main, ["runs/x", "me/x", "--dryrun"], "--dry_run"),
    ],
)
def test_a_typo_in_a_flag_gets_one_line_with_the_nearest_flag(program, argv, nearest, capsys):
    with pytest.raises(SystemExit) as ended:
        program(argv)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("error: there is no flag --")
    assert said.endswith(f"Did you mean {nearest}?\n")


def test_a_flag_like_no_other_and_other_mistakes_get_one_line_too(capsys):
    for argv, line in (
        (["--qqqq"], "error: there is no flag --qqqq. --help lists those there are.\n"),
        (
            ["--resolution", "wide"],
            "error: argument --resolution: invalid int value: 'wide'. --help lists the flags.\n",
        ),
    ):
        with pytest.raises(SystemExit):
            train.command(argv)
        assert capsys.readouterr().err == line


def test_help_keeps_the_line_breaks_of_the_description_and_names_every_default(capsys):
    with pytest.raises(SystemExit):
        train.command(["--help"])
    said = capsys.readouterr().out
    assert (train.__doc__ or "").strip() in said
    assert re.search(r"--learning_rate LEARNING_RATE\s+AdamW learning rate after warm-up \(default:\s+5e-05\)", said)


def test_every_program_takes_its_flags_through_the_shared_parser():
    allowed = {"enhancer/runtime/command_line.py", "benchmarks/same_results.py"}  # the second imports nothing of ours
    sources = [path for room in ("enhancer", "training", "benchmarks") for path in (ROOT / room).rglob("*.py")]
    own = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if "argparse.ArgumentParser(desc" in path.read_text("utf-8")
    }
    assert own <= allowed


def test_torchrun_is_told_the_reason_so_that_its_page_ends_with_it(monkeypatch, tmp_path, capsys):
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

    told = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(told))
    monkeypatch.setenv("RANK", "1")
    say_error("No pictures in x.")
    assert capsys.readouterr().err == "", "of several processes one speaks"
    page = str(ChildFailedError("training.train", {1: ProcessFailure(1, 7, 2, str(told))}))
    assert "error: No pictures in x." in page
    assert json.loads(told.read_text())["message"]["message"] == "error: No pictures in x."


def test_of_accelerates_traceback_it_is_said_how_to_do_without(monkeypatch, capsys):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    say_error("No pictures in x.")
    assert "accelerate launch --quiet" in capsys.readouterr().err
