"""Where the time of a run goes: seconds by part of a step, on a GPU too, which works on after a call has returned."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

PENDING = 1000  # pairs of events kept before they are read out, which waits for the GPU


class Stopwatch:
    """Adds up the seconds of named parts.

    Attributes:
        seconds: Part -> seconds so far; on a GPU complete after `read`.
    """

    def __init__(self, device: torch.device) -> None:
        """Start: the whole time counts from here."""
        self.events: list[tuple[str, Any, Any]] | None = [] if device.type == "cuda" else None
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.start = time.perf_counter()

    @contextmanager
    def part(self, name: str, *, on_host: bool = False) -> Iterator[None]:
        """Time what is done meanwhile.

        Args:
            name: Of the part.
            on_host: The time is the program's own, such as waiting for data, not the GPU's.
        """
        if self.events is None or on_host:
            begin = time.perf_counter()
            yield
            self.seconds[name] += time.perf_counter() - begin
            return
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        yield
        last.record()
        self.events.append((name, first, last))
        if len(self.events) >= PENDING:
            self.read()

    def read(self) -> None:
        """Wait for the GPU and add up what it has done."""
        for name, first, last in self.events or ():
            last.synchronize()
            self.seconds[name] += first.elapsed_time(last) / 1000  # ms
        if self.events:
            self.events.clear()

    def report(self, steps: int) -> str:
        """Say how fast `steps` steps were, and what share of the time each part took."""
        self.read()
        whole = time.perf_counter() - self.start
        parts = self.seconds | {"the rest": whole - sum(self.seconds.values())}  # saving, validation
        shares = ", ".join(f"{name} {100 * seconds / whole:.0f} %" for name, seconds in parts.items())
        return f"{steps / whole:.2f} steps a second over {steps} steps. Of the time: {shares}."
