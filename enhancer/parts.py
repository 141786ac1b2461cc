"""The parts of a service: what each must be able to do, and loading them onto the fastest device."""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from enhancer.hub import resolve
from enhancer.imaging.masks import Masks
from enhancer.messages import Message

FLOPS_PER_PIXEL = 4.44e12 / 512**2  # of one pass through SD-Turbo's parts, counted at 512x512
SHA_OF = "adapters.safetensors"  # the file whose digest names a checkpoint without a commit


class FaceParser(Protocol):
    """What `enhancer.parser.Parser` does for us."""

    @property
    def name(self) -> str:
        """What is running, to be shown."""
        ...

    def regions(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 in [0, 1] -> region map (H, W)."""
        ...


class ScoreKeeper(Protocol):
    """What `enhancer.metrics.Scorer` does for us."""

    @property
    def lpips_name(self) -> str:
        """LPIPS and its network."""
        ...

    @property
    def lpips_missing(self) -> Message | None:
        """Why LPIPS cannot be had; None where it can."""
        ...

    def score(self, rgb: np.ndarray, reference: np.ndarray, masks: Masks | None) -> Mapping[str, Any]:
        """Compare two (H, W, 3) pictures in [0, 1]."""
        ...


@dataclass(frozen=True)
class Restorer:
    """A checkpoint, ready to restore.

    Attributes:
        run: `rgb` -> `rgb` of the same size; MemoryError where the device has too little memory for it.
        in_tiles: The same, bit by bit; UnavailableError where there is too little even for that.
        name: What to call it.
        sha: Its commit, or a digest of its adapters.
        notice: What a visitor should know about it.
        seconds_per_pixel: How long it will take, roughly; 0 where nobody needs to be warned.
    """

    run: Callable[[np.ndarray], np.ndarray]
    in_tiles: Callable[[np.ndarray], np.ndarray]
    name: str
    sha: str | None = None
    notice: Message | None = None
    seconds_per_pixel: float = 0.0


class LateParser:
    """The face parser, loaded by the first picture that needs it: a picture with a label map does not wait for it."""

    def __init__(self, ref: str | Path | None, device: str) -> None:
        """Remember what to load; see `Parser.from_pretrained`."""
        self._ref, self._device = ref, device
        self._loaded = None
        self._loading = threading.Lock()

    def load(self):  # noqa: ANN201  its module brings transformers
        """Return the parser; who asks while it loads waits.

        Raises:
            CheckpointError: The folder is incomplete, foreign or not there.
        """
        with self._loading:
            if self._loaded is None:
                from enhancer.parser import Parser

                self._loaded = Parser.from_pretrained(self._ref, device=self._device)
            return self._loaded

    @property
    def name(self) -> str:
        """What is running, to be shown."""
        return self.load().name

    @property
    def notice(self) -> Message | None:
        """Why another parser stands in; None if none does."""
        return self.load().notice

    def regions(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 in [0, 1] -> region map (H, W)."""
        return self.load().regions(rgb)


def best_device() -> str:
    """Return the fastest device there is: a CUDA GPU, Apple's, or the CPU."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def precision(device: str):  # noqa: ANN201  torch is not imported here
    """Return the floating-point type a model works in: float16 on a CUDA GPU, else float32.

    Not bfloat16, where a GPU has it either: the one step multiplies the UNet's errors by 14.6 (see `predict_clean`), and
    bfloat16 keeps three bits fewer. So no GPU is asked what it can, and a ZeroGPU need not be lent to load.
    """
    import torch

    return torch.float16 if device.startswith("cuda") else torch.float32


def cpu_speed() -> float:
    """Return how many floating-point operations a second this machine's processor does, by one convolution."""
    import torch

    side, channels = 96, 128
    layer = torch.nn.Conv2d(channels, channels, 3, padding=1)
    picture = torch.zeros(1, channels, side, side)
    with torch.inference_mode():
        layer(picture)  # the first one prepares
        start = time.perf_counter()
        layer(picture)
    return 2 * 9 * (channels * side) ** 2 / (time.perf_counter() - start)


def load_restorer(checkpoint: str | Path, device: str) -> Restorer:
    """Load a checkpoint onto a device.

    Args:
        checkpoint: ``"pocket"``, a folder, or a name on the Hub such as ``"user/repo@v1"``; see `enhancer.hub.resolve`.
        device: Such as ``"cpu"``.

    Raises:
        CheckpointError: It is incomplete, foreign or not there.
        HubError: The Hub says no, or nothing, and no copy is here.
    """
    source = resolve(checkpoint)
    # Here rather than above: torch and what stands on it take seconds, and --help should not.
    from enhancer.model import SplatEnhancer, restore_in_tiles, restore_whole
    from enhancer.model.config import EMBEDDED

    model = SplatEnhancer.from_pretrained(source.folder).for_inference(device, precision(device))
    is_slow = device == "cpu" and model.config.base != EMBEDDED
    name = source.name if source.repo else model.config.name
    sha = source.sha or _digest(source.folder / SHA_OF)
    return Restorer(
        run=partial(restore_whole, model),
        in_tiles=partial(restore_in_tiles, model),
        name=name,
        sha=sha,
        notice=source.notice,
        seconds_per_pixel=FLOPS_PER_PIXEL / cpu_speed() if is_slow else 0.0,
    )


def load_scorer(lpips_net: str, device: str, lpips_trunk: str | Path | None = None) -> ScoreKeeper:
    """Return a scorer; its LPIPS network is loaded by the first score, or by `Scorer.prepare`."""
    from enhancer.metrics import Scorer  # here rather than above: it brings torch

    return Scorer(lpips_net, device, lpips_trunk=lpips_trunk)


def _digest(path: Path) -> str | None:
    """Return the sha256 of a file, None without it."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
