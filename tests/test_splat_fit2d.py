"""2D Gaussians: the picture they make, its gradient, and how they are fitted."""

from itertools import product

import numpy as np
import pytest

from enhancer.imaging.io import composite as lay_over
from enhancer.seeding import rng_for
from enhancer.splats.fit import border_colour, drawn, fit, target_of
from enhancer.splats.gaussians2d import CUTOFF, DILATION, Gaussians2D, composite, gradient

BACKGROUND = np.array([0.9, 0.2, 0.4])


def some_gaussians(count, shape, channels=3):
    """Gaussians of all sizes in and round a picture of this shape."""
    rng = rng_for("gaussians", count)
    return Gaussians2D(
        means=rng.uniform(-0.1, 1.1, (count, 2)) * shape[::-1],
        log_scales=rng.uniform(-0.5, 1.8, (count, 2)),
        angles=rng.uniform(-4, 4, count),
        logits=rng.normal(0.5, 1.5, count),
        colours=rng.random((count, channels)),
    )


def dense(gaussians, shape, background):
    """Evaluate every Gaussian at every pixel: (H, W, C) float64."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    picture = np.zeros((*shape, len(background)))
    through = np.ones(shape)
    opacities = 1 / (1 + np.exp(-gaussians.logits))
    for k in range(len(gaussians)):
        cos, sin = np.cos(gaussians.angles[k]), np.sin(gaussians.angles[k])
        turn = np.array([[cos, -sin], [sin, cos]])
        covariance = turn @ np.diag(np.exp(2 * gaussians.log_scales[k])) @ turn.T + DILATION * np.eye(2)
        away = np.stack([x, y], -1) - gaussians.means[k]
        height = opacities[k] * np.exp(-0.5 * np.einsum("hwi,ij,hwj->hw", away, np.linalg.inv(covariance), away))
        alpha = np.maximum(height - CUTOFF, 0)
        picture += (through * alpha)[..., None] * gaussians.colours[k]
        through *= 1 - alpha
    return picture + through[..., None] * background


@pytest.mark.parametrize("shape", [(24, 40), (19, 21)])  # whole tiles, and not
@pytest.mark.parametrize("channels", [3, 4])
def test_the_picture_is_that_of_every_gaussian_at_every_pixel(shape, channels):
    gaussians, background = some_gaussians(60, shape, channels), rng_for("background").random(channels)
    picture = composite(gaussians, shape, background)
    assert (picture.shape, picture.dtype) == ((*shape, channels), np.float32)
    np.testing.assert_allclose(picture, dense(gaussians, shape, background), atol=2e-5)


def test_thin_needles_far_from_a_tile_keep_their_place():
    needle = Gaussians2D(
        np.array([[3.0, 3.0]]), np.log([[60.0, 0.3]]), np.array([0.6]), np.array([4.0]), np.ones((1, 3))
    )
    np.testing.assert_allclose(
        composite(needle, (64, 96), np.zeros(3)), dense(needle, (64, 96), np.zeros(3)), atol=1e-4
    )


@pytest.mark.parametrize("shape", [(16, 24), (13, 18)])
def test_the_gradient_is_that_of_finite_differences(shape):
    gaussians, target = some_gaussians(25, shape), rng_for("target").random((*shape, 3)).astype(np.float32)

    def loss(values):
        return ((dense(Gaussians2D(**values), shape, BACKGROUND) - target) ** 2).sum()

    slopes = vars(gradient(gaussians, target, BACKGROUND, lambda difference: 2 * difference))
    for name, values in vars(gaussians).items():
        expected = np.zeros_like(values)
        for place in product(*(range(length) for length in values.shape)):
            moved = [dict(vars(gaussians)), dict(vars(gaussians))]
            for sign, each in zip((-1, 1), moved, strict=True):
                each[name] = values.copy()
                each[name][place] += sign * 1e-5
            expected[place] = (loss(moved[1]) - loss(moved[0])) / 2e-5
        gap = np.linalg.norm(slopes[name] - expected) / np.linalg.norm(expected)
        assert gap < 2e-3, name


def psnr_of(image, gaussians):
    target, behind = target_of(image)
    return -10 * np.log10(((composite(gaussians, image.shape[:2], behind) - target) ** 2).mean())


def fitted(image, count, steps):
    *_, last = fit(image, count, steps, rng_for(0))
    return last


@pytest.mark.parametrize("with_alpha", [True, False])
def test_steps_and_gaussians_bring_the_picture_nearer(small_head, with_alpha):
    image = small_head.image if with_alpha else lay_over(small_head.image)
    scores = [psnr_of(image, fitted(image, count, steps)) for count, steps in ((150, 0), (150, 8), (1000, 8))]
    assert scores[0] + 2 < scores[1] < scores[2] - 2


def test_gaussians_are_where_the_detail_is_and_along_its_edges():
    image = np.zeros((64, 64, 3), np.float32)
    image[:, 32:] = 1
    gaussians = drawn(image, 400, rng_for(0))
    at_edge = np.abs(gaussians.means[:, 0] - 32) < 3
    assert 0.6 < at_edge.mean() < 0.8
    assert np.abs(np.cos(gaussians.angles[at_edge])).max() < 0.1  # upright, as the edge is
    assert (gaussians.log_scales[at_edge, 0] > gaussians.log_scales[at_edge, 1]).all()


def test_nobody_draws_gaussians_where_there_is_nothing(head):
    x, y = drawn(head.image, 500, rng_for(0)).means.astype(int).T
    assert (head.image[y, x, 3] > 0).all()


def test_a_flat_picture_can_be_fitted():
    image = np.full((64, 80, 3), 0.25, np.float32)
    assert psnr_of(image, fitted(image, 30, 2)) > 30


def test_a_longer_picture_gets_more_gaussians():
    assert len(drawn(np.zeros((64, 160, 3), np.float32), 100, rng_for(0))) == 250


def test_an_alpha_of_a_gaussian_itself_stays_1(small_head):
    assert (fitted(small_head.image, 100, 3).colours[:, 3] == 1).all()


def test_a_plain_background_is_found_and_any_other_is_white(small_head):
    np.testing.assert_allclose(border_colour(lay_over(small_head.image, (0.1, 0.5, 0.2))), (0.1, 0.5, 0.2), atol=1e-6)
    np.testing.assert_array_equal(border_colour(rng_for("noise").random((32, 32, 3))), 1)
