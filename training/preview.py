"""Show what training sees: one sheet of crops, clean and degraded, as the data flags of a run make them.

    python -m training.preview --train_data_dir data/faces/train --sheet runs/preview.png

Takes the flags of `training.train`: put `preview` for `train` in the command of a run, and its first pictures appear.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from enhancer.errors import EnhancerError, SettingsError
from enhancer.imaging.io import write_png
from enhancer.runtime.command_line import BAD_INPUT, file_errors, print_every_name, say_error
from training.cli import flag, from_flags
from training.config import TrainConfig
from training.data.dataset import Pairs
from training.data.folders import find_samples
from training.data.pool import batches
from training.report.contact_sheet import Tile, sheet

PAIRS_A_LINE = 3  # clean and degraded side by side, that many times across the sheet
TILE = 256  # px


@dataclass(frozen=True)
class PreviewConfig(TrainConfig):
    """A training run's settings, and what is shown of it."""

    rows: int = flag(12, "crops shown, in the order training sees them")
    first_step: int = flag(0, "training step of the first crop")
    sheet: str = flag("runs/preview.png", "where the sheet goes")

    def __post_init__(self) -> None:
        """Check the run's settings, then ours."""
        super().__post_init__()
        if self.rows < 1 or self.first_step < 0:
            raise SettingsError(
                f"--rows must be at least 1 and --first_step at least 0, got {self.rows} and {self.first_step}."
            )


def rows_of(config: PreviewConfig) -> list[tuple[Tile, Tile]]:
    """Return the first rows that training sees from a step on, each as clean and degraded."""
    pairs = Pairs(find_samples(config.train_data_dir, config.columns), config)
    rows: list[tuple[Tile, Tile]] = []
    for number, batch in enumerate(batches(pairs, config.first_step)):
        step = config.first_step + number // config.gradient_accumulation_steps
        for crops in zip(*batch, strict=True):
            clean, degraded = (crop.numpy().astype(np.float32) / 255 for crop in crops)
            differs = 255 * float(np.abs(clean - degraded).mean())
            note = f"a pixel differs by {differs:.1f} levels"
            rows.append((Tile(clean, f"step {step}, clean"), Tile(degraded, "degraded", note)))
        if len(rows) >= config.rows:
            break
    return rows[: config.rows]


def main(config: PreviewConfig) -> Path:
    """Write the sheet and return where it is."""
    cv2.setNumThreads(1)
    rows = rows_of(config)
    lines = [rows[start : start + PAIRS_A_LINE] for start in range(0, len(rows), PAIRS_A_LINE)]
    contents = Pairs(find_samples(config.train_data_dir, config.columns), config).contents()
    page = sheet(
        "What training sees",
        f"{config.train_data_dir}, crops of {config.resolution} px: {contents}",
        [[tile for row in line for tile in row] for line in lines],
        side=TILE,
    )
    path = Path(config.sheet)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(np.asarray(page, np.float32) / 255, path)
    print(f"{len(rows)} crops on {path}")
    return path


def command(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0, or 2 for bad input."""
    print_every_name()
    try:
        with file_errors():
            main(from_flags(PreviewConfig, argv, __doc__ or ""))
    except EnhancerError as error:
        say_error(error)
        return BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(command())
