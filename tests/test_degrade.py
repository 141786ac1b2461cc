"""The 14 steps: contracts every step keeps, seeded streams, alpha, sizes."""

from statistics import NormalDist

import numpy as np
import pytest

from enhancer.degrade import PRESETS, STEP_NAMES, Recipe, degrade, face_render, strengths_of, trace
from enhancer.degrade.steps import FLAT, HEAVY, SOFT, Noise, lerp
from enhancer.errors import SettingsError
from enhancer.imaging.io import WHITE, composite
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import REGION_NAMES, region_map
from enhancer.seeding import rng_for

ALL_STEPS = face_render().steps


@pytest.fixture(scope="module")
def face(head):
    """An opaque example face and its masks."""
    rgb = composite(head.image)
    rgb.flags.writeable = False
    return rgb, soft_masks(region_map(head.labels))


def test_the_fourteen_steps_have_the_specified_order():
    assert STEP_NAMES == (
        "clean input",
        "face parsing",
        "geometric warp",
        "skin blur",
        "eye blur",
        "nose blur",
        "mouth blur",
        "hair blur",
        "surface blur",
        "brightness and clamps",
        "overall blur",
        "desaturation",
        "downscale",
        "noise",
    )


def test_presets_hold_the_specified_strengths():
    assert PRESETS["v1"] == {"skin": 0.5, "eyes": 0.8, "nose": 0.6, "mouth": 0.9, "hair": 0.6}
    assert PRESETS["v2"] == {"skin": 0.4, "eyes": 0.7, "nose": 0.5, "mouth": 0.9, "hair": 0.6}


@pytest.mark.parametrize("step", ALL_STEPS, ids=lambda step: step.name)
def test_every_step_keeps_the_image_contract(step, face):
    rgb, masks = face
    out = step.apply(rgb, masks, rng_for(7, step.name))
    assert out.shape == rgb.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out, step.apply(rgb, masks, rng_for(7, step.name)))


@pytest.mark.parametrize("step", ALL_STEPS[2:], ids=lambda step: step.name)
def test_every_step_but_the_first_two_changes_the_picture(step, face):
    rgb, masks = face
    assert np.abs(step.apply(rgb, masks, rng_for(7, step.name)) - rgb).max() > 0.01


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("skin blur", "skin"),
        ("eye blur", "eyes"),
        ("nose blur", "nose"),
        ("mouth blur", "mouth"),
        ("hair blur", "hair"),
    ],
)
def test_a_region_blur_stays_in_its_region(name, region, face):
    rgb, masks = face
    step = next(step for step in ALL_STEPS if step.name == name)
    changed = np.abs(step.apply(rgb, masks, rng_for(7, name)) - rgb).max(axis=-1) > 0
    assert changed.any()
    assert not changed[masks[region] == 0].any()


