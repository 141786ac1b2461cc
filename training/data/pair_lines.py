"""What is worth a line about ready pairs that were prepared: alpha, backgrounds, colours, and whether both sides show the same."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from training.data.beside import BACKDROPS, OWN

NAMED = 5  # files that a line names
LITTLE = 15.0  # dB: a render that agrees less with its frame hardly shows the same

Row = Mapping[str, Any]


def pair_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines.

    Args:
        rows: Of `metadata.jsonl`, of pairs or not.
    """
    for side, other in (("clean", "degraded"), ("degraded", "clean")):
        if names := _names(row for row in rows if row.get("alpha") == side):
            yield f"Only the {side} picture has alpha, which then holds for the {other} one too, in {names}."
    counts = Counter(row["backdrop"] for row in rows if "backdrop" in row)
    for kind, count in counts.items():
        if kind != OWN:
            names = _names(row for row in rows if row.get("backdrop") == kind)
            yield f"In {count} pairs {BACKDROPS[kind]}: {names}."
    for side, other in (("render", "capture"), ("capture", "render")):
        if names := _names(row for row in rows if row.get("linear") == side):
            yield (
                f"The {side} seems to hold linear light where the {other} holds sRGB, in {names}. Give both in sRGB, or train the "
                "splats on frames in sRGB."
            )
    yield from _agreement([row for row in rows if "psnr" in row])


def _agreement(rows: Sequence[Row]) -> Iterator[str]:
    if not rows:
        return
    values = [row["psnr"] for row in rows]
    yield f"Renders agree with their frames to {np.median(values):.1f} dB ({min(values):.1f} to {max(values):.1f})."
    if names := _names(row for row in rows if row["psnr"] < LITTLE):
        yield (
            f"That is little, and they may not show the same, under {LITTLE:.0f} dB: {names}. Look at them. The cameras must be of the "
            "cloud's own scene: nerfstudio turns, moves and scales what it trains on, and exports its clouds so."
        )


def _names(rows: Iterator[Row]) -> str:
    """Return the names of pictures, the first ones of many; empty for none."""
    names = sorted(row["source"] for row in rows)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
