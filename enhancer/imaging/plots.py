"""Pictures about a restoration: what differs, what improved where, and a close look at a region. No torch."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import ImageDraw, ImageFont

from enhancer.imaging.io import to_pil
from enhancer.imaging.masks import Masks

GAIN = 4  # times a difference is amplified
LARGEST = 768  # px, the longer side of a tinted picture
BETTER, WORSE = (
    (22, 150, 104),
    (214, 84, 44),
)  # 8-bit sRGB; the colour-blind can tell them apart too, and each has its sign
MARGIN = 0.35  # around a close-up, as a share of the region's own size
SIDE = 320  # px, the width of a close-up
Box = tuple[int, int, int, int]  # left, top, width and height, px


def difference(rgb: np.ndarray, reference: np.ndarray, gain: float = GAIN) -> np.ndarray:
    """Return the amplified distance of two pictures, by channel: black where they are equal.

    Args:
        rgb: (H, W, 3) float32 in [0, 1].
        reference: The same shape.
        gain: Times the difference is amplified.
    """
    return np.clip(gain * np.abs(rgb - reference), 0, 1).astype(np.float32)


class Won(NamedTuple):
    """What a region won.

    Attributes:
        share: In [-1, 1] of what tints it fully; below 0 where it got worse.
        words: The figure to write on it.
    """

    share: float
    words: str


def improvement(rgb: np.ndarray, masks: Masks, won: Mapping[str, Won]) -> np.ndarray:
    """Tint each region of a face by how much it improved, and write the figure on it.

    Args:
        rgb: (H, W, 3) float32 in [0, 1]; shown in grey below the tints.
        masks: Soft region masks.
        won: By region.

    Returns:
        (h, w, 3) float32 in [0, 1], of at most `LARGEST` pixels a side.
    """
    shrink = min(1.0, LARGEST / max(rgb.shape[:2]))
    size = (round(rgb.shape[1] * shrink), round(rgb.shape[0] * shrink))
    small = {name: cv2.resize(masks[name], size, interpolation=cv2.INTER_AREA) for name in won}
    grey = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).mean(axis=2, keepdims=True)
    out = 0.4 + 0.55 * np.repeat(grey, 3, axis=2)
    for name, (share, _) in won.items():
        colour = np.array(BETTER if share >= 0 else WORSE, np.float32) / 255
        weight = 0.9 * share**2  # steeper than straight: what differs should be seen
        out = out + weight * small[name][..., None] * (colour - out)
    drawing = to_pil(out)
    drawing = drawing.resize((2 * size[0], 2 * size[1]))  # drawn at twice the size, for smooth edges
    pen = ImageDraw.Draw(drawing)
    font = ImageFont.load_default(round(max(22, 38 * min(size) / 512)))
    for name, (_, words) in won.items():
        if (place := _place(small[name], between=name == "eyes")) is not None:
            _label(pen, place, words, font)
    return np.asarray(drawing.reduce(2), np.float32) / 255


def close_up(image: np.ndarray, place: Box, width: int = SIDE) -> np.ndarray:
    """Return a part of a picture, `width` pixels wide.

    Args:
        image: (H, W, C) float32 in [0, 1].
        place: Of the part, such as `frame` gives it.
        width: Of the result, in pixels; its height follows from the part's.
    """
    left, top, across, down = place
    part = image[top : top + down, left : left + across]
    size = (width, max(1, round(width * part.shape[0] / part.shape[1])))
    return np.clip(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), 0, 1)


def frame(mask: np.ndarray) -> Box | None:
    """Return what a close-up of a region shows, half as high as it is wide to square; None without the region.

    Args:
        mask: (H, W) soft mask of the region.
    """
    rows, columns = np.nonzero(mask > 0.5)
    if len(rows) < 16:  # a speck, not a feature
        return None
    across = (1 + MARGIN) * (np.ptp(columns) + 1)
    down = float(np.clip((1 + MARGIN) * (np.ptp(rows) + 1), across / 2, across))
    across, down = min(across, mask.shape[1]), min(down, mask.shape[0])
    left = _inside((columns.min() + columns.max()) / 2 - across / 2, across, mask.shape[1])
    top = _inside((rows.min() + rows.max()) / 2 - down / 2, down, mask.shape[0])
    return left, top, round(across), round(down)


def _inside(start: float, length: float, available: int) -> int:
    return round(min(max(0.0, start), available - length))


def _place(mask: np.ndarray, between: bool) -> tuple[int, int] | None:
    """Return (x, y), at twice the size, where a region's label sits best.

    That is the pixel furthest from the region's rim or, for what comes in pairs, `between` the two.
    """
    inside = np.pad((mask > 0.5).astype(np.uint8), 1)
    if not inside.any():
        return None
    if between:
        rows, columns = np.nonzero(inside)
        return int(columns.min() + columns.max() - 2), int(rows.min() + rows.max() - 2)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return 2 * int(x), 2 * int(y)


def _label(pen: ImageDraw.ImageDraw, middle: tuple[int, int], text: str, font: Any) -> None:
    """Write white words on a dark pill."""
    text = text.replace("−", "-")  # Pillow's own font has no true minus
    left, top, right, bottom = pen.textbbox(middle, text, font=font, anchor="mm")
    height = bottom - top
    box = (left - 0.6 * height, top - 0.5 * height, right + 0.6 * height, bottom + 0.5 * height)
    pen.rounded_rectangle(box, radius=height, fill=(24, 22, 20))
    pen.text(middle, text, font=font, anchor="mm", fill=(255, 255, 255))
