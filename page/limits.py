"""The page's limits. Pictures are smaller than the library's may be, so that one visitor leaves memory for the others."""

from pathlib import Path

from enhancer.errors import ImageError
from enhancer.messages import Message

LARGEST_SIDE = 2048  # pixels
LARGEST_FILE = 32  # MB; 2048 x 2048 RGBA pixels of 16 bits
LARGEST_UPLOAD = 128  # MB; of a clip or a cloud of Gaussians
LONGEST_CLIP = 10  # seconds
MOST_OF_A_CLIP = 200_000_000  # pixels of all its frames: 10 s of 25 frames a second at 800x800, 4 s at 1920x1080
SPLAT_SIZE = 512  # pixels a side of what is rendered of a cloud
MEMORY_OF_A_CLOUD = 10**9  # bytes that reading one may take
LARGEST_SEED = 2**53 - 1  # what a browser's numbers hold exactly


def require_few_bytes(path: str | Path, name: str, most: int | None = None) -> None:
    """Refuse a file that is too large, unread. What is no file is left to the reader to explain.

    Args:
        path: The file.
        name: What to call it in messages.
        most: MB; by default `LARGEST_FILE`.

    Raises:
        ImageError: It has more.
    """
    most = LARGEST_FILE if most is None else most
    megabytes = Path(path).stat().st_size / 2**20 if Path(path).is_file() else 0
    if megabytes > most:
        raise ImageError(
            Message(
                "picture.heavy",
                "{name} has {megabytes:.0f} MB; at most {most} MB are taken. Save it as a smaller file.",
                name=name,
                megabytes=megabytes,
                most=most,
            )
        )
