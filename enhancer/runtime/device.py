"""Which device is used, and what an evaluation ran on and with: the machine, the version of the program."""

import logging
import os
import platform
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from enhancer import __version__
from enhancer.errors import SettingsError
from enhancer.messages import Message

_log = logging.getLogger(__name__)


def best_device() -> str:
    """Return the fastest device there is: a CUDA GPU, Apple's, or the CPU. An NVIDIA GPU that cannot be used is logged."""
    if torch.cuda.is_available():
        return "cuda"
    if trouble := cuda_trouble():
        _log.warning("%s", trouble)
    return "mps" if torch.backends.mps.is_available() else "cpu"


def cpu_has_bfloat16() -> bool:
    """Say whether the CPU multiplies in bfloat16, as some since 2020 do; others only imitate it, and lose time by it."""
    has = torch.cpu.get_capabilities()
    return any(has.get(name) for name in ("avx512_bf16", "amx_bf16"))


def cuda_trouble(devices: Path = Path("/dev")) -> Message | None:
    """Return why an NVIDIA GPU of this machine is not used, and what to do; None where there is none, or it works.

    torch itself falls back to the CPU, some hundred times slower, with a warning at most.

    Args:
        devices: Where the system lists its devices; none are listed on Windows, and nothing is said there.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    if hidden or torch.cuda.is_available() or not any(devices.glob("nvidia[0-9]*")):
        return None
    try:
        torch.cuda.init()
        reason = "it finds no device"
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
    return Message(
        "note.no_cuda",
        "This machine has an NVIDIA GPU, but torch {torch} cannot use it ({reason}), so the slow CPU is at work. "
        "Whoever runs it: docs/space.md has the build of torch for drivers below 580.",
        torch=torch.__version__,
        reason=reason,
    )


def device_of(name: str, place: int = 0) -> torch.device:
    """Return the device a flag means; the process at `place` on this machine takes the GPU of that number.

    Raises:
        SettingsError: It cannot be used here.
    """
    if name == "auto":
        name = best_device()
        if name == "mps":  # nothing that takes this flag has been run there
            name = "cpu"
    if name == "cuda" and torch.cuda.is_available():
        name = f"cuda:{place % torch.cuda.device_count()}"
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"--device {name} cannot be used here: {str(error).splitlines()[0]}") from error


def machine(device: torch.device, dtype: str) -> dict[str, Any]:
    """Return what the figures of time and memory were measured on."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        try:
            lines = Path("/proc/cpuinfo").read_text().splitlines()
            name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        except (OSError, StopIteration):
            name = platform.machine()
    return {
        "device": device.type,
        "name": name,
        "dtype": dtype,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def program() -> dict[str, str | None]:
    """Return the version, and the commit in a git checkout."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
        commit = done.stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        commit = None
    return {"version": __version__, "commit": commit}


def peak_memory(device: torch.device) -> float | None:
    """Return MiB: what tensors held at most on a GPU; on a CPU the most the whole process held, where the system reports that."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    try:
        resource = import_module("resource")  # not on Windows
    except ImportError:
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, on a Mac bytes
    return round(held / (2**20 if sys.platform == "darwin" else 2**10), 1)
