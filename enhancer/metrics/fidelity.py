"""PSNR and SSIM as maps over the picture, so that a region is scored by averaging under its mask. numpy only."""

from typing import Any

import numpy as np
from skimage.metrics import structural_similarity

PSNR_CAP = 100.0  # dB, of identical pictures: an infinity is neither JSON nor averageable
SSIM_BORDER = 5  # px; half of the 11 px window (sigma 1.5 cut at 3.5 sigma): there the window leaves the picture


def squared_error(rgb: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return (H, W) float64: the mean over the channels of the squared difference of two [0, 1] pictures."""
    return np.mean(np.square(rgb.astype(np.float64) - reference), axis=2)


def psnr(mean_squared_error: float) -> float:
    """Return the peak signal-to-noise ratio in dB for a peak of 1.0, at most `PSNR_CAP`."""
    return PSNR_CAP if mean_squared_error <= 10 ** (-PSNR_CAP / 10) else float(-10 * np.log10(mean_squared_error))


def similarity(rgb: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the SSIM map of two (H, W, 3) pictures in [0, 1], averaged over the channels.

    Settings of Wang et al. 2004, "Image quality assessment": Gaussian window, sigma 1.5 px, K1 0.01, K2 0.03. As
    there, the border where the window leaves the picture is cut off.

    Returns:
        (H - 10, W - 10) float64.
    """
    scores: Any = structural_similarity(
        rgb.astype(np.float64),
        reference.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=-1,
        full=True,
    )
    _, full = scores  # with full=True: the mean, and the map per channel
    return without_border(full).mean(axis=2)


def without_border(field: np.ndarray) -> np.ndarray:
    """Cut an (H, W, ...) array to the pixels that have an SSIM."""
    return field[SSIM_BORDER:-SSIM_BORDER, SSIM_BORDER:-SSIM_BORDER]


def weighted_mean(field: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the mean of an (H, W) field, weighted by a mask; None weighs all pixels alike."""
    return float(field.mean() if weight is None else np.average(field, weights=weight))
