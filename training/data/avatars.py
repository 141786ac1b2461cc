"""What trainers of Gaussian avatars leave behind: renders, and the frames that they should have looked like. No torch.

Two layouts are known. The family of INRIA's trainer (GaussianAvatars too) writes ``SPLIT/ours_ITERATION/renders`` and ``gt``
beside it; gsplat's ``simple_trainer`` writes canvases ``renders/STAGE_stepSTEP_NUMBER.png``, truth to the left, render to the right.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from enhancer.errors import SettingsError
from enhancer.imaging.folders import by_stem, is_picture
from training.data.photographs import Photograph, file_name

UNSEEN = ("test", "val")  # views that the trainer was not shown, better first: its damage there is what a viewer meets
ALL = "all"  # views of every kind
ITERATION = re.compile(r"ours_(\d+)$")
CANVAS = re.compile(r"([a-z]+)_step(\d+)_(\d+)$")


@dataclass(frozen=True)
class Views:
    """The pairs of one folder of renders.

    Attributes:
        folder: Where they are.
        split: ``"test"``, ``"val"``, ``"train"`` or what else the trainer calls it.
        steps: How long it had trained.
        pairs: Clean pictures with their degraded partners.
        problems: What has no partner, a sentence each.
    """

    folder: Path
    split: str
    steps: int
    pairs: tuple[Photograph, ...]
    problems: tuple[str, ...] = ()


def find_views(folders: str, split: str = "") -> list[Views]:
    """Find the pairs in the output folders of trainers.

    Args:
        folders: Comma-separated, one for each avatar.
        split: Which views are wanted, ``"all"`` for every kind. By default those that the trainer was not shown, where there
            are any.

    Returns:
        For each avatar the views of the split, or of every one, after the most steps.

    Raises:
        SettingsError: A folder is not there or holds neither layout, or not the split.
    """
    found: list[Views] = []
    for name in filter(None, (part.strip() for part in folders.split(","))):
        root = Path(name)
        if not root.is_dir():
            raise SettingsError(f"There is no folder {root}. Check the path.")
        views = [*_inria(root), *_canvases(root)]
        if not views:
            raise SettingsError(
                f"{root} holds neither ours_ITERATION/renders with gt beside it, nor canvases STAGE_stepSTEP_NUMBER.png. "
                "Give the output folder of a trainer, or pairs by --degraded and --clean of training.prepare."
            )
        splits = {each.split for each in views}
        best = split or next((each for each in UNSEEN if each in splits), sorted(splits)[0])
        if best not in splits and best != ALL:
            raise SettingsError(f"{root} has no views called {best!r}, only {', '.join(sorted(splits))}.")
        for kind in sorted(splits) if best == ALL else [best]:
            wanted = [each for each in views if each.split == kind]
            last = max(each.steps for each in wanted)
            found += [each for each in wanted if each.steps == last]
    return found


def _inria(root: Path) -> Iterator[Views]:
    """Find ``ours_ITERATION/renders`` with ``gt`` beside it."""
    for renders in sorted(root.rglob("renders")):
        numbered = ITERATION.match(renders.parent.name)
        truth = renders.parent / "gt"
        if numbered is None or not (renders.is_dir() and truth.is_dir()):
            continue
        split = renders.parent.parent.name
        degraded, clean = by_stem(renders), by_stem(truth)
        prefix = _name(root, renders.parent)
        pairs = tuple(
            Photograph(file_name(f"{prefix}_{stem}"), clean[stem], degraded=degraded[stem])
            for stem in clean
            if stem in degraded
        )
        problems = [f"{degraded[stem]} has no partner in {truth}." for stem in degraded.keys() - clean.keys()]
        problems += [f"{clean[stem]} has no partner in {renders}." for stem in clean.keys() - degraded.keys()]
        yield Views(renders.parent, split, int(numbered[1]), pairs, tuple(sorted(problems)))


def _canvases(root: Path) -> Iterator[Views]:
    """Find canvases with truth and render side by side."""
    grouped: dict[tuple[Path, str, int], list[Path]] = {}
    for path in sorted(root.rglob("*_step*_*")):
        if (named := CANVAS.match(path.stem)) and is_picture(path) and path.is_file():
            grouped.setdefault((path.parent, named[1], int(named[2])), []).append(path)
    for (folder, split, steps), files in grouped.items():
        pairs = tuple(
            Photograph(
                file_name(f"{_name(root, folder)}_{path.stem}"),
                partial(_half, path, 0),
                degraded=partial(_half, path, 1),
            )
            for path in files
        )
        yield Views(folder, split, steps, pairs)


def _half(path: Path, number: int) -> bytes:
    """Return the left (0) or right (1) half of a picture, as a PNG."""
    with Image.open(path) as canvas:
        width, height = canvas.size
        half = canvas.crop((number * (width // 2), 0, (number + 1) * (width // 2), height))
        encoded = io.BytesIO()
        half.save(encoded, "PNG")
    return encoded.getvalue()


def _name(root: Path, folder: Path) -> str:
    """Return a name for a folder's pictures: that of the avatar and the folders below it."""
    return "_".join([root.resolve().name, *folder.relative_to(root).parts])
