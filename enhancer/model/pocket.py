"""The small base that travels with the project: SD-Turbo's layout with a few million parameters."""

from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from enhancer.model.config import EMBEDDED, EnhancerConfig
from enhancer.model.enhancer import SplatEnhancer

# SD-Turbo's own noise schedule.
SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
}
LATENT_CHANNELS = 8
GROUPS = 4  # of the group norms: few, so that levels survive normalisation
PROMPT_SHAPE = (1, 4, 32)  # tokens x width; nothing is written, the embedding is a constant of zeros
VAE: dict[str, Any] = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (24, 32, 64, 128),
    "layers_per_block": 1,
    "latent_channels": LATENT_CHANNELS,
    "norm_num_groups": GROUPS,
    "sample_size": 512,
    "scaling_factor": 1.0,
    "mid_block_add_attention": False,
}
UNET: dict[str, Any] = {
    "sample_size": 64,
    "in_channels": LATENT_CHANNELS,
    "out_channels": LATENT_CHANNELS,
    "block_out_channels": (64, 128),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": PROMPT_SHAPE[-1],
    "attention_head_dim": 4,  # diffusers reads it as the number of heads
    "norm_num_groups": GROUPS,
    "use_linear_projection": True,
}


def new_pocket(preset: str, timestep: int = 199) -> SplatEnhancer:
    """Return an untrained pocket model, every weight of it trainable.

    t = 199 instead of 999: the UNet's error is then multiplied by 0.57 rather than 14.6. The skips start as ordinary
    convolutions and without dropout: this base learns together with them, there is no trained one to protect.
    """
    config = EnhancerConfig(
        name="pocket",
        base=EMBEDDED,
        unet_rank=0,
        vae_rank=0,
        skip_dropout=0.0,
        timestep=timestep,
        prompt="",
        preset=preset,
        licence="other",
    )
    model = SplatEnhancer(
        config, UNet2DConditionModel(**UNET), AutoencoderKL(**VAE), SCHEDULER, torch.zeros(PROMPT_SHAPE)
    )
    for convolution in model.skips:
        convolution.reset_parameters()  # type: ignore[operator]
    return model.train_base()
