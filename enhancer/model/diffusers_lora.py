"""A checkpoint's UNet LoRA in diffusers' own form, for `unet.load_lora_adapter` and `StableDiffusionPipeline.load_lora_weights`.

It is a part of the checkpoint, not all of it: diffusers has no place for the skips, for the trained `conv_in` and, in a
pipeline, for LoRA on the VAE.
"""

from pathlib import Path

from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from torch import Tensor, nn

from enhancer.model.checkpoint import read_adapters

WEIGHTS = "pytorch_lora_weights.safetensors"


def write_diffusers_lora(checkpoint: str | Path, folder: str | Path) -> Path | None:
    """Write `WEIGHTS` into `folder`: the UNet LoRA of a checkpoint folder, with rank, alpha and targets as metadata.

    Returns:
        The file; None for a checkpoint without LoRA on its UNet, such as one that trained its whole base.

    Raises:
        CheckpointError: The folder is not a checkpoint.
    """
    config, adapters = read_adapters(Path(checkpoint))
    if not config.unet_rank:
        return None
    layers: dict[str, nn.Module | Tensor] = {
        name.removeprefix("unet."): tensor
        for name, tensor in adapters.items()
        if name.startswith("unet.") and ".lora_" in name
    }
    targets = list(config.unet_targets)
    lora = LoraConfig(r=config.unet_rank, lora_alpha=config.unet_alpha, target_modules=targets)  # type: ignore[arg-type]
    metadata = {
        key: sorted(value) if isinstance(value, set) else value for key, value in lora.to_dict().items()
    }
    StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers=layers, unet_lora_adapter_metadata=metadata, weight_name=WEIGHTS
    )
    return Path(folder) / WEIGHTS
