"""The fast variation masks against the straightforward full-resolution evaluation of the same blobs."""

import numpy as np
import pytest

from benchmarks.degrade import SIX_FIELDS, reference_offsets, reference_variation_mask
from enhancer.degrade.blobs import Blobs
from enhancer.seeding import rng_for

MEAN_TOLERANCE, LARGEST_TOLERANCE = 0.015, 0.2  # on a scale of 0 to 1; a posterised level is 0.2
SHAPES = [(256, 256), (192, 320)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blobs", SIX_FIELDS[:4:3], ids=repr)
def test_fast_masks_agree_with_the_reference_pixel_by_pixel(blobs, shape):
    field = blobs.draw(rng_for(1, repr(blobs)), shape)
    gap = np.abs(field.variation_mask(shape) - reference_variation_mask(field, shape))
    assert gap.mean() < MEAN_TOLERANCE
    assert gap.max() < LARGEST_TOLERANCE


def test_fast_masks_agree_with_the_reference_statistically():
    blobs, shape = SIX_FIELDS[0], (128, 128)
    fields = [blobs.draw(rng_for("statistics", k), shape) for k in range(8)]
    fast = np.stack([field.variation_mask(shape) for field in fields])
    slow = np.stack([reference_variation_mask(field, shape) for field in fields])
    assert fast.mean() == pytest.approx(slow.mean(), abs=0.01)
    assert fast.std() == pytest.approx(slow.std(), rel=0.03)
    np.testing.assert_allclose(np.quantile(fast, [0.1, 0.5, 0.9]), np.quantile(slow, [0.1, 0.5, 0.9]), atol=0.02)


def test_the_smooth_field_agrees_with_the_reference():
    blobs, shape = SIX_FIELDS[5], (256, 256)
    field = blobs.draw(rng_for(2), shape)
    assert np.abs(field.offsets(shape) - reference_offsets(field, shape)).mean() < 2 * MEAN_TOLERANCE


def test_masks_fill_their_range_and_have_few_levels_before_the_blur():
    shape = (512, 512)
    field = Blobs(200, 20, 50).draw(rng_for(3), shape)
    average, mask = field.average(shape), field.variation_mask(shape)
    assert (average.min(), average.max()) == pytest.approx((0, 1))
    assert mask.shape == shape
    assert mask.dtype == np.float32
    assert 0 <= mask.min() < 0.2
    assert 0.8 < mask.max() <= 1


def test_a_mask_is_the_same_pattern_at_every_size():
    field = Blobs(200, 20, 50).draw(rng_for(4), (512, 512))
    small, large = field.variation_mask((256, 256)), field.variation_mask((512, 512))
    assert np.abs(large[::2, ::2] - small).mean() < 0.02
