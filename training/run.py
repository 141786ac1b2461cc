"""A run folder: its settings, its log, its newest state, and going on from there."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from enhancer.errors import SettingsError
from training.config import TrainConfig

CONFIG, STATE = "config.json", "state.pt"


class Ema:
    """Averaged weights: ``average += (1 - decay) (weight - average)``, with a warm-up of the decay."""

    def __init__(self, parameters: list[nn.Parameter], decay: float) -> None:
        """Start at the current weights."""
        self.parameters, self.decay = parameters, decay
        self.average = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average after optimizer step number `step`, from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, parameter in zip(self.average, self.parameters, strict=True):
            average.lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange weights and averages; call again to change back."""
        for average, parameter in zip(self.average, self.parameters, strict=True):
            kept = parameter.clone()
            parameter.copy_(average)
            average.copy_(kept)


class Run:
    """One training run's folder."""

    def __init__(self, config: TrainConfig, fingerprint: str) -> None:
        """Open or create the folder; a run of other settings in it is refused.

        Raises:
            SettingsError: The folder holds a run with other settings; the message names them.
        """
        self.folder = Path(config.output_dir)
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = config.to_json() | {"data": fingerprint}
        path = self.folder / CONFIG
        if path.exists():
            defaults = {item.name: item.default for item in fields(TrainConfig)}
            old = defaults | json.loads(
                path.read_text()
            )  # a run from before a setting existed had its default
            changed = [k for k in settings if old.get(k) != settings[k]]
            if changed:
                differences = ", ".join(f"{k} was {old.get(k)!r} and is now {settings[k]!r}" for k in changed)
                raise SettingsError(
                    f"{self.folder} holds a run with other settings: {differences}. "
                    "Choose another --output_dir, or repeat the run's own settings to go on with it."
                )
        else:
            path.write_text(json.dumps(settings, indent=2) + "\n")

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Write everything a resume needs, atomically."""
        scratch = self.folder / (STATE + ".partial")
        torch.save({"step": step, **state}, scratch)
        scratch.replace(self.folder / STATE)

    def resume(self) -> dict[str, Any] | None:
        """Return the newest state, or None for a new run."""
        path = self.folder / STATE
        return torch.load(path, weights_only=True) if path.exists() else None

    def log(self, step: int, **values: float | Tensor) -> None:
        """Append one line to `log.jsonl`."""
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps({"step": step} | {k: round(float(v), 6) for k, v in values.items()}) + "\n")
