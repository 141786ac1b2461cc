"""Several processes at one task: who they are, and how they agree. Alone, everything here does nothing much."""

import atexit
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from enhancer.errors import EnhancerError

BARRIER_TIMEOUT = timedelta(hours=12)  # how long one process waits for another before it takes it for dead
Result = TypeVar("Result")


class Processes:
    """The processes a launcher (`accelerate launch`, `torchrun`) started, seen from one of them.

    Attributes:
        place: Number of this one, from 0.
        count: How many there are.
        local_rank: Number among those of this machine, from 0.
        local_world_size: How many run on this machine.
    """

    def __init__(self, *, cpu: bool) -> None:
        """Find the others, if a launcher started any; `cpu` keeps them from talking by way of their GPUs."""
        self._state = None
        self.rank, self.world_size, self.local_rank = 0, 1, 0
        self.local_world_size = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import (
                PartialState,
            )  # here rather than above: it brings torch, and --help should not wait

            self._state = PartialState(cpu=cpu, timeout=BARRIER_TIMEOUT)
            self.rank, self.world_size = self._state.process_index, self._state.num_processes
            self.local_rank = self._state.local_process_index

    @property
    def is_main(self) -> bool:
        """Whether this is the one that speaks and writes the results."""
        return self.rank == 0

    def on_main(self, action: Callable[[], Result]) -> Result:
        """Do something on the main process; its result, or its `EnhancerError`, is everybody's."""
        outcome: list[Any] = [None, None]
        if self.is_main:
            try:
                outcome[0] = action()
            except EnhancerError as error:
                outcome[1] = error
        if self.world_size > 1:
            from accelerate.utils import broadcast_object_list

            broadcast_object_list(outcome)
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]

    def gathered(self, value: Result) -> list[Result]:
        """Return the values of all processes, by their places; waits for all."""
        if self.world_size == 1:
            return [value]
        from accelerate.utils import gather_object

        return gather_object([value])

    def part(self) -> None:
        """Take leave of the others."""
        if self._state is not None:
            self._state.destroy_process_group()


def processes_asked_for() -> int:
    """Return how many processes `accelerate launch` was asked for, by its command line; 1 where nothing says otherwise.

    Without several GPUs, and without MPI, it starts one and says nothing.
    """
    if "ACCELERATE_MIXED_PRECISION" not in os.environ:
        return 1
    import psutil

    try:
        launcher = psutil.Process().parent()
        words = launcher.cmdline() if launcher else []
    except psutil.Error:
        return 1
    for place, word in enumerate(words):
        name, _, value = word.partition("=")
        if name.replace("-", "_") == "__num_processes":
            number = value or (words[place + 1] if place + 1 < len(words) else "")
            return int(number) if number.isdecimal() else 1
    return 1


def leave(code: int) -> NoReturn:
    """End the program with an exit code.

    One of several processes leaves without the destructors of C++ libraries: torch's gloo may still have a thread there,
    and then aborts a process whose work is done (seen in one of ten runs with torch 2.13), which its launcher takes for a
    failure of all.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]  loggers and loaders end their own
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
