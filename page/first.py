"""The result that waits for whoever comes to the page: made once, its pictures kept."""

import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

from enhancer.degrade import DEFAULT_PRESET
from enhancer.images import read_image
from enhancer.provenance import Record
from enhancer.report import Result
from page import running
from page.running import HEADS
from page.show import KEPT, Details, Pair

SETTINGS: dict[str, Any] = {"preset": DEFAULT_PRESET, "seed": 0}
_making = threading.RLock()


@dataclass(frozen=True)
class Look:
    """A result and the pictures drawn from it."""

    result: Result
    pair: Pair
    details: Details


@cache
def _first_pair() -> tuple[Result, Pair]:
    image = read_image(HEADS[0])
    labels = running.labels_of(HEADS[0])
    result = running.service().restore(
        image, labels=labels, degrade_first=True, with_scores=False, **SETTINGS
    )
    return result, Pair.of(result, Record(result.checkpoint, result.sha, **SETTINGS), KEPT.name)


@cache
def _first_look() -> Look:
    result, pair = _first_pair()
    scored = running.service().scored(result)
    return Look(scored, pair, Details.of(scored, KEPT.name))


def first_pair() -> tuple[Result, Pair]:
    """Return the first example, restored; whoever asks while it is made waits for it."""
    with _making:
        return _first_pair()


def first_look() -> Look:
    """Return the same with its scores, and everything drawn from them."""
    first_pair()  # let go of in between: whoever waits for the pictures need not wait for the scores
    with _making:
        return _first_look()
