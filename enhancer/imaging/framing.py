"""A face in the frame that the model knows: squares round faces, cut out, scaled and pasted back. No torch."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from enhancer.imaging.io import fill_transparent, split_alpha, with_alpha

# On 80 label maps of CelebAMask-HQ the face, chin to hairline, is 0.73 of the side (2 % to 98 %: 0.52 to 0.87),
# and its middle lies 0.05 of the side below the picture's.
SIDES_PER_FACE = 1.4
FACE_BELOW_MIDDLE = 0.05  # of the square's side
NEARLY_ALL = 0.7  # of the short side: a square this large takes all of it, so that aligned faces stay as they are
FEATHER = 0.12  # of the square's side, over which what is pasted fades into the picture
NEARER = 16  # where squares overlap, how sharply one face gives way to the next


class Square(NamedTuple):
    """A part of a picture, in pixels."""

    left: int
    top: int
    side: int

    def of(self, array: np.ndarray) -> np.ndarray:
        """Return this part of an (H, W, ...) array, as a view."""
        return array[self.top : self.top + self.side, self.left : self.left + self.side]


def framed(x: float, y: float, length: float, shape: tuple[int, ...]) -> Square:
    """Return the square round a face as CelebAMask-HQ frames it, moved into the picture where it would reach out of it.

    Args:
        x: Middle of the face, px from the left.
        y: Middle of the face, chin to hairline, px from the top.
        length: Of the face, px: the longer of its height, chin to hairline, and its width.
        shape: (H, W, ...) of the picture.
    """
    height, width = shape[:2]
    short = min(height, width)
    side = SIDES_PER_FACE * length
    side = side if side < NEARLY_ALL * short else float(short)
    whole = max(1, round(side))
    left, top = (
        round(min(max(middle - whole / 2, 0), full - whole))
        for middle, full in ((x, width), (y - FACE_BELOW_MIDDLE * side, height))
    )
    return Square(left, top, whole)


def fitted(image: np.ndarray, side: int | None = None, *, short: int | None = None) -> np.ndarray:
    """Scale to a square of `side` px, or to a `short` side; a picture that has that size comes back untouched."""
    height, width = image.shape[:2]
    scale = (side or short or 0) / min(height, width)
    size = (side, side) if side else (round(scale * width), round(scale * height))
    if size == (width, height):
        return np.ascontiguousarray(image)
    rgb, alpha = split_alpha(image)
    if alpha is not None:  # colours nobody saw must not leak out
        image = with_alpha(fill_transparent(rgb, alpha), alpha)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.clip(cv2.resize(image, size, interpolation=how), 0, 1)


def pasted(image: np.ndarray, patches: Sequence[tuple[Square, np.ndarray]]) -> np.ndarray:
    """Lay squares over a picture, each fading out towards its edges, but not where the picture itself ends.

    Where squares overlap, a pixel is taken from the one whose middle is nearer, measured in sides of the square.

    Args:
        image: (H, W, C) float32 in [0, 1], with 3 channels or 4.
        patches: Squares of the picture, and (side, side, C) what to lay there.

    Returns:
        The shape of `image`. Alpha is unchanged, and so is every pixel outside the squares.
    """
    height, width = image.shape[:2]
    given, alpha = split_alpha(image)
    change = np.zeros_like(given)
    total = np.zeros((height, width), np.float32)
    for square, patch in patches:
        weight = _nearness(square.side) ** NEARER
        difference = split_alpha(patch)[0] - square.of(given)
        square.of(change)[...] += (weight * _fade(square, (height, width)))[..., None] * difference
        square.of(total)[...] += weight
    touched = total > 0
    rgb = given.copy()
    rgb[touched] = np.clip(given[touched] + change[touched] / total[touched][:, None], 0, 1)
    return with_alpha(rgb, alpha)


def spread(shape: tuple[int, ...], patches: Sequence[tuple[Square, np.ndarray]]) -> np.ndarray:
    """Return an (H, W) float32 map that holds (side, side) maps in their squares, the largest value where they overlap."""
    whole = np.zeros(shape[:2], np.float32)
    for square, patch in patches:
        np.maximum(square.of(whole), patch, out=square.of(whole))
    return whole


def _nearness(side: int) -> np.ndarray:
    """(side, side): 1 in the middle, falling to a little above 0 in the corners."""
    away = abs(np.arange(side, dtype=np.float32) + 0.5 - side / 2) / side  # 0 to 0.5
    return 1 - np.hypot(away[:, None], away)


def _fade(square: Square, shape: tuple[int, int]) -> np.ndarray:
    """(side, side): 1 inside, smoothly down to 0 beyond each edge, but for edges that are the picture's."""
    ramps = []
    for start, full in ((square.top, shape[0]), (square.left, shape[1])):
        places = np.arange(square.side, dtype=np.float32) + 0.5
        width = FEATHER * square.side
        before = np.ones_like(places) if start == 0 else np.minimum(1, places / width)
        after = np.ones_like(places) if start + square.side == full else np.minimum(1, places[::-1] / width)
        ramps.append((before * before * (3 - 2 * before)) * (after * after * (3 - 2 * after)))
    return ramps[0][:, None] * ramps[1]
