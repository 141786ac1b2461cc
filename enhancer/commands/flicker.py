"""Scores of a restored clip against the clean one: of each frame, and of the flicker between frames."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from enhancer.imaging.io import composite
from enhancer.service import Service
from enhancer.video.metrics import FlickerScores

NAMES = ("degraded", "restored")
KEYS = ("psnr", "ssim", "lpips")


class ClipScores:
    """Scores before and after, gathered frame by frame."""

    def __init__(self, service: Service, distance: Callable[[np.ndarray, np.ndarray], float] | None) -> None:
        """Take what scores.

        Args:
            service: One with a scorer.
            distance: LPIPS of two (H, W, 3) pictures; None where its network is missing.
        """
        self._service = service
        self._flicker = {name: FlickerScores(distance) for name in NAMES}
        self._frames: list[dict[str, Any]] = []

    def add(self, seconds: float, degraded: np.ndarray, restored: np.ndarray, clean: np.ndarray) -> None:
        """Score the next frame.

        Args:
            seconds: When it is shown.
            degraded: (H, W, 3) or (H, W, 4) uint8; what is transparent lies over white.
            restored: Likewise.
            clean: Likewise.
        """
        assert self._service.scorer is not None
        before, after, flat = (composite(each.astype(np.float32) / 255) for each in (degraded, restored, clean))
        scores = self._service.scorer.score_each((before, after), flat, None)
        for name, frame in zip(NAMES, (before, after), strict=True):
            self._flicker[name].add(_levels(frame), _levels(flat))
        row = {name: {key: _finite(each[key]) for key in KEYS} for name, each in zip(NAMES, scores, strict=True)}
        self._frames.append({"frame": len(self._frames), "time": seconds, "scores": row})

    def row(self) -> dict[str, Any]:
        """Return the part of a report's row that they are."""
        return {"scores": self._mean(), "flicker": {name: self._of(name) for name in NAMES}, "images": self._frames}

    def _mean(self) -> dict[str, dict[str, float | None]]:
        """Return the means over the frames; None where a frame has no such score."""
        found: dict[str, dict[str, float | None]] = {}
        for name in NAMES:
            every = {key: [frame["scores"][name][key] for frame in self._frames] for key in KEYS}
            found[name] = {
                key: None if None in numbers or not numbers else sum(numbers) / len(numbers)
                for key, numbers in every.items()
            }
        return found

    def _of(self, name: str) -> dict[str, float | None]:
        flicker = self._flicker[name]
        return {
            "warping_error": _finite(flicker.warping_error),
            "temporal_psnr": _finite(flicker.temporal_psnr),
            "tlpips": _finite(flicker.tlpips),
        }


def _levels(rgb: np.ndarray) -> np.ndarray:
    return np.rint(rgb * 255).astype(np.uint8)


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)
