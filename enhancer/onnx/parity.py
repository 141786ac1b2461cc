"""Whether exported graphs restore as the model does, measured on pictures of sizes that were not traced."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from enhancer.model import SplatEnhancer
from enhancer.onnx.runner import OnnxEnhancer
from enhancer.seeding import rng_for
from enhancer.tensors import to_unit_range

LEAST = {"float32": 60.0, "float16": 45.0}  # dB, by the type of the graphs
HIGHEST = 200.0  # dB, of pictures that are the same: no infinity in a JSON file
SHAPES = (
    (1, 32, 32),
    (2, 17, 25),
)  # pictures, height and width in size multiples: neither traced, one not square


@torch.inference_mode()
def parity(model: SplatEnhancer, exported: OnnxEnhancer) -> float:
    """Return the PSNR in dB between what the two restore, of the worst batch; NaN where either is not finite.

    Args:
        model: In float32, also where the graphs are float16.
        exported: On the CPU.
    """
    worst = HIGHEST
    for pictures, height, width in SHAPES:
        batch = _blurred_noise(pictures, height * model.size_multiple, width * model.size_multiple)
        ours, theirs = (to_unit_range(restore(batch)) for restore in (model, exported))
        error = float((ours - theirs).double().square().mean())
        worst = float(np.fmin(worst, -10 * np.log10(max(error, 1e-20)))) if np.isfinite(error) else float("nan")
        if np.isnan(worst):
            break
    return worst


def _blurred_noise(pictures: int, height: int, width: int) -> Tensor:
    """Return a batch in [-1, 1] with soft shapes, as in a face, and some grain."""
    rng = rng_for("parity", pictures, height, width)
    shapes = torch.from_numpy(rng.uniform(-1, 1, (pictures, 3, 8, 8)).astype(np.float32))
    grain = torch.from_numpy(rng.normal(0, 0.05, (pictures, 3, height, width)).astype(np.float32))
    return (interpolate(shapes, (height, width), mode="bicubic") + grain).clamp(-1, 1)
