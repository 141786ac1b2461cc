"""Git LFS pointers: small texts that a clone holds in place of large files until `git lfs pull` fetches these."""

from collections.abc import Iterable
from pathlib import Path

from enhancer.errors import EnhancerError
from enhancer.messages import Message

START = b"version https://git-lfs.github.com/spec/"  # of every pointer, by Git LFS's specification


def pointer_message(name: str) -> Message:
    """Return what to say of a file that is a pointer."""
    return Message(
        "file.pointer",
        "{name} is a Git LFS pointer, a short text in place of the file itself. Run `git lfs pull` where it was cloned, "
        "or download the file.",
        name=name,
    )


def refuse_pointers(paths: Iterable[Path], error: type[EnhancerError]) -> None:
    """Refuse weights of which a clone holds the pointer alone; files that are not there are left to whoever reads them.

    Args:
        paths: Files, and perhaps folders, which do not count.
        error: What to raise.
    """
    for path in paths:
        if not path.is_file():
            continue
        with path.open("rb") as file:
            if file.read(len(START)) == START:
                raise error(pointer_message(str(path)))
