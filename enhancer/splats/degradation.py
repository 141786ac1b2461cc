"""A picture as splats show it: how few Gaussians, how hurried, and seen from where, as named presets."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from enhancer.errors import SettingsError
from enhancer.imaging.io import fill_transparent, split_alpha, with_alpha
from enhancer.imaging.masks import REFERENCE_SIDE
from enhancer.messages import Message
from enhancer.seeding import rng_for
from enhancer.splats.artefacts import ARTEFACTS, Scene, from_the_side
from enhancer.splats.fit import fit, target_of
from enhancer.splats.gaussians2d import Gaussians2D, composite

LARGEST_FIT = (
    REFERENCE_SIDE  # px of the short side: a larger picture is fitted at this size, and its splats are enlarged
)
DRAWN, FITTED, SIDE = "Gaussians as drawn", "fitted", "from the side"  # stages beside the artefacts


@dataclass(frozen=True)
class SplatPreset:
    """How severe it is.

    Attributes:
        count: Gaussians on a square of the short side, whatever its size: a larger picture gets larger ones.
        steps: Of the fit.
        side: How far from the side it is seen: px at 512 that a Gaussian is off on average; 0 for the view that was fitted.
        artefacts: Names in `enhancer.splats.artefacts.ARTEFACTS`, in the order they are done.
    """

    count: int
    steps: int
    side: float = 0.0
    artefacts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            SettingsError: It says what, and what can be.
        """
        if self.count < 1 or self.steps < 0 or self.side < 0:
            raise SettingsError(
                f"A fit takes at least 1 Gaussian, 0 steps and a side view of 0, got {self.count}, {self.steps}, {self.side}."
            )
        if unknown := set(self.artefacts) - set(ARTEFACTS):
            raise SettingsError(
                f"There is no artefact {', '.join(sorted(unknown))}. Choose among {', '.join(ARTEFACTS)}."
            )


SPLAT_PRESETS = {
    "splat-coarse": SplatPreset(count=2_000, steps=10),
    "splat-medium": SplatPreset(count=5_000, steps=10),
    "splat-fine": SplatPreset(count=10_000, steps=25),
    "splat-side": SplatPreset(count=5_000, steps=15, side=1.5),
    "splat-head": SplatPreset(count=5_000, steps=15, artefacts=tuple(ARTEFACTS)),
}


def splat_preset(name: str) -> SplatPreset:
    """Return a preset by its name.

    Raises:
        SettingsError: There is none; the message names those there are.
    """
    if name not in SPLAT_PRESETS:
        raise SettingsError(
            Message(
                "settings.splat_preset",
                "There is no splat preset {preset!r}. Choose one of {known}.",
                preset=name,
                known=", ".join(SPLAT_PRESETS),
            )
        )
    return SPLAT_PRESETS[name]


def drawn_preset(rng: np.random.Generator) -> SplatPreset:
    """Draw a severity, for data of many: from few Gaussians to many, stopped early or late, half of them from the side.

    Each artefact comes with a third of them.
    """
    count = round(float(np.exp(rng.uniform(np.log(1_500), np.log(12_000)))))
    steps = int(rng.integers(6, 31))
    side = round(float(rng.uniform(0.3, 2)), 2) if rng.random() < 0.5 else 0.0
    return SplatPreset(count, steps, side, tuple(name for name in ARTEFACTS if rng.random() < 1 / 3))


@dataclass(frozen=True)
class Stage:
    """A picture on its way to what splats make of it.

    Attributes:
        name: What was done last.
        share: Of the work that is done, 0 to 1.
    """

    name: str
    share: float
    _gaussians: Gaussians2D
    _shape: tuple[int, int]
    _behind: np.ndarray

    @property
    def image(self) -> np.ndarray:
        """The picture of the Gaussians, shaped as the one they are fitted to; drawn when it is asked for."""
        return _straight(composite(self._gaussians, self._shape, self._behind))


