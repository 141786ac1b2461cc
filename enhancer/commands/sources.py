"""Where the pictures of a command come from: files, or whatever else can be asked for a picture."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from enhancer.errors import EnhancerError
from enhancer.messages import Message

PREMULTIPLIED = Message(
    "note.premultiplied",
    "No colour of this picture exceeds its alpha, as if they were multiplied by it. If they are, give --premultiplied.",
)


class Source(Protocol):
    """One picture that is not here yet. `str` of it is what messages call it."""

    @property
    def stem(self) -> str:
        """What its results and its partners are called, without suffix."""
        ...

    @property
    def longer_stem(self) -> str:
        """What its results are called where another source has the same stem."""
        ...

    @property
    def told(self) -> dict[str, str]:
        """What a report says of where it comes from: `file`, and what else is needed."""
        ...

    @property
    def heaviest(self) -> int:
        """Bytes that reading it may take."""
        ...

    def stamp(self) -> list[Any]:
        """Return what tells it from another version of itself, for JSON.

        Raises:
            OSError: Its file cannot be looked at.
        """
        ...

    def read(self, args: argparse.Namespace, bits: int) -> tuple[Any, tuple[Message, ...]]:
        """Return an `image` with straight alpha, and notes.

        Args:
            args: Of the command line.
            bits: A channel of what is made of it.

        Raises:
            EnhancerError: There is no picture to be had; the message says why.
        """
        ...


@dataclass(frozen=True)
class PictureFile:
    """A picture in a file."""

    path: Path

    def __str__(self) -> str:
        """Return its path."""
        return str(self.path)

    @property
    def stem(self) -> str:
        """Its name without suffix."""
        return self.path.stem

    @property
    def longer_stem(self) -> str:
        """Its name with the suffix as a word."""
        return f"{self.path.stem}_{self.path.suffix[1:]}"

    @property
    def told(self) -> dict[str, str]:
        """Its path."""
        return {"file": str(self.path)}

    @property
    def heaviest(self) -> int:
        """Of RGBA in float32, as large as a picture may be."""
        from enhancer.imaging.io import MAX_SIDE

        return MAX_SIDE**2 * 4 * 4

    def stamp(self) -> list[Any]:
        """Return name, size and time."""
        from enhancer.commands.finished import stamp

        return stamp(self.path)

    def read(self, args: argparse.Namespace, bits: int) -> tuple[Any, tuple[Message, ...]]:
        """Return what is in the file."""
        return read_picture(self.path, "this file", args, bits)


@dataclass(frozen=True)
class UnreadableFile(PictureFile):
    """A file of which it is known before its turn that there is no picture to be had."""

    error: EnhancerError

    def read(self, args: argparse.Namespace, bits: int) -> tuple[Any, tuple[Message, ...]]:  # noqa: ARG002  as a `Source`
        """Say why."""
        raise self.error


def read_picture(path: Path, name: str, args: argparse.Namespace, bits: int) -> tuple[Any, tuple[Message, ...]]:
    """Read a picture as the command line says, with notes on it.

    Args:
        path: The file.
        name: What to call it in messages.
        args: Of the command line.
        bits: A channel of what is made of it.

    Returns:
        An `image` with straight alpha, and notes.
    """
    from enhancer.imaging.io import read
    from enhancer.imaging.premultiplied import looks_premultiplied, straight

    reading = read(path, name)
    image, notes = reading.image, reading.notes(bits)
    if args.premultiplied:
        return straight(image), notes
    return image, (*notes, PREMULTIPLIED) if looks_premultiplied(image) else notes
