"""The page's limits. Pictures are smaller than the library's may be, so that one visitor leaves memory for the others."""

from pathlib import Path

from PIL import Image

from enhancer.errors import ImageError
from enhancer.imaging.io import IMAGE_SUFFIXES, MIN_SIDE, check_size, far_larger
from enhancer.messages import Message

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
            Message(
                "picture.heavy",
                "{name} has {megabytes:.0f} MB; at most {most} MB are taken. Save it as a smaller file.",
                name=name,
                megabytes=megabytes,
                most=LARGEST_FILE,
            )
        )
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            size = picture.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise far_larger(name, LARGEST_SIDE) from error
    except Exception:  # decoders raise whatever they stumble over
        return
    check_size(size, name, smallest, LARGEST_SIDE)