def trace_as_splats(
    image: np.ndarray,
    preset: str | SplatPreset = "splat-medium",
    seed: int | tuple[int | str, ...] = 0,
    *,
    regions: np.ndarray | None = None,
    person: np.ndarray | None = None,
    background: tuple[float, float, float] | None = None,
) -> Iterator[Stage]:
    """Yield the stages of `degrade_as_splats`: after each step of the fit, each artefact, and from the side."""
    chosen = splat_preset(preset) if isinstance(preset, str) else preset
    address = seed if isinstance(seed, tuple) else (seed,)
    small = _shrunk(image)
    _, alpha = split_alpha(small)
    _, behind = target_of(small, None if background is None else np.array(background))
    colour = None if alpha is not None else behind
    shape, (height, width) = (image.shape[0], image.shape[1]), small.shape[:2]
    # Both sides by one factor: the picture was shrunk in proportion, to a pixel.
    factor = min(shape) / min(height, width)
    others = len(chosen.artefacts) + bool(chosen.side)
    done, work = 0, chosen.steps + others

    def stage(name: str, gaussians: Gaussians2D) -> Stage:
        return Stage(name, done / work if work else 1.0, gaussians.enlarged(factor), shape, behind)

    gaussians = None
    fitting = fit(small, chosen.count, chosen.steps, rng_for(*address, "fit"), background=colour)
    for done, gaussians in enumerate(fitting):
        yield stage(DRAWN if done == 0 else FITTED, gaussians)
    assert gaussians is not None
    scene = Scene.of((height, width), alpha=alpha, regions=regions, person=person)
    for name in chosen.artefacts:
        gaussians, done = ARTEFACTS[name](gaussians, scene, rng_for(*address, name)), done + 1
        yield stage(name, gaussians)
    if chosen.side:
        gaussians, done = from_the_side(gaussians, scene, rng_for(*address, "side"), chosen.side), done + 1
        yield stage(SIDE, gaussians)


def degrade_as_splats(
    image: np.ndarray,
    preset: str | SplatPreset = "splat-medium",
    seed: int | tuple[int | str, ...] = 0,
    *,
    regions: np.ndarray | None = None,
    person: np.ndarray | None = None,
    background: tuple[float, float, float] | None = None,
) -> np.ndarray:
    """Return what splats make of a picture.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1], straight alpha.
        preset: A name in `SPLAT_PRESETS`, or one of your own.
        seed: Address of the draw: a number, or a path such as ``(seed, epoch, index)``. Same seed, same bytes.
        regions: (H, W) region map, for artefacts of face and hair.
        person: (H, W) bool, for artefacts of the silhouette of a picture without alpha.
        background: Behind an opaque picture, in [0, 1]; by default that of a plain background, or white.

    Returns:
        The same shape, float32 in [0, 1]. Alpha is what the splats cover: soft at the silhouette, and less than 1 where
        one looks through between them.

    Raises:
        SettingsError: There is no such preset.
    """
    *_, last = trace_as_splats(image, preset, seed, regions=regions, person=person, background=background)
    return last.image


def _shrunk(image: np.ndarray) -> np.ndarray:
    """Return the picture with a short side of `LARGEST_FIT` px or less."""
    height, width = image.shape[:2]
    factor = LARGEST_FIT / min(height, width)
    if factor >= 1:
        return image
    rgb, alpha = split_alpha(image)
    if alpha is not None:  # colours nobody saw must not leak out
        image = with_alpha(fill_transparent(rgb, alpha), alpha)
    return cv2.resize(image, (round(factor * width), round(factor * height)), interpolation=cv2.INTER_AREA)


def _straight(picture: np.ndarray) -> np.ndarray:
    """Return a composited picture with straight alpha, in [0, 1]."""
    rgb, alpha = split_alpha(picture)
    if alpha is None:
        return np.clip(rgb, 0, 1)
    rgb = np.clip(rgb / np.maximum(alpha, 1e-6)[..., None], 0, 1)
    return with_alpha(fill_transparent(rgb, alpha), np.clip(alpha, 0, 1))
