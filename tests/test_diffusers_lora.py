"""The LoRA in diffusers' form: diffusers reads it, and its UNet then computes what ours does."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors import safe_open
from transformers import CLIPTextModel, CLIPTokenizer

from enhancer.model import SplatEnhancer
from enhancer.model.config import EMBEDDED
from enhancer.model.diffusers_lora import WEIGHTS, write_diffusers_lora
from tests.test_prompt import base  # noqa: F401  (a fixture)
from tests.tiny import tiny_model


@pytest.fixture
def checkpoint(tmp_path):
    """A tiny checkpoint whose alpha is not its rank, saved with its base."""
    tiny_model(unet_alpha=6.0).save_pretrained(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def answers(unet: UNet2DConditionModel, checkpoint) -> tuple[torch.Tensor, torch.Tensor]:
    """What a UNet answers, given our `conv_in`, and what ours does."""
    ours = SplatEnhancer.from_pretrained(checkpoint).unet
    unet.conv_in.load_state_dict(ours.conv_in.state_dict())  # trained whole, so in no LoRA
    generator = torch.Generator().manual_seed(0)
    latents, prompt = torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 3, 8, generator=generator)
    with torch.inference_mode():
        return unet(latents, 999, prompt).sample, ours(latents, 999, prompt).sample


def test_load_lora_adapter_gives_the_unet_we_have(checkpoint, tmp_path):
    assert write_diffusers_lora(checkpoint, tmp_path / "lora") == tmp_path / "lora" / WEIGHTS
    unet = UNet2DConditionModel.from_pretrained(checkpoint / EMBEDDED / "unet", torch_dtype=torch.float32)
    without, ours = answers(unet, checkpoint)
    unet.load_lora_adapter(tmp_path / "lora", prefix="unet", weight_name=WEIGHTS)
    with_lora, _ = answers(unet, checkpoint)
    assert (without - ours).abs().max() > 1e-3
    torch.testing.assert_close(with_lora, ours, atol=1e-6, rtol=1e-5)


def test_load_lora_weights_of_a_pipeline_gives_the_unet_we_have(checkpoint, base, tmp_path):  # noqa: F811
    write_diffusers_lora(checkpoint, tmp_path)
    pipeline = StableDiffusionPipeline(
        AutoencoderKL.from_pretrained(base / "vae", torch_dtype=torch.float32),
        CLIPTextModel.from_pretrained(base / "text_encoder"),
        CLIPTokenizer.from_pretrained(base / "tokenizer"),
        UNet2DConditionModel.from_pretrained(base / "unet", torch_dtype=torch.float32),
        DDIMScheduler(steps_offset=1, clip_sample=False),
        None,
        None,
        requires_safety_checker=False,
    )
    pipeline.load_lora_weights(tmp_path, weight_name=WEIGHTS)
    torch.testing.assert_close(*answers(pipeline.unet, checkpoint), atol=1e-6, rtol=1e-5)


def test_alpha_rank_and_targets_travel_with_the_file(checkpoint, tmp_path):
    with safe_open(write_diffusers_lora(checkpoint, tmp_path), "pt") as file:
        metadata = json.loads(file.metadata()["lora_adapter_metadata"])
        assert all(name.startswith("unet.") for name in file.keys())  # noqa: SIM118  (no mapping)
    assert (metadata["unet.r"], metadata["unet.lora_alpha"]) == (2, 6.0)
    assert "to_out.0" in metadata["unet.target_modules"]


def test_the_same_lora_is_the_same_bytes(checkpoint, tmp_path):
    written = {write_diffusers_lora(checkpoint, tmp_path / str(k)).read_bytes() for k in range(4)}
    assert len(written) == 1


def test_a_checkpoint_without_unet_lora_writes_none(tmp_path):
    tiny_model(unet_rank=0).save_pretrained(tmp_path / "checkpoint")
    assert write_diffusers_lora(tmp_path / "checkpoint", tmp_path) is None
    assert not (tmp_path / WEIGHTS).exists()
