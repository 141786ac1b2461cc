"""Models small enough to build in a test: the real classes and module names, few channels, random weights."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
from dataclasses import replace
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from enhancer.model import EnhancerConfig, SplatEnhancer
from enhancer.model.config import EMBEDDED

# SD-Turbo's published unet/config.json, vae/config.json and scheduler_config.json, what matters of them.
SD_TURBO_UNET: dict[str, Any] = {
    "sample_size": 64,
    "cross_attention_dim": 1024,
    "attention_head_dim": (5, 10, 20, 20),
    "use_linear_projection": True,
}
SD_TURBO_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "scaling_factor": 0.18215,
}
SD_TURBO_SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "timestep_spacing": "trailing",
}
TINY_CONFIG = EnhancerConfig(name="tiny", base=EMBEDDED, unet_rank=2, unet_alpha=2, vae_rank=2, vae_alpha=2)


def sd_turbo_on_meta(config: EnhancerConfig) -> SplatEnhancer:
    """The full-size model without storage: shapes and counts only."""
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**SD_TURBO_UNET), AutoencoderKL(**SD_TURBO_VAE)
        return SplatEnhancer(config, unet, vae, SD_TURBO_SCHEDULER, torch.zeros(1, 77, 1024))


def tiny_model(seed: int = 0, **changes: Any) -> SplatEnhancer:
    """A model of under 200,000 parameters whose LoRA and skips already do something."""
    with torch.random.fork_rng():
        torch.random.manual_seed(seed)
        vae = AutoencoderKL(
            **SD_TURBO_VAE | {"block_out_channels": (8, 8, 16, 16), "layers_per_block": 1, "norm_num_groups": 4}
        )
        unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            layers_per_block=1,
            block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=8,
            attention_head_dim=2,
            norm_num_groups=4,
            use_linear_projection=True,
        )
        model = SplatEnhancer(replace(TINY_CONFIG, **changes), unet, vae, SD_TURBO_SCHEDULER, torch.randn(1, 3, 8))
        for name, parameter in model.named_parameters():
            if "lora_B" in name or name.startswith("skips."):
                torch.nn.init.normal_(parameter, std=0.05)
    return model.eval()
