"""Weights between the start and what was adapted, so that other faces are not forgotten.

Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT): of weights that were trained from a start, those in between,
``(1 - share) start + share adapted``, keep most of what was won and most of what the start knew.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import skimage.data
import torch

from enhancer.degrade import degrade, face_render
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.metrics.fidelity import psnr, squared_error
from enhancer.model import SplatEnhancer, restore
from training.data.folders import Sample
from training.evaluation.samples import load_sample

SHARES = (1.0, 0.8, 0.6, 0.4)  # of the adapted weights; the largest is taken that forgets no more than this
# dB. What is aimed at is 0.5 and 1 on photographs of faces. Clean ones lose up to two and a half times what the pictures looked at here do.
MOST_FORGOTTEN = {"restored": 0.5, "clean": 0.5}
MOST_PICTURES = 12
# Rendered heads do not show what photographs lose. These come with scikit-image, free of rights: a woman, a cat, a cup.
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee")
SEED = "interpolation"  # other damage than an evaluation's

Means = dict[str, float]
Picture = tuple[str, np.ndarray, np.ndarray]  # kind, what is restored, and what it should be; (H, W, 3) in [0, 1]


@dataclass(frozen=True)
class Mixed:
    """How much of what was adapted was taken.

    Attributes:
        share: Of the adapted weights, above 0 to 1.
        forgotten: What other pictures lost by it, dB by kind: "restored" from the 14 steps, and "clean" ones; of several groups
            of pictures the one that lost most.
    """

    share: float
    forgotten: Means

    @property
    def is_much(self) -> bool:
        """Whether even the smallest share forgets more than it should."""
        return any(lost > MOST_FORGOTTEN[kind] for kind, lost in self.forgotten.items())


@torch.no_grad()
def mix(start: SplatEnhancer, adapted: SplatEnhancer, groups: Sequence[Sequence[Picture]]) -> Mixed:
    """Move adapted weights back towards the start, as far as other pictures need it.

    Args:
        start: Where training began.
        adapted: Of the same architecture; it gets the weights that were chosen.
        groups: Of other pictures, such as `pictures_of` and `library_pictures` return; each has to keep enough.
    """
    before = [_means(start, pictures) for pictures in groups]
    beginning, end = start.state_dict(), {name: each.clone() for name, each in adapted.state_dict().items()}
    mixed = Mixed(1.0, {})
    for share in SHARES:
        if share < 1:
            between = {
                name: torch.lerp(beginning[name], each, share) if each.is_floating_point() else each
                for name, each in end.items()
            }
            adapted.load_state_dict(between)
        after = [_means(adapted, pictures) for pictures in groups]
        lost = [{kind: was[kind] - now[kind] for kind in was} for was, now in zip(before, after, strict=True)]
        mixed = Mixed(share, {kind: max(each[kind] for each in lost) for kind in lost[0]})
        if not mixed.is_much:
            break
    return mixed


def pictures_of(samples: Sequence[Sample]) -> list[Picture]:
    """Return the first photographs of some with label maps, degraded by the 14 steps and clean."""
    loaded = [load_sample(sample) for sample in samples[:MOST_PICTURES]]
    return list(_both((each.clean, each.labels) for each in loaded))


def library_pictures() -> list[Picture]:
    """Return the photographs that scikit-image brings, degraded where no region is blurred for itself, and clean."""
    photographs = [getattr(skimage.data, name)().astype(np.float32) / 255 for name in PHOTOGRAPHS]
    return list(_both((each, None) for each in photographs))


def _both(photographs: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> Iterator[Picture]:
    for number, (clean, labels) in enumerate(photographs):
        regions = region_map(np.zeros(clean.shape[:2], np.uint8) if labels is None else labels)
        yield "restored", degrade(clean, soft_masks(regions), face_render("v2"), seed=(0, SEED, number)), clean
        yield "clean", clean, clean


def _means(model: SplatEnhancer, pictures: Sequence[Picture]) -> Means:
    """Return the mean PSNR of each kind, dB."""
    found: dict[str, list[float]] = {}
    for kind, given, clean in pictures:
        error = float(squared_error(restore(model, given), clean).mean())
        found.setdefault(kind, []).append(psnr(error))
    return {kind: float(np.mean(values)) for kind, values in found.items()}
