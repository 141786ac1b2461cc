"""A picture too large for the memory, restored tile by tile. No torch."""

from collections.abc import Callable

import numpy as np

from enhancer.errors import UnavailableError

Restorer = Callable[[np.ndarray], np.ndarray]  # rgb -> rgb of the same size

SIDE = 512  # pixels, of a tile: what the models were trained at
OVERLAP = 64  # pixels, over which one tile fades into the next


def in_tiles(restorer: Restorer, rgb: np.ndarray, side: int = SIDE, overlap: int = OVERLAP) -> np.ndarray:
    """Restore overlapping tiles and fade them into each other.

    Each tile goes through the whole model by itself, skips and all, so that its parts belong together; what a tile
    does not see it cannot know, and a face cut in two comes out a little less certain than a whole one.

    Args:
        restorer: Restores one tile.
        rgb: (H, W, 3) float32 in [0, 1].
        side: Of a tile, in pixels; smaller pictures are one tile.
        overlap: Of neighbouring tiles, in pixels, at most half a side.

    Returns:
        (H, W, 3) float32 in [0, 1].

    Raises:
        UnavailableError: There is too little memory even for a tile.
    """
    height, width = rgb.shape[:2]
    total = np.zeros_like(rgb, np.float64)
    weights = np.zeros((height, width, 1))
    for top in _starts(height, side, overlap):
        for left in _starts(width, side, overlap):
            there = (slice(top, top + side), slice(left, left + side))
            tile = rgb[there]
            fade = (_fade(tile.shape[0], overlap)[:, None] * _fade(tile.shape[1], overlap))[..., None]
            try:
                total[there] += fade * restorer(tile)
            except MemoryError as error:
                raise UnavailableError(
                    "This machine has too little memory for the picture now, even in tiles. "
                    "Try again in a minute, or give a smaller picture."
                ) from error
            weights[there] += fade
    return (total / weights).astype(np.float32)


def _starts(length: int, side: int, overlap: int) -> list[int]:
    """Return where tiles begin along one axis: evenly spread, the last one ending with the picture."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - overlap) / (side - overlap)))
    return [round(place) for place in np.linspace(0, length - side, count)]


def _fade(length: int, overlap: int) -> np.ndarray:
    """Return weights that rise from the ends over `overlap` pixels; nowhere 0."""
    from_ends = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1))
    return np.minimum(1, from_ends / (overlap + 1))
