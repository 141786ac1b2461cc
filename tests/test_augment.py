"""Extras: as often as they say, from streams of their own, on what is seen and nothing else."""

import numpy as np
import pytest

from enhancer.seeding import rng_for
from training.data.augment import EXTRAS, BlurBlobs, BrightnessShift, ExtraDesaturation, NoiseBoost, augment

GREY = np.full((96, 96, 3), 0.5, np.float32)
SPECKLED = rng_for("speckled").random((96, 96, 3)).astype(np.float32)
SPECKLED.flags.writeable = False


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra.name)
def test_every_extra_keeps_the_picture_contract_and_repeats(extra):
    out = extra.apply(SPECKLED, rng_for(1))
    assert out.shape == SPECKLED.shape
    assert out.dtype == np.float32
    assert np.abs(out - SPECKLED).max() > 0.001
    np.testing.assert_array_equal(out, extra.apply(SPECKLED, rng_for(1)))


def test_extras_come_as_often_as_they_say():
    assert {extra.name: extra.chance for extra in EXTRAS} == {
        "blur blobs": 0.10,
        "noise boost": 0.15,
        "brightness shift": 0.10,
        "extra desaturation": 0.10,
    }
    tiny = SPECKLED[:64, :64]
    for extra in EXTRAS:
        changed = [(augment(tiny, (0, "augment", 0, k), (extra,)) != tiny).any() for k in range(1000)]
        assert np.mean(changed) == pytest.approx(extra.chance, abs=0.03)


def test_every_sample_and_epoch_draws_anew_and_the_same_address_the_same():
    noisy = (NoiseBoost(chance=1.0),)
    first = augment(GREY, (0, "augment", 0, 5), noisy)
    np.testing.assert_array_equal(first, augment(GREY, (0, "augment", 0, 5), noisy))
    for address in ((0, "augment", 1, 5), (0, "augment", 0, 6), (1, "augment", 0, 5)):
        assert (first != augment(GREY, address, noisy)).mean() > 0.9


def test_dropping_one_extra_leaves_the_others_draws_alone():
    always = (BlurBlobs(chance=1.0), BrightnessShift(chance=1.0))
    np.testing.assert_array_equal(
        augment(GREY, (0, 0), always), augment(GREY, (0, 0), always[1:])
    )  # blurring one grey changes nothing, so only the shift can differ


def test_noise_boost_lies_in_its_range():
    deviations = [255 * float((NoiseBoost().apply(GREY, rng_for(k)) - GREY).std()) for k in range(40)]
    assert 4.9 < min(deviations) < 6 < 9 < max(deviations) < 10.1


def test_brightness_shift_lies_in_its_range_and_is_even():
    shifts = [255 * (BrightnessShift().apply(GREY, rng_for(k)) - GREY) for k in range(40)]
    assert all(np.ptp(shift) < 1e-3 for shift in shifts)
    means = [shift.mean() for shift in shifts]
    assert -10 <= min(means) < -7
    assert 7 < max(means) <= 10


def test_extra_desaturation_keeps_greys():
    np.testing.assert_allclose(ExtraDesaturation().apply(GREY, rng_for(0)), GREY, atol=1e-6)
    spread = np.ptp(ExtraDesaturation().apply(SPECKLED, rng_for(0)), axis=2) / np.ptp(SPECKLED, axis=2)
    assert 0.85 <= spread.mean() <= 0.95


def test_blur_blobs_blur_in_places():
    change = np.abs(BlurBlobs(count=(1, 1)).apply(SPECKLED, rng_for(3)) - SPECKLED).mean(axis=2)
    assert change.max() > 20 * max(float(np.percentile(change, 1)), 1e-4)


def test_alpha_and_what_nobody_sees_stay_out_of_it(small_head):
    every = tuple(type(extra)(chance=1.0) for extra in EXTRAS)
    out = augment(small_head.image, (0, "augment", 0, 0), every)
    np.testing.assert_array_equal(out[..., 3], small_head.image[..., 3])
    assert np.abs(out[..., :3] - small_head.image[..., :3]).max() > 0.01
