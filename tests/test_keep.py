"""What is no part of the damage comes back as it came: edges of alpha, flat backgrounds, greys."""

import numpy as np
import pytest

from enhancer.degrade import degrade, face_render
from enhancer.imaging.background import FADE, beside_flat, flat_background, over_one_background
from enhancer.imaging.io import composite, read_image, read_labels, to_bytes
from enhancer.imaging.keep import is_grey, keep, seen_by_model
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.model import SplatEnhancer, restore
from page.backend import HEADS

BLACK, WHITE, GREEN, DARK = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 1.0, 0.0), (0.1, 0.1, 0.1)


@pytest.fixture(scope="module")
def pocket():
    return SplatEnhancer.from_pretrained("pocket").for_inference()


def degraded_head(path):
    """A clean head and the degraded one, both with alpha."""
    image = read_image(path)
    masks = soft_masks(region_map(read_labels(path.with_stem(f"{path.stem}_labels"))))
    return image, to_bytes(degrade(image, masks, face_render("v2"), seed=0)) / np.float32(255)


def painted(background, side=96):
    """A bright square with noise in it on a flat background."""
    rgb = np.full((side, side, 3), background, np.float32)
    rgb[30:60, 30:60] = np.random.default_rng(0).uniform(0.3, 0.7, (30, 30, 3))
    return to_bytes(rgb) / np.float32(255)


# --- alpha -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", HEADS, ids=lambda path: path.stem)
def test_no_edge_gets_worse_than_it_came(path, pocket):
    clean, degraded = degraded_head(path)
    restored = restore(pocket, degraded)
    alpha = clean[..., 3]
    edges = (alpha > 0) & (alpha < 1)
    np.testing.assert_array_equal(restored[..., 3], alpha)
    for background in (BLACK, WHITE, GREEN):
        truth, before, after = (composite(picture, background)[edges] for picture in (clean, degraded, restored))
        assert ((after - truth) ** 2).mean() < ((before - truth) ** 2).mean()


def test_what_is_hardly_there_hardly_changes():
    image = np.dstack([painted(BLACK), np.linspace(0, 1, 96 * 96, dtype=np.float32).reshape(96, 96)])
    change = np.abs(keep(image, seen_by_model(image), np.ones_like(image[..., :3]), grey=False) - image)
    assert (change[..., :3] <= image[..., 3:] + 1e-6).all()
    assert change[..., 3].max() == 0


# --- flat backgrounds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("background", [BLACK, WHITE, GREEN, DARK])
def test_a_flat_background_comes_back_as_it_was(background, pocket):
    clean, degraded = degraded_head(HEADS[-1])  # curls, with background between them
    flat = to_bytes(composite(degraded, background)) / np.float32(255)
    restored = restore(pocket, flat)
    assert np.abs(restored - flat)[clean[..., 3] == 0].max() <= 1 / 255
    truth = composite(clean, background)
    assert ((restored - truth) ** 2).mean() < ((flat - truth) ** 2).mean()


def test_a_restoration_sets_in_softly_beside_a_flat_background():
    weight = beside_flat(painted(GREEN))
    assert weight is not None
    np.testing.assert_array_equal(weight[:29], 0)
    row = weight[45, 28 : 31 + FADE]
    assert (np.diff(row) >= 0).all()
    assert np.diff(row).max() < 0.5
    assert weight[40:50, 40:50].min() == 1


def test_noise_around_a_colour_is_no_flat_background():
    noisy = np.clip(painted(BLACK) + np.random.default_rng(1).normal(0, 4.5 / 255, (96, 96, 3)), 0, 1)
    assert flat_background(noisy.astype(np.float32)) is None


def test_a_border_of_many_colours_is_no_flat_background():
    ramp = np.repeat(np.linspace(0, 1, 96, dtype=np.float32)[:, None], 96, axis=1)
    assert flat_background(np.dstack([ramp] * 3)) is None


# --- greys -------------------------------------------------------------------------------------------------------


def test_grey_is_told_by_the_pixels_that_are_seen():
    grey = np.repeat(painted(DARK)[..., :1], 3, axis=-1)
    rounded = grey + np.float32([0, 1 / 255, 0])
    assert is_grey(grey)
    assert is_grey(rounded)
    assert not is_grey(painted(DARK))
    hidden = np.dstack([grey, np.ones((96, 96), np.float32)])
    hidden[:10, :, :] = (1, 0, 0, 0)
    assert is_grey(hidden)


def test_the_library_keeps_each_picture_of_a_batch(pocket):
    grey = np.repeat(painted(DARK)[..., :1], 3, axis=-1)
    made = restore(pocket, np.stack([grey, painted(GREEN)]))
    assert np.ptp(made[0], axis=-1).max() <= 1e-6
    np.testing.assert_array_equal(made[1][:29], painted(GREEN)[:29])
    assert np.ptp(restore(pocket, grey, keep_grey=False), axis=-1).max() > 1 / 255


# --- alpha of a pair ---------------------------------------------------------------------------------------------


def test_an_opaque_picture_of_a_pair_goes_over_the_same_background():
    image = np.dstack([painted(GREEN), np.zeros((96, 96), np.float32)])
    image[30:60, 30:60, 3] = np.linspace(0.2, 1, 30)
    with_alpha, moved = over_one_background([image, composite(image, DARK)], WHITE)
    np.testing.assert_allclose(moved, with_alpha, atol=1 / 255)


def test_an_opaque_picture_before_scenery_is_cut_out():
    image = np.dstack([painted(GREEN), np.zeros((96, 96), np.float32)])
    image[30:60, 30:60, 3] = 1
    scenery = np.random.default_rng(2).random((96, 96, 3), np.float32)
    scenery[30:60, 30:60] = image[30:60, 30:60, :3]
    one, other = over_one_background([scenery, image], WHITE)
    np.testing.assert_array_equal(one, other)


def test_without_alpha_pictures_are_as_they_are():
    np.testing.assert_array_equal(over_one_background([painted(GREEN)], WHITE)[0], painted(GREEN))


def test_the_model_sees_no_more_than_the_picture_where_it_is_opaque():
    np.testing.assert_array_equal(seen_by_model(painted(GREEN)), painted(GREEN))
