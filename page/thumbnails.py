"""Small files of pictures for where they are seen small: some kilobytes in place of hundreds, which a lossless one has."""

import io
from base64 import b64encode
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from enhancer.imaging.io import composite, read_image, to_pil
from page.outputs import KEPT, stored

SIDE = 192  # of the thumbnail of an example, pixels
QUALITY = 80  # of WebP, 0 to 100


def thumbnail(image: np.ndarray, side: int) -> bytes:
    """Return a WebP file of the largest square in the middle of an `image`, over white.

    Args:
        image: (H, W, 3 or 4) float32 in [0, 1].
        side: Of the thumbnail, pixels: twice what it is shown with, for screens that have twice the pixels.
    """
    file = io.BytesIO()
    square = ImageOps.fit(to_pil(composite(image)), (side, side), Image.Resampling.LANCZOS)
    square.save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()


def data_address(webp: bytes) -> str:
    """Return a WebP file as an address that holds it, for an `img` in a piece of HTML."""
    return f"data:image/webp;base64,{b64encode(webp).decode()}"


def thumbnail_of(example: Path) -> str:
    """Return the file of an example's thumbnail, kept as long as the page is served."""
    return stored(thumbnail(read_image(example), SIDE), f"{example.stem}.webp", KEPT.name)
