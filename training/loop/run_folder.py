"""A run folder: its settings, its log, the newest checkpoints and the best, and going on from one."""

import json
import logging
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from enhancer.errors import CheckpointError, SettingsError
from enhancer.hub import BEST, step_of
from enhancer.lfs import refuse_pointers
from enhancer.runtime.files import append_line, atomic_folder, write_text
from enhancer.runtime.resumable import claim, parsed
from training.config import TrainConfig
from training.loop.trackers import LOGS
from training.loop.trainer import Trainer

PICTURES = "pictures"  # key of what a run was shown (`training.data.contents`), for the card
CONFIG, STATE, BEST_NOTE = "config.json", "training_state.pt", f"{BEST}.json"
LOG, VALIDATION_LOG, VALIDATION_FOLDER = "log.jsonl", "validation.jsonl", "validation"
STEPS = "max_train_steps"
METRICS = {"loss": "loss", "psnr": "psnr", "lpips": "lpips_alex"}  # --best_metric -> its name in the validation log
HIGHER_IS_BETTER = ("psnr",)
VALIDATED = {"pictures", "loss", "psnr", "psnr_gain", "lpips_alex"}  # of a line of the validation log
# What a disk that is full or gone raises: torch and safetensors have their own ways of passing it on.
WRITE_ERRORS = (OSError, RuntimeError, SafetensorError)

_log = logging.getLogger(__name__)


def prefix_of(name: str, *, first: bool) -> str:
    """Return what the numbers of a validation set begin with in the log: of the first, which decides, nothing."""
    return "" if first else f"{name}/"


def read_validations(folder: Path, prefix: str = "") -> dict[int, dict[str, float]]:
    """Return what the validations of the run in a folder found, by step, as `RunFolder.validations` does."""
    path = folder / VALIDATION_LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = {}
    for row in filter(None, map(parsed, lines)):
        values = {
            name.removeprefix(prefix): math.nan if value is None else value
            for name, value in row.items()
            if name.startswith(prefix)
        }
        if "step" in row and values.keys() >= VALIDATED:
            found[row["step"]] = values
    return found


