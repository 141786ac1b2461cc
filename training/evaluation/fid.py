"""FID and KID: are the restored pictures, as a crowd, like the clean ones? Wants many pictures.

The network is the caller's: NVIDIA's TorchScript of the original Inception (`inception-v3-2015-12-05.pt`, published with
StyleGAN2-ADA and StyleGAN3), which takes uint8 RGB, scales it as FID's own code does, and returns 2048 features.

The distances are not torchmetrics': of 60 pictures its FID takes 20 s on two cores and is off in the fourth decimal, for it takes
the eigenvalues of a singular 2048 x 2048 product; and its KID draws subsets from torch's global generator.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from enhancer.errors import UnavailableError
from enhancer.imaging.io import to_bytes
from enhancer.lfs import refuse_pointers

DEGREE, OFFSET = 3, 1.0  # of KID's polynomial kernel (Binkowski et al. 2018): (x.y / d + 1)^3


class Inception:
    """The feature network of FID and KID."""

    def __init__(self, weights: Path, device: torch.device) -> None:
        """Load the TorchScript file.

        Raises:
            UnavailableError: It does not exist, or is no TorchScript.
        """
        if not weights.is_file():
            raise UnavailableError(f"The Inception network {weights} does not exist.")
        refuse_pointers([weights], UnavailableError)
        self.device = device
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit: such files are what there is
                self.network: Any = torch.jit.load(str(weights), map_location=device).eval()
        except RuntimeError as error:
            raise UnavailableError(
                f"{weights} is no TorchScript file: give one, such as inception-v3-2015-12-05.pt."
            ) from error

    def features(self, rgb: np.ndarray) -> np.ndarray:
        """Return (features,) float32 of an (H, W, 3) picture in [0, 1]."""
        levels = torch.from_numpy(to_bytes(rgb).transpose(2, 0, 1)[None].copy())
        with torch.inference_mode():
            return self.network(levels.to(self.device), return_features=True).flatten().float().cpu().numpy()


def frechet_distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the Frechet distance of two sets of features (n, d), as Gaussians (Heusel et al. 2017).

    With S = X X^T for the centred features X, tr sqrt(S1 S2) is the sum of the singular values of X1^T X2: exact, and
    quick for fewer pictures than features.
    """
    means, spreads = zip(*(_centred(each.astype(np.float64)) for each in (ours, theirs)), strict=True)
    across = np.linalg.svd(spreads[0] @ spreads[1].T, compute_uv=False).sum()
    apart = np.square(means[0] - means[1]).sum() + sum(np.square(spread).sum() for spread in spreads)
    return float(apart - 2 * across)


def _centred(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = features.mean(0)
    return mean, (features - mean) / np.sqrt(len(features) - 1)


def kernel_distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the unbiased squared MMD of two sets of features (n, d): near 0 for one crowd, and perhaps below."""
    n, m = len(ours), len(theirs)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a.astype(np.float64) @ b.astype(np.float64).T / a.shape[1] + OFFSET) ** DEGREE

    within, other = kernel(ours, ours), kernel(theirs, theirs)
    same = (within.sum() - np.trace(within)) / (n * (n - 1)) + (other.sum() - np.trace(other)) / (m * (m - 1))
    return float(same - 2 * kernel(ours, theirs).mean())
