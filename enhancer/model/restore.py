"""A picture of any size through the model: pad, one forward pass, crop."""

import numpy as np
import torch
from torch.nn.functional import pad

from enhancer.model.enhancer import SplatEnhancer
from enhancer.tensors import to_model_range, to_rgb

# Reflected around the picture and cut off again: the outermost pixels lie against the convolutions' zero padding, and
# the last row and column came out up to three times as wrong as the rest (embedded checkpoint, CelebAMask-HQ).
MARGIN = 8  # pixels


@torch.inference_mode()
def restore(model: SplatEnhancer, rgb: np.ndarray) -> np.ndarray:
    """Restore one picture.

    Args:
        model: From `SplatEnhancer.from_pretrained`, after `for_inference()`.
        rgb: (H, W, 3) float32 in [0, 1]; sides of at least one `size_multiple`.

    Returns:
        Restored picture, same shape and range.
    """
    height, width = rgb.shape[:2]
    right, bottom = (MARGIN + -(length + 2 * MARGIN) % model.size_multiple for length in (width, height))
    batch = pad(to_model_range(rgb), (MARGIN, right, MARGIN, bottom), mode="reflect")
    batch = batch.to(model.device, model.dtype)  # float16 where `enhancer.parts` says so
    return to_rgb(model(batch))[MARGIN : MARGIN + height, MARGIN : MARGIN + width]
