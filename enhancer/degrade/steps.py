"""What can be done to a picture: one small class a step, its numbers as fields with their units.

Every step has a `name` (also the address of its random stream) and ``apply(rgb, masks, rng) -> rgb`` on (H, W, 3)
float32 in [0, 1]. A step never writes to its input, and all its chance comes from `rng`. Lengths are in px at 512
and scale with the short side; levels are 8-bit levels.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Protocol

import cv2
import numpy as np

from enhancer.degrade.blobs import Blobs
from enhancer.imaging.masks import REFERENCE_SIDE, Masks, length_scale, odd

Box = tuple[slice, slice]  # rows, columns
WHOLE: Box = (slice(None), slice(None))
NORMAL_VALUES = 2**16
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


class Step(Protocol):
    """A named stage of a recipe."""

    @property
    def name(self) -> str:
        """Unique within a recipe."""
        ...

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:
        """Return the picture after this step."""
        ...


def _box(mask: np.ndarray) -> Box:
    """Return the smallest box outside which `mask` is zero: most regions are a small part of the picture."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _widened(box: Box, by: int, shape: tuple[int, ...]) -> tuple[Box, Box]:
    """Return `box` with `by` pixels more on every side, as far as the picture goes, and where `box` lies in that."""
    seen, inside = [], []
    for side, length in zip(box, shape[:2], strict=True):
        first, last, _ = side.indices(length)
        start, stop = max(0, first - by), min(length, last + by)
        seen.append(slice(start, stop if last > first else start))
        inside.append(slice(first - start, last - start))
    return (seen[0], seen[1]), (inside[0], inside[1])


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian blur cut off at its kernel, as OpenCV's."""

    kernel: int  # px at 512, odd
    sigma: float  # px at 512

    def __call__(self, rgb: np.ndarray, box: Box = WHOLE) -> np.ndarray:
        """Blur (H, W, 3) and return what lies in `box`, the only part that is worked on.

        Wide blurs run on a smaller copy: what they keep, it still holds.
        """
        scale = length_scale(rgb.shape)
        shrink = max(1, int(self.sigma * scale / 4))  # leaves a sigma of at least 4 px
        kernel = odd(self.kernel * scale / shrink)
        seen, inside = _widened(box, shrink * (kernel // 2 + 1), rgb.shape)
        rgb = rgb[seen]
        if not rgb.size:
            return rgb
        if shrink == 1:
            return cv2.GaussianBlur(rgb, (kernel, kernel), self.sigma * scale)[inside]
        height, width = rgb.shape[:2]
        size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        sigma_x, sigma_y = (self.sigma * scale * few / many for few, many in zip(size, (width, height), strict=True))
        small = cv2.GaussianBlur(small, (kernel, kernel), sigma_x, sigmaY=sigma_y)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)[inside]


SOFT = Gaussian(25, 6)
HEAVY = Gaussian(101, 40)
FLAT = Gaussian(41, 15)


def lerp(rgb: np.ndarray, other: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """Return `rgb` moved towards `other` by `weight`: a number, or an (H, W) mask."""
    if not isinstance(weight, np.ndarray):
        return cv2.addWeighted(rgb, 1 - weight, other, weight, 0)
    out = other - rgb
    if out.size:
        out *= cv2.merge([weight] * 3)  # many times faster than broadcasting one channel over three
        out += rgb
    return out


@dataclass(frozen=True)
class Keep:
    """A stage at which something is read off the picture but nothing is changed."""

    name: str

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Return `rgb` as it is."""
        return rgb


@dataclass(frozen=True)
class Warp:
    """Low-frequency random displacement: features sit slightly off, as on a fitted avatar."""

    amplitude: float  # px at 512; displacement is uniform in +-amplitude at each grid point
    grid: float = 30  # px at 512
    name: str = "geometric warp"

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Move pixels along a cubic interpolation of the displacement grid."""
        height, width = rgb.shape[:2]
        scale = length_scale(rgb.shape)
        cells = (round(height / (self.grid * scale)) + 1, round(width / (self.grid * scale)) + 1, 2)
        shift = rng.uniform(-1, 1, cells).astype(np.float32) * (self.amplitude * scale)
        map_x, map_y = (cv2.resize(along, (width, height), interpolation=cv2.INTER_CUBIC) for along in cv2.split(shift))
        map_x += np.arange(width, dtype=np.float32)
        map_y += np.arange(height, dtype=np.float32)[:, None]
        return cv2.remap(rgb, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


@dataclass(frozen=True)
class RegionBlur:
    """Blur one region patchily: region mask x variation mask x strength."""

    name: str
    region: str
    blur: Gaussian
    strength: float  # 0 to 1
    blobs: Blobs
    then: Gaussian | None = None  # a second, even blur over the whole region
    then_strength: float = 0.0

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:
        """Blend towards the blurred picture; the blur source carries the warp, since the warp came before."""
        mask = masks[self.region]
        box = _box(mask)
        variation = self.blobs.draw(rng, rgb.shape).variation_mask(rgb.shape)
        out = rgb.copy()
        weight = np.minimum(mask[box] * variation[box] * self.strength, 1)
        out[box] = lerp(rgb[box], self.blur(rgb, box), weight)
        if self.then is not None:
            out[box] = lerp(out[box], self.then(rgb, box), mask[box] * self.then_strength)
        return out


@contextmanager
def _without_ipp() -> Iterator[None]:
    """Let OpenCV use its own code in this thread: of the bilateral filter it is twice as fast as Intel's IPP, and equal."""
    before = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(before)


@dataclass(frozen=True)
class SurfaceBlur:
    """Bilateral filter: waxy surfaces with edges kept."""

    strength: float
    diameter: float = 12  # px at 512
    sigma_colour: float = 100  # levels
    sigma_space: float = 100  # px at 512
    name: str = "surface blur"

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Filter at 512 px: the cost grows with the fourth power of the side, the look does not need it."""
        height, width = rgb.shape[:2]
        shrink = max(1.0, length_scale(rgb.shape))
        size = (round(width / shrink), round(height / shrink))
        small = rgb if shrink == 1 else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        scale = min(size) / REFERENCE_SIDE
        levels = cv2.convertScaleAbs(small, alpha=255)
        with _without_ipp():
            smooth = cv2.bilateralFilter(
                levels, max(1, round(self.diameter * scale)), self.sigma_colour, self.sigma_space * scale
            )
        if shrink > 1:
            smooth = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
        return cv2.addWeighted(rgb, 1 - self.strength, smooth, self.strength / 255, 0, dtype=cv2.CV_32F)


@dataclass(frozen=True)
class Brightness:
    """Patchy brightness, then clamps: no deep shadows, no highlights, flat mouth and nostrils."""

    amplitude: float  # levels
    floor: float  # levels
    ceiling: float  # levels
    region_floors: tuple[tuple[str, float], ...]  # region, levels
    blobs: Blobs
    name: str = "brightness and clamps"

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:
        """Add the field to all channels, then clamp each channel; region floors fade in with the region's mask."""
        offsets = self.blobs.draw(rng, rgb.shape).offsets(rgb.shape) * np.float32(self.amplitude / 255)
        out = rgb + cv2.merge([offsets] * 3)
        np.clip(out, self.floor / 255, self.ceiling / 255, out=out)
        for region, floor in self.region_floors:
            box = _box(masks[region])
            out[box] = lerp(out[box], np.maximum(out[box], floor / 255), masks[region][box])
        return out


@dataclass(frozen=True)
class OverallBlur:
    """A light blur of the whole picture."""

    strength: float
    blur: Gaussian = Gaussian(15, 6)
    name: str = "overall blur"

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Blend towards the blurred picture."""
        return lerp(rgb, self.blur(rgb), self.strength)


@dataclass(frozen=True)
class Desaturation:
    """Move colours towards their luma."""

    strength: float
    name: str = "desaturation"

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Blend towards grey."""
        mix = np.eye(3, dtype=np.float32) * (1 - self.strength) + self.strength * LUMA
        return cv2.transform(rgb, mix)


@dataclass(frozen=True)
class Downscale:
    """Halve the resolution and bring it back."""

    strength: float = 1.0  # blend with the picture before
    factor: int = 2  # a ratio, so the same at every size
    name: str = "downscale"

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Average down, interpolate up."""
        height, width = rgb.shape[:2]
        small = cv2.resize(rgb, (width // self.factor, height // self.factor), interpolation=cv2.INTER_AREA)
        up = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        return up if self.strength == 1 else lerp(rgb, up, self.strength)


@dataclass(frozen=True)
class Noise:
    """Gaussian noise, independent per pixel and channel."""

    sigma: float  # levels
    name: str = "noise"

    def apply(self, rgb: np.ndarray, masks: Masks, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Add the noise; the pipeline clips."""
        drawn = rng.integers(0, NORMAL_VALUES, rgb.shape, np.uint16)
        return cv2.add(rgb, cv2.LUT(drawn, _normal_values() * np.float32(self.sigma / 255)))


@cache
def _normal_values() -> np.ndarray:
    """Return the standard normal distribution as equally likely values, the middles of as many equal shares of it.

    One of them looked up is drawn several times faster than a normal number is made. Their standard deviation is short
    of 1 by 1e-5, the largest is 4.32; a picture is rounded to 8 bits afterwards.
    """
    quantile = NormalDist().inv_cdf
    above = [quantile((k + 0.5) / NORMAL_VALUES) for k in range(NORMAL_VALUES // 2, NORMAL_VALUES)]
    values = np.array(above, np.float32)
    return np.concatenate([-values[::-1], values])
