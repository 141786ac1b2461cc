"""What goes wrong while training: losses, disks, trackers, folders, Ctrl-C; and that nothing is lost."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import errno
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from enhancer.errors import CheckpointError, SettingsError
from enhancer.model import SplatEnhancer
from tests.runs import argv_of, assert_same_weights, folders, lines_of, tensors
from training import train
from training.loop import run
from training.losses.objective import Objective

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


def test_a_folder_with_another_run_is_refused_by_what_differs(train_config):
    train.main(replace(train_config, max_train_steps=1))
    with pytest.raises(SettingsError, match=r"learning_rate was 0\.001 and is now 0\.5"):
        train.main(replace(train_config, max_train_steps=1, learning_rate=0.5))


def test_a_folder_with_something_else_in_it_is_refused(train_config):
    Path(train_config.output_dir).mkdir()
    (Path(train_config.output_dir) / "diary.txt").touch()
    with pytest.raises(SettingsError, match="holds something else, no training run"):
        train.main(train_config)


@pytest.mark.slow
def test_a_damaged_state_is_named(train_config):
    train.main(train_config)
    (Path(train_config.output_dir) / "checkpoint-6/training_state.pt").write_bytes(b"half of it")
    with pytest.raises(CheckpointError, match=r"checkpoint-6/training_state\.pt is damaged\. Delete"):
        train.main(train_config)


def test_ten_losses_in_a_row_that_are_not_finite_stop_the_run_with_the_last_good_state_on_disk(
    train_config, monkeypatch, caplog
):
    genuine = Objective.weigh

    def broken_from_step_two(self, seen, step):
        loss, parts = genuine(self, seen, step)
        return (loss * float("nan") if step >= 2 else loss), parts

    monkeypatch.setattr(Objective, "weigh", broken_from_step_two)
    config = replace(train_config, max_train_steps=40, checkpointing_steps=2)
    with pytest.raises(run.GaveUpError, match=r"10 steps in a row were not finite; the last good state"):
        train.main(config)
    assert sum("the step is skipped" in message for message in caplog.messages) == 10
    newest = Path(config.output_dir) / "checkpoint-10"
    assert all(tensor.isfinite().all() for tensor in tensors(newest).values())
    assert_same_weights(Path(config.output_dir) / "checkpoint-8", newest)  # nothing was learnt from bad steps


def test_one_bad_step_is_skipped_and_the_run_goes_on(train_config, monkeypatch):
    genuine = Objective.weigh

    def broken_once(self, seen, step):
        loss, parts = genuine(self, seen, step)
        return (loss * float("inf") if step == 1 else loss), parts

    monkeypatch.setattr(Objective, "weigh", broken_once)
    train.main(replace(train_config, max_train_steps=3))
    rows = lines_of(train_config)
    assert [row["loss"] is None for row in rows] == [False, True, False]


def test_a_full_disk_does_not_end_the_run(train_config, monkeypatch, caplog):
    write = SplatEnhancer.save_pretrained

    def full_once(model, folder):
        if Path(folder).name == "checkpoint-2":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(model, folder)

    monkeypatch.setattr(SplatEnhancer, "save_pretrained", full_once)
    train.main(train_config)
    assert [name for name in folders(train_config) if name != "best"] == ["checkpoint-4", "checkpoint-6"]
    assert any("No space left on device. None is on disk yet; training goes on" in m for m in caplog.messages)


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_end_is_an_error_that_says_what_is_kept(train_config, monkeypatch):
    write = SplatEnhancer.save_pretrained

    def full(model, folder):
        if Path(folder).name in ("checkpoint-6", "best"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(model, folder)

    with monkeypatch.context() as patch:
        patch.setattr(SplatEnhancer, "save_pretrained", full)
        with pytest.raises(run.GaveUpError, match=r"checkpoint-4 is the newest: make room, and run"):
            train.main(train_config)
    train.main(train_config)
    assert "checkpoint-6" in folders(train_config)


def test_ctrl_c_finishes_the_step_saves_and_exits(train_config, monkeypatch, capsys):
    def interrupt(_self, number, _values):
        if number == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(run.Training, "report", interrupt)
        assert train.command(argv_of(train_config)) == 130
    assert "checkpoint-3" in folders(train_config)
    assert "Run the same command again" in capsys.readouterr().err
    assert train.command(argv_of(train_config)) == 0
    assert "checkpoint-6" in folders(train_config)


def test_a_tracker_that_fails_or_hangs_costs_the_run_nothing(train_config, monkeypatch, caplog):
    class Broken:
        requires_logging_directory = False

        def __init__(self, project):
            pass

        def start(self) -> None:
            raise ConnectionError("tracker.example is not reachable")

    class Silent(Broken):
        def start(self):
            time.sleep(60)

    monkeypatch.setattr("training.loop.trackers.LOGGER_TYPE_TO_CLASS", {"wandb": Broken, "trackio": Silent})
    monkeypatch.setattr("training.loop.trackers.find_spec", lambda name: True)
    monkeypatch.setattr("training.loop.trackers.FINISH_TIMEOUT_S", 0.1)
    train.main(replace(train_config, report_to="wandb,trackio", max_train_steps=2))
    assert "checkpoint-2" in folders(train_config)
    assert any("wandb is left alone from now on: tracker.example" in message for message in caplog.messages)
    assert any("trackio did not finish" in message for message in caplog.messages)


def test_a_tracker_is_given_every_term_by_name(train_config, train_faces, monkeypatch):
    seen = []

    class Kept:
        requires_logging_directory = False

        def __init__(self, project):
            pass

        def start(self):
            pass

        def store_init_configuration(self, values):
            seen.append(("settings", values["learning_rate"]))

        def log(self, values, step):
            seen.append((step, sorted(values)))

        def log_images(self, values, step):
            seen.append((step, [(title, pictures.shape[-1]) for title, pictures in values.items()]))

        def finish(self):
            seen.append("finished")

    monkeypatch.setattr("training.loop.trackers.LOGGER_TYPE_TO_CLASS", {"wandb": Kept})
    monkeypatch.setattr("training.loop.trackers.find_spec", lambda name: True)
    train.main(replace(train_config, report_to="wandb", max_train_steps=1, validation_data_dir=str(train_faces)))
    assert ("settings", 1e-3) in seen
    assert (1, ["train/grad_norm", "train/l1", "train/loss", "train/lr"]) in seen
    assert (1, [("validation", 3)]) in seen
    assert seen[-1] == "finished"


def killed_at(step: int):
    """A report that ends the run at a step, as a kill would: nothing is saved."""
    genuine = run.Training.report

    def report(training, number, values):
        genuine(training, number, values)
        if number == step:
            raise ZeroDivisionError

    return report


def test_tensorboard_is_told_what_to_take_back_after_a_kill_and_gets_no_folders_but_its_own(train_config, monkeypatch):
    started, texts = [], []

    class Board:
        requires_logging_directory = True
        writer = SimpleNamespace(add_text=lambda title, text, step: texts.append((title, text, step)))

        def __init__(self, project, logging_dir, **options):
            started.append((project, logging_dir, options))

        start = finish = lambda self: None
        log = log_images = lambda *_, **__: None

    monkeypatch.setattr("training.loop.trackers.LOGGER_TYPE_TO_CLASS", {"tensorboard": Board})
    monkeypatch.setattr("training.loop.trackers.find_spec", lambda name: True)
    config = replace(train_config, report_to="tensorboard", mixture=("v2=1",), max_train_steps=4)
    with monkeypatch.context() as patch:
        patch.setattr(run.Training, "report", killed_at(3))
        with pytest.raises(ZeroDivisionError):
            train.main(config)
    train.main(config)
    logs = f"{config.output_dir}/logs"
    assert started == [
        ("splat-enhancer", logs, {"purge_step": 0}),
        ("splat-enhancer", logs, {"purge_step": 3}),
    ]
    assert [(title, step) for title, _, step in texts] == [("settings", 0), ("settings", 2)]
    assert "    mixture = ['v2=1']" in texts[0][1]


def test_a_curve_has_one_point_a_step_after_a_kill(train_config, monkeypatch):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = replace(train_config, report_to="tensorboard", max_train_steps=4)
    with monkeypatch.context() as patch:
        patch.setattr(run.Training, "report", killed_at(2))
        with pytest.raises(ZeroDivisionError):
            train.main(config)
    train.main(config)
    logs = Path(config.output_dir) / "logs/splat-enhancer"
    board = reading.EventAccumulator(str(logs))
    board.Reload()
    assert [point.step for point in board.Scalars("train/loss")] == [1, 2, 3, 4]
    assert all(path.is_file() for path in logs.iterdir())


def test_a_validation_that_a_kill_prevented_is_made_up_for(train_config, train_faces, monkeypatch):
    genuine = run.Training.validate

    def killed(training, done):
        if done == 2:
            raise ZeroDivisionError
        genuine(training, done)

    config = replace(train_config, validation_data_dir=str(train_faces), validation_steps=2, max_train_steps=2)
    with monkeypatch.context() as patch:
        patch.setattr(run.Training, "validate", killed)
        with pytest.raises(ZeroDivisionError):
            train.main(config)
    for _ in range(2):
        train.main(config)
        assert [row["step"] for row in lines_of(config, "validation.jsonl")] == [0, 2]
