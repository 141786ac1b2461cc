"""The page's limits. Pictures are smaller than the library's may be, so that one visitor leaves memory for the others."""

from pathlib import Path

from enhancer.errors import ImageError
from enhancer.messages import Message

LARGEST_SIDE = 2048  # pixels
LARGEST_FILE = 32  # MB; 2048 x 2048 RGBA pixels of 16 bits
LARGEST_SEED = 2**53 - 1  # what a browser's numbers hold exactly


def require_few_bytes(path: str | Path, name: str) -> None:
    """Refuse a file that is too large, unread. What is no file is left to the reader to explain.

    Args:
        path: The file.
        name: What to call it in messages.

    Raises:
        ImageError: It has more than `LARGEST_FILE` MB.
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
