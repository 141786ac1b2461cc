"""How fast pictures come."""

import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Clock:
    """How long the pictures took, and the device with them. The first only starts it: there, models are loaded."""

    pictures: int = 0
    start: float = 0.0
    seconds: float = 0.0  # from the first picture's work to the last one's file
    busy: float = 0.0  # of these, what the device was at work

    def tick(self, busy: float = 0.0) -> None:
        """Note one more picture."""
        self.pictures += 1
        if self.pictures == 1:
            self.start = time.perf_counter()
        else:
            self.busy += busy

    def stop(self) -> None:
        """Note that the last file is written."""
        self.seconds = time.perf_counter() - self.start if self.pictures > 1 else 0.0


def pace(clocks: Sequence[Clock]) -> str:
    """Return how fast the pictures of some processes came together, without a full stop; nothing if there was but one."""
    seconds = max(clock.seconds for clock in clocks)
    if not seconds:
        return ""
    rate = sum(max(0, clock.pictures - 1) for clock in clocks) / seconds
    return f"After the first, {rate:.2f} a second for {seconds:.1f} s"
