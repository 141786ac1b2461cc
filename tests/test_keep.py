"""What a restoration leaves as it came: alpha, edges, flat backgrounds, greys; and one alpha for a pair."""

import numpy as np
import pytest

from enhancer.errors import CheckpointError, ImageError
from enhancer.imaging.background import beside_flat, over_one_background
from enhancer.imaging.io import composite, split_alpha, write_png
from enhancer.imaging.keep import is_grey, keep, seen_by_model
from enhancer.model import SplatEnhancer, restore
from enhancer.model.enhancer import SplatEnhancer as Model
from enhancer.service import Service
from training.data.folders import Sample
from training.evaluation.samples import load_sample

COLOURS = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0), "green": (0.0, 1.0, 0.0), "dark": (0.1, 0.1, 0.1)}


@pytest.fixture(scope="module")
def model():
    return SplatEnhancer.from_pretrained("pocket").for_inference()


@pytest.fixture(scope="module")
def service():
    return Service.load("pocket", lpips_net=None, device="cpu")


@pytest.mark.parametrize("background", ["black", "white", "green"])
def test_no_edge_gets_worse_than_it_came(service, head, background):
    result = service.restore(head.image, degrade_first=True, labels=head.labels, with_scores=False)
    alpha = head.image[..., 3]
    edge = (alpha > 0) & (alpha < 1)
    clean, before, after = (
        composite(each, COLOURS[background]) for each in (head.image, result.degraded, result.restored)
    )
    assert ((after - clean)[edge] ** 2).mean() <= ((before - clean)[edge] ** 2).mean()
    np.testing.assert_array_equal(result.restored[..., 3], result.degraded[..., 3])


@pytest.mark.parametrize("background", COLOURS)
def test_a_flat_background_comes_back_as_it_was(model, small_head, background):
    rgb = composite(small_head.image, COLOURS[background])
    outside = beside_flat(rgb) == 0
    assert outside.mean() > 0.2
    restored = restore(model, rgb)
    assert np.abs(restored - rgb)[outside].max() <= 1 / 255
    assert np.abs(restored - rgb)[~outside].max() > 2 / 255


def test_a_photograph_has_no_flat_background(small_head):
    ramp = np.linspace(0, 1, 128, dtype=np.float32)[:, None, None] * np.ones((128, 128, 3), np.float32)
    assert beside_flat(composite(small_head.image, ramp)) is None


def test_what_alpha_hides_comes_back_as_it_was(model, small_head):
    restored = restore(model, small_head.image)
    hidden = small_head.image[..., 3] == 0
    np.testing.assert_array_equal(restored[hidden], small_head.image[hidden])


def test_a_black_and_white_picture_stays_black_and_white_unless_asked_otherwise(model, small_head):
    grey = np.repeat(composite(small_head.image).mean(-1, keepdims=True), 3, -1)
    assert is_grey(grey)
    assert not is_grey(small_head.image)
    assert np.ptp(restore(model, grey), axis=-1).max() <= 1 / 255
    assert np.ptp(restore(model, grey, keep_grey=False), axis=-1).max() > 2 / 255


def test_the_change_is_weighted_by_alpha(small_head):
    image = small_head.image
    rgb, alpha = split_alpha(image)
    kept = keep(image, np.clip(seen_by_model(image) + 0.1, 0, 1), grey=False)
    inside = (alpha > 0) & (rgb.max(-1) < 0.85)
    np.testing.assert_allclose(kept[inside][:, :3], (rgb + 0.1 * alpha[..., None])[inside], atol=1e-5)


# --- one alpha for a pair ------------------------------------------------------------------------------------------


def test_an_opaque_partner_gets_the_alpha_of_the_other(small_head):
    alpha = small_head.image[..., 3]
    captured = composite(small_head.image, (0.2, 0.5, 0.1))  # in front of something green
    for white in (1.0, 0.0):
        render, clean = over_one_background((small_head.image, captured), (white,) * 3)
        solid = (alpha == 0) | (alpha == 1)
        np.testing.assert_allclose(render[solid], clean[solid], atol=1 / 255)
        np.testing.assert_allclose(render, clean, atol=0.02)


def test_a_reference_without_alpha_is_compared_where_the_render_is(service, small_head):
    captured = composite(small_head.image, (0.2, 0.5, 0.1))
    result = service.restore(small_head.image, reference=captured, labels=small_head.labels)
    np.testing.assert_allclose(result.flat.degraded, result.flat.clean, atol=0.02)


def test_an_evaluation_compares_a_one_sided_pair_over_one_background(small_head, tmp_path):
    write_png(composite(small_head.image, (0.2, 0.5, 0.1)), tmp_path / "clean.png")
    write_png(small_head.image, tmp_path / "render.png")
    loaded = load_sample(Sample("a", tmp_path / "clean.png", tmp_path / "render.png"))
    assert loaded.degraded is not None
    np.testing.assert_allclose(loaded.clean, loaded.degraded, atol=0.02)


# --- numbers that are none -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((64, 64, 3), np.uint8), "got uint8 of the shape"),
        (np.full((64, 64, 3), 255.0, np.float32), "got values from 255 to 255"),
        (np.full((64, 64, 3), np.nan, np.float32), "got values from nan to nan"),
        (np.zeros((3, 64, 64), np.float32), r"got float32 of the shape \(3, 64, 64\)"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(model, array, said):
    with pytest.raises(ImageError, match=said):
        restore(model, array)


def test_weights_that_are_not_finite_are_refused(tiny_checkpoint, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = Model.from_pretrained(tiny_checkpoint)
    broken.save_pretrained(tmp_path / "broken")
    path = tmp_path / "broken/adapters.safetensors"
    tensors = load_file(path)
    name = next(iter(tensors))
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=f"not finite, in 1 tensors such as {name}"):
        Model.from_pretrained(tmp_path / "broken")


def test_a_setting_that_is_not_finite_is_refused(tiny_checkpoint, tmp_path):
    Model.from_pretrained(tiny_checkpoint).save_pretrained(tmp_path / "broken")
    path = tmp_path / "broken/config.json"
    text = path.read_text()
    number = text.index('"unet_alpha": ') + len('"unet_alpha": ')
    path.write_text(text[:number] + "NaN" + text[text.index(",", number) :])
    with pytest.raises(CheckpointError, match="NaN is no setting"):
        Model.from_pretrained(tmp_path / "broken")


def test_an_answer_that_is_not_finite_is_refused(small_head):
    broken = SplatEnhancer.from_pretrained("pocket").for_inference()
    next(broken.vae.decoder.parameters()).data.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="answer is not finite everywhere"):
        restore(broken, composite(small_head.image))
