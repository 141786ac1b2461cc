"""A picture of any size through the model: pad, one forward pass, crop."""

import numpy as np
import torch
from torch.nn.functional import pad

from enhancer.model.enhancer import SplatEnhancer
from enhancer.tensors import to_model_range, to_rgb


@torch.inference_mode()
def restore(model: SplatEnhancer, rgb: np.ndarray) -> np.ndarray:
    """Restore one picture.

    Args:
        model: From `load_checkpoint`, after `for_inference()`.
        rgb: (H, W, 3) float32 in [0, 1]; sides of at least one `size_multiple`.

    Returns:
        Restored picture, same shape and range.
    """
    height, width = rgb.shape[:2]
    multiple = model.size_multiple
    batch = pad(to_model_range(rgb), (0, -width % multiple, 0, -height % multiple), mode="reflect")
    return to_rgb(model(batch.to(model.device)))[:height, :width]
