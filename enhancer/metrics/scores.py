"""All scores of one picture against its reference, whole and per region, as a plain JSON-ready dict."""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from enhancer.errors import ImageError, SettingsError, UnavailableError
from enhancer.imaging.arrays import as_image
from enhancer.imaging.masks import Masks
from enhancer.messages import Message
from enhancer.metrics.catalogue import LPIPS, LPIPS_NETS, WHOLE, lpips_of
from enhancer.metrics.perceptual import Perceptual
from enhancer.metrics.regional import RegionalScorer

_log = logging.getLogger(__name__)


class RegionScores(TypedDict):
    """The three scores; `lpips` is None where its network is missing."""

    psnr: float  # dB, higher is better, at most fidelity.PSNR_CAP
    ssim: float  # at most 1, higher is better
    lpips: float | None  # from 0, lower is better


class Scores(RegionScores):
    """The scores of the whole picture, and of each region; None for a region too small to score."""

    regions: dict[str, RegionScores | None]


class Scorer:
    """Scores pictures. LPIPS is loaded with the first score, or by `prepare`; without it the rest goes on."""

    def __init__(
        self,
        lpips_net: str = "alex",
        device: str = "cpu",
        perceptual: Perceptual | None = None,
        *,
        lpips_trunk: str | Path | None = None,
    ) -> None:
        """Choose the network; nothing is loaded yet.

        Args:
            lpips_net: "alex" (embedded, fast) or "vgg" (ten times slower on a CPU).
            device: Where LPIPS runs.
            perceptual: A ready network instead of the published one.
            lpips_trunk: File with VGG16's weights; see `enhancer.metrics.trunks.read_trunk`.

        Raises:
            SettingsError: There is no such network.
        """
        if lpips_net not in LPIPS_NETS:
            raise SettingsError(f"LPIPS has no network {lpips_net!r} here; use one of {', '.join(LPIPS_NETS)}.")
        if lpips_trunk is not None and lpips_net != "vgg":
            raise SettingsError("--lpips_trunk names VGG16's weights: give --lpips vgg too. AlexNet's are embedded.")
        self.lpips_net = lpips_net
        self.lpips_missing: Message | None = None
        """Why there is no LPIPS, to be shown; None as long as nothing is known to be missing."""
        self._device, self._trunk = device, lpips_trunk
        self._perceptual = perceptual
        self._is_prepared = perceptual is not None
        self._preparing = threading.Lock()

    @property
    def lpips_name(self) -> str:
        """What to call the LPIPS column: numbers of different networks do not compare."""
        return lpips_of(self.lpips_net).label

    def prepare(self) -> None:
        """Load LPIPS. Where its network is missing, `lpips_missing` says why, within 30 s."""
        with self._preparing:
            if self._is_prepared:
                return
            try:
                self._perceptual = Perceptual.from_pretrained(self.lpips_net, self._device, self._trunk)
            except UnavailableError as error:
                self.lpips_missing = Message(
                    "note.lpips",
                    "No {name}: {reason} The other scores are not affected.",
                    name=self.lpips_name,
                    reason=error.message,
                )
                _log.warning("%s", self.lpips_missing)
            self._is_prepared = True

    def score(self, rgb: np.ndarray, reference: np.ndarray, masks: Masks | None = None) -> Scores:
        """Score one picture against its reference, as `score_each` does."""
        return self.score_each([rgb], reference, masks)[0]

    def score_each(
        self, pictures: Sequence[np.ndarray], reference: np.ndarray, masks: Masks | None = None
    ) -> list[Scores]:
        """Score pictures against the same reference, which the LPIPS network then sees once.

        Args:
            pictures: (H, W, 3) float32 in [0, 1] each.
            reference: The same shape.
            masks: Soft region masks; a region's score is the error, SSIM or LPIPS map averaged under its mask.

        Returns:
            Python floats only. `regions` is empty without masks.

        Raises:
            ImageError: They are not pictures of the same size, or of another type or range.
        """
        for rgb in pictures:
            _require_alike(rgb, reference)
        pictures, reference = [as_image(rgb, channels=(3,)) for rgb in pictures], as_image(reference, channels=(3,))
        self.prepare()
        networks = {} if self._perceptual is None else {LPIPS.key: self._perceptual}
        scorer = RegionalScorer(reference, masks or {}, networks)
        return [_by_region(scorer.score(rgb), masks or {}) for rgb in pictures]


def _by_region(scores: Mapping[str, Mapping[str, float]], names: Iterable[str]) -> Scores:
    """Return a `RegionalScorer`'s scores as a report has them: every region named, None where there is no score."""

    def of(part: str) -> RegionScores:
        found = scores[part]
        return {"psnr": found["psnr"], "ssim": found["ssim"], "lpips": found.get("lpips")}

    return {**of(WHOLE), "regions": {name: of(name) if name in scores else None for name in names}}


def _require_alike(rgb: np.ndarray, reference: np.ndarray) -> None:
    if rgb.shape != reference.shape or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ImageError(
            f"Scores need two RGB pictures of one size, got shapes {rgb.shape} and {reference.shape}. "
            "Give the reference the picture was made from, without alpha."
        )
