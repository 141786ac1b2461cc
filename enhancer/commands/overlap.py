"""Reading ahead and writing behind on threads, while the work between the two goes on: the device need not wait."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from enhancer.errors import CheckpointError, EnhancerError, UnavailableError

IN_FLIGHT = 1 << 30  # bytes of pictures read and not yet written; one picture may be more
MOST_THREADS = 16

Item = TypeVar("Item")
Outcome = Any  # what writing returned, or the EnhancerError that reading, working or writing ended with


class Stages(NamedTuple):
    """What is done with each item. Reading and writing run on threads, the work on the calling one, in order."""

    read: Callable[[Any], Any]  # item -> what was read
    work: Callable[[Any, Any], Any]  # item, what was read -> what was made
    write: Callable[[Any, Any], Any]  # item, what was made -> outcome
    weigh: Callable[[Any], int]  # what was read -> its bytes


class _Underway(NamedTuple):
    item: Any
    future: "Future[Any]"
    weight: int = 0


def threads_for(processes: int = 1) -> int:
    """Return how many threads read and write: Pillow and OpenCV leave Python's lock alone while they code pictures."""
    return max(1, min(MOST_THREADS, (os.cpu_count() or 1) // processes))


def overlapped(
    items: Iterable[Item], stages: Stages, threads: int, heaviest: int
) -> Generator[tuple[Item, Outcome], None, None]:
    """Take items through the stages and yield each with its outcome.

    Close the iterator where it is left early: it then waits for what is being written.

    Args:
        items: What is to be done.
        stages: How it is done.
        threads: How many read and write.
        heaviest: Bytes that an item may turn out to be when it is read; one that is not read yet counts as that.

    Raises:
        CheckpointError: What to work with is missing or broken: the next item would fare no better.
        UnavailableError: As above.
    """
    waiting, reading, writing = deque(items), deque[_Underway](), deque[_Underway]()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while waiting or reading or writing:
                while waiting and _is_room(reading, writing, threads, stages.weigh, heaviest):
                    item = waiting.popleft()
                    reading.append(_Underway(item, pool.submit(stages.read, item)))
                while writing and (writing[0].future.done() or not reading):
                    item, future, _ = writing.popleft()
                    yield item, _outcome(future)
                if reading:  # one at a time: in a batch a picture's last bits depend on its neighbours
                    item, future, _ = reading.popleft()
                    try:
                        weight = stages.weigh(future.result())
                        made = stages.work(item, future.result())
                    except (CheckpointError, UnavailableError):
                        raise
                    except EnhancerError as error:
                        yield item, error
                    else:
                        writing.append(_Underway(item, pool.submit(stages.write, item, made), weight))
                        del made
                    del future  # it holds the picture
        finally:
            for underway in reading:
                underway.future.cancel()


def _is_room(
    reading: deque[_Underway],
    writing: deque[_Underway],
    threads: int,
    weigh: Callable[[Any], int],
    heaviest: int,
) -> bool:
    """Say whether one more picture may be read: not too many, not too large, and always one."""
    if len(reading) + len(writing) > 2 * threads:
        return False
    held = sum(underway.weight for underway in writing)
    for future in (underway.future for underway in reading):
        is_read = future.done() and future.exception() is None
        held += weigh(future.result()) if is_read else heaviest
    return not (reading or writing) or held + heaviest <= IN_FLIGHT


def _outcome(future: "Future[Any]") -> Outcome:
    try:
        return future.result()
    except EnhancerError as error:
        return error
