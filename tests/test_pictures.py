"""Pictures about a restoration, blending it by region, and what a file says about how it was made."""

import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from enhancer.errors import SettingsError
from enhancer.imaging.blend import Restoration, blend
from enhancer.imaging.io import composite, read_image
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.plots import Won, close_up, difference, frame, improvement
from enhancer.imaging.provenance import KEY, Record, png_bytes, read_record
from enhancer.imaging.regions import region_map


@pytest.fixture(scope="module")
def masks(small_head):
    return soft_masks(region_map(small_head.labels))


@pytest.fixture(scope="module")
def rgb(small_head):
    return composite(small_head.image)


def brighter(rgb):
    return np.clip(rgb + 0.2, 0, 1).astype(np.float32)


def test_full_strength_is_the_models_answer(rgb, masks):
    np.testing.assert_array_equal(blend(rgb, brighter(rgb), masks, Restoration()), brighter(rgb))


def test_no_strength_is_the_picture_as_given(rgb, masks):
    blended = blend(rgb, brighter(rgb), masks, Restoration(strength=0))
    np.testing.assert_allclose(blended, rgb, atol=1e-6)


def test_a_region_without_strength_keeps_its_pixels_and_the_rest_does_not(rgb, masks):
    blended = blend(rgb, brighter(rgb), masks, Restoration(regions={"hair": 0}))
    only_hair = (masks["hair"] > 0.99) & (sum(masks[name] for name in masks if name != "hair") < 0.01)
    outside = sum(masks.values()) < 0.001
    np.testing.assert_allclose(blended[only_hair], rgb[only_hair], atol=0.01)
    np.testing.assert_allclose(blended[outside], brighter(rgb)[outside], atol=0.001)


def test_blending_keeps_alpha(small_head, masks):
    blended = blend(small_head.image, small_head.image, masks, Restoration(strength=0.5))
    np.testing.assert_array_equal(blended[..., 3], small_head.image[..., 3])


@pytest.mark.parametrize(
    "settings", [{"strength": 1.5}, {"regions": {"ears": 1}}, {"regions": {"eyes": -1}}, {"strength": "much"}]
)
def test_a_strength_that_does_not_exist_is_refused(settings):
    with pytest.raises(SettingsError, match=r"ears|0 to 1"):
        Restoration(**settings)


def test_equal_pictures_differ_by_black(rgb):
    assert difference(rgb, rgb).max() == 0
    assert difference(rgb, rgb + 0.1)[0, 0, 0] == pytest.approx(0.4, abs=1e-4)


def test_what_improved_is_green_and_what_did_not_is_red(rgb, masks):
    picture = improvement(rgb, masks, {"hair": Won(0.9, "+5"), "skin": Won(-0.9, "-5")})
    hair, skin = (picture[masks[name] > 0.95].mean(axis=0) for name in ("hair", "skin"))
    assert hair[1] > hair[0]
    assert skin[0] > skin[1]
    assert picture.shape == rgb.shape


def test_a_close_up_shows_the_region_enlarged(rgb, masks):
    eyes = close_up(rgb, frame(masks["eyes"]), 200)
    assert eyes.shape[1:] == (200, 3)
    assert 100 <= eyes.shape[0] <= 200
    assert frame(np.zeros_like(masks["eyes"])) is None


def test_a_close_up_of_a_region_at_the_edge_stays_inside(rgb):
    mask = np.zeros(rgb.shape[:2], np.float32)
    mask[:20, :100] = 1
    assert close_up(rgb, frame(mask), 50).shape[1] == 50


RECORD = Record(
    "pocket", "ab12", preset="v1", seed=7, strengths={"eyes": 0.5}, strength=0.9, regions={"hair": 0}, faces=True
)


def test_a_picture_says_how_it_was_made_and_its_pixels_are_untouched(small_head, rgb):
    file = png_bytes(rgb, RECORD)
    assert read_record(io.BytesIO(file)) == RECORD
    np.testing.assert_allclose(read_image(file), rgb, atol=0.5 / 255)
    assert b"compositeWithTrainedAlgorithmicMedia" in file


def test_a_picture_without_a_record_has_none(head, rgb):
    assert read_record(head.image_path) is None
    assert read_record(io.BytesIO(png_bytes(rgb))) is None
    assert read_record(io.BytesIO(b"no picture")) is None


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[1]",
        "[" * 5000,
        '{"seed": 1e400, "strengths": {"eyes": NaN, "ears": 1, "nose": 7}, "background": "red;}", "preset": 5}',
        "x" * 30_000,
    ],
)
def test_what_does_not_fit_in_a_strangers_record_is_dropped(text):
    info, file = PngInfo(), io.BytesIO()
    info.add_text(KEY, text)
    Image.new("RGB", (8, 8)).save(file, format="PNG", pnginfo=info)
    assert read_record(io.BytesIO(file.getvalue())) in (None, Record())
