"""Seconds and bytes: works timed in turn, the most memory they took, and what the device can do at best."""

import ctypes
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

Work = Callable[[], object]


def latencies(works: Mapping[str, Work], device: torch.device, repeats: int) -> dict[str, dict[str, float]]:
    """Time works in turn, so that what disturbs the machine meanwhile disturbs all of them.

    Returns:
        By work: "p50", "p95" and "best", in seconds.
    """
    for work in works.values():
        work()  # the first one prepares
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            synchronize(device)
            start = time.perf_counter()
            work()
            synchronize(device)
            seconds[name].append(time.perf_counter() - start)
    return {
        name: {
            "p50": float(np.percentile(taken, 50)),
            "p95": float(np.percentile(taken, 95)),
            "best": min(taken),
        }
        for name, taken in seconds.items()
    }


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has done all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def peak_of(device: torch.device) -> Iterator[list[float]]:
    """Within, measure the most memory taken beyond what was taken before; the list then holds it, in MiB, if the system reports it.

    On a GPU what tensors held, on Linux what the process held.
    """
    peaks: list[float] = []
    if device.type == "cuda":
        synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield peaks
        peaks.append((torch.cuda.max_memory_allocated(device) - before) / 2**20)
        return
    try:
        # else memory that was freed, but not given back, is taken again unseen
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak, see proc(5)
        before = _resident("VmRSS")
    except (OSError, AttributeError):  # not Linux, or not glibc
        yield peaks
        return
    yield peaks
    peaks.append((_resident("VmHWM") - before) / 2**10)


def _resident(what: str) -> int:
    """Return a line of this process's status, KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def matmul_ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """Return how many floating-point operations a second the device does at best, by one large matrix product."""
    side = 8192 if device.type == "cuda" else 2048
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / latencies({"product": lambda: left @ right}, device, 10)["product"]["best"]


def copy_ceiling(device: torch.device) -> float:
    """Return how many bytes a second the device's memory moves at best, by one large copy, read and write counted."""
    held = torch.empty((2**30 if device.type == "cuda" else 2**28) // 4, device=device)
    target = torch.empty_like(held)
    return 2 * held.nbytes / latencies({"copy": lambda: target.copy_(held)}, device, 10)["copy"]["best"]
