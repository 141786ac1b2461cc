"""What the columns of pictures in a `metadata.jsonl` are called."""

from dataclasses import dataclass

NO_COLUMN = "none"  # in place of a column of degraded pictures


@dataclass(frozen=True)
class Columns:
    """What the columns of pictures in a `metadata.jsonl` are called, by the names that `datasets` gives them.

    A column "render" is there as "render_file_name" or "render", and the column "image" as "file_name" too. Folders that
    `training.prepare` has written are read by the columns it writes, whatever is asked for here.

    Attributes:
        image: The clean pictures.
        conditioning: The degraded ones. Empty: those that `training.prepare` writes. `NO_COLUMN`: there are none, and pictures
            are degraded afresh.
    """

    image: str = "image"
    conditioning: str = ""


OURS = Columns()
