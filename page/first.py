"""The result that waits for whoever comes to the page: made once, its pictures kept."""

from dataclasses import dataclass
from functools import cache

from enhancer.degrade import DEFAULT_PRESET
from enhancer.images import read_image
from enhancer.provenance import Record
from enhancer.report import Result
from page import running
from page.running import HEADS
from page.show import KEPT, Details, Pair


@dataclass(frozen=True)
class Look:
    """A result and the pictures drawn from it, kept for whoever comes first to the page."""

    result: Result
    pair: Pair
    details: Details


@cache
def first_look() -> Look:
    """Return the first example, restored, with its scores; made once."""
    settings = {"preset": DEFAULT_PRESET, "seed": 0}
    image = read_image(HEADS[0])
    result = running.restored(image, degrade_first=True, **settings)
    record = Record(result.checkpoint, result.sha, **settings)
    return Look(result, Pair.of(result, record, KEPT.name), Details.of(result, KEPT.name))
