"""Half precision: what overflows float16 goes to float32 by itself, block by block; the rest stays."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import numpy as np
import pytest
import torch

from enhancer.metrics.fidelity import psnr, squared_error
from enhancer.model import SplatEnhancer, restore
from enhancer.model.half import blocks, first_overflow
from tests.test_model import batch, picture
from tests.tiny import tiny_model


def overflowing(name: str):
    """A model in float16 one of whose blocks passes 65504, and the same model in float32."""
    models = [tiny_model(timestep=199), tiny_model(timestep=199)]
    for model in models:
        for part, weight in blocks(model)[name].named_parameters():
            if "conv1" in part and part.endswith("weight") and "lora" not in part:
                weight.data *= 5e5  # itself still within float16
    return models[0].for_inference(dtype=torch.float16), models[1].for_inference()


def widened(model) -> set[str]:
    return {name for name, block in blocks(model).items() if next(block.parameters()).dtype == torch.float32}


def test_half_precision_of_the_embedded_checkpoint_restores_the_same_picture(small_head):
    rgb = small_head.image[..., :3]
    half, full = (SplatEnhancer.from_pretrained().for_inference(dtype=dtype) for dtype in (torch.float16, None))
    assert psnr(squared_error(restore(half, rgb), restore(full, rgb)).mean()) > 45
    assert not widened(half)


@pytest.mark.parametrize("name", ["vae.encoder.down_blocks.1", "unet.down_blocks.1", "vae.decoder.mid_block"])
def test_a_block_that_overflows_works_in_float32_from_then_on(name):
    half, full = overflowing(name)
    rgb = picture(64, 64)
    assert first_overflow(half, batch().half()) == name
    made = restore(half, rgb)
    assert name in widened(half)
    assert len(widened(half)) < len(blocks(half)) / 2
    assert psnr(squared_error(made, restore(full, rgb)).mean()) > 45
    assert first_overflow(half, batch().half()) is None


def test_a_picture_that_is_not_a_number_widens_nothing():
    half = tiny_model().for_inference(dtype=torch.float16)
    restore(half, np.full((64, 64, 3), np.nan, np.float32))
    assert not widened(half)
