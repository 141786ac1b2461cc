"""Weights between the start and what was adapted, so that other faces are not forgotten.

Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT): of weights that were trained from a start, those in between,
``(1 - share) start + share adapted``, keep most of what was won and most of what the start knew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from enhancer.degrade import degrade, face_render
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.metrics.fidelity import psnr, squared_error
from enhancer.model import SplatEnhancer, restore
from training.data.folders import Sample
from training.evaluation.samples import load_sample

SHARES = (1.0, 0.8, 0.6, 0.4)  # of the adapted weights; the largest is taken that forgets no more than this
MOST_FORGOTTEN = {"restored": 0.5, "clean": 1.0}  # dB
MOST_PICTURES = 12
SEED = "interpolation"  # other damage than an evaluation's

Means = dict[str, float]


@dataclass(frozen=True)
class Mixed:
    """How much of what was adapted was taken.

    Attributes:
        share: Of the adapted weights, above 0 to 1.
        forgotten: What other faces lost by it, dB by kind: "restored" from the 14 steps, and "clean" ones.
    """

    share: float
    forgotten: Means

    @property
    def is_much(self) -> bool:
        """Whether even the smallest share forgets more than it should."""
        return any(lost > MOST_FORGOTTEN[kind] for kind, lost in self.forgotten.items())


@torch.no_grad()
def mix(start: SplatEnhancer, adapted: SplatEnhancer, samples: Sequence[Sample]) -> Mixed:
    """Move adapted weights back towards the start, as far as other faces need it.

    Args:
        start: Where training began.
        adapted: Of the same architecture; it gets the weights that were chosen.
        samples: Photographs with label maps.
    """
    pictures = list(_pictures(samples[:MOST_PICTURES]))
    before = _means(start, pictures)
    beginning, end = start.state_dict(), {name: each.clone() for name, each in adapted.state_dict().items()}
    mixed = Mixed(1.0, {})
    for share in SHARES:
        if share < 1:
            between = {
                name: torch.lerp(beginning[name], each, share) if each.is_floating_point() else each
                for name, each in end.items()
            }
            adapted.load_state_dict(between)
        after = _means(adapted, pictures)
        mixed = Mixed(share, {kind: before[kind] - after[kind] for kind in before})
        if not mixed.is_much:
            break
    return mixed


def _pictures(samples: Sequence[Sample]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield kind, what is restored, and the clean picture."""
    for number, sample in enumerate(samples):
        loaded = load_sample(sample)
        assert loaded.labels is not None
        masks = soft_masks(region_map(loaded.labels))
        yield "restored", degrade(loaded.clean, masks, face_render("v2"), seed=(0, SEED, number)), loaded.clean
        yield "clean", loaded.clean, loaded.clean


def _means(model: SplatEnhancer, pictures: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Means:
    """Return the mean PSNR of each kind, dB."""
    found: dict[str, list[float]] = {}
    for kind, given, clean in pictures:
        error = float(squared_error(restore(model, given), clean).mean())
        found.setdefault(kind, []).append(psnr(error))
    return {kind: float(np.mean(values)) for kind, values in found.items()}
