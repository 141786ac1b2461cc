"""How much memory a picture takes in onnxruntime, whose attention on the CPU is a whole matrix, unlike torch's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from torch import Tensor

from enhancer.model import SplatEnhancer

SHARE = 0.5  # of the free memory that a batch may take: others are at work too
COPIES = 2  # of the matrix: scores, and their softmax
FULL = ("allocate memory", "bad_alloc", "out of memory", "Failed to allocate")  # how onnxruntime says it


@torch.inference_mode()
def attention_bytes(model: SplatEnhancer, itemsize: int) -> float:
    """Return the bytes of the largest attention, divided by the square of the picture's pixels."""
    side = 8 * model.size_multiple
    largest = 0

    def look(attention: Any, inputs: tuple[Tensor, ...]) -> None:
        nonlocal largest
        tokens = inputs[0][0, 0].numel() if inputs[0].ndim == 4 else inputs[0].shape[1]
        largest = max(largest, attention.heads * tokens**2)

    found = [module for module in model.modules() if hasattr(module, "heads") and hasattr(module, "to_q")]
    hooks = [attention.register_forward_pre_hook(look) for attention in found]
    try:
        model(torch.zeros(1, 3, side, side, dtype=model.dtype))
    finally:
        for hook in hooks:
            hook.remove()
    return COPIES * largest * itemsize / side**4


def check_free(batch: Tensor, bytes_per_pixel: float, attention: float) -> None:
    """Refuse a (B, 3, H, W) batch that would not fit; attention in bytes per square of a picture's pixels.

    Raises:
        MemoryError: It would take more than half of what is free.
    """
    pixels = batch.shape[-2] * batch.shape[-1]
    needed = len(batch) * pixels * (bytes_per_pixel + attention * pixels)
    if needed > SHARE * psutil.virtual_memory().available:
        raise MemoryError(f"A batch of this size would take {needed / 2**30:.1f} GiB.")


@contextmanager
def running_out_of_memory() -> Iterator[None]:
    """Turn what onnxruntime raises when memory is short into MemoryError."""
    try:
        yield
    except Exception as error:  # its own classes have no common base but this one
        if any(word in str(error) for word in FULL):
            raise MemoryError(str(error).splitlines()[0]) from error
        raise
