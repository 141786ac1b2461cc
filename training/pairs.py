"""Make training pairs of your own avatars: what their splats look like, and the frames they should have looked like.

    python -m training.pairs --renders output/anna,output/ben --output_dir data/avatars
    python -m training.pairs --splats head.ply --captures scene/images --output_dir data/anna

--renders finds ours_N/renders with gt beside it (INRIA's trainer and its family, GaussianAvatars), and gsplat's canvases. --splats
renders a cloud (.ply, .splat, .spz, .ksplat) where the cameras of captured frames stood, which nerfstudio's transforms.json, a COLMAP
model or a cameras.json of 3D Gaussian Splatting tell. Views that the splats were not fitted to are taken where there are any. Train
on it with `--train_data_dir OUTPUT/train`. Stop it at any time and run the same command again: it goes on where it was.
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
    splats: str = flag("", "instead: files of Gaussians, comma-separated, one for each avatar")
    captures: str = flag("", "of --splats: folders of captured frames, one for each")
    cameras: str = flag(
        "", "of --splats: files or folders of the frames' cameras; empty: in the folder of frames or above it"
    )
    llffhold: int = flag(0, "of --splats: every so manieth frame by name was held out, from the first on")
    views: str = flag("", "which views: test, val, train, all; empty: those the splats were not fitted to, else any")
    masks: str = flag("", "folder of label maps NAME.png, used instead of the parser")
    output_dir: str = flag("data/avatars", "where train/ and test/ go")
    resolution: int = flag(512, "side of the square crops, pixels")
    min_crop: int = flag(256, "leave out pictures whose crop is narrower than this many pixels")
    test_share: float = flag(0.05, "share of pictures in test/, in blocks, so that no neighbours are on both sides")
    validation_share: float = flag(0.0, "the same for validation/, a third part")
    parser: str = flag("pocket", "face parser: folder, Hub id, 'pocket', the embedded one, or 'none'")
    premultiplied: bool = flag(False, "the colours of the pictures are multiplied by their alpha")
    num_workers: int = flag(2, "pictures worked on at once")
    seed: int = flag(0, "address of every random draw")

    def __post_init__(self) -> None:
        """Ask for a source."""
        if not self.renders and not self.splats:
            raise SettingsError(
                "Give --renders, the output folders of your trainer, or --splats, clouds of Gaussians, with --captures, their "
                "frames; comma-separated."
            )

    def to_prepare(self) -> prepare.PrepareConfig:
        """Return the same as settings of `training.prepare`."""
        return prepare.PrepareConfig(**{item.name: getattr(self, item.name) for item in fields(self)})


def command(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0 all fine, 2 something could not be used (the rest is done), 130 interrupted."""
    return prepare.run(lambda: from_flags(PairsConfig, argv, __doc__ or "").to_prepare())


if __name__ == "__main__":
    sys.exit(command())
