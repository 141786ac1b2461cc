"""numpy pictures <-> torch batches: the one place where layout and range change."""

import numpy as np
import torch
from torch import Tensor


def to_model_range(rgb: np.ndarray) -> Tensor:
    """Turn (H, W, 3) or (B, H, W, 3) float32 in [0, 1] into (B, 3, H, W) float32 in [-1, 1]."""
    batch = torch.from_numpy(np.ascontiguousarray(rgb, np.float32))
    batch = batch[None] if batch.ndim == 3 else batch
    return (batch * 2 - 1).permute(0, 3, 1, 2).contiguous()


def from_bytes(batch: Tensor) -> Tensor:
    """Turn a (B, H, W, 3) uint8 batch into (B, 3, H, W) float32 in [-1, 1], on its device."""
    return (batch.float() / 127.5 - 1).permute(0, 3, 1, 2).contiguous()


def to_unit_range(batch: Tensor) -> Tensor:
    """Turn a (B, 3, H, W) batch in [-1, 1] into [0, 1], clamped."""
    return ((batch + 1) / 2).clamp(0, 1)


def to_rgb(batch: Tensor) -> np.ndarray:
    """Turn a (B, 3, H, W) batch in [-1, 1] into (B, H, W, 3) float32 in [0, 1] on the CPU, clamped."""
    return to_unit_range(batch.float()).permute(0, 2, 3, 1).cpu().contiguous().numpy()