class RunFolder:
    """One training run's folder, written by one process. It keeps no journal: a run goes on from its newest checkpoint."""

    def __init__(self, config: TrainConfig, data: Mapping[str, Any], writes: bool = True) -> None:
        """Open the folder, or create it; a run of other settings in it is refused.

        A run is what has a `checkpoint-<step>`, or a best one that has learnt: what a start that failed left behind gives
        way to any other. A run may become longer where its steps so far would have been the same.

        Args:
            config: The run's settings.
            data: What is written of its pictures: a fingerprint, which must stay, and under `PICTURES` what they are.
            writes: Whether this process is the one that does.

        Raises:
            SettingsError: The folder holds a run with other settings, or something else, or cannot be written.
        """
        self.folder, self.limit = Path(config.output_dir), config.checkpoints_total_limit
        self.resume_from = config.resume_from_checkpoint
        if not writes:
            return
        settings, free = config.to_json() | dict(data), config.free() | {PICTURES}
        former = self._former_settings()
        changed = {name for name in settings.keys() - free if former.get(name) != settings[name]}
        if former and changed:
            if not self._has_begun():
                self._forget()
                free = set(settings)
            elif changed == {STEPS}:
                self._check_length(former[STEPS], config)
                free |= {STEPS}
        claim(self.folder, CONFIG, settings, holds="training run", free=free, otherwise=self._other_ways())

    def _former_settings(self) -> dict[str, Any]:
        """Return the settings found here; none where they cannot be read, which `claim` says."""
        try:
            return dict(json.loads((self.folder / CONFIG).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def _has_begun(self) -> bool:
        """Say whether there is anything here that a run has learnt."""
        best = self.best()
        return bool(self.checkpoints()) or (best is not None and best["step"] > 0)

    def _forget(self) -> None:
        """Delete what a run leaves that has learnt nothing yet: its first validation would count as ours."""
        for name in (BEST, VALIDATION_FOLDER, LOGS):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in (BEST_NOTE, LOG, VALIDATION_LOG):
            (self.folder / name).unlink(missing_ok=True)

    def _check_length(self, former: int, config: TrainConfig) -> None:
        """Refuse another number of steps, but for more of them at a constant learning rate.

        Raises:
            SettingsError: It would not be the same run; the message says how to go on.
        """
        wanted = config.max_train_steps
        if wanted < former:
            raise SettingsError(
                f"{self.folder} holds a run of {former} steps, and {wanted} are asked for. To stop it early give "
                f"--max_train_steps {former} --stop_at_step {wanted}."
            )
        if config.lr_scheduler != "constant":
            raise SettingsError(
                f"{self.folder} holds a run of {former} steps, and {wanted} are asked for. Its learning rate falls to 0 by step "
                f"{former} (--lr_scheduler {config.lr_scheduler}), so it cannot become longer; only a constant one lets it. "
                f"Go on from its best in another folder: --checkpoint {self.folder / BEST} --output_dir NEW."
            )

    def validations(self, prefix: str = "") -> dict[int, dict[str, float]]:
        """Return what the validations of a set found, by step; of a step that was validated twice the last.

        Args:
            prefix: What the set's numbers begin with in the log, see `prefix_of`.
        """
        return read_validations(self.folder, prefix)

    def _other_ways(self) -> str:
        """Say what can be done about a folder that holds a run of other settings."""
        ways = "repeat its own settings to go on with it"
        if (self.folder / BEST).is_dir():
            ways += f", or go on from its best in another folder: --checkpoint {self.folder / BEST} --output_dir NEW"
        return ways

    def best(self) -> dict[str, Any] | None:
        """Return which step was the best so far and its loss; None where there is none."""
        try:
            return dict(json.loads((self.folder / BEST_NOTE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def checkpoints(self) -> list[Path]:
        """Return the complete `checkpoint-<step>` folders, oldest first."""
        found = [folder for folder in self.folder.glob("checkpoint-*") if (folder / STATE).is_file()]
        return sorted((folder for folder in found if step_of(folder) >= 0), key=step_of)

    def resume(self) -> dict[str, Any] | None:
        """Return the state to go on from, or None for a new run.

        Raises:
            CheckpointError: It is damaged, or not where `--resume_from_checkpoint` says.
        """
        if self.resume_from == "latest":
            kept = self.checkpoints()
            if not kept:
                return None
            folder = kept[-1]
        else:
            folder = Path(self.resume_from)
        refuse_pointers([folder / STATE], CheckpointError)
        try:
            return torch.load(folder / STATE, weights_only=True, map_location="cpu")
        except FileNotFoundError as error:
            raise CheckpointError(
                f"{folder} holds no {STATE}. Give --resume_from_checkpoint latest, or a checkpoint-<step> folder of a run."
            ) from error
        except Exception as error:  # whatever pickle, zip or torch make of a damaged file
            raise CheckpointError(
                f"{folder / STATE} is damaged. Delete {folder} to go on from the one before."
            ) from error

    def save(self, step: int, state: Mapping[str, Any], trainer: Trainer) -> bool:
        """Write `checkpoint-<step>`, whole or not at all, and delete what is too old.

        Args:
            step: Steps that are done.
            state: What a resume needs.
            trainer: Whose model is saved.

        Returns:
            Whether it was written. A full disk is said and does not end the run.
        """
        try:
            with atomic_folder(self.folder / f"checkpoint-{step}") as fresh:
                with trainer.averaged() as model:
                    model.save_pretrained(fresh)
                torch.save({"step": step, **state}, fresh / STATE)
        except WRITE_ERRORS as error:
            kept = self.checkpoints()
            newest = f"The newest on disk is {kept[-1].name}" if kept else "None is on disk yet"
            _log.warning("checkpoint-%d could not be written: %s. %s; training goes on.", step, error, newest)
            return False
        for old in self.checkpoints()[: -self.limit] if self.limit else []:
            shutil.rmtree(old, ignore_errors=True)
        return True

    def save_if_best(self, step: int, values: Mapping[str, float], metric: str, trainer: Trainer) -> bool:
        """Write `best/` if no earlier validation was better.

        Args:
            step: Optimizer steps taken.
            values: What the validation found.
            metric: What it is judged by, a key of `METRICS`.
            trainer: Whose model it is.

        Returns:
            Whether it is the best so far.
        """
        value, former = values[METRICS[metric]], (self.best() or {}).get(metric)
        if not math.isfinite(value):
            return False
        if former is not None and (value <= former if metric in HIGHER_IS_BETTER else value >= former):
            return False
        return self.save_best(step, trainer, {metric: value})

    def save_best(self, step: int, trainer: Trainer, judged: Mapping[str, float] | None = None) -> bool:
        """Write `best/`, with a note of its step and what it was judged by.

        Returns:
            Whether it was written. A full disk is said and does not end the run.
        """
        try:
            with trainer.averaged() as model:
                model.save_pretrained(self.folder / BEST)
            write_text(self.folder / BEST_NOTE, json.dumps({"step": step} | dict(judged or {})) + "\n")
        except (*WRITE_ERRORS, SettingsError) as error:
            _log.warning("%s could not be written: %s. Training goes on.", self.folder / BEST, error)
            return False
        return True

    def log(self, step: int, values: dict[str, float], *, validation: bool = False) -> None:
        """Append one line to `log.jsonl`, or `validation.jsonl`; a disk that does not take it loses the line and nothing else."""
        kept = {name: round(value, 6) if math.isfinite(value) else None for name, value in values.items()}
        line = json.dumps({"step": step} | kept)
        try:
            append_line(self.folder / (VALIDATION_LOG if validation else LOG), line)
        except SettingsError as error:
            _log.warning("%s", error)
