import numpy as np
import pytest

from enhancer.imaging.masks import length_scale, odd, overlay, soft_masks
from enhancer.imaging.regions import REGION_NAMES, REGIONS, region_map


@pytest.fixture(scope="module")
def regions(head):
    return region_map(head.labels)


def test_masks_are_soft_and_of_the_pictures_size(regions):
    masks = soft_masks(regions)
    assert tuple(masks) == REGION_NAMES
    for mask in masks.values():
        assert (mask.shape, mask.dtype) == (regions.shape, np.float32)
        assert 0 <= mask.min() <= mask.max() <= 1 + 1e-6  # float32 kernel weights add up to 1 but for rounding
        assert ((mask > 0.01) & (mask < 0.99)).any()


def test_mask_is_one_deep_inside_its_region_and_nothing_far_outside():
    regions = np.zeros((512, 512), np.uint8)
    regions[156:356, 156:356] = 1
    skin = soft_masks(regions)["skin"]
    assert skin[256, 256] == pytest.approx(1, abs=1e-6)
    assert skin[50, 50] == 0
    assert skin[256, 155:157].mean() == pytest.approx(0.5, abs=0.01)  # the edge is where it was


def test_feather_reaches_ten_pixels_at_512():
    regions = np.zeros((512, 512), np.uint8)
    regions[:, 256:] = 1
    row = soft_masks(regions)["skin"][256]
    assert row[245] == 0  # a 21 px kernel reaches 10 px from the edge
    assert row[246] > 0


@pytest.mark.parametrize("side", [128, 256, 1024, 2048])
def test_feather_grows_with_the_picture(side):
    regions = np.zeros((side, side), np.uint8)
    regions[:, side // 2 :] = 1
    row = soft_masks(regions)["skin"][side // 2]
    soft = np.count_nonzero((row > 1e-6) & (row < 1 - 1e-6))
    assert soft == pytest.approx(20 * side / 512, rel=0.06, abs=1)


def test_masks_add_up_to_the_face(regions):
    total = sum(soft_masks(regions).values())
    assert isinstance(total, np.ndarray)
    assert total.max() <= 1 + 1e-5  # where two meet they share
    assert total[regions > 0].mean() > 0.95


def test_region_that_is_not_there_has_an_empty_mask(regions):
    masks = soft_masks(np.where(regions == 4, 0, regions).astype(np.uint8))
    assert masks["mouth"].max() == 0
    assert masks["nose"].max() > 0.9


def test_lengths_follow_the_short_side():
    assert length_scale((512, 2048)) == 1
    assert length_scale((1024, 600, 3)) == 600 / 512


@pytest.mark.parametrize(
    ("length", "kernel"),
    [(21, 21), (20.9, 21), (5.25, 5), (42.1, 43), (0.2, 1), (1, 1), (0, 1), (1.9, 1), (2.1, 3)],
)
def test_kernels_are_odd_and_at_least_one(length, kernel):
    assert odd(length) == kernel


def test_overlay_tints_a_region_with_its_colour_and_leaves_the_rest():
    regions = np.zeros((128, 128), np.uint8)
    regions[32:96, 32:96] = REGION_NAMES.index("mouth") + 1
    grey = np.full((128, 128, 3), 0.5, np.float32)
    grey.flags.writeable = False
    shown = overlay(grey, soft_masks(regions), opacity=1.0)
    assert (shown.shape, shown.dtype) == (grey.shape, np.float32)
    np.testing.assert_allclose(shown[64, 64] * 255, REGIONS[REGION_NAMES.index("mouth")].colour, atol=0.01)
    np.testing.assert_array_equal(shown[0, 0], grey[0, 0])
