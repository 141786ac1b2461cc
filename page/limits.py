"""The page's limits. Pictures are smaller than the library's may be, so that one visitor leaves memory for the others."""

from pathlib import Path

from PIL import Image

from enhancer.errors import ImageError
from enhancer.imaging.io import IMAGE_SUFFIXES, MIN_SIDE

LARGEST_SIDE = 2048  # pixels
LARGEST_FILE = 32  # MB; 2048 x 2048 RGBA pixels of 16 bits
LARGEST_SEED = 2**53 - 1  # what a browser's numbers hold exactly

_FORMATS = sorted({Image.registered_extensions()[suffix] for suffix in IMAGE_SUFFIXES})


def require_size(path: str | Path, name: str, smallest: int = MIN_SIDE) -> None:
    """Refuse a file or a picture out of range, by its header alone. What is no picture is left to the reader to explain.

    Args:
        path: The file.
        name: What to call it in messages.
        smallest: Side, in pixels; a label map is told by its picture's size whether it is too small.

    Raises:
        ImageError: The limits, and what was given.
    """
    megabytes = Path(path).stat().st_size / 2**20 if Path(path).is_file() else 0
    if megabytes > LARGEST_FILE:
        raise ImageError(
            f"{name} has {megabytes:.0f} MB; at most {LARGEST_FILE} MB are taken. Save it as a smaller file."
        )
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            width, height = picture.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{name} is far larger than {LARGEST_SIDE}x{LARGEST_SIDE} pixels, the most taken here, and was not decoded. "
            "Scale it down first."
        ) from error
    except Exception:  # decoders raise whatever they stumble over
        return
    if max(width, height) > LARGEST_SIDE or min(width, height) < smallest:
        advice = "Scale it down first." if max(width, height) > LARGEST_SIDE else "Give a larger picture."
        raise ImageError(
            f"{name} is {width}x{height} pixels; each side must be {MIN_SIDE} to {LARGEST_SIDE} pixels. {advice}"
        )
