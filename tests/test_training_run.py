"""A training run from its first step to its last: exact resume, what it keeps, and what must not cost it anything."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from enhancer.errors import CheckpointError, EnhancerError, SettingsError
from enhancer.model import SplatEnhancer
from training import train
from training.config import TrainConfig
from training.objective import Objective

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint."""
    found = {}
    for path in sorted(folder.rglob("*.safetensors")):
        found |= {f"{path.relative_to(folder)}/{name}": tensor for name, tensor in load_file(path).items()}
    return found


def assert_same_weights(ours: Path, theirs: Path) -> None:
    """Checkpoints are equal to the last bit."""
    first, second = tensors(ours), tensors(theirs)
    assert first.keys() == second.keys()
    assert first
    assert all(torch.equal(first[name], second[name]) for name in first)


def argv_of(config: TrainConfig) -> list[str]:
    """The command line of a config."""
    argv = []
    for name, value in config.to_json().items():
        if isinstance(value, bool):
            argv.append(f"--{name}" if value else f"--no-{name}")
        else:
            argv += [f"--{name}", str(value)]
    return argv


def lines_of(config: TrainConfig, name: str = "log.jsonl") -> list[dict]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (Path(config.output_dir) / name).read_text().splitlines()]


def folders(config: TrainConfig) -> list[str]:
    return sorted(path.name for path in Path(config.output_dir).iterdir() if path.is_dir())


@pytest.fixture
def rich(train_config, squeeze, root) -> TrainConfig:
    """LoRA on the embedded checkpoint with all that has state: averages, discriminator, accumulation, extras."""
    return replace(
        train_config, checkpoint=str(root / "enhancer/pocket/enhancer"), rank=4, vae_rank=4, perceptual_weights=str(squeeze), perceptual_weight=0.1, adversarial_weight=0.1,
        adversarial_start_step=1, gradient_accumulation_steps=2, max_train_steps=4,
    )  # fmt: skip


def test_a_run_killed_at_any_moment_and_resumed_ends_with_the_same_weights(rich, tmp_path, root):
    train.main(rich)
    killed = replace(rich, output_dir=str(tmp_path / "killed"))
    log = Path(killed.output_dir) / "log.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "training.train", *argv_of(killed)],
        cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) >= 3):
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert folders(killed)[-1].startswith("checkpoint-")
    assert not (Path(killed.output_dir) / "checkpoint-4").exists()
    train.main(killed)
    assert_same_weights(Path(rich.output_dir) / "checkpoint-4", Path(killed.output_dir) / "checkpoint-4")
    assert SplatEnhancer.from_pretrained(Path(killed.output_dir) / "best").config.unet_rank == 4


def test_dropout_too_is_the_same_after_a_resume(train_config, tmp_path, monkeypatch):
    assert SplatEnhancer.from_pretrained(train_config.checkpoint).config.skip_dropout == 0.3
    train.main(replace(train_config, max_train_steps=3))
    other = replace(train_config, output_dir=str(tmp_path / "other"), max_train_steps=3)
    with monkeypatch.context() as patch:
        patch.setattr(train.Training, "report", stop_at(2))
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


def test_a_run_keeps_the_newest_checkpoints_and_the_best(train_config):
    train.main(replace(train_config, checkpointing_steps=1, checkpoints_total_limit=2))
    assert folders(train_config) == ["best", "checkpoint-5", "checkpoint-6"]
    assert_same_weights(
        Path(train_config.output_dir) / "best", Path(train_config.output_dir) / "checkpoint-6"
    )


def test_validation_chooses_the_best_and_draws_a_sheet(train_config, train_faces):
    config = replace(
        train_config, validation_data_dir=str(train_faces), validation_steps=3, learning_rate=1.0, max_train_steps=3,
    )  # fmt: skip
    train.main(config)
    rows = lines_of(config, "validation.jsonl")
    assert [row["step"] for row in rows] == [0, 3]
    assert rows[0].keys() >= {"loss", "l1", "psnr", "psnr_gain"}
    assert rows[1]["loss"] > rows[0]["loss"], "a learning rate of 1 was to do harm"
    best = json.loads((Path(config.output_dir) / "best.json").read_text())
    assert best == {"step": 0, "loss": pytest.approx(rows[0]["loss"], abs=1e-5)}
    assert sorted(path.name for path in (Path(config.output_dir) / "validation").iterdir()) == [
        "step-000000.png", "step-000003.png",
    ]  # fmt: skip


def test_validation_gives_the_same_numbers_whenever_it_is_asked(train_config, train_faces):
    training = train.Training(replace(train_config, validation_data_dir=str(train_faces)))
    assert training.validation is not None
    first, again = (training.validation(0, training.learner)[0] for _ in range(2))
    assert first == again
    training.close()


def test_a_folder_with_another_run_is_refused_by_what_differs(train_config):
    train.main(replace(train_config, max_train_steps=1))
    with pytest.raises(SettingsError, match=r"learning_rate was 0\.001 and is now 0\.5"):
        train.main(replace(train_config, max_train_steps=1, learning_rate=0.5))


def test_a_folder_with_something_else_in_it_is_refused(train_config):
    Path(train_config.output_dir).mkdir()
    (Path(train_config.output_dir) / "diary.txt").touch()
    with pytest.raises(SettingsError, match="is not empty and holds no training run"):
        train.main(train_config)


