"""Arrays that are given as pictures: the one check of what they hold. No torch."""

import numpy as np

from enhancer.errors import ImageError
from enhancer.messages import Message

SLACK = 0.5 / 255  # beyond black and white: it still rounds to them


def as_image(array: np.ndarray, name: str = "image", *, channels: tuple[int, ...] = (3, 4)) -> np.ndarray:
    """Return an array as a picture, or say what is wrong with it.

    Args:
        array: (H, W, C) floating point in [0, 1].
        name: What to call it in messages.
        channels: How many it may have.

    Returns:
        The same in float32, without a copy where it is that already.

    Raises:
        ImageError: Another shape, type or range; the message says what was given.
    """
    as_images(np.asarray(array)[None], name, channels=channels)
    return np.asarray(array, np.float32)


def as_images(arrays: np.ndarray, name: str = "image", *, channels: tuple[int, ...] = (3, 4)) -> np.ndarray:
    """Return an array (B, H, W, C) as pictures; as `as_image`."""
    arrays = np.asarray(arrays)
    if arrays.ndim != 4 or arrays.shape[-1] not in channels or not arrays.size:
        raise ImageError(
            Message(
                "array.shape",
                "{name} has the shape {shape}. Give height, width and {channels} channels.",
                name=name,
                shape=str(arrays.shape[1:]),
                channels=" / ".join(map(str, channels)),
            )
        )
    if arrays.dtype.kind != "f":
        raise ImageError(
            Message(
                "array.type",
                "{name} is of type {dtype}. Give floating point from 0 to 1: divide 8-bit values by 255.",
                name=name,
                dtype=str(arrays.dtype),
            )
        )
    low, high = float(arrays.min()), float(arrays.max())
    if not (-SLACK <= low <= high <= 1 + SLACK):  # written so that NaN is refused too
        raise ImageError(
            Message(
                "array.range",
                "{name} holds values from {low:g} to {high:g}. Give values from 0 to 1: divide 8-bit values by 255.",
                name=name,
                low=low,
                high=high,
            )
        )
    return np.asarray(arrays, np.float32)
