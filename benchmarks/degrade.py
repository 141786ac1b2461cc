"""How much faster degrading is than evaluating every blob at every pixel.

    python -m benchmarks.degrade [--size 512] [--repeats 15]

Prints milliseconds for all 14 steps on one picture and for each, seconds with the reference's masks, the ratio, and how
far the two sets of masks are apart. All runs in one process, one after the other.
"""

import time
from collections.abc import Callable
from unittest.mock import patch

import cv2
import numpy as np

from enhancer.degrade import degrade, face_render
from enhancer.degrade.blobs import EPSILON, FINAL_BLUR, LEVELS, LIGHT_BLUR, Blobs, Field
from enhancer.imaging.masks import length_scale, odd
from enhancer.imaging.regions import REGIONS
from enhancer.runtime.allocator import keep_freed_memory
from enhancer.runtime.command_line import ArgumentParser
from enhancer.seeding import rng_for

BAR = 75  # ms for all steps at 512x512 on two idle cores
SIX_FIELDS = (
    Blobs(200, 20, 50),
    Blobs(200, 5, 10),
    Blobs(200, 6, 12),
    Blobs(200, 8, 8),
    Blobs(150, 25, 60),
    Blobs(150, 15, 40),
)


def reference_average(field: Field, shape: tuple[int, ...]) -> np.ndarray:
    """Evaluate the weighted average blob by blob at every pixel, min-max normalised: (H, W) float64 in [0, 1]."""
    scale = length_scale(shape)
    y, x = (np.mgrid[: shape[0], : shape[1]] + 0.5) / scale
    total, weights = np.zeros(shape[:2]), np.zeros(shape[:2])
    blobs = zip(field.x, field.y, field.first_radius, field.second_radius, field.angle, field.value, strict=True)
    for centre_x, centre_y, first, second, angle, value in blobs:
        u = np.cos(angle) * (x - centre_x) + np.sin(angle) * (y - centre_y)
        v = -np.sin(angle) * (x - centre_x) + np.cos(angle) * (y - centre_y)
        weight = np.exp(-0.5 * ((u / first) ** 2 + (v / second) ** 2))
        total += value * weight
        weights += weight
    average = total / (weights + EPSILON)
    return (average - average.min()) / (average.max() - average.min())


def reference_variation_mask(field: Field, shape: tuple[int, ...]) -> np.ndarray:
    """Return the variation mask of `field` as the specification words it, every operation at full resolution."""
    average = reference_average(field, shape)
    mask = (np.minimum(np.floor(average * LEVELS), LEVELS - 1) / (LEVELS - 1)).astype(np.float32)
    for kernel, sigma in (LIGHT_BLUR, FINAL_BLUR):
        size = odd(kernel * length_scale(shape))
        mask = cv2.GaussianBlur(mask, (size, size), sigma * length_scale(shape))
    return mask


def reference_offsets(field: Field, shape: tuple[int, ...]) -> np.ndarray:
    """Return the smooth field of `field` in [-1, 1], evaluated at full resolution."""
    return (2 * reference_average(field, shape) - 1).astype(np.float32)


def drawn_face(side: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return a noisy (side, side, 3) picture and five overlapping masks: what is in them does not matter here."""
    rgb = rng_for("benchmark").random((side, side, 3), np.float32)
    masks = {}
    for k, region in enumerate(REGIONS):
        mask = np.zeros((side, side), np.float32)
        mask[side * k // 8 : side * (k + 3) // 8, side // 8 : -side // 8] = 1
        masks[region.name] = cv2.GaussianBlur(mask, (21, 21), 0)
    return rgb, masks


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Return the fewest seconds `work` took."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="side of the picture, pixels")
    parser.add_argument(
        "--repeats", type=int, default=15, help="the fastest of this many runs counts (reference: of 2)"
    )
    options = parser.parse_args()
    keep_freed_memory()
    rgb, masks = drawn_face(options.size)
    recipe = face_render()
    fast = fastest(lambda: degrade(rgb, masks, recipe, seed=0), options.repeats)
    print(f"14 steps, {options.size}x{options.size}: {fast * 1000:.0f} ms (at 512x512 at most {BAR} on two idle cores)")
    for step in recipe.steps:
        each = fastest(lambda step=step: step.apply(rgb, masks, rng_for(0, step.name)), options.repeats)
        print(f"  {each * 1000:5.1f} ms {step.name}")
    with (
        patch.object(Field, "variation_mask", reference_variation_mask),
        patch.object(Field, "offsets", reference_offsets),
    ):
        slow = fastest(lambda: degrade(rgb, masks, recipe, seed=0), 2)
    print(f"with the reference's masks: {slow:.2f} s; {slow / fast:.0f}x")
    print("mean (largest) difference of the variation masks, on a scale of 0 to 1:")
    for blobs in SIX_FIELDS:
        field = blobs.draw(rng_for("benchmark", repr(blobs)), rgb.shape)
        gap = np.abs(field.variation_mask(rgb.shape) - reference_variation_mask(field, rgb.shape))
        print(f"  {blobs.count} blobs of {blobs.min_radius}-{blobs.max_radius} px: {gap.mean():.4f} ({gap.max():.3f})")


if __name__ == "__main__":
    main()
