"""The parts of a service: what each must be able to do, and loading them onto the fastest device."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from enhancer.errors import EnhancerError
from enhancer.hub import resolve
from enhancer.imaging.masks import Masks
from enhancer.messages import Message

if TYPE_CHECKING:  # it brings transformers
    from enhancer.parser import Parser

_log = logging.getLogger(__name__)

FLOPS_PER_PIXEL = 4.44e12 / 512**2  # of one pass through SD-Turbo's parts, counted at 512x512
SHA_OF = "adapters.safetensors"  # the file whose digest names a checkpoint without a commit


class FaceParser(Protocol):
    """What `enhancer.parser.Parser` does for us."""

    @property
    def name(self) -> str:
        """What is running, to be shown."""
        ...

    @property
    def notice(self) -> Message | None:
        """What a visitor should know about it, such as an older copy standing in; None where there is nothing."""
        ...

    def prepare(self) -> None:
        """Load what the first picture would load."""
        ...

    def regions(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 in [0, 1] -> region map (H, W)."""
        ...


class ScoreKeeper(Protocol):
    """What `enhancer.metrics.scores.Scorer` does for us."""

    @property
    def lpips_name(self) -> str:
        """LPIPS and its network."""
        ...

    @property
    def lpips_missing(self) -> Message | None:
        """Why LPIPS is missing; None where it is there."""
        ...

    def prepare(self) -> None:
        """Load what the first score would load."""
        ...

    def score_each(
        self, pictures: Sequence[np.ndarray], reference: np.ndarray, masks: Masks | None
    ) -> Sequence[Mapping[str, Any]]:
        """Compare each of some (H, W, 3) pictures in [0, 1] with the same reference."""
        ...


def _too_large(rgb: np.ndarray) -> np.ndarray:
    raise MemoryError(f"{rgb.shape[1]}x{rgb.shape[0]} pixels are too many for this restorer.")


@dataclass(frozen=True)
class Restorer:
    """A checkpoint, ready to restore.

    Attributes:
        run: `rgb` -> `rgb` of the same size; MemoryError where the device has too little memory for it.
        name: What to call it.
        sha: Its commit, or a digest of its adapters.
        in_tiles: As `run`, bit by bit; UnavailableError where there is too little memory even for that.
        notices: What a visitor should know about it, such as one checkpoint standing in for another.
        seconds_per_pixel: How long it will take, roughly; 0 where nobody needs to be warned.
    """

    run: Callable[[np.ndarray], np.ndarray]
    name: str
    sha: str | None = None
    in_tiles: Callable[[np.ndarray], np.ndarray] = _too_large
    notices: tuple[Message, ...] = ()
    seconds_per_pixel: float = 0.0


class LateParser:
    """The face parser, loaded by the first picture that needs it: a picture with a label map does not wait for it."""

    def __init__(self, ref: str | Path, device: str, *, may_be_replaced: bool = False) -> None:
        """Remember what to load.

        Args:
            ref: See `Parser.from_pretrained`.
            device: Where it runs.
            may_be_replaced: Where it cannot be had the embedded one stands in, with a `notice`; the log says why.
        """
        self._ref, self._device, self._may_be_replaced = ref, device, may_be_replaced
        self._loaded = None
        self._notice: Message | None = None
        self._loading = threading.Lock()

    def prepare(self) -> None:
        """Load it; who asks for it meanwhile waits.

        Raises:
            EnhancerError: It cannot be had, and none may replace it.
        """
        self._parser()

    def _parser(self) -> "Parser":
        with self._loading:
            if self._loaded is None:
                from enhancer.parser import Parser

                try:
                    self._loaded = Parser.from_pretrained(self._ref, device=self._device)
                    self._notice = self._loaded.notice
                except EnhancerError as error:
                    if not self._may_be_replaced:
                        raise
                    _log.warning("The face parser %s is not used: %s", self._ref, error)
                    self._loaded = Parser.from_pretrained("pocket", device=self._device)
                    self._notice = Message(
                        "note.parser",
                        "The face parser {name} cannot be had now, so the small embedded one finds the regions.",
                        name=str(self._ref),
                    )
            return self._loaded

    @property
    def name(self) -> str:
        """What is running, to be shown."""
        return self._parser().name

    @property
    def notice(self) -> Message | None:
        """What a visitor should know about it; None where there is nothing."""
        self._parser()
        return self._notice

    def regions(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 in [0, 1] -> region map (H, W)."""
        return self._parser().regions(rgb)


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
    sha = source.sha or _digest(source.folder / SHA_OF)
    return Restorer(
        run=partial(restore_whole, model),
        name=source.title(model.config.name),
        sha=sha,
        in_tiles=partial(restore_in_tiles, model),
        notices=(source.notice,) if source.notice else (),
        seconds_per_pixel=FLOPS_PER_PIXEL / cpu_speed() if is_slow else 0.0,
    )


def load_scorer(lpips_net: str, device: str, lpips_trunk: str | Path | None = None) -> ScoreKeeper:
    """Return a scorer; its LPIPS network is loaded by the first score, or by `Scorer.prepare`."""
    from enhancer.metrics.scores import Scorer  # here rather than above: it brings torch

    return Scorer(lpips_net, device, lpips_trunk=lpips_trunk)


def _digest(path: Path) -> str | None:
    """Return the sha256 of a file, None without it."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
