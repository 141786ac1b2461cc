"""The embedded checkpoint: small, complete, and better than doing nothing on the example heads."""

from pathlib import Path

import pytest

from enhancer.degrade import degrade, face_render
from enhancer.imaging.io import WHITE, composite, read_image, read_labels
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.metrics.fidelity import psnr, similarity, squared_error
from enhancer.model import POCKET, SplatEnhancer, restore

HEADS = sorted(path.stem for path in (Path(__file__).parents[1] / "examples/heads").glob("head_??.png"))


@pytest.fixture(scope="module")
def pocket():
    return SplatEnhancer.from_pretrained().for_inference()


def test_it_is_under_fifteen_megabytes_and_says_what_it_is(pocket):
    assert sum(path.stat().st_size for path in POCKET.rglob("*") if path.is_file()) < 15_000_000
    assert pocket.config.name == "pocket"
    card = (POCKET / "README.md").read_text()
    assert "non-commercial" in card


@pytest.mark.parametrize("name", HEADS)
def test_it_restores_an_example_head_better_than_doing_nothing(name, pocket, root):
    image = read_image(root / "examples/heads" / f"{name}.png")
    masks = soft_masks(region_map(read_labels(root / "examples/heads" / f"{name}_labels.png")))
    clean = composite(image)
    degraded = degrade(image, masks, face_render("v2"), seed=0, background=WHITE)
    restored = restore(pocket, degraded)
    gain = psnr(squared_error(restored, clean).mean()) - psnr(squared_error(degraded, clean).mean())
    assert gain > 0.5  # dB; 0.9 to 5.0 when it was trained
    assert similarity(restored, clean).mean() > similarity(degraded, clean).mean()


def test_the_same_picture_comes_back_as_the_same_bytes(pocket, head):
    rgb = composite(head.image)[:160, :192]
    assert restore(pocket, rgb).tobytes() == restore(pocket, rgb).tobytes()
