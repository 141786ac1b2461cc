"""A picture as splats show it: presets, artefacts, sizes, alpha."""

from dataclasses import replace

import numpy as np
import pytest

from enhancer.errors import SettingsError
from enhancer.imaging.io import composite as lay_over
from enhancer.imaging.regions import REGION_NAMES, region_map
from enhancer.seeding import rng_for
from enhancer.splats import degradation
from enhancer.splats.artefacts import ARTEFACTS, Scene, from_the_side
from enhancer.splats.degradation import SPLAT_PRESETS, SplatPreset, degrade_as_splats, drawn_preset, trace_as_splats
from enhancer.splats.fit import drawn, fit

FEW = SplatPreset(count=200, steps=2)


def mean_squared(image, other):
    return float(((lay_over(image) - lay_over(other)) ** 2).mean())


@pytest.mark.parametrize("name", SPLAT_PRESETS)
@pytest.mark.parametrize("with_alpha", [True, False])
def test_every_preset_keeps_the_image_contract(small_head, name, with_alpha):
    image = small_head.image if with_alpha else lay_over(small_head.image, (0.2, 0.1, 0.3))
    image.flags.writeable = False  # one that writes to its input fails here
    few = replace(SPLAT_PRESETS[name], count=SPLAT_PRESETS[name].count // 10, steps=4)
    regions = region_map(small_head.labels)
    out = degrade_as_splats(image, few, 7, regions=regions)
    assert (out.shape, out.dtype) == (image.shape, np.float32)
    assert 0 <= out.min() < out.max() <= 1
    assert 1e-4 < mean_squared(out, image) < 0.05
    assert out.tobytes() == degrade_as_splats(image, few, 7, regions=regions).tobytes()
    assert out.tobytes() != degrade_as_splats(image, few, 8, regions=regions).tobytes()


def test_presets_are_as_severe_as_their_names_say(small_head):
    image, damage = lay_over(small_head.image), {}
    for name in ("coarse", "medium", "fine", "side"):
        preset = SPLAT_PRESETS[f"splat-{name}"]
        fewer = replace(preset, count=preset.count // 16)  # as dense as the preset's own at 512 px
        damage[name] = mean_squared(degrade_as_splats(image, fewer), image)
    assert damage["coarse"] > damage["medium"] > damage["fine"]
    assert damage["side"] > damage["fine"]


def test_a_new_artefact_leaves_the_draws_of_the_others_alone(small_head, monkeypatch):
    seen = {}

    def spy(name):
        def artefact(gaussians, scene, rng):
            seen.setdefault(name, []).append(rng.random())
            return gaussians

        return artefact

    monkeypatch.setattr(degradation, "ARTEFACTS", {name: spy(name) for name in ARTEFACTS})
    for names in (("haze", "holes"), ("holes",)):
        degrade_as_splats(small_head.image, replace(FEW, artefacts=names))
    assert seen["holes"][0] == seen["holes"][1] != seen["haze"][0]


@pytest.fixture(scope="module")
def fitted(small_head):
    shape = small_head.labels.shape
    gaussians = drawn(small_head.image, 2000, rng_for(0))
    scene = Scene.of(shape, alpha=small_head.image[..., 3], regions=region_map(small_head.labels))
    return gaussians, scene


def same(gaussians, other):
    return len(gaussians) == len(other) and all(
        np.array_equal(values, vars(other)[name]) for name, values in vars(gaussians).items()
    )


@pytest.mark.parametrize("name", ARTEFACTS)
def test_every_artefact_changes_something_the_same_each_time(fitted, name):
    gaussians, scene = fitted
    for values in vars(gaussians).values():
        values.flags.writeable = False
    changed = ARTEFACTS[name](gaussians, scene, rng_for(3))
    assert not same(changed, gaussians)
    assert same(changed, ARTEFACTS[name](gaussians, scene, rng_for(3)))
    assert all(np.isfinite(values).all() for values in vars(changed).values())
    assert 0 <= changed.colours.min() <= changed.colours.max() <= 1
    assert (changed.colours[:, 3] == 1).all()


@pytest.mark.parametrize("name", ARTEFACTS)
def test_no_artefact_strikes_where_nobody_knows_what_is_where(fitted, name):
    gaussians, _ = fitted
    changed = ARTEFACTS[name](gaussians, Scene.of((128, 128)), rng_for(3))
    if name == "mottling":  # in no person, no spots
        np.testing.assert_array_equal(changed.colours, gaussians.colours)
    else:
        assert same(changed, gaussians)


def test_floaters_hang_in_the_air_and_strands_lie_on_the_face(fitted):
    gaussians, scene = fitted
    loose = ARTEFACTS["floaters"](gaussians, scene, rng_for(0))
    new = loose.means[: len(loose) - len(gaussians)]
    assert len(new)
    assert not scene.at(scene.person, new).any()
    hair = ARTEFACTS["strands"](gaussians, scene, rng_for(0))
    new = hair.means[: len(hair) - len(gaussians)]
    assert len(new)
    assert scene.at(scene.face, new).all()


def test_needles_are_of_the_silhouette_alone(fitted):
    gaussians, scene = fitted
    changed = ARTEFACTS["needles"](gaussians, scene, rng_for(0)).logits != gaussians.logits
    outline, outwards = scene.silhouette(gaussians.means)
    assert changed.any()
    assert not (changed & ~outline).any()
    np.testing.assert_allclose(np.linalg.norm(outwards[outline], axis=1), 1, atol=1e-3)


def test_from_the_side_all_move_along_one_line(fitted):
    gaussians, scene = fitted
    still = replace(gaussians, means=np.full_like(gaussians.means, 50.0))
    moved = from_the_side(still, scene, rng_for(0), 1.5).means - 50
    assert np.linalg.matrix_rank(moved, tol=1e-6) == 1
    # px at 512 on a picture of 128
    assert np.sqrt((moved**2).sum(1).mean()) == pytest.approx(1.5 / 4, rel=0.1)


def test_without_alpha_the_person_is_what_is_given_or_below_the_face(small_head):
    regions = region_map(small_head.labels)
    shape = regions.shape
    np.testing.assert_array_equal(Scene.of(shape, person=small_head.labels > 0).person, small_head.labels > 0)
    guess = Scene.of(shape, regions=regions).person
    assert guess[regions > 0].all()
    assert guess[-1].any()  # the neck, which is no region
    assert Scene.of((64, 64), regions=regions).hair.shape == (64, 64)
    assert REGION_NAMES[-1] == "hair"


def test_a_large_picture_is_fitted_small_and_looks_the_same(small_head, monkeypatch):
    image = lay_over(small_head.image)
    larger = np.repeat(np.repeat(image, 2, 0), 2, 1)
    monkeypatch.setattr(degradation, "LARGEST_FIT", 128)
    shapes = []
    monkeypatch.setattr(
        degradation, "fit", lambda image, *rest, **more: shapes.append(image.shape) or fit(image, *rest, **more)
    )
    small, large = (degrade_as_splats(each, FEW, background=(1, 1, 1)) for each in (image, larger))
    assert shapes == [image.shape, image.shape]
    shrunk = large.reshape(128, 2, 128, 2, 3).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 0.01


@pytest.mark.parametrize("shape", [(64, 64), (70, 101), (131, 64)])
def test_odd_sizes_come_back_as_they_were(shape):
    image = rng_for("odd").random((*shape, 3)).astype(np.float32)
    assert degrade_as_splats(image, FEW).shape == image.shape


def test_alpha_is_what_the_splats_cover(head):
    image = head.image[::2, ::2]
    out = degrade_as_splats(image, "splat-medium")
    alpha, true = out[..., 3], image[..., 3]
    assert alpha[true == 1].mean() > 0.95
    assert alpha[true == 0].mean() < 0.02
    assert 0 < np.abs(alpha - true).mean() < 0.03


def test_through_the_holes_one_sees_the_background(head):
    image = lay_over(head.image[::4, ::4], (0, 1, 0))
    holed = SplatPreset(count=1000, steps=2, artefacts=("holes",))
    regions = region_map(head.labels[::4, ::4])
    inside = degrade_as_splats(image, holed, 1, regions=regions) - degrade_as_splats(
        image, replace(holed, artefacts=()), 1
    )
    worst = np.unravel_index(np.abs(inside).sum(2).argmax(), inside.shape[:2])
    assert inside[worst][1] > 0.2  # greener


def test_stages_lead_from_the_first_gaussians_to_the_degraded_picture(small_head):
    preset = SplatPreset(100, 2, side=1, artefacts=("haze",))
    stages = list(trace_as_splats(small_head.image, preset, 3))
    assert [(each.name, each.share) for each in stages] == [
        ("Gaussians as drawn", 0.0),
        ("fitted", 0.25),
        ("fitted", 0.5),
        ("haze", 0.75),
        ("from the side", 1.0),
    ]
    assert len({each.image.tobytes() for each in stages}) == len(stages)
    assert (stages[-1].image == degrade_as_splats(small_head.image, preset, 3)).all()


def test_drawn_severities_can_be_done_and_differ():
    presets = [drawn_preset(rng_for(k)) for k in range(50)]
    assert len(set(presets)) == 50
    assert presets[0] == drawn_preset(rng_for(0))
    assert 0 < sum(preset.side > 0 for preset in presets) < 50
    assert {name for preset in presets for name in preset.artefacts} == set(ARTEFACTS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: degrade_as_splats(np.zeros((64, 64, 3), np.float32), "splat-huge"), "no splat preset 'splat-huge'"),
        (lambda: SplatPreset(0, 10), "at least 1 Gaussian"),
        (lambda: SplatPreset(10, 1, artefacts=("rain",)), "no artefact rain"),
    ],
)
def test_what_cannot_be_done_is_named(make, message):
    with pytest.raises(SettingsError, match=message):
        make()
