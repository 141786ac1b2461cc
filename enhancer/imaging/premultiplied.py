"""Pictures whose colours are multiplied by alpha already, as many renderers write them, though PNG asks for straight ones."""

import numpy as np

from enhancer.imaging.io import split_alpha, uncomposite, with_alpha

BLACK = (0.0, 0.0, 0.0)
ROUNDING = 0.5 / 255
THIN, HALF = (0.0, 0.1), (0.3, 0.7)  # ranges of alpha
ENOUGH = 32  # pixels of either that it takes to tell
VISIBLE = 10 / 255  # a darker edge looks the same either way


def straight(image: np.ndarray) -> np.ndarray:
    """Return a premultiplied `image` with straight colours; one without alpha comes back as it is."""
    rgb, alpha = split_alpha(image)
    return image if alpha is None else with_alpha(uncomposite(rgb, alpha, BLACK), alpha)


def looks_premultiplied(image: np.ndarray) -> bool:
    """Say whether the colours of an `image` are plainly multiplied by alpha already.

    None exceeds alpha, and where that fades they fade with it. Straight colours know nothing of alpha: where it is thin,
    they exceed it unless they are all but black, and then they are as dark where it is half.
    """
    rgb, alpha = split_alpha(image)
    if alpha is None or (rgb > alpha[..., None] + ROUNDING).any():
        return False
    brightest = rgb.max(axis=2)
    thin, half = (brightest[(low < alpha) & (alpha < high)] for low, high in (THIN, HALF))
    if min(thin.size, half.size) < ENOUGH:
        return False
    return bool(np.median(half) >= max(VISIBLE, 3 * np.median(thin)))
