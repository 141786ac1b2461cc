"""Contact sheets: captioned pictures in rows, below a heading."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from enhancer.imaging.io import to_pil

PAGE, INK, FAINT, LINE = (250, 249, 246), (32, 33, 36), (122, 120, 114), (222, 219, 211)  # 8-bit sRGB
MARGIN, GAP, TITLE_SIZE, TEXT_SIZE, NOTE_SIZE = 36, 18, 30, 18, 14  # px
HEADING = MARGIN + 2 * TITLE_SIZE + 22  # px above the first row
CAPTION = TEXT_SIZE + NOTE_SIZE + 18  # px under a tile


@dataclass(frozen=True)
class Tile:
    """A picture and the two lines under it."""

    picture: np.ndarray  # (H, W, 3) in [0, 1]
    caption: str = ""
    note: str = ""


def sheet(title: str, subtitle: str, rows: Sequence[Sequence[Tile]], side: int, *, enlarge: bool = True) -> Image.Image:
    """Draw captioned tiles in rows.

    Args:
        title: The heading.
        subtitle: One line under it.
        rows: Tiles, row by row.
        side: Side of a tile, px, and most of a line under it; larger pictures are scaled down to fit, those that are not square are centred.
        enlarge: Whether smaller pictures are scaled up; else they keep their pixels.
    """
    columns = max(len(row) for row in rows)
    captioned = any(tile.caption or tile.note for row in rows for tile in row)
    pitch = side + GAP + (CAPTION if captioned else 0)
    width = 2 * MARGIN + columns * (side + GAP) - GAP
    page = Image.new("RGB", (width, HEADING + len(rows) * pitch - GAP + MARGIN), PAGE)
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, MARGIN), title, INK, _font(TITLE_SIZE))
    pen.text((MARGIN, MARGIN + TITLE_SIZE + 10), subtitle, FAINT, _font(TEXT_SIZE))
    for down, row in enumerate(rows):
        for across, tile in enumerate(row):
            left, top = MARGIN + across * (side + GAP), HEADING + down * pitch
            picture = fitted(tile.picture, side, enlarge=enlarge)
            x, y = left + (side - picture.width) // 2, top + (side - picture.height) // 2
            page.paste(picture, (x, y))
            pen.rectangle((x - 1, y - 1, x + picture.width, y + picture.height), outline=LINE)
            caption, note = _clipped(tile.caption, TEXT_SIZE, side), _clipped(tile.note, NOTE_SIZE, side)
            pen.text((left, top + side + 7), caption, INK, _font(TEXT_SIZE))
            pen.text((left, top + side + 12 + TEXT_SIZE), note, FAINT, _font(NOTE_SIZE))
    return page


def fitted(picture: np.ndarray, side: int, *, enlarge: bool = False) -> Image.Image:
    """Return a picture as PIL, scaled down to fit a square, or up where it is smaller and `enlarge` says so.

    Args:
        picture: (H, W, 3) in [0, 1].
        side: Side of the square, px.
        enlarge: Whether smaller pictures are scaled up.
    """
    image = to_pil(picture)
    scale = side / max(image.size)
    if scale == 1 or (scale > 1 and not enlarge):
        return image
    size = (max(1, round(scale * image.width)), max(1, round(scale * image.height)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _clipped(text: str, size: int, width: int) -> str:
    """Return as much of a line as fits, so that it does not run into the next tile's."""
    if _font(size).getlength(text) <= width:
        return text
    while text and _font(size).getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
