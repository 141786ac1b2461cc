"""LoRA by peft: attached by suffix, proven to have touched something, merged for inference."""

import inspect
from collections.abc import Sequence
from types import MethodType

from diffusers import UNet2DConditionModel
from torch import nn

from enhancer.errors import CheckpointError


def attach_lora(module: nn.Module, *, rank: int, alpha: float, targets: Sequence[str]) -> None:
    """Put LoRA on every layer of `module` whose name ends in one of `targets`; B starts at 0, A is Gaussian.

    Raises:
        CheckpointError: A target matches no layer at all.
    """
    # here: it takes a second, and a base without LoRA needs none
    from peft import LoraConfig, inject_adapter_in_model

    names = [name for name, _ in module.named_modules()]
    idle = [t for t in targets if not any(name == t or name.endswith("." + t) for name in names)]
    if len(idle) == len(targets):
        raise CheckpointError(f"No layer of {type(module).__name__} is called {', '.join(targets)}: no LoRA fits.")
    present = [t for t in targets if t not in idle]
    config = LoraConfig(r=rank, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=present)  # type: ignore[arg-type]
    inject_adapter_in_model(config, module)


def merge_lora(module: nn.Module) -> None:
    """Fold every LoRA into its layer's weight and take the adapters out."""
    layers = [(name, layer) for name, layer in module.named_modules() if hasattr(layer, "get_base_layer")]
    for name, layer in layers:
        layer.merge()  # type: ignore[operator]  of peft's BaseTunerLayer
        parent, _, child = name.rpartition(".")
        setattr(module.get_submodule(parent), child, layer.get_base_layer())  # type: ignore[operator]
    # diffusers wraps a function around it that looks for LoRA at each call, and imports peft to do so
    for unet in module.modules():
        if isinstance(unet, UNet2DConditionModel):
            unet.forward = MethodType(inspect.unwrap(type(unet).forward), unet)
