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
from enhancer.lfs import refuse_pointers
from enhancer.runtime.files import append_line, atomic_folder, write_text
from enhancer.runtime.resumable import claim
from training.config import TrainConfig
from training.loop.trainer import Trainer

CONFIG, STATE, BEST = "config.json", "training_state.pt", "best"
LOG, VALIDATION_LOG = "log.jsonl", "validation.jsonl"
# What a disk that is full or gone raises: torch and safetensors have their own ways of passing it on.
WRITE_ERRORS = (OSError, RuntimeError, SafetensorError)

_log = logging.getLogger(__name__)


def step_of(folder: Path) -> int:
    """Return the step in the name of a `checkpoint-<step>` folder, -1 if it has none."""
    number = folder.name.removeprefix("checkpoint-")
    return int(number) if number.isdecimal() and folder.name != number else -1


class RunFolder:
    """One training run's folder, written by one process. It keeps no journal: a run goes on from its newest checkpoint."""

    def __init__(self, config: TrainConfig, fingerprint: str, writes: bool = True) -> None:
        """Open the folder, or create it; a run of other settings in it is refused.

        Args:
            config: The run's settings.
            fingerprint: Of its pictures.
            writes: Whether this process is the one that does.

        Raises:
            SettingsError: The folder holds a run with other settings, or something else, or cannot be written.
        """
        self.folder, self.limit = Path(config.output_dir), config.checkpoints_total_limit
        self.resume_from = config.resume_from_checkpoint
        if not writes:
            return
        settings = config.to_json() | {"data": fingerprint}
        claim(self.folder, CONFIG, settings, holds="training run", free=config.free())

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

    def save_if_best(self, step: int, loss: float, trainer: Trainer) -> bool:
        """Write `best/` if no earlier validation had a lower loss.

        Returns:
            Whether it is the best so far.
        """
        path = self.folder / f"{BEST}.json"
        if not math.isfinite(loss) or (path.exists() and loss >= json.loads(path.read_text())["loss"]):
            return False
        try:
            with trainer.averaged() as model:
                model.save_pretrained(self.folder / BEST)
            write_text(path, json.dumps({"step": step, "loss": loss}) + "\n")
        except (*WRITE_ERRORS, SettingsError) as error:
            _log.warning("%s could not be written: %s. Training goes on.", self.folder / BEST, error)
            return False
        return True

    def best_step(self) -> int | None:
        """Return the step of `best/`, None if there is none."""
        path = self.folder / f"{BEST}.json"
        return json.loads(path.read_text())["step"] if path.exists() else None

    def is_validated(self, step: int) -> bool:
        """Say whether the validation after `step` steps is in the log."""
        path = self.folder / VALIDATION_LOG
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return any(json.loads(line)["step"] == step for line in lines)

    def log(self, step: int, values: dict[str, float], *, validation: bool = False) -> None:
        """Append one line to `log.jsonl`, or `validation.jsonl`; a disk that does not take it loses the line and nothing else."""
        kept = {name: round(value, 6) if math.isfinite(value) else None for name, value in values.items()}
        line = json.dumps({"step": step} | kept)
        try:
            append_line(self.folder / (VALIDATION_LOG if validation else LOG), line)
        except SettingsError as error:
            _log.warning("%s", error)
