"""Degrading by the name of a preset, the 14 steps and splats alike."""

import numpy as np
import pytest

from enhancer.degradation import PRESET_NAMES, Degrading
from enhancer.degrade import STEP_NAMES, degrade, face_render
from enhancer.errors import SettingsError
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.splats.degradation import degrade_as_splats


@pytest.fixture
def seen(small_head):
    regions = region_map(small_head.labels)
    return small_head.image, soft_masks(regions), regions


def test_a_preset_of_steps_is_the_recipe(seen):
    image, masks, _ = seen
    stages = list(Degrading("v1", {"eyes": 0.2}, 5).stages(*seen))
    assert tuple(stage.name for stage in stages) == STEP_NAMES
    assert (stages[-1].image == degrade(image, masks, face_render("v1", {"eyes": 0.2}), seed=5)).all()


def test_a_splat_preset_shows_the_fit_on_its_way(seen):
    image, _, regions = seen
    stages = list(Degrading("splat-side", seed=5).stages(*seen))
    assert stages[0].image is image
    shares = [stage.share for stage in stages]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    names = [stage.name for stage in stages if stage.image is not None]
    assert names == [
        "clean input",
        "Gaussians as drawn",
        "step 1 of 15 of the fit",
        "step 3 of 15 of the fit",
        "step 15 of 15 of the fit",
        "from the side",
    ]
    assert (stages[-1].image == degrade_as_splats(image, "splat-side", 5, regions=regions)).all()
    near = [np.abs(stage.image - image).mean() for stage in stages if stage.image is not None][1:5]
    assert near == sorted(near, reverse=True)


def test_without_pictures_on_the_way_the_last_is_the_same(seen):
    *on_the_way, last = Degrading("splat-coarse").stages(*seen, shown=False)
    assert all(stage.image is None for stage in on_the_way[1:])
    assert (last.image == degrade_as_splats(seen[0], "splat-coarse", 0, regions=seen[2])).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("v9",), f"no preset 'v9'. Choose one of {', '.join(PRESET_NAMES)}"),
        (("v2", {}, "one"), "whole number, got 'one'"),
        (("v2", {"eyes": "much"}), "numbers by region"),
        (("v2", {"eyes": 2}), "must lie in 0 to 1"),
        (("splat-fine", {"eyes": 0.5}), "fits splats to the whole picture"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(settings, said):
    with pytest.raises(SettingsError, match=said):
        Degrading(*settings)
