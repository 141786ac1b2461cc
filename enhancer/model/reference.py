"""What speed is measured against: SD-Turbo's architecture with random weights, and a model run as its peers run theirs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from enhancer.errors import CheckpointError
from enhancer.model.config import EnhancerConfig
from enhancer.model.enhancer import SplatEnhancer
from enhancer.model.one_step import predict_clean

TEXT_LAYERS, TEXT_HEAD = 23, 64  # of Stable Diffusion 2's text encoder: layers, width of a head
VOCABULARY = 49408  # of CLIP's tokenizer


def random_model(folder: Path) -> SplatEnhancer:
    """Lay out an architecture with random weights and the default adapters.

    Args:
        folder: Holds SD-Turbo's `unet_config.json`, `vae_config.json` and `scheduler_config.json`.

    Raises:
        CheckpointError: One of them is not there.
    """
    try:
        unet_config, vae_config, scheduler = (
            json.loads((folder / f"{name}_config.json").read_text()) for name in ("unet", "vae", "scheduler")
        )
    except OSError as error:
        raise CheckpointError(
            f"{folder} must hold unet_config.json, vae_config.json and scheduler_config.json: {error}"
        ) from error
    unet: Any = UNet2DConditionModel.from_config(unet_config)
    vae: Any = AutoencoderKL.from_config(vae_config)
    tokens = torch.randn(1, 77, unet_config["cross_attention_dim"])
    config = EnhancerConfig(name="random weights")
    return SplatEnhancer(config, unet, vae, scheduler, tokens).eval()


class Reference(nn.Module):
    """A model as img2img-turbo and its like run it: adapters beside the weights, a sampled posterior, the prompt encoded.

    The prompt goes through a text encoder of Stable Diffusion 2's depth, of the base's width, for every picture; its
    weights are random, so this is for measuring only.
    """

    tokens: Tensor

    def __init__(self, model: SplatEnhancer) -> None:
        """Take a model that is not merged; one without LoRA is given the default ranks."""
        super().__init__()
        if not model.config.unet_rank and not model.config.vae_rank:
            ranks = {key: getattr(EnhancerConfig, key) for key in ("unet_rank", "unet_alpha", "vae_rank", "vae_alpha")}
            config = replace(model.config, **ranks)
            fresh = SplatEnhancer(config, model.unet, model.vae, model.scheduler_config, model.prompt_embedding)
            fresh.skips.load_state_dict(model.skips.state_dict())
            model = fresh
        self.model = model.requires_grad_(False).eval()
        _, length, width = model.prompt_embedding.shape
        self.text_encoder = CLIPTextModel(
            CLIPTextConfig(
                hidden_size=width,
                intermediate_size=4 * width,
                num_hidden_layers=TEXT_LAYERS,
                num_attention_heads=max(1, width // TEXT_HEAD),
                max_position_embeddings=length,
                vocab_size=VOCABULARY,
            )
        ).eval()
        self.register_buffer("tokens", torch.arange(length)[None], persistent=False)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a (B, 3, H, W) batch in [-1, 1]; H and W multiples of `size_multiple`."""
        model = self.model
        prompt = self.text_encoder(self.tokens).last_hidden_state.expand(len(degraded), -1, -1)
        latents, skips = model.encode(degraded)
        latents = latents + 1e-6 * torch.randn_like(latents)  # about the spread of SD's posterior
        noise = model.unet(latents, model.config.timestep, prompt, return_dict=False)[0]
        return model.decode(predict_clean(latents, noise, model.alpha_bar), skips).clamp(-1, 1)