def test_same_seed_gives_the_same_bytes(face):
    first, second = (degrade(*face, face_render(), seed=3) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_another_seed_gives_another_picture(face):
    assert (degrade(*face, face_render(), seed=3) != degrade(*face, face_render(), seed=4)).mean() > 0.9


def test_switching_a_step_off_leaves_the_draws_of_the_others_alone(face):
    rgb, masks = face
    noise = Recipe((Noise(4.5),))
    behind_warp = Recipe((ALL_STEPS[2], Noise(4.5)))
    grey = np.full_like(rgb, 0.5)  # a warp leaves it as it is, so only the noise shows
    np.testing.assert_allclose(
        degrade(grey, masks, noise, seed=5), degrade(grey, masks, behind_warp, seed=5), atol=1e-6
    )


def test_without_takes_steps_out_by_name_and_refuses_a_typo():
    assert [s.name for s in face_render().without(["noise"]).steps] == list(STEP_NAMES[:-1])
    with pytest.raises(SettingsError, match="No step is called nose"):
        face_render().without(["nose"])


def test_two_steps_of_one_name_are_refused():
    with pytest.raises(SettingsError, match="unique"):
        Recipe((Noise(1), Noise(2)))


def test_the_last_stage_of_the_trace_is_the_degraded_picture(face):
    stages = list(trace(*face, face_render(), seed=1))
    assert [stage.number for stage in stages] == list(range(1, 15))
    assert tuple(stage.name for stage in stages) == STEP_NAMES
    np.testing.assert_array_equal(stages[0].image, face[0])
    np.testing.assert_array_equal(stages[-1].image, degrade(*face, face_render(), seed=1))


def test_alpha_comes_back_untouched_and_transparency_leaks_no_colour(head):
    masks = soft_masks(region_map(head.labels))
    out = degrade(head.image, masks, face_render(), seed=0)
    np.testing.assert_array_equal(out[..., 3], head.image[..., 3])
    poisoned = head.image.copy()
    poisoned[head.image[..., 3] == 0] = (1, 0, 1, 0)  # what a renderer leaves under alpha 0 must not matter
    visible = head.image[..., 3] > 0
    np.testing.assert_array_equal(degrade(poisoned, masks, face_render(), seed=0)[visible], out[visible])


def test_a_background_composites_the_last_stage(head):
    masks = soft_masks(region_map(head.labels))
    over_white = degrade(head.image, masks, face_render(), seed=0, background=WHITE)
    assert over_white.shape[-1] == 3
    assert (over_white[head.image[..., 3] == 0] == 1).all()


@pytest.mark.parametrize("shape", [(128, 128), (128, 300), (640, 200), (1024, 1024)])
def test_any_size_works_and_looks_alike(shape):
    rgb = np.full((*shape, 3), 0.5, np.float32)
    regions = np.zeros(shape, np.uint8)
    for k in range(1, 6):
        regions[:, shape[1] * (k - 1) // 5 : shape[1] * k // 5] = k
    out = degrade(rgb, soft_masks(regions), face_render(), seed=0)
    assert out.shape == rgb.shape
    assert abs(float((out - rgb).std()) * 255 - 5) < 2  # noise of 4.5 levels and soft brightness patches


@pytest.mark.slow
def test_the_largest_size_works(face):
    rgb = np.repeat(np.repeat(face[0], 4, 0), 4, 1)
    masks = {name: np.repeat(np.repeat(mask, 4, 0), 4, 1) for name, mask in face[1].items()}
    assert degrade(rgb, masks, face_render(), seed=0).shape == (2048, 2048, 3)


def test_severity_zero_leaves_the_picture_alone_and_more_severity_harms_more(face):
    rgb, masks = face
    harm = [
        float(np.square(degrade(rgb, masks, face_render(severity=s), seed=0) - rgb).mean()) for s in (0, 0.5, 1, 1.2)
    ]
    assert harm[0] < 1e-10
    assert harm == sorted(harm)


def test_a_strength_of_zero_switches_a_region_off(face):
    rgb, masks = face
    recipe = face_render(strengths={"hair": 0})
    hair = next(step for step in recipe.steps if step.name == "hair blur")
    np.testing.assert_array_equal(hair.apply(rgb, masks, rng_for(0)), rgb)
    assert strengths_of("v2", {"hair": 0})["skin"] == 0.4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "v3"}, "no preset 'v3' of the 14 steps. Choose one of v1, v2"),
        ({"strengths": {"ears": 0.5}}, "no region 'ears'"),
        ({"strengths": {"skin": 1.5}}, "skin must lie in 0 to 1, got 1.5"),
        ({"strengths": {"skin": float("nan")}}, "skin must lie in 0 to 1, got nan"),
        ({"severity": 2}, "severity must lie in 0 to 1.2, got 2"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(arguments, message):
    with pytest.raises(SettingsError, match=message):
        face_render(**arguments)


def test_blend_by_a_mask_moves_only_where_the_mask_is():
    rgb, other = np.zeros((2, 2, 3), np.float32), np.ones((2, 2, 3), np.float32)
    out = lerp(rgb, other, np.array([[0, 0.25], [0.5, 1]], np.float32))
    np.testing.assert_allclose(out[..., 0], [[0, 0.25], [0.5, 1]])
    assert rgb.max() == 0


def test_noise_is_four_and_a_half_levels(face):
    grey = np.full_like(face[0], 0.5)
    out = Noise(4.5).apply(grey, face[1], rng_for(0))
    assert float((out - grey).std()) * 255 == pytest.approx(4.5, rel=0.01)


def test_noise_is_distributed_normally_and_independently(face):
    grey = np.full_like(face[0], 0.5)
    drawn = (Noise(4.5).apply(grey, face[1], rng_for(0)) - grey) * 255 / 4.5
    normal = NormalDist()
    shares = (0.0001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999)
    np.testing.assert_allclose(
        [(drawn < normal.inv_cdf(share)).mean() for share in shares], shares, rtol=0.2, atol=0.002
    )
    assert (drawn**4).mean() == pytest.approx(3, abs=0.05)  # of a normal distribution
    neighbours = (drawn[1:] * drawn[:-1], drawn[:, 1:] * drawn[:, :-1], drawn[..., 1:] * drawn[..., :-1])
    assert max(abs(float(product.mean())) for product in neighbours) < 0.005


@pytest.mark.parametrize("blur", [SOFT, FLAT, HEAVY], ids=str)
@pytest.mark.parametrize(
    "box",
    [
        (slice(200, 270), slice(140, 380)),
        (slice(0, 50), slice(400, 512)),
        (slice(7, 8), slice(0, 512)),
        (slice(0, 0), slice(0, 0)),
    ],
    ids=str,
)
def test_blurring_a_box_is_blurring_the_picture_and_cutting_it_out(blur, box, face):
    whole, part = blur(face[0])[box], blur(face[0], box)
    assert part.shape == whole.shape
    assert np.abs(part - whole).max(initial=0) < 0.02  # a wide blur's smaller copy may lie half a pixel aside


def test_clamps_keep_levels_between_floor_and_ceiling(face):
    rgb, masks = face
    step = next(step for step in ALL_STEPS if step.name == "brightness and clamps")
    out = step.apply(np.zeros_like(rgb), masks, rng_for(0)) * 255
    assert out.min() == pytest.approx(40)
    for region, floor in (("mouth", 60), ("nose", 50)):  # floors fade in with the mask
        place = np.unravel_index(masks[region].argmax(), masks[region].shape)
        assert out[place].min() == pytest.approx(40 + (floor - 40) * masks[region][place], abs=0.1)
    assert (step.apply(np.ones_like(rgb), masks, rng_for(0)) * 255).max() == pytest.approx(230)


def test_without_any_region_the_steps_for_the_whole_picture_still_work(face):
    nothing = {name: np.zeros_like(mask) for name, mask in face[1].items()}
    stages = {stage.name: stage.image for stage in trace(face[0], nothing, face_render(), seed=0)}
    np.testing.assert_array_equal(stages["hair blur"], stages["geometric warp"])
    assert (stages["noise"] != stages["hair blur"]).mean() > 0.9


def test_all_regions_are_in_every_preset():
    assert all(set(preset) == set(REGION_NAMES) for preset in PRESETS.values())
