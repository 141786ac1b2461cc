"""What splats of a real head show and Gaussians fitted to one photograph lack, done to the fitted Gaussians.

Each artefact is a function with a name; it draws how strong it is and where it strikes from its own stream. One that needs
to know where the person, the face or the hair is does nothing where that is not known.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from enhancer.imaging.masks import length_scale
from enhancer.imaging.regions import REGION_NAMES
from enhancer.splats.gaussians2d import Gaussians2D

FACE = ("skin", "nose")
SILHOUETTE_BLUR = 5.0  # sigma, px at 512: how far inside and outside counts as the silhouette
SILHOUETTE = (0.12, 0.88)  # of the blurred mask of the person
FADED = 5.0  # taken off a logit: an opacity of 0.9 becomes 0.06


@dataclass(frozen=True, eq=False)
class Scene:
    """What is where in the picture; all masks are (H, W) bool.

    Attributes:
        person: Head, hair and clothes.
        face: Skin and nose.
        hair: Of the head.
    """

    person: np.ndarray
    face: np.ndarray
    hair: np.ndarray

    @classmethod
    def of(
        cls,
        shape: tuple[int, int],
        *,
        alpha: np.ndarray | None = None,
        regions: np.ndarray | None = None,
        person: np.ndarray | None = None,
    ) -> "Scene":
        """Put together what is known.

        Args:
            shape: H and W, px.
            alpha: (H, W) in [0, 1]; says what is the person where there is one.
            regions: (H, W) region map of any size, as of `enhancer.imaging.regions.region_map`.
            person: (H, W) bool of any size; without it and alpha, the person is the regions and what is below them.
        """
        size = (shape[1], shape[0])
        nobody = np.zeros(shape, bool)
        found = dict.fromkeys(REGION_NAMES, nobody)
        if regions is not None:
            fitted = cv2.resize(regions.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
            found = {name: fitted == k for k, name in enumerate(REGION_NAMES, start=1)}
        if alpha is not None:
            body = alpha >= 0.5
        elif person is not None:
            body = cv2.resize(person.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT) > 0
        else:
            body = np.logical_or.accumulate(np.any(list(found.values()), axis=0), axis=0)
        return cls(body, np.any([found[name] for name in FACE], axis=0), found["hair"])

    @property
    def scale(self) -> float:
        """How many pixels one pixel at 512 is."""
        return length_scale(self.person.shape)

    def at(self, mask: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Return a mask's values at centres (N, 2) in px; those outside the picture get the nearest."""
        height, width = mask.shape[:2]
        x, y = np.clip(means.astype(np.int64), 0, (width - 1, height - 1)).T
        return mask[y, x]

    def silhouette(self, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which centres lie on the person's outline, (N,) bool, and the way out of the person there, (N, 2)."""
        soft = cv2.GaussianBlur(self.person.astype(np.float32), (0, 0), SILHOUETTE_BLUR * self.scale)
        down, across = np.gradient(soft)
        inwards = np.stack([self.at(across, means), self.at(down, means)], 1)
        outwards = -inwards / (np.linalg.norm(inwards, axis=1, keepdims=True) + 1e-6)
        height = self.at(soft, means)
        return (height > SILHOUETTE[0]) & (height < SILHOUETTE[1]), outwards


Artefact = Callable[[Gaussians2D, Scene, np.random.Generator], Gaussians2D]


def from_the_side(gaussians: Gaussians2D, scene: Scene, rng: np.random.Generator, jitter: float) -> Gaussians2D:
    """Show Gaussians as a camera sees them that was not there while they were fitted.

    Their depths were never right, so each moves by its own error along one direction; some turn out to be needles, some
    are hardly there, some stand before others that they stood behind, and here and there nothing is left.

    Args:
        gaussians: As fitted.
        scene: What is where.
        rng: Of the draw.
        jitter: Standard deviation of the move, px at 512; everything else grows with it. 1.5 is a view between two others.
    """
    count = len(gaussians)
    direction = rng.uniform(0, 2 * np.pi)
    move = jitter * scene.scale * rng.standard_normal((count, 1)) * [np.cos(direction), np.sin(direction)]
    needle = rng.random(count) < 0.02 * jitter
    faded = rng.random(count) < 0.015 * jitter
    stretch = np.stack([rng.uniform(0.4, 1.3, count), -rng.uniform(0.3, 1, count)], 1) * needle[:, None]
    tint = 0.01 * jitter * rng.standard_normal((count, 3))
    colours = gaussians.colours.copy()
    colours[:, :3] = np.clip(colours[:, :3] + tint, 0, 1)
    moved = Gaussians2D(
        means=gaussians.means + move,
        log_scales=_long_axis_first(gaussians).log_scales + stretch,
        angles=_long_axis_first(gaussians).angles + 0.08 * jitter * rng.standard_normal(count),
        logits=gaussians.logits + needle * rng.uniform(0, 1.5, count) - 3.0 * faded,
        colours=colours,
    )
    moved = _with_holes(moved, scene, rng, rng.poisson(jitter), (3, 9))
    return moved.take(np.argsort(np.arange(count) + 0.04 * jitter * count * rng.standard_normal(count)))


def needles(gaussians: Gaussians2D, scene: Scene, rng: np.random.Generator) -> Gaussians2D:
    """Let Gaussians at the silhouette stick out of it, long and thin."""
    count = len(gaussians)
    outline, outwards = scene.silhouette(gaussians.means)
    chosen = outline & (rng.random(count) < 0.14 * rng.uniform(0.3, 1))
    turned = chosen & (rng.random(count) < 0.6)
    long = _long_axis_first(gaussians)
    stretch = np.stack([rng.uniform(0.6, 1.9, count), -rng.uniform(0.1, 0.9, count)], 1) * chosen[:, None]
    out = np.arctan2(outwards[:, 1], outwards[:, 0]) + 0.4 * rng.standard_normal(count)
    return replace(
        long,
        log_scales=long.log_scales + stretch,
        angles=np.where(turned, out, long.angles),
        logits=long.logits + chosen * rng.uniform(0, 1.5, count),
    )


def haze(gaussians: Gaussians2D, scene: Scene, rng: np.random.Generator) -> Gaussians2D:
    """Put large, faint Gaussians round the silhouette, in its colours, which may be darkened or paled."""
    outline, outwards = scene.silhouette(gaussians.means)
    rim = np.flatnonzero(outline)
    if not len(rim):
        return gaussians
    number = int(rng.integers(20, 160))
    chosen = rng.choice(rim, number)
    long = rng.uniform(2.0, 3.3, number) + np.log(scene.scale)
    colours, change = gaussians.colours[chosen], rng.uniform(0, 0.4)
    colours[:, :3] += change * (rng.choice([0.05, 0.95]) - colours[:, :3])
    veil = Gaussians2D(
        means=gaussians.means[chosen] + outwards[chosen] * rng.exponential(12, (number, 1)) * scene.scale,
        log_scales=np.stack([long, long - rng.uniform(0, 0.8, number)], 1),
        angles=rng.uniform(0, np.pi, number),
        logits=rng.uniform(-3.6, -1.6, number),
        colours=colours,
    )
    return _shuffled_in(veil, gaussians, rng)


def floaters(gaussians: Gaussians2D, scene: Scene, rng: np.random.Generator) -> Gaussians2D:
    """Let small Gaussians in the person's colours hang in the air round the silhouette, fewer the farther off."""
    rim = np.flatnonzero(scene.silhouette(gaussians.means)[0])
    if not len(rim):
        return gaussians
    chosen = rng.choice(rim, int(rng.integers(20, 120)))
    distance = rng.exponential(40, (len(chosen), 1)) * scene.scale
    means = gaussians.means[chosen] + distance * rng.standard_normal((len(chosen), 2))
    out = ~scene.at(scene.person, means)
    number = int(out.sum())
    long = rng.uniform(0.0, 1.6, number) + np.log(scene.scale)
    loose = Gaussians2D(
        means=means[out],
        log_scales=np.stack([long, long - rng.uniform(0, 1.5, number)], 1),
        angles=rng.uniform(0, np.pi, number),
        logits=rng.uniform(-1.5, 1.5, number),
        colours=gaussians.colours[chosen[out]],
    )
    return loose.before(gaussians)


def strands(gaussians: Gaussians2D, scene: Scene, rng: np.random.Generator) -> Gaussians2D:
    """Let Gaussians of the hair lie on the face."""
    count = len(gaussians)
    chosen = scene.at(scene.hair, gaussians.means) & (rng.random(count) < 0.035 * rng.uniform(0.3, 1))
    distance, way = rng.uniform(20, 80, count) * scene.scale, rng.uniform(0, 2 * np.pi, count)
    means = gaussians.means + distance[:, None] * np.stack([np.cos(way), np.sin(way)], 1)
    chosen &= scene.at(scene.face, means)
    return replace(gaussians, means=means).take(chosen).before(gaussians)


def mottling(gaussians: Gaussians2D, scene: Scene, rng: np.random.Generator) -> Gaussians2D:
    """Give the person spots of another brightness and tint, and each Gaussian a little of its own."""
    cells = int(rng.integers(10, 60))
    height, width = scene.person.shape
    field = rng.standard_normal((cells, cells, 3)) * 0.35 + rng.standard_normal((cells, cells, 1)) * 0.8
    field = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
    strength = rng.uniform(0.3, 1) * scene.at(scene.person, gaussians.means)[:, None]
    tint = 0.055 * scene.at(field, gaussians.means) + 0.03 * rng.standard_normal((len(gaussians), 3))
    colours = gaussians.colours.copy()
    colours[:, :3] = np.clip(colours[:, :3] + strength * tint, 0, 1)
    return replace(gaussians, colours=colours)


def holes(gaussians: Gaussians2D, scene: Scene, rng: np.random.Generator) -> Gaussians2D:
    """Leave out most Gaussians of a few patches of the person that no camera has looked at."""
    return _with_holes(gaussians, scene, rng, int(rng.integers(1, 4)), (6, 34))


ARTEFACTS: dict[str, Artefact] = {
    "needles": needles,
    "haze": haze,
    "floaters": floaters,
    "strands": strands,
    "mottling": mottling,
    "holes": holes,
}


def _with_holes(
    gaussians: Gaussians2D, scene: Scene, rng: np.random.Generator, number: int, radii: tuple[float, float]
) -> Gaussians2D:
    """Fade most Gaussians of round patches with a radius of so many px at 512, each round one of the person's own."""
    own = np.flatnonzero(scene.at(scene.person, gaussians.means))
    gone = np.zeros(len(gaussians), bool)
    for _ in range(number if len(own) else 0):
        middle = gaussians.means[rng.choice(own)]
        distance = np.linalg.norm(gaussians.means - middle, axis=1)
        gone |= (distance < rng.uniform(*radii) * scene.scale) & (rng.random(len(gaussians)) < 0.75)
    return replace(gaussians, logits=gaussians.logits - FADED * gone)


def _long_axis_first(gaussians: Gaussians2D) -> Gaussians2D:
    """Return the same Gaussians, the longer axis as the first."""
    swapped = gaussians.log_scales[:, 0] < gaussians.log_scales[:, 1]
    return replace(
        gaussians,
        log_scales=-np.sort(-gaussians.log_scales, axis=1),
        angles=gaussians.angles + np.pi / 2 * swapped,
    )


def _shuffled_in(some: Gaussians2D, others: Gaussians2D, rng: np.random.Generator) -> Gaussians2D:
    """Return both, the first at random depths among the second."""
    depths = np.concatenate([rng.uniform(0, len(others), len(some)), np.arange(len(others))])
    return some.before(others).take(np.argsort(depths, kind="stable"))
