"""Patchy masks and fields made of random anisotropic Gaussian blobs.

A field is the weighted average of the blobs' values, ``sum(v_i g_i) / sum(g_i)``. It is smooth at the scale of the
blobs, so it is evaluated on a coarse grid, all blobs at once as one matrix product, and only then brought to the
picture's size: the cost does not grow with the picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from enhancer.imaging.masks import REFERENCE_SIDE, length_scale, odd

LEVELS = 6  # posterisation of a variation mask
LIGHT_BLUR = (5, 1.0)  # kernel and sigma, px at 512, straight after posterisation
FINAL_BLUR = (31, 8.0)
EPSILON = 1e-8  # keeps the average defined beyond six sigma of every blob, where it falls to 0
FINE_STRIDE, COARSE_STRIDE = 4, 8  # grid spacing, px at 512
BAND = 8  # grid rows evaluated at once: they fit the processor's cache, and small blobs out of reach are left out
REACH = 7  # sigma; a weight beyond is under e^-24, nothing beside EPSILON
FINE_BELOW = 20  # px at 512: blobs whose largest radius is under this are sampled on the fine grid


@dataclass(frozen=True)
class Blobs:
    """How many blobs of which size; drawing gives a `Field`."""

    count: int
    min_radius: float  # px at 512
    max_radius: float

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> "Field":
        """Draw blobs for a picture of `shape` (H, W, ...); positions are in px at 512."""
        n, scale = self.count, length_scale(shape)
        first = rng.uniform(self.min_radius, self.max_radius, n)
        return Field(
            x=rng.uniform(0, shape[1] / scale, n),
            y=rng.uniform(0, shape[0] / scale, n),
            first_radius=first,
            second_radius=first * rng.uniform(0.3, 0.7, n),
            angle=rng.uniform(0, np.pi, n),
            value=rng.uniform(0, 1, n),
        )


@dataclass(frozen=True)
class Field:
    """Drawn blobs: six arrays of one length; positions and radii (one sigma) in px at 512, angles in radians."""

    x: np.ndarray
    y: np.ndarray
    first_radius: np.ndarray
    second_radius: np.ndarray
    angle: np.ndarray
    value: np.ndarray

    def average(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the weighted average on a coarse grid over a picture of `shape`, min-max normalised to [0, 1]."""
        scale = length_scale(shape)
        stride = FINE_STRIDE if self.first_radius.max() < FINE_BELOW else COARSE_STRIDE
        rows, columns = (max(2, round(side / scale / stride)) for side in shape[:2])
        # Coordinates from the middle, so that the products below stay small enough for float32.
        middle_x, middle_y = shape[1] / scale / 2, shape[0] / scale / 2
        x = (np.arange(columns) + 0.5) * (2 * middle_x / columns) - middle_x
        y = (np.arange(rows) + 0.5) * (2 * middle_y / rows) - middle_y
        grid_x, grid_y = (axis.ravel() for axis in np.meshgrid(x, y))
        basis = np.stack([grid_x**2, grid_x * grid_y, grid_y**2, grid_x, grid_y, np.ones_like(grid_x)])

        # The exponent -(u^2 / r1^2 + v^2 / r2^2) / 2 of a rotated blob, multiplied out into those six terms.
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        first, second = self.first_radius**-2, self.second_radius**-2
        a, b, c = (
            cos**2 * first + sin**2 * second,
            2 * cos * sin * (first - second),
            sin**2 * first + cos**2 * second,
        )
        p, q = self.x - middle_x, self.y - middle_y
        terms = (a, b, c, -2 * a * p - b * q, -2 * c * q - b * p, a * p**2 + b * p * q + c * q**2)
        terms, basis = -0.5 * np.stack(terms, axis=1).astype(np.float32), basis.astype(np.float32)
        value_and_one = np.stack([self.value, np.ones_like(self.value)]).astype(np.float32)

        sums = np.empty((2, rows * columns), np.float32)  # numerator and denominator
        reach = REACH * np.hypot(self.first_radius * sin, self.second_radius * cos)  # up and down
        for top in range(0, rows, BAND):
            here = slice(top * columns, (top + BAND) * columns)
            band = y[top : top + BAND]
            near = (q + reach >= band[0]) & (q - reach <= band[-1])
            exponent = terms[near] @ basis[:, here]
            # Below -60 a weight is far under EPSILON; clamping keeps the exponential out of slow denormal numbers.
            weight = cv2.exp(np.maximum(exponent, -60, out=exponent)) if near.any() else exponent
            sums[:, here] = value_and_one[:, near] @ weight
        numerator, denominator = sums
        average = (numerator / (denominator + EPSILON)).reshape(rows, columns)
        low, high = float(average.min()), float(average.max())
        return (average - low) / max(high - low, 1e-6)

    def variation_mask(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the patchy (H, W) float32 mask in [0, 1]: posterised, lightly blurred, then blurred again."""
        average = self.average(shape)
        mask = np.minimum(np.floor(average * LEVELS), LEVELS - 1) / (LEVELS - 1)
        # Both blurs in one, on the coarse grid: variances of Gaussians add.
        sigma = np.hypot(LIGHT_BLUR[1], FINAL_BLUR[1]) / REFERENCE_SIDE * min(mask.shape)
        kernel = odd(FINAL_BLUR[0] / REFERENCE_SIDE * min(mask.shape))
        mask = cv2.GaussianBlur(mask, (kernel, kernel), sigma)
        return cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)

    def offsets(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the smooth (H, W) float32 field in [-1, 1], not posterised."""
        average = self.average(shape)
        return cv2.resize(2 * average - 1, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
