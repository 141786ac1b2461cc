"""Faces in pictures of any size: a network looks at the whole, at halves, at quarters, and what it says is merged. No torch."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

SURE = 0.65  # chosen by benchmarks/faces.py
SMALLEST_TILE = 192  # px of the picture: the smallest faces that are found are some 28 px high, chin to hairline
# Share of a tile's side that a box in it may take. Smaller tiles see smaller faces better, and larger ones are cut off:
# tiles overlap by half.
IN_TILE = (0.1, 0.5)
SAME = 0.4  # two boxes are of one face where more than this share of the smaller one lies in the larger
GREY = 0.5  # around a picture that is not square


class Face(NamedTuple):
    """A face that was found: a square box from its brows to its chin, in pixels of the picture."""

    x: float  # middle, from the left
    y: float  # middle, from the top
    side: float
    sure: float  # 0 to 1


Look = Callable[[np.ndarray], np.ndarray]  # one square -> boxes in it, as `enhancer.detection.blazeface.BlazeFace`


class _Level(NamedTuple):
    """A picture scaled so that tiles of it fit the network."""

    rgb: np.ndarray
    scale: float  # px of it for one px of the picture
    in_tile: tuple[float, float]  # smallest and largest box that is looked for, as shares of the tile


def find_faces(rgb: np.ndarray, look: Look, side: int, sure: float = SURE) -> tuple[Face, ...]:
    """Find the faces of a picture, the largest first.

    Args:
        rgb: (H, W, 3) float32 in [0, 1].
        look: Finds faces in one square.
        side: Of that square, px.
        sure: Least score of a face.
    """
    found = [np.empty((0, 4), np.float32)]
    for level in _levels(rgb, side):
        for top in _starts(level.rgb.shape[0], side):
            for left in _starts(level.rgb.shape[1], side):
                boxes = look(level.rgb[top : top + side, left : left + side])
                boxes = boxes[(boxes[:, 3] >= sure) & _fitting(boxes, side, level.in_tile)]
                boxes[:, :2] += left, top
                boxes[:, :3] /= level.scale
                found.append(boxes)
    height, width = rgb.shape[:2]
    faces = _merged(np.concatenate(found))
    inside = [face for face in faces if 0 <= face.x < width and 0 <= face.y < height]
    return tuple(sorted(inside, key=lambda face: -face.side))


def _levels(rgb: np.ndarray, side: int) -> Iterator[_Level]:
    """Yield the whole picture as one tile, then as tiles of half the side, and so on."""
    height, width = rgb.shape[:2]
    tile = float(max(height, width))
    largest = 2.0  # of the whole: a face may fill it and more
    while True:
        is_last = tile <= SMALLEST_TILE
        size = (max(1, round(width * side / tile)), max(1, round(height * side / tile)))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if tile > side else cv2.INTER_LINEAR)
        missing = [(0, max(0, side - length)) for length in small.shape[:2]]
        padded = np.pad(small, [*missing, (0, 0)], constant_values=GREY)
        yield _Level(padded, side / tile, (0.0 if is_last else IN_TILE[0], largest))
        if is_last:
            return
        tile, largest = max(tile / 2, SMALLEST_TILE), IN_TILE[1]


def _starts(length: int, side: int) -> Sequence[int]:
    """Return where tiles begin along one axis, each at most half a tile after the one before."""
    count = int(np.ceil(2 * (length - side) / side)) + 1
    return [round(place) for place in np.linspace(0, length - side, count)]


def _fitting(boxes: np.ndarray, side: int, in_tile: tuple[float, float]) -> np.ndarray:
    """Say of each box whether it is of a size to be trusted in this tile."""
    least, most = in_tile
    return (boxes[:, 2] >= least * side) & (boxes[:, 2] <= most * side)


def _merged(boxes: np.ndarray) -> list[Face]:
    """Make one face of all boxes of one face: their mean, weighted by how sure they are."""
    faces, left = [], boxes[np.argsort(-boxes[:, 3], kind="stable")]
    while len(left):
        is_same = _covered(left[0], left) > SAME
        weights = left[is_same, 3:]
        x, y, side = (left[is_same, :3] * weights).sum(0) / weights.sum()
        faces.append(Face(float(x), float(y), float(side), float(left[0, 3])))
        left = left[~is_same]
    return faces


def _covered(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which share of the smaller of two boxes lies in the other, for each of the others."""
    reach = (box[2] + others[:, 2]) / 2
    smaller = np.minimum(box[2], others[:, 2])
    across, down = (np.clip(reach - abs(box[k] - others[:, k]), 0, smaller) for k in (0, 1))
    return across * down / np.maximum(smaller, 1e-6) ** 2
