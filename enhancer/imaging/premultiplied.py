"""Pictures whose colours were multiplied by their alpha, as compositing programs and some renderers write them. No torch."""

import numpy as np

from enhancer.imaging.io import split_alpha

LEVEL = 1 / 255
LEAST = 64  # half-transparent pixels; fewer say nothing


def straight(image: np.ndarray) -> np.ndarray:
    """Divide the colours of a premultiplied picture by its alpha.

    Args:
        image: (H, W, 3 or 4) float32 in [0, 1]; one without alpha is returned as it is.

    Returns:
        The picture with straight alpha, as the library has it; black where it is fully transparent.
    """
    rgb, alpha = split_alpha(image)
    if alpha is None:
        return image
    colour = np.divide(rgb, alpha[..., None], out=np.zeros_like(rgb), where=alpha[..., None] > 0)
    return np.concatenate([np.clip(colour, 0, 1), image[..., 3:]], -1)


def looks_premultiplied(image: np.ndarray) -> bool:
    """Say whether a picture is plainly premultiplied: no colour is above its alpha, though many come near.

    Straight colours at a silhouette are as bright as those beside them, whatever their alpha.
    """
    rgb, alpha = split_alpha(image)
    if alpha is None:
        return False
    partly = (alpha > 4 * LEVEL) & (alpha < 0.5)
    if partly.sum() < LEAST:
        return False
    brightest, limit = rgb.max(-1)[partly], alpha[partly]
    return bool((brightest <= limit + 1.5 * LEVEL).all() and np.quantile(brightest / limit, 0.9) > 0.25)
