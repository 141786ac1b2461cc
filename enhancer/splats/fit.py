"""Fit 2D Gaussians to a picture: centres drawn where there is detail, then some steps of Adam on exact gradients.

After Zhang et al. 2024, "GaussianImage"; here Gaussians are opaque bodies in front of each other, as in three dimensions,
and are stopped early: what a few steps leave is what too few, hurried splats look like.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from enhancer.imaging.io import WHITE, fill_transparent, split_alpha
from enhancer.imaging.masks import length_scale
from enhancer.splats.gaussians2d import Gaussians2D, gradient

DETAIL_SHARE = 0.7  # of the Gaussians are drawn by the picture's gradient, the others anywhere
DETAIL_BLUR, ORIENTATION_BLUR = 1.2, 2.5  # sigma, px at 512: before the gradient, and over its structure tensor
SPREAD = 0.6  # standard deviation of a fresh Gaussian, in distances to its neighbours
SMALLEST, LARGEST = 0.6, 24.0  # standard deviations of a fresh Gaussian, px at 512
ELONGATION = 3.0  # of a fresh Gaussian along a sharp edge
START_LOGIT = (0.8, 0.7)  # mean and deviation: opacities round 0.7
PLAIN, PLAIN_SHARE = 0.04, 0.5  # a background is plain if so much of the border is this near to one colour

# Adam's steps, in the unit of each; the means' is px at 512. Bias-corrected, so the first step is this long.
LEARNING_RATES = {"means": 0.25, "log_scales": 0.03, "angles": 0.05, "logits": 0.05, "colours": 0.01}
MOMENTUM, SQUARE_MOMENTUM = 0.9, 0.99
ABSOLUTE_WEIGHT = 0.1  # of the absolute difference, beside half the squared one


def fit(
    image: np.ndarray, count: int, steps: int, rng: np.random.Generator, *, background: np.ndarray | None = None
) -> Iterator[Gaussians2D]:
    """Yield Gaussians that make up a picture, more or less: as they are drawn, then after each step.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1], straight alpha.
        count: Of Gaussians, on a square of the short side; a longer picture gets more in proportion.
        steps: Of Adam; 0 leaves the Gaussians as they were drawn.
        rng: Where they are drawn from.
        background: (3,) colour behind an opaque picture; by default that of a plain background, or white.

    Yields:
        Gaussians with three channels; for a picture with alpha with four, the last of which is 1: composited over
        nothing they give colours times alpha, and alpha.
    """
    target, behind = target_of(image, background)
    gaussians = drawn(image, count, rng)
    yield gaussians
    rates: dict[str, np.ndarray] = {name: np.array(rate) for name, rate in LEARNING_RATES.items()}
    rates["means"] = rates["means"] * length_scale(image.shape)
    rates["colours"] = rates["colours"] * np.array([1, 1, 1, 0])[: target.shape[2]]  # a Gaussian's own alpha stays 1
    values = dict(vars(gaussians))
    means = {name: np.zeros_like(value) for name, value in values.items()}
    squares = {name: np.zeros_like(value) for name, value in values.items()}
    for step in range(1, steps + 1):
        slopes = vars(gradient(Gaussians2D(**values), target, behind, _slope))
        for name, slope in slopes.items():
            means[name] += (1 - MOMENTUM) * (slope - means[name])
            squares[name] += (1 - SQUARE_MOMENTUM) * (slope**2 - squares[name])
            mean, square = means[name] / (1 - MOMENTUM**step), squares[name] / (1 - SQUARE_MOMENTUM**step)
            values[name] = values[name] - rates[name] * mean / (np.sqrt(square) + 1e-12)
        values["colours"] = np.clip(values["colours"], 0, 1)
        yield Gaussians2D(**values)


def target_of(image: np.ndarray, background: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture as it is fitted, (H, W, C) float32, and what is behind it, (C,).

    Args:
        image: As of `fit`. With alpha it is fitted as colours times alpha, and alpha, over nothing.
        background: As of `fit`.
    """
    rgb, alpha = split_alpha(image)
    if alpha is not None:
        return np.dstack([rgb * alpha[..., None], alpha]), np.zeros(4)
    return rgb, border_colour(rgb) if background is None else np.asarray(background, float)


def border_colour(rgb: np.ndarray) -> np.ndarray:
    """Return the colour of a plain background, (3,); white, which viewers show behind a scene, if there is none."""
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    colour = np.median(border, axis=0)
    plain = np.abs(border - colour).max(axis=1) < PLAIN
    return colour.astype(float) if plain.mean() > PLAIN_SHARE else np.array(WHITE)


def drawn(image: np.ndarray, count: int, rng: np.random.Generator) -> Gaussians2D:
    """Draw Gaussians for a picture: more of them where it has detail, along its edges, in its colours, in no order of depth.

    The arguments are those of `fit`.
    """
    scale = length_scale(image.shape)
    rgb, alpha = split_alpha(image)
    target, _ = target_of(image)
    height, width = rgb.shape[:2]
    count = round(count * max(height, width) / min(height, width))
    grey = cv2.GaussianBlur(target.mean(axis=2), (0, 0), DETAIL_BLUR * scale)
    down, across = np.gradient(grey.astype(np.float64))
    detail = np.hypot(across, down)
    cover = np.ones_like(detail) if alpha is None else alpha.astype(np.float64)
    density = DETAIL_SHARE * detail / max(detail.sum(), 1e-9) + (1 - DETAIL_SHARE) / cover.sum()
    chance = density * cover  # nobody sees what has no alpha
    places = rng.choice(chance.size, count, p=(chance / chance.sum()).ravel())
    y, x = np.divmod(places, width)

    xx, xy, yy = (
        cv2.GaussianBlur(product, (0, 0), ORIENTATION_BLUR * scale)[y, x]
        for product in (across**2, across * down, down**2)
    )
    coherence = np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-8)  # 1 at a straight edge, 0 where there is no direction
    spacing = 1 / np.sqrt(density[y, x] / chance.sum() * count)
    size = np.clip(SPREAD * spacing, SMALLEST * scale, LARGEST * scale)
    stretch = np.sqrt(1 + (ELONGATION - 1) * coherence)
    colours = rgb if alpha is None else np.dstack([fill_transparent(rgb, alpha), np.ones_like(alpha)])
    return Gaussians2D(
        means=np.stack([x, y], 1) + rng.random((count, 2)),
        log_scales=np.log(np.stack([size * stretch, size / stretch], 1)),
        angles=np.arctan2(2 * xy, xx - yy) / 2 + np.pi / 2,  # along the edge, across the gradient
        logits=rng.normal(*START_LOGIT, count),
        colours=colours[y, x].astype(np.float64),
    )


def _slope(difference: np.ndarray) -> np.ndarray:
    """Return the loss's derivative by the picture."""
    return difference + np.float32(ABSOLUTE_WEIGHT) * np.sign(difference)
