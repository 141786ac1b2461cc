"""What a pass must do at least: floating-point operations by part, counted on tensors without storage, and bytes."""

import copy

import torch
from torch.utils.flop_counter import FlopCounterMode

from enhancer.model import SplatEnhancer, predict_clean


def ledger(model: SplatEnhancer, side: int) -> dict[str, float]:
    """Return the operations of one (side, side) picture: "encode", "unet", "decode"; a product and a sum are two.

    A model that has storage is copied first: give one on the meta device where many sizes are counted.
    """
    bare = model if model.device.type == "meta" else copy.deepcopy(model).to("meta")
    counted: dict[str, float] = {}
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            latents, skips = bare.encode(torch.empty(1, 3, side, side, device="meta", dtype=model.dtype))
        counted["encode"] = float(counter.get_total_flops())
        with FlopCounterMode(display=False) as counter:
            noise = bare.predict_noise(latents)
        counted["unet"] = float(counter.get_total_flops())
        with FlopCounterMode(display=False) as counter:
            bare.decode(predict_clean(latents, noise, model.alpha_bar), skips)
        counted["decode"] = float(counter.get_total_flops())
    return counted


def weight_bytes(model: SplatEnhancer) -> int:
    """Return the bytes of the weights: each must be read once a pass, however many pictures are in it."""
    return sum(weight.nbytes for weight in model.parameters())
