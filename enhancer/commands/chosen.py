"""Says which checkpoint of a training run is taken, where the command's own output does not."""

import sys
from pathlib import Path

from enhancer.hub import checkpoint_in


def tell_of_choice(ref: str) -> None:
    """Say on standard error what a user should know about the checkpoint that a folder stands for."""
    folder = Path(ref).expanduser()
    notice = checkpoint_in(folder)[1] if folder.is_dir() else None
    if notice:
        sys.stderr.write(f"{notice}\n")