def test_where_it_writes_and_how_often_it_saves_may_change_on_the_way(train_config, tmp_path):
    train.main(replace(train_config, max_train_steps=2))
    moved = tmp_path / "moved"
    Path(train_config.output_dir).rename(moved)
    train.main(replace(train_config, max_train_steps=2, output_dir=str(moved), checkpoints_total_limit=1))


def test_a_run_stopped_at_a_step_goes_on_as_if_it_had_not_been(train_config, tmp_path):
    train.main(replace(train_config, max_train_steps=3))
    halved = replace(train_config, max_train_steps=3, output_dir=str(tmp_path / "halved"))
    train.main(replace(halved, stop_at_step=1))
    assert folders(halved) == ["best", "checkpoint-1"]
    train.main(halved)
    assert_same_weights(Path(train_config.output_dir) / "best", tmp_path / "halved/best")


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


def test_a_damaged_state_is_named(train_config):
    train.main(train_config)
    (Path(train_config.output_dir) / "checkpoint-6/training_state.pt").write_bytes(b"half of it")
    with pytest.raises(CheckpointError, match=r"checkpoint-6/training_state\.pt is damaged\. Delete"):
        train.main(train_config)


def test_ten_losses_in_a_row_that_are_not_finite_stop_the_run_with_the_last_good_state_on_disk(
    train_config, monkeypatch, caplog
):
    genuine = Objective.forward

    def broken_from_step_two(self, restored, clean, step):
        loss, parts = genuine(self, restored, clean, step)
        return (loss * float("nan") if step >= 2 else loss), parts

    monkeypatch.setattr(Objective, "forward", broken_from_step_two)
    config = replace(train_config, max_train_steps=40, checkpointing_steps=2)
    with pytest.raises(train.GaveUpError, match=r"10 steps in a row were not finite; the last good state"):
        train.main(config)
    assert sum("the step is skipped" in message for message in caplog.messages) == 10
    newest = Path(config.output_dir) / "checkpoint-10"
    assert all(tensor.isfinite().all() for tensor in tensors(newest).values())
    assert_same_weights(Path(config.output_dir) / "checkpoint-8", newest)  # nothing was learnt from bad steps


def test_one_bad_step_is_skipped_and_the_run_goes_on(train_config, monkeypatch):
    genuine = Objective.forward

    def broken_once(self, restored, clean, step):
        loss, parts = genuine(self, restored, clean, step)
        return (loss * float("inf") if step == 1 else loss), parts

    monkeypatch.setattr(Objective, "forward", broken_once)
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


def test_a_disk_that_is_full_at_the_end_is_an_error_that_says_what_is_kept(train_config, monkeypatch):
    write = SplatEnhancer.save_pretrained

    def full(model, folder):
        if Path(folder).name in ("checkpoint-6", "best"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(model, folder)

    with monkeypatch.context() as patch:
        patch.setattr(SplatEnhancer, "save_pretrained", full)
        with pytest.raises(train.GaveUpError, match=r"checkpoint-4 is the newest: make room, and run"):
            train.main(train_config)
    train.main(train_config)
    assert "checkpoint-6" in folders(train_config)


def test_ctrl_c_finishes_the_step_saves_and_exits(train_config, monkeypatch, capsys):
    def interrupt(_self, number, _values):
        if number == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(train.Training, "report", interrupt)
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

    monkeypatch.setattr("training.trackers.LOGGER_TYPE_TO_CLASS", {"wandb": Broken, "trackio": Silent})
    monkeypatch.setattr("training.trackers.find_spec", lambda name: True)
    monkeypatch.setattr("training.trackers.PATIENCE", 0.1)
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

    monkeypatch.setattr("training.trackers.LOGGER_TYPE_TO_CLASS", {"wandb": Kept})
    monkeypatch.setattr("training.trackers.find_spec", lambda name: True)
    train.main(
        replace(train_config, report_to="wandb", max_train_steps=1, validation_data_dir=str(train_faces))
    )
    assert ("settings", 1e-3) in seen
    assert (0, ["train/grad_norm", "train/l1", "train/loss", "train/lr"]) in seen
    assert (1, [("validation", 3)]) in seen
    assert seen[-1] == "finished"


def test_bfloat16_trains_in_float32_with_frozen_weights_in_half(train_config):
    training = train.Training(replace(train_config, mixed_precision="bf16", max_train_steps=2))
    dtypes = {weight.requires_grad: weight.dtype for weight in training.learner.model.parameters()}
    assert dtypes == {True: torch.float32, False: torch.bfloat16}
    training.steps()
    training.close()
    rows = lines_of(train_config)
    assert all(0 < row["loss"] < 1 for row in rows)


def test_training_lowers_the_loss(train_config):
    config = replace(
        train_config, max_train_samples=1, full_severity_share=1.0, plain_background_share=0, augment=False,
        max_train_steps=12, checkpointing_steps=12, learning_rate=1e-2, train_base=True,
    )  # fmt: skip
    train.main(config)
    losses = [row["loss"] for row in lines_of(config)]
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])


def test_every_refusal_is_an_enhancer_error():
    assert issubclass(train.GaveUpError, EnhancerError)
