"""Arrays that are no pictures are refused by what they hold, wherever a picture is taken."""

import numpy as np
import pytest

from enhancer.degrade import degrade, face_render, trace
from enhancer.errors import ImageError
from enhancer.imaging.arrays import as_image
from enhancer.imaging.io import write_png
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.provenance import png_bytes
from enhancer.metrics.scores import Scorer
from enhancer.model import restore
from enhancer.parser import Parser
from enhancer.parts import Restorer
from enhancer.service import Service
from tests.tiny import tiny_model

SIDE = 64
GOOD = np.full((SIDE, SIDE, 3), 0.5, np.float32)
BAD = {
    "bytes": ((255 * GOOD).astype(np.uint8), r"of type uint8.*divide 8-bit values by 255"),
    "levels": (255 * GOOD, r"values from 127\.5 to 127\.5.*divide 8-bit values by 255"),
    "model range": (2 * GOOD - 1.5, r"values from -0\.5 to -0\.5"),
    "not a number": (np.where(np.arange(3) == 1, np.nan, GOOD), r"values from nan to nan"),
    "one channel": (GOOD[..., 0], r"the shape \(64, 64\)"),
    "channels first": (GOOD.transpose(2, 0, 1), r"the shape \(3, 64, 64\)"),
}
MASKS = soft_masks(np.zeros((SIDE, SIDE), np.uint8))
SERVICE = Service(None, Restorer(lambda rgb: rgb, "same"), None)
TAKERS = {
    "restore": lambda image: restore(tiny_model(), image),
    "degrade": lambda image: degrade(image, MASKS, face_render(), seed=0),
    "trace": lambda image: list(trace(image, MASKS, face_render(), seed=0)),
    "score": lambda image: Scorer().score(image, image),
    "parser": lambda image: Parser.from_pretrained("pocket").regions(image),
    "service": lambda image: SERVICE.restore(image, with_regions=False),
    "reference": lambda image: SERVICE.restore(GOOD, reference=image),
    "png_bytes": png_bytes,
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_picture_is_refused_by_what_it_holds(taker, kind):
    if (taker, kind) == ("png_bytes", "one channel"):
        return  # a label map
    array, message = BAD[kind]
    if taker == "score" and array.shape != GOOD.shape:
        message = "Scores need two RGB pictures"
    with pytest.raises(ImageError, match=message):
        TAKERS[taker](array)


def test_a_bad_array_is_not_written(tmp_path):
    with pytest.raises(ImageError, match="uint8"):
        write_png(BAD["bytes"][0], tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_a_batch_is_looked_into():
    with pytest.raises(ImageError, match="127"):
        restore(tiny_model(), np.stack([GOOD, 255 * GOOD]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_floating_point_is_taken_and_half_a_level_beyond_is_rounding(dtype):
    image = as_image((GOOD * 2 + 0.4 / 255).astype(dtype))
    assert image.dtype == np.float32


def test_a_good_picture_is_not_copied():
    assert as_image(GOOD) is GOOD
