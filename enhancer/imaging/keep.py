"""What a restoration leaves as it came: alpha, background, and the greys of a black-and-white picture. No torch."""

import numpy as np

from enhancer.imaging.background import beside_flat
from enhancer.imaging.io import fill_transparent, split_alpha, with_alpha

GREY = 1.5 / 255  # more than the channels of a black-and-white picture differ by: one level, by rounding
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of R'G'B', ITU-R BT.709


def is_grey(image: np.ndarray) -> bool:
    """Say whether a picture is black-and-white: no visible pixel has a colour.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1].
    """
    rgb, alpha = split_alpha(image)
    colour = rgb.max(axis=-1) - rgb.min(axis=-1)
    return bool((colour if alpha is None else colour[alpha > 0]).max() < GREY)


def seen_by_model(image: np.ndarray) -> np.ndarray:
    """Return what a model is shown of a picture: (H, W, 3), and behind a transparent one its own colours, grown outwards.

    Over a background the model would mend that as well at every edge, and nothing could tell the two apart afterwards.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1].
    """
    rgb, alpha = split_alpha(image)
    return rgb if alpha is None else fill_transparent(rgb, alpha)


def keep(image: np.ndarray, seen: np.ndarray, restored: np.ndarray, *, grey: bool) -> np.ndarray:
    """Carry over to a picture what a model changed, but leave what is no part of the damage.

    Only the model's change is used, weighted by alpha. (Dividing an answer over a background by alpha would multiply its
    errors at the edges.)

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1].
        seen: (H, W, 3), `seen_by_model(image)`.
        restored: (H, W, 3), what the model made of it.
        grey: Make it black-and-white; see `is_grey`.

    Returns:
        The shape of `image`. What alpha or a flat border tells to be background is unchanged.
    """
    rgb, alpha = split_alpha(image)
    weight = beside_flat(rgb) if alpha is None else alpha
    if weight is not None:
        restored = np.clip(rgb + weight[..., None] * (restored - seen), 0, 1)
    if grey:
        restored = np.repeat((restored @ LUMA)[..., None], 3, axis=-1)
    return with_alpha(restored, alpha)
