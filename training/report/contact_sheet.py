"""Which pictures are shown, and the sheets of them: degraded, restored, clean, with the scores written below."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from enhancer.imaging.io import to_pil, write_png
from training.evaluation.metrics import SCORES
from training.evaluation.summary import Row, chosen, gain

SIDE = 512  # px; larger pictures are shown scaled down
LEAST_SIDE = 400  # px of a cell, so that the scores fit below
GAP, LINE = 12, 26  # px between pictures, px of a line of text
PAPER, INK, QUIET = "#ffffff", "#1c1c1a", "#6a6a66"
WRITTEN = ("psnr", "ssim", "lpips_alex", "squeeze")  # scores below a picture, where they exist

Pictures = Mapping[str, np.ndarray]


def caption(row: Row, kind: str) -> str:
    """Return the scores of a version of a picture in one line."""
    parts = []
    for key in WRITTEN:
        value = row.get(f"{kind}.{key}")
        if value is not None:
            score = SCORES[key]
            label = score.label.removesuffix(" distance")
            parts.append(
                f"{label} {value:.{min(score.digits, 3)}f}" + (f" {score.unit}" if score.unit else "")
            )
    return "  ·  ".join(parts)


def scaled(picture: np.ndarray, side: int = SIDE) -> Image.Image:
    """Return a picture as PIL, scaled down to fit a square."""
    image = to_pil(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def triplet(row: Row, pictures: Pictures, side: int = SIDE) -> Image.Image:
    """Return one picture's three versions side by side in cells of `side` px, its name above, the scores below."""
    out = Image.new("RGB", (3 * side + 2 * GAP, side + 2 * LINE + GAP), PAPER)
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(17)
    pen.text((0, 0), f"{row['file']}   {gain(row):+.2f} dB", INK, font)
    for place, kind in enumerate(("degraded", "restored", "clean")):
        image, left = scaled(pictures[kind]), place * (side + GAP)
        out.paste(image, (left + (side - image.width) // 2, LINE + (side - image.height) // 2))
        pen.text((left, LINE + side + 4), f"{kind.capitalize()}   {caption(row, kind)}", QUIET, font)
    return out


def sheet(rows: Sequence[Row], find: Callable[[str], Pictures], columns: int = 2) -> Image.Image:
    """Return the triplets of some rows on one sheet."""
    found = [find(row["file"]) for row in rows]
    longest = max(max(pictures["clean"].shape[:2]) for pictures in found)
    side = min(max(longest, LEAST_SIDE), SIDE)
    cells = [triplet(row, pictures, side) for row, pictures in zip(rows, found, strict=True)]
    columns = min(columns, len(cells))
    lines = -(-len(cells) // columns)
    wide, high = cells[0].width + 3 * GAP, cells[0].height + 2 * GAP
    out = Image.new("RGB", (columns * wide + GAP, lines * high + GAP), PAPER)
    for place, cell in enumerate(cells):
        out.paste(cell, (2 * GAP + place % columns * wide, 2 * GAP + place // columns * high))
    return out


def write_sheets(rows: Sequence[Row], find: Callable[[str], Pictures], folder: Path) -> None:
    """Write `sheet_first.png`, `sheet_top.png` and `sheet_bottom.png`."""
    for name, some in chosen(rows).items():
        if name != "typical":
            write_png(np.asarray(sheet(some, find), np.float32) / 255, folder / f"sheet_{name}.png")
