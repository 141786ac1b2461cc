"""Half precision that stays finite: a block whose activations pass float16's 65504 works in float32 from then on."""

import threading
from typing import Any

import torch
from torch import Tensor, nn

_widening = threading.Lock()


def run_finite(model: Any, batch: Tensor) -> Tensor:
    """Return what a model makes of a batch, moving blocks in float16 to float32 until it is finite.

    No block of SD-Turbo's architecture has been seen to need it; a checkpoint trained elsewhere may. Who overflowed
    once stays wide, so later pictures pay no second try.
    """
    restored = model(batch)
    if model.dtype != torch.float16 or not isinstance(model, nn.Module):
        return restored
    while not torch.isfinite(restored).all():
        with _widening:
            name = first_overflow(model, batch)
            if name is None:
                return restored  # the picture itself, or a weight, is not a number
            _widen(model, name)
        restored = model(batch)
    return restored


def blocks(model: nn.Module) -> dict[str, nn.Module]:
    """Return what is widened at a time, in no order: the pieces of the encoder, UNet, decoder and the skip convolutions."""
    found: dict[str, nn.Module] = {}
    for part in ("vae.encoder", "unet", "vae.decoder", "skips"):
        for name, child in model.get_submodule(part).named_children():
            inner = child.named_children() if isinstance(child, nn.ModuleList) else [("", child)]
            found |= {
                f"{part}.{name}.{k}".rstrip("."): block for k, block in inner if any(True for _ in block.parameters())
            }
    for name in ("quant_conv", "post_quant_conv"):
        if getattr(model.vae, name) is not None:
            found[f"vae.{name}"] = getattr(model.vae, name)
    return found


@torch.inference_mode()
def first_overflow(model: nn.Module, batch: Tensor) -> str | None:
    """Return the first block in float16 that is given numbers and puts out something else, None if there is none."""
    given, met = set[str](), list[str]()

    def look_before(name: str, args: Any, kwargs: Any) -> None:
        if _finite(args) and _finite(kwargs):
            given.add(name)

    def look_after(name: str, block: nn.Module, output: Any) -> None:
        if name in given and _dtype(block) == torch.float16 and not _finite(output):
            met.append(name)

    hooks = []
    for name, block in blocks(model).items():
        before = lambda _, args, kwargs, name=name: look_before(name, args, kwargs)  # noqa: E731
        after = lambda block, _, output, name=name: look_after(name, block, output)  # noqa: E731
        # first of all hooks: before the inputs are cast to a type in which they may overflow
        hooks.append(block.register_forward_pre_hook(before, prepend=True, with_kwargs=True))
        hooks.append(block.register_forward_hook(after))
    try:
        model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return met[0] if met else None


def _widen(model: nn.Module, name: str) -> None:
    """Let a block work in float32; every block then takes its inputs in its own type."""
    every = blocks(model)
    if all(_dtype(block) == torch.float16 for block in every.values()):  # the first one
        for block in every.values():
            block.register_forward_pre_hook(_as_its_own, with_kwargs=True)
    every[name].float()


def _as_its_own(block: nn.Module, args: Any, kwargs: Any) -> Any:
    """Cast what a block is given."""
    return _cast(args, _dtype(block)), _cast(kwargs, _dtype(block))


def _cast(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, tuple):
        return tuple(_cast(one, dtype) for one in value)
    if isinstance(value, dict):
        return {key: _cast(one, dtype) for key, one in value.items()}
    return value


def _finite(value: Any) -> bool:
    """Return whether every tensor in a block's arguments or answer is finite."""
    if isinstance(value, Tensor):
        return bool(torch.isfinite(value).all())
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return all(_finite(one) for one in inner)


def _dtype(block: nn.Module) -> torch.dtype:
    return next(block.parameters()).dtype
