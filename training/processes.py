"""Several processes at one evaluation: who they are, and how they agree. Alone, everything here does nothing much."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object

from enhancer.errors import EnhancerError

PATIENCE = timedelta(hours=12)  # how long one process waits for another before it takes it for dead
Result = TypeVar("Result")


class Processes:
    """The processes a launcher (`accelerate launch`, `torchrun`) started, seen from one of them.

    Attributes:
        place: Number of this one, from 0.
        count: How many there are.
    """

    def __init__(self, *, cpu: bool) -> None:
        """Find the others; `cpu` keeps them from talking by way of their GPUs."""
        self._state = PartialState(cpu=cpu, timeout=PATIENCE)
        self.place, self.count = self._state.process_index, self._state.num_processes
        self.place_on_machine = self._state.local_process_index

    @property
    def is_main(self) -> bool:
        """Whether this is the one that speaks and writes the results."""
        return self.place == 0

    def on_main(self, action: Callable[[], Result]) -> Result:
        """Do something on the main process; its result, or its `EnhancerError`, is everybody's."""
        outcome: list[Any] = [None, None]
        if self.is_main:
            try:
                outcome[0] = action()
            except EnhancerError as error:
                outcome[1] = error
        if self.count > 1:
            broadcast_object_list(outcome)
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]

    def gathered(self, value: Result) -> list[Result]:
        """Return the values of all processes, by their places; waits for all."""
        return gather_object([value]) if self.count > 1 else [value]

    def part(self) -> None:
        """Take leave of the others."""
        self._state.destroy_process_group()
