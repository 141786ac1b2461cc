"""Make training pairs of your own avatars: what a splat trainer rendered, and the frames it should have looked like.

    python -m training.pairs --renders output/anna,output/ben --output_dir data/avatars

It finds ours_N/renders with gt beside it (INRIA's trainer and its family, GaussianAvatars), and gsplat's canvases. Views that the
trainer was not shown are taken where there are any. Train on it with `--train_data_dir OUTPUT/train`.
Stop it at any time and run the same command again: it goes on where it was.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields

from enhancer.errors import SettingsError
from training import prepare
from training.cli import flag, from_flags


@dataclass(frozen=True)
class PairsConfig:
    """What pairs are made of. Field name = flag name; each is a setting of `training.prepare` too."""

    renders: str = flag("", "output folders of trainers, comma-separated, one for each avatar")
    views: str = flag("", "which views: test, val, train; empty: those the trainer was not shown, else any")
    masks: str = flag("", "folder of label maps NAME.png, used instead of the parser")
    output_dir: str = flag("data/avatars", "where train/ and test/ go")
    resolution: int = flag(512, "side of the square crops, pixels")
    min_crop: int = flag(256, "leave out pictures whose crop is narrower than this many pixels")
    test_share: float = flag(0.05, "share of pictures in test/, drawn by name")
    parser: str = flag("pocket", "face parser: folder, Hub id, 'pocket', the embedded one, or 'none'")
    premultiplied: bool = flag(False, "the colours of the pictures are multiplied by their alpha")
    num_workers: int = flag(2, "pictures worked on at once")
    seed: int = flag(0, "address of every random draw")

    def __post_init__(self) -> None:
        """Ask for a source."""
        if not self.renders:
            raise SettingsError("Give --renders, the output folders of your trainer, comma-separated.")

    def to_prepare(self) -> prepare.PrepareConfig:
        """Return the same as settings of `training.prepare`."""
        return prepare.PrepareConfig(**{item.name: getattr(self, item.name) for item in fields(self)})


def command(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0 all fine, 2 something could not be used (the rest is done), 130 interrupted."""
    return prepare.run(lambda: from_flags(PairsConfig, argv, __doc__ or "").to_prepare())


if __name__ == "__main__":
    sys.exit(command())
