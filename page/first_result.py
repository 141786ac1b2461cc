"""The result that waits for whoever comes to the page: made once, its pictures kept."""

import threading
from dataclasses import dataclass, replace
from functools import cache

from enhancer.detection import Found
from enhancer.imaging.io import read_image
from enhancer.messages import Translate
from enhancer.results import Result
from page import backend
from page.backend import RENDERS, TRUTH
from page.i18n.translate import said_in
from page.outputs import KEPT, Details, Pair

SHOWN = RENDERS[0]
ENGLISH = said_in("en")
_making = threading.RLock()
_warm: dict[str, float] = {}  # seconds of the same work once everything is loaded


@dataclass(frozen=True)
class Look:
    """A result and the pictures drawn from it."""

    result: Result
    pair: Pair
    details: Details
    faces: tuple[Found, ...] = ()  # that had better be restored each by itself, or were


def _restored() -> Result:
    image, truth, labels = read_image(SHOWN), read_image(backend.beside(SHOWN, TRUTH)), backend.labels_of(SHOWN)
    return backend.service().restore(image, labels=labels, reference=truth, with_scores=False)


@cache
def _first_pair() -> tuple[Result, Pair]:
    result = _restored()
    return result, Pair.of(result, KEPT.name)


@cache
def _first_scored() -> Result:
    result, _ = _first_pair()
    return backend.service().scored(result)


@cache
def _first_look(say: Translate) -> Look:
    _, pair = _first_pair()
    scored = _first_scored()
    return Look(scored, pair, Details.of(scored.comparison, scored.clean, say, folder=KEPT.name))


def first_pair() -> tuple[Result, Pair]:
    """Return the first render, restored; whoever asks while it is made waits for it."""
    with _making:
        result, pair = _first_pair()
    return _as_timed(result), pair


def first_look(say: Translate = ENGLISH) -> Look:
    """Return the same with its scores, and everything drawn from them in a reader's notation."""
    first_pair()  # let go of in between: whoever waits for the pictures need not wait for the scores
    with _making:
        look = _first_look(say)
    return replace(look, result=_as_timed(look.result))


def time_again() -> None:
    """Restore it once more: the first time, everything was still loading beside it, and the page shows how long it takes."""
    result = _restored()
    _warm.update(result.timings)
    backend.note_time(first_look().result)


def _as_timed(result: Result) -> Result:
    return replace(result, timings={**result.timings, **_warm})
