"""Reading ahead and writing behind on threads, while the work between the two goes on: the device need not wait."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple

from enhancer.errors import CheckpointError, EnhancerError, UnavailableError
from enhancer.runtime.command_line import file_errors

IN_FLIGHT = 1 << 30  # bytes of pictures read and not yet written; one picture may be more
MOST_THREADS = 16

Outcome = Any  # what writing returned, or the EnhancerError that reading, working or writing ended with


class _Underway(NamedTuple):
    item: Any
    future: "Future[Any]"
    weight: int = 0


def threads_for(processes: int = 1) -> int:
    """Return how many threads read and write: Pillow and OpenCV leave Python's lock alone while they code pictures."""
    return max(1, min(MOST_THREADS, (os.cpu_count() or 1) // processes))


class Pipeline:
    """Items on their way from being read to being written; the work in between is the caller's loop.

        with Pipeline(report, threads, heaviest) as pipeline:
            for item, given in pipeline.read(items, read, weigh):
                with pipeline.failing(item):
                    pipeline.write(item, write, work(given))

    Reading and writing run on threads, the loop on the calling one, in order. A loop that is left early waits for what is
    being written.
    """

    def __init__(self, report: Callable[[Any, Outcome], Any], threads: int, heaviest: int) -> None:
        """Start the threads.

        Args:
            report: Called on the calling thread with what became of each item.
            threads: How many read and write.
            heaviest: Bytes that an item may turn out to be when it is read; one that is not read yet counts as that.
        """
        self._report, self._threads, self._heaviest = report, threads, heaviest
        self._pool = ThreadPoolExecutor(threads)
        self._reading, self._writing = deque[_Underway](), deque[_Underway]()
        self._weight = 0  # of the item that is worked on

    def __enter__(self) -> "Pipeline":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read no more, and wait for what is being written."""
        for underway in self._reading:
            underway.future.cancel()
        self._pool.shutdown()

    def read(
        self, items: Iterable[Any], read: Callable[[Any], Any], weigh: Callable[[Any], int]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each item with what was read of it, and at the end wait until the last one is written.

        Args:
            items: What is to be done.
            read: Item -> what was read.
            weigh: What was read -> its bytes.

        Raises:
            CheckpointError: As of `failing`.
            UnavailableError: Likewise.
        """
        waiting = deque(items)
        while waiting or self._reading or self._writing:
            while waiting and self._is_room(weigh):
                item = waiting.popleft()
                self._reading.append(_Underway(item, self._pool.submit(read, item)))
            while self._writing and (self._writing[0].future.done() or not self._reading):
                self._finish(self._writing.popleft())
            if self._reading:  # one at a time: in a batch a picture's last bits depend on its neighbours
                item, future, _ = self._reading.popleft()
                with self.failing(item):
                    self._weight = weigh(future.result())
                if future.exception() is None:
                    yield item, future.result()
                del future  # it holds the picture

    def write(self, item: Any, write: Callable[[Any, Any], Outcome], made: Any) -> None:
        """Have `write(item, made)` called on a thread; what it returns is reported."""
        self._writing.append(_Underway(item, self._pool.submit(write, item, made), self._weight))

    @contextmanager
    def failing(self, item: Any) -> Iterator[None]:
        """Report an error as the outcome of an item, so that the next one gets its turn.

        Raises:
            CheckpointError: What to work with is missing or broken: the next item would fare no better.
            UnavailableError: As above.
        """
        try:
            with file_errors():
                yield
        except (CheckpointError, UnavailableError):
            raise
        except EnhancerError as error:
            self._report(item, error)

    def _finish(self, written: _Underway) -> None:
        """Wait until an item is written, and report it."""
        try:
            with file_errors():
                outcome = written.future.result()
        except EnhancerError as error:
            outcome = error
        self._report(written.item, outcome)

    def _is_room(self, weigh: Callable[[Any], int]) -> bool:
        """Say whether one more picture may be read: not too many, not too large, and always one."""
        if len(self._reading) + len(self._writing) > 2 * self._threads:
            return False
        held = sum(underway.weight for underway in self._writing)
        for future in (underway.future for underway in self._reading):
            is_read = future.done() and future.exception() is None
            held += weigh(future.result()) if is_read else self._heaviest
        return not (self._reading or self._writing) or held + self._heaviest <= IN_FLIGHT
