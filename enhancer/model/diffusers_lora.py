"""A checkpoint's UNet LoRA in diffusers' own form, for `unet.load_lora_adapter` and `StableDiffusionPipeline.load_lora_weights`.

It is a part of the checkpoint, not all of it: diffusers has no place for the skips, for the trained `conv_in` and, in a
pipeline, for LoRA on the VAE.
"""

import json
from pathlib import Path

from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from peft import LoraConfig
from safetensors.torch import save_file

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
    layers = {name: tensor for name, tensor in adapters.items() if name.startswith("unet.") and ".lora_" in name}
    targets = list(config.unet_targets)
    lora = LoraConfig(r=config.unet_rank, lora_alpha=config.unet_alpha, target_modules=targets)  # type: ignore[arg-type]
    settings = {
        f"unet.{key}": sorted(value) if isinstance(value, set) else value for key, value in lora.to_dict().items()
    }
    path = Path(folder) / WEIGHTS
    path.parent.mkdir(parents=True, exist_ok=True)
    # What StableDiffusionPipeline.save_lora_weights writes, with one entry of metadata instead of two: safetensors puts
    # several in any order, and the same LoRA must be the same bytes.
    save_file(layers, path, metadata={LORA_ADAPTER_METADATA_KEY: json.dumps(settings, indent=2, sort_keys=True)})
    return path
