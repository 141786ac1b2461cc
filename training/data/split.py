"""A recording in parts that know nothing of each other: to train on, to choose by, to judge by. No torch.

Frames that follow each other, or are seen from nearly the same place, are nearly one picture. A split by chance puts them on both sides,
and what is judged there has been trained on. Here a part is made of whole blocks of frames, and what is near to another part is left out.
"""

from collections.abc import Mapping

import numpy as np

BLOCK = 3  # a block is at least so many times as long as what it leaves out at an end, unless more is asked for


def near_in_order(count: int, steps: int = 1) -> np.ndarray:
    """Return which of `count` frames in the order of their recording are near: (count, count) bool, those at most `steps` apart."""
    order = np.arange(count)
    return abs(order[:, None] - order) <= steps


def near_in_view(positions: np.ndarray, directions: np.ndarray, centre: np.ndarray, degrees: float = 3.0) -> np.ndarray:
    """Return which views of a scene that stands still are near: taken from nearly the same place, looking nearly the same way.

    Args:
        positions: (N, 3) of the cameras, in the scene's unit.
        directions: (N, 3) unit vectors, where they look.
        centre: (3,) what they look at.
        degrees: Views are near whose directions differ by less, and whose places seen from the centre do.

    Returns:
        (N, N) bool.
    """
    away = positions - centre
    distance = np.maximum(np.linalg.norm(away, axis=1), 1e-12)
    apart = np.linalg.norm(positions[:, None] - positions, axis=2) / np.minimum(distance[:, None], distance)
    return (directions @ directions.T > np.cos(np.radians(degrees))) & (apart < np.radians(degrees))


def split_apart(near: np.ndarray, shares: Mapping[str, float], rest: str = "train", block: int = BLOCK) -> list[str]:
    """Share out the frames of a recording, so that no two parts have frames near each other.

    Parts get blocks of frames that follow each other, spread evenly over the recording: single ones where no frames are near,
    long ones in a film. Of `rest`, and of the parts named later, what is near to a part named before is left out.

    Args:
        near: (N, N) bool, symmetric: which frames are near, in the order of the recording.
        shares: Part -> its share of the frames, above 0; together at most 1. Each part gets one frame at least.
        rest: The part that gets all others.
        block: How many times as long a block is as what it leaves out at an end, as far as the smallest part allows. Longer
            blocks waste less, and are fewer.

    Returns:
        The part of each frame; empty for those that are left out. All are in `rest` where nothing would be left of it.
    """
    count, wanted = len(near), {part: share for part, share in shares.items() if share > 0}
    if not wanted or not count:
        return [rest] * count
    if sum(wanted.values()) > 1 - 1e-9:
        rest = ""
    else:
        wanted[rest] = 1 - sum(wanted.values())
    parts = _in_blocks(count, _block_length(near, min(wanted.values()), block), wanted)
    order = [part for part in wanted if part != rest] + [rest] * bool(rest)
    for place, part in enumerate(order[1:], start=1):
        ours = parts == part
        before = np.isin(parts, order[:place])
        parts[ours & near[:, before].any(axis=1)] = ""
    if rest and not (parts == rest).any():
        return [rest] * count
    return parts.tolist()


def _block_length(near: np.ndarray, least: float, block: int) -> int:
    """Return how many frames a block has: many where many follow that are near, but no more than the smallest part."""
    count = len(near)
    follow = []
    for number in range(count):
        after = near[number, number + 1 :]
        follow.append(len(after) if after.all() else int(np.argmin(after)))
    return int(np.clip(block * np.median(follow), 1, max(1, round(least * count))))


def _in_blocks(count: int, length: int, shares: Mapping[str, float]) -> np.ndarray:
    """Return the part of each frame: block by block the part that is furthest behind its share."""
    parts, given = np.full(count, "", dtype=object), dict.fromkeys(shares, 0)
    starts = range(0, count, length)
    for start in starts:
        end = min(start + length, count)
        part = max(shares, key=lambda each: shares[each] * (start + end) / 2 - given[each])
        parts[start:end] = part
        given[part] += end - start
    for part in shares:
        if part not in parts and len(starts) > 1:
            largest = max(given, key=lambda each: given[each])
            middle = [start for start in starts if parts[start] == largest]
            start = middle[len(middle) // 2]
            moved = slice(start, min(start + length, count))
            given[largest] -= moved.stop - moved.start
            parts[moved] = part
            given[part] = moved.stop - moved.start
    return parts
