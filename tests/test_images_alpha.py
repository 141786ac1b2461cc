"""Alpha is straight, composites undo, and what nobody saw is filled from beside it."""

import numpy as np
import pytest

from enhancer.imaging import io

SIDE = 128


def gradient() -> np.ndarray:
    """(128, 160, 3) uint8: red grows to the right, green downwards, blue constant."""
    y, x = np.mgrid[0:SIDE, 0:160]
    return np.dstack([x, 2 * y, np.full_like(x, 40)]).astype(np.uint8)


def with_holes() -> np.ndarray:
    """(128, 160, 4) uint8, the left half transparent, a strip of half alpha."""
    rgba = np.dstack([gradient(), np.full((SIDE, 160), 255, np.uint8)])
    rgba[:, :80, 3] = 0
    rgba[:, 80:90, 3] = 128
    return rgba


def test_split_and_with_alpha_undo_each_other():
    for source in (gradient(), with_holes()):
        image = source.astype(np.float32) / 255
        np.testing.assert_array_equal(io.with_alpha(*io.split_alpha(image)), image)


def test_composite_shows_the_background_where_nothing_is():
    image = with_holes().astype(np.float32) / 255
    over = io.composite(image)
    np.testing.assert_array_equal(over[:, :80], 1.0)
    np.testing.assert_array_equal(over[:, 90:], image[:, 90:, :3])
    np.testing.assert_allclose(io.composite(image, (0, 0, 0))[:, 85], image[:, 85, :3] * 128 / 255, atol=1e-6)


def test_uncomposite_undoes_composite():
    image = with_holes().astype(np.float32) / 255
    rgb, alpha = io.split_alpha(image)
    assert alpha is not None
    background = (0.2, 0.5, 0.9)
    straight = io.uncomposite(io.composite(image, background), alpha, background)
    np.testing.assert_allclose(straight[:, 80:], rgb[:, 80:], atol=1e-5)


@pytest.mark.parametrize("shape", [(SIDE, 160), (129, 131), (1000, 128)])
def test_filling_bleeds_neighbouring_colours_and_keeps_visible_ones(shape):
    rgb = np.zeros((*shape, 3), np.float32)
    alpha = np.zeros(shape, np.float32)
    middle = shape[0] // 2
    rgb[middle : middle + 10, 40:50] = (0.9, 0.3, 0.1)
    alpha[middle : middle + 10, 40:50] = 1.0
    rgb.flags.writeable = False
    filled = io.fill_transparent(rgb, alpha)
    assert filled.dtype == np.float32
    np.testing.assert_allclose(filled, np.broadcast_to(rgb[middle, 45], rgb.shape), atol=1e-5)


def test_filling_takes_the_nearer_of_two_colours():
    rgb = np.zeros((SIDE, 256, 3), np.float32)
    alpha = np.zeros((SIDE, 256), np.float32)
    rgb[:, :20], rgb[:, -20:] = (1, 0, 0), (0, 0, 1)
    alpha[:, :20] = alpha[:, -20:] = 1.0
    filled = io.fill_transparent(rgb, alpha)
    np.testing.assert_array_equal(filled[alpha > 0], rgb[alpha > 0])
    assert (filled[:, 25, 0] > 0.8).all()
    assert (filled[:, 230, 2] > 0.8).all()
