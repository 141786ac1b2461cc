"""A first look at ready pairs: their sizes, alpha and colours, and which side is the render. No torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import laplace

from enhancer.errors import EnhancerError, SettingsError
from enhancer.imaging.background import over_one_background
from enhancer.imaging.io import WHITE, read_image
from training.data.folders import Sample

SWAPPED = 0.8  # sides are swapped if in this share of the pairs the "degraded" picture is the sharper one
TINTED = 6.0  # levels: a mean difference in colour that is worth a sentence
LOOKED_AT = 40  # pairs, spread evenly: enough to tell


@dataclass(frozen=True)
class Look:
    """What pairs are like.

    Attributes:
        samples: The pairs, the render on the degraded side.
        swapped: Whether they came the other way round.
        side: Shortest of the pictures looked at, px.
        said: What is worth telling, a sentence each.
    """

    samples: list[Sample]
    swapped: bool
    side: int
    said: tuple[str, ...]


def look_at(samples: Sequence[Sample]) -> Look:
    """Look at pairs before anything is learnt from them.

    Raises:
        SettingsError: They are no pairs, or none can be read.
    """
    alone = [sample.name for sample in samples if sample.degraded is None]
    if alone:
        raise SettingsError(f"{alone[0]} has no degraded partner: give ready pairs, a render for each frame.")
    few = [samples[k] for k in np.unique(np.linspace(0, len(samples) - 1, LOOKED_AT).round().astype(int))]
    sizes, alphas, sides, ratios, tints = Counter[str](), Counter[str](), [], [], []
    for sample in few:
        assert sample.degraded is not None
        try:
            clean, degraded = read_image(sample.image), read_image(sample.degraded)
        except EnhancerError:
            continue  # training names it
        if clean.shape[:2] != degraded.shape[:2]:
            continue
        sizes[f"{clean.shape[1]}x{clean.shape[0]}"] += 1
        sides.append(min(clean.shape[:2]))
        alphas[_alpha(clean, degraded)] += 1
        clean, degraded = over_one_background([clean, degraded], WHITE)
        ratios.append(_detail(degraded) / max(_detail(clean), 1e-9))
        tints.append(255 * (degraded - clean).mean(axis=(0, 1)))
    if not ratios:
        raise SettingsError(f"None of the {len(samples)} pairs can be read: give both pictures of a pair at one size.")
    swapped = float(np.mean(np.array(ratios) > 1)) >= SWAPPED
    said = [f"{len(samples)} pairs of {_most(sizes)} pixels, {_most(alphas)}."]
    if swapped:
        said.append(
            "The pictures given as renders are the sharper ones: the sides were swapped, and are taken the other way round."
        )
    tint = np.mean(tints, axis=0)
    if abs(tint).max() > TINTED:
        levels = ", ".join(f"{level:+.0f}" for level in (-tint if swapped else tint))
        said.append(
            f"The renders differ from the frames in colour, by {levels} levels of 255 in red, green and blue: that is learnt too."
        )
    return Look([_turned(sample) for sample in samples] if swapped else list(samples), swapped, min(sides), tuple(said))


def _alpha(clean: np.ndarray, degraded: np.ndarray) -> str:
    sides = (clean.shape[2] == 4, degraded.shape[2] == 4)
    return {
        (True, True): "with alpha",
        (False, False): "without alpha",
        (True, False): "alpha on the frame only, used for both",
        (False, True): "alpha on the render only, used for both",
    }[sides]


def _detail(rgb: np.ndarray) -> float:
    """Return how much fine detail a picture has: the mean square of its Laplacian."""
    return float((laplace(rgb.mean(axis=2)) ** 2).mean())


def _most(counts: Counter[str]) -> str:
    (first, _), *others = counts.most_common()
    return f"{first} (and others: {', '.join(name for name, _ in others)})" if others else first


def _turned(sample: Sample) -> Sample:
    assert sample.degraded is not None
    return replace(sample, image=sample.degraded, degraded=sample.image, name=Path(sample.degraded).name)
