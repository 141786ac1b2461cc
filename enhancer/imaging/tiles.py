"""A picture cut into overlapping tiles, and tiles faded into a picture. No torch."""

from collections.abc import Callable

import numpy as np

Restore = Callable[[np.ndarray], np.ndarray]  # rgb -> rgb of the same size

OVERLAP = 64  # pixels, over which one tile fades into the next


def in_tiles(restorer: Restore, rgb: np.ndarray, side: int, *, overlap: int = OVERLAP, multiple: int = 1) -> np.ndarray:
    """Restore overlapping tiles and fade them into each other.

    Args:
        restorer: Restores one tile.
        rgb: (H, W, 3) float32 in [0, 1].
        side: Of a tile, in pixels; smaller pictures are one tile.
        overlap: Of neighbouring tiles, in pixels, at least; at most half a side.
        multiple: Tiles begin at multiples of this many pixels; `side`, and the picture's sides where they are longer,
            must be multiples too.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    height, width = rgb.shape[:2]
    total = np.zeros_like(rgb, np.float32)
    weights = np.zeros((height, width, 1), np.float32)
    for top in _starts(height, side, overlap, multiple):
        for left in _starts(width, side, overlap, multiple):
            there = (slice(top, top + side), slice(left, left + side))
            tile = rgb[there]
            fade = (_fade(tile.shape[0], overlap)[:, None] * _fade(tile.shape[1], overlap))[..., None]
            total[there] += fade * restorer(tile)
            weights[there] += fade
    return total / weights


def _starts(length: int, side: int, overlap: int, multiple: int) -> list[int]:
    """Return where tiles begin along one axis: evenly spread, the last one ending with the picture."""
    if length <= side:
        return [0]
    stride = side - overlap - (multiple - 1)  # rounding down to multiples may move neighbours this much apart
    count = int(np.ceil((length - side) / stride)) + 1
    return [int(place) // multiple * multiple for place in np.linspace(0, length - side, count)]


def _fade(length: int, overlap: int) -> np.ndarray:
    """Return weights that rise from the ends over `overlap` pixels; nowhere 0, and little where a tile ends.

    Cubed, because next to its end a tile is wrong: the convolutions saw zeros there instead of the picture.
    """
    from_ends = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1))
    return (np.minimum(1, from_ends / (overlap + 1)) ** 3).astype(np.float32)
