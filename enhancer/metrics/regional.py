"""Versions of one picture scored against their reference, whole and per region."""

from collections.abc import Collection, Mapping

import numpy as np

from enhancer.imaging.masks import Masks
from enhancer.metrics.catalogue import PSNR, SSIM, WHOLE
from enhancer.metrics.fidelity import psnr, similarity, squared_error, weighted_mean, without_border
from enhancer.metrics.perceptual import Perceptual

MIN_REGION = 64.0  # px; a mask that weighs less in sum is no region to score


class RegionalScorer:
    """Scores versions of one picture; what depends on the reference alone is computed once.

    Attributes:
        reference: (H, W, 3) float32 in [0, 1].
        masks: The soft region masks, (H, W) in [0, 1], without those too small to score.
    """

    def __init__(self, reference: np.ndarray, masks: Masks, networks: Mapping[str, Perceptual]) -> None:
        """Take the reference, its masks, and LPIPS networks by the key of their scores; each looks at the reference."""
        self.reference, self.networks = reference, networks
        self.masks = {part: mask for part, mask in masks.items() if without_border(mask).sum() >= MIN_REGION}
        self._seen = {key: network.features(reference) for key, network in networks.items()}

    def score(self, rgb: np.ndarray, without: Collection[str] = ()) -> dict[str, dict[str, float]]:
        """Score one version, shaped as the reference.

        Args:
            rgb: The version.
            without: Keys of networks that are not asked this time.

        Returns:
            Part -> key -> value, `WHOLE` first. A region's score is the map of squared error, SSIM or LPIPS averaged
            under its mask.
        """
        error, likeness = squared_error(rgb, self.reference), similarity(rgb, self.reference)
        distances = {
            key: network.compare(network.features(rgb), self._seen[key])
            for key, network in self.networks.items()
            if key not in without
        }
        scores = {
            WHOLE: {
                PSNR.key: psnr(weighted_mean(error, None)),
                SSIM.key: weighted_mean(likeness, None),
                **{key: number for key, (number, _) in distances.items()},
            }
        }
        for part, mask in self.masks.items():
            scores[part] = {
                PSNR.key: psnr(weighted_mean(error, mask)),
                SSIM.key: weighted_mean(likeness, without_border(mask)),
                **{key: weighted_mean(field, mask) for key, (_, field) in distances.items()},
            }
        return scores
