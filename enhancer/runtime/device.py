"""What an evaluation ran on and with: the device, the machine, the version of the program."""

import platform
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from enhancer import __version__
from enhancer.errors import SettingsError


def device_of(name: str, place: int = 0) -> torch.device:
    """Return the device a flag means; the process at `place` on this machine takes the GPU of that number.

    Raises:
        SettingsError: It cannot be used here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
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
