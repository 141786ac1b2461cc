"""The same pictures, degraded the same way, restored again and again as training goes on."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from enhancer.errors import EnhancerError
from enhancer.imaging.io import write_png
from enhancer.metrics.fidelity import psnr, squared_error
from enhancer.metrics.perceptual import Perceptual
from enhancer.model import restore
from enhancer.tensors import to_model_range
from training.config import TrainConfig
from training.data.dataset import Pairs
from training.data.folders import find_samples
from training.loop.run_folder import VALIDATION_FOLDER
from training.loop.trainer import Trainer
from training.report.contact_sheet import Tile, sheet

SHEET_SIDE = 256  # px of a picture on the sheet

_log = logging.getLogger(__name__)
Row = dict[str, float]


class Validation:
    """A fixed, seeded test set: whole pictures at severity 1, photographs and ready pairs alike.

    Attributes:
        name: Of the set, "" where it is the only one.
        pairs: The pictures.
        lpips: LPIPS with AlexNet, whatever the loss is.
        used: How many of the pictures the last validation could use.
    """

    def __init__(self, config: TrainConfig, name: str, accelerator: Accelerator, lpips: Perceptual) -> None:
        """Find the pictures; they are degraded anew, and alike, every time.

        Args:
            config: The run's settings.
            name: Of the set, one of `config.validation_sets`.
            accelerator: The run's.
            lpips: On its device.

        Raises:
            ImageError: There are none.
        """
        fixed = replace(
            config,
            mixture=(),
            full_severity_share=1.0,
            plain_background_share=0.0,
            augment=False,
            augment_pairs=False,
            max_train_samples=config.max_validation_samples,
        )
        self.pairs, self.shown = (
            Pairs(find_samples(config.validation_sets[name], config.columns, needed=False), fixed),
            config.num_validation_images,
        )
        self.folder, self.accelerator = Path(config.output_dir) / VALIDATION_FOLDER, accelerator
        self.name, self.lpips, self.used = name, lpips, 0

    def __call__(self, step: int, trainer: Trainer) -> tuple[Row, np.ndarray | None]:
        """Restore every picture with the averaged weights.

        Args:
            step: Optimizer steps taken; it names the sheet.
            trainer: Whose model it is.

        Returns:
            Means over the set, the same on every process: loss, its terms, psnr and psnr_gain in dB, lpips_alex. And on
            the main process the sheet, (H, W, 3) uint8: degraded, restored, clean.
        """
        rank, world_size = self.accelerator.process_index, self.accelerator.num_processes
        rows, tiles = [], []
        with trainer.averaged():
            for index in range(rank, len(self.pairs.samples), world_size):
                try:
                    clean, degraded = self.pairs.pair(0, index)
                except EnhancerError as error:
                    _log.warning("Validation goes without a picture: %s", error)
                    continue
                with self.accelerator.autocast():
                    restored = restore(trainer.model, degraded)
                rows.append((index, self._judge(restored, degraded, clean, trainer, step)))
                if index < self.shown:
                    tiles.append((index, [shrunk(picture) for picture in (degraded, restored, clean)]))
        if world_size > 1:
            rows, tiles = gather_object(rows), gather_object(tiles)
        if not rows:
            raise EnhancerError(f"None of the {len(self.pairs.samples)} pictures to validate on can be used.")
        rows = [row for _, row in sorted(rows, key=lambda each: each[0])]
        self.used = len(rows)
        means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        if not self.accelerator.is_main_process:
            return means, None
        drawn = self._sheet(step, rows, [pictures for _, pictures in sorted(tiles, key=lambda each: each[0])])
        return means, drawn

    @torch.no_grad()
    def _judge(self, restored: np.ndarray, degraded: np.ndarray, clean: np.ndarray, trainer: Trainer, step: int) -> Row:
        pair = [to_model_range(picture).to(self.accelerator.device) for picture in (restored, clean)]
        with trainer.autocast():
            # Every term at its full weight, so that the losses of two steps compare
            loss, parts = trainer.objective(pair[0], pair[1], step + trainer.config.lpips_ramp_steps)
        row: dict[str, Any] = {"loss": loss, **parts}
        before, after = (psnr(float(squared_error(each, clean).mean())) for each in (degraded, restored))
        row |= {"psnr": after, "psnr_gain": after - before}
        row["lpips_alex"] = self.lpips.distance(restored, clean)[0]
        return {name: float(value) for name, value in row.items()}

    def _sheet(self, step: int, rows: Sequence[Row], tiles: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        names = ("degraded", "restored", "clean")
        lines = [
            [
                Tile(picture, name, f"{row['psnr_gain']:+.2f} dB" if name == "restored" else "")
                for name, picture in zip(names, pictures, strict=True)
            ]
            for row, pictures in zip(rows, tiles, strict=False)
        ]
        gain = np.mean([row["psnr_gain"] for row in rows])
        title = f"Step {step}, {self.name}" if self.name else f"Step {step}"
        subtitle = f"{gain:+.2f} dB over doing nothing, mean of {len(rows)} pictures"
        drawn = np.asarray(sheet(title, subtitle, lines, side=SHEET_SIDE))
        file = f"{self.name}-step-{step:06d}.png" if self.name else f"step-{step:06d}.png"
        try:
            self.folder.mkdir(exist_ok=True)
            write_png(drawn.astype(np.float32) / 255, self.folder / file)
        except (OSError, EnhancerError) as error:
            _log.warning("The sheet of step %d could not be written: %s", step, error)
        return drawn


def shrunk(picture: np.ndarray) -> np.ndarray:
    """Return a picture no larger than it is shown, (H, W, 3) in [0, 1]: it travels between processes."""
    every = max(1, min(picture.shape[:2]) // SHEET_SIDE)
    return picture[::every, ::every]
