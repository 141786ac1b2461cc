"""Extras on top of the degradation while training: what renders show now and then, beyond the 14 steps. No torch."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from enhancer.degrade.steps import Desaturation, Gaussian, Noise, lerp
from enhancer.imaging.io import fill_transparent, split_alpha, with_alpha
from enhancer.imaging.masks import length_scale
from enhancer.seeding import rng_for


class Extra(Protocol):
    """One kind of extra degradation; every change it makes is drawn from `rng`."""

    @property
    def name(self) -> str:
        """Address of its random stream."""
        ...

    @property
    def chance(self) -> float:
        """Share of samples it befalls."""
        ...

    def apply(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return (H, W, 3) float32, changed; never writes to `rgb`."""
        ...


@dataclass(frozen=True)
class BlurBlobs:
    """A few large soft patches out of focus, wherever they fall."""

    name: str = "blur blobs"
    chance: float = 0.10
    count: tuple[int, int] = (1, 4)
    radius: tuple[float, float] = (40, 100)  # px at 512, one sigma of the patch
    sigma: tuple[float, float] = (3, 8)  # px at 512, of the blur

    def apply(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Blend towards the blurred picture by the patches."""
        height, width = rgb.shape[:2]
        scale = length_scale(rgb.shape)
        y, x = np.ogrid[:height, :width]
        patches = np.zeros((height, width), np.float32)
        for _ in range(rng.integers(self.count[0], self.count[1] + 1)):
            middle_x, middle_y = rng.uniform(0, width), rng.uniform(0, height)
            radius_x, radius_y = scale * rng.uniform(*self.radius, 2)
            patch = np.exp(-0.5 * (((x - middle_x) / radius_x) ** 2 + ((y - middle_y) / radius_y) ** 2))
            patches = np.maximum(patches, patch.astype(np.float32))
        sigma = rng.uniform(*self.sigma)
        return lerp(rgb, Gaussian(6 * round(sigma) + 1, sigma)(rgb), patches)


@dataclass(frozen=True)
class NoiseBoost:
    """Noise stronger than the last step's."""

    name: str = "noise boost"
    chance: float = 0.15
    sigma: tuple[float, float] = (5, 10)  # levels

    def apply(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add noise to every pixel and channel."""
        return Noise(rng.uniform(*self.sigma)).apply(rgb, {}, rng)


@dataclass(frozen=True)
class BrightnessShift:
    """The whole picture lighter or darker."""

    name: str = "brightness shift"
    chance: float = 0.10
    shift: tuple[float, float] = (-10, 10)  # levels

    def apply(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add one amount to every pixel."""
        return rgb + np.float32(rng.uniform(*self.shift) / 255)


@dataclass(frozen=True)
class ExtraDesaturation:
    """Paler than the preset makes it."""

    name: str = "extra desaturation"
    chance: float = 0.10
    strength: tuple[float, float] = (0.05, 0.15)

    def apply(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Blend towards grey."""
        return Desaturation(rng.uniform(*self.strength)).apply(rgb, {}, rng)


EXTRAS: tuple[Extra, ...] = (BlurBlobs(), NoiseBoost(), BrightnessShift(), ExtraDesaturation())


def augment(image: np.ndarray, address: tuple[int | str, ...], extras: tuple[Extra, ...] = EXTRAS) -> np.ndarray:
    """Return a degraded picture with the extras that chance brings.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1]; alpha stays as it is, so put the background behind it after.
        address: Of the draw, such as ``(seed, "augment", epoch, index)``. Each extra has a stream of its own below it.
        extras: What may happen.
    """
    rgb, alpha = split_alpha(image)
    if alpha is not None:
        rgb = fill_transparent(rgb, alpha)
    for extra in extras:
        rng = rng_for(*address, extra.name)
        if rng.random() < extra.chance:
            rgb = np.clip(extra.apply(rgb, rng), 0, 1).astype(np.float32)
    return with_alpha(rgb, alpha)
