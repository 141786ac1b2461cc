"""What `training.prepare` is given: pictures in folders of any layout, matched by name, read at any size. No torch."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from enhancer.errors import SettingsError
from enhancer.imaging.folders import composed, is_picture, same_name
from enhancer.imaging.io import from_pil, read_image

Source = Path | Callable[[], bytes]  # a file, or what returns its bytes
Window = tuple[float, float, float, float]  # left, top, right, bottom; shares of the upright picture's sides

LABELS_SUFFIX = "_labels"  # of a label map that lies beside its picture, as in examples/heads
LOOKED_AT = 2048  # pixels a side; larger photographs are scaled down to find the face in them


@dataclass(frozen=True)
class Photograph:
    """Where a picture is, and what belongs to it."""

    name: str  # unique; what its files are called, without suffix
    source: Source
    labels: Path | None = None  # a label map given with it
    degraded: Source | None = None  # its partner, in ready pairs

    @property
    def shown(self) -> str:
        """What to call it in messages."""
        return self.source.name if isinstance(self.source, Path) else self.name

    @property
    def degraded_shown(self) -> str:
        """What to call its partner in messages."""
        return f"the degraded {self.degraded.name if isinstance(self.degraded, Path) else self.name}"


def find_photographs(
    folder: Path, masks: Path | None = None, leave_out: Path | None = None
) -> tuple[list[Photograph], list[str]]:
    """List the pictures in a folder and below, in the order of their names.

    A label map is ``masks/NAME.png``, where `masks` is by default the sister of a folder called ``images``, or
    ``NAME_labels.png`` beside the picture.

    Args:
        folder: Where to look; if it holds a folder ``images``, that one.
        masks: Folder of label maps.
        leave_out: A folder whose files do not count, such as our own output.

    Returns:
        The photographs, and what cannot be used, a sentence each.
    """
    if (folder / "images").is_dir():
        masks = masks or folder / "masks"
        folder = folder / "images"
    files = {composed(str(path.relative_to(folder).with_suffix(""))): path for path in _pictures(folder, leave_out)}
    photographs, problems, seen = [], [], {}
    for path in _pictures(folder, leave_out):
        stem = composed(str(path.relative_to(folder).with_suffix("")))
        if stem.endswith(LABELS_SUFFIX) and stem.removesuffix(LABELS_SUFFIX) in files:
            continue  # a label map, not a photograph
        name = stem.replace("/", "_").replace("\\", "_")
        if name in seen:
            problems.append(f"{path} would be called {name}.png, as {seen[name]} is: rename one of them.")
            continue
        seen[name] = path
        beside = files.get(stem + LABELS_SUFFIX)
        given = same_name(masks / f"{stem}.png") if masks else None
        photographs.append(Photograph(name, path, given if given and given.is_file() else beside))
    return photographs, problems


def find_pairs(clean: Path, degraded: Path, masks: Path | None = None) -> tuple[list[Photograph], list[str]]:
    """Match two folders of pictures by name, whatever their suffixes; list what has no partner.

    Returns:
        The clean pictures with their degraded partners, and what cannot be used, a sentence each.
    """
    found, problems = find_photographs(clean, masks)
    partners, double = find_photographs(degraded)
    theirs = {each.name: each for each in partners}
    pairs = []
    for each in found:
        partner = theirs.pop(each.name, None)
        if partner is None:
            problems.append(f"{each.shown} has no partner {each.name}.* in {degraded}.")
        elif isinstance(partner.source, Path):
            pairs.append(Photograph(each.name, each.source, each.labels, partner.source))
    problems += [f"{left.shown} in {degraded} has no partner {left.name}.* in {clean}." for left in theirs.values()]
    return pairs, problems + double


def read_photograph(source: Source, name: str) -> np.ndarray:
    """Read a picture as `enhancer.imaging.io.read_image` does, scaled down first where a side is longer than `LOOKED_AT`."""
    encoded = source() if callable(source) else source
    smaller = _scaled_down(encoded, (0, 0, 1, 1))
    return read_image(encoded, name) if smaller is None else from_pil(smaller, name)


def read_window(source: Source, name: str, window: Window) -> np.ndarray | None:
    """Read a window of a picture that `read_photograph` had to scale down, closer; None if it had not."""
    picture = _scaled_down(source() if callable(source) else source, window)
    return None if picture is None else from_pil(picture, name)


def _scaled_down(encoded: Path | bytes, window: Window) -> Image.Image | None:
    """Return a window of a picture that is too large; None if it is not, or cannot be read: `read_image` says why."""
    try:
        with Image.open(io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded) as picture:
            if max(picture.size) <= LOOKED_AT:
                return None
            if picture.mode in ("1", "P", "PA"):  # these modes scale by picking pixels
                picture = picture.convert("RGBA")
            if window != (0, 0, 1, 1):
                picture = ImageOps.exif_transpose(picture)
                left, top, right, bottom = window
                width, height = picture.size
                box = (left * width, top * height, right * width, bottom * height)
                picture = picture.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))
            picture.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.LANCZOS)
            return picture
    except Exception:  # decoders raise whatever they stumble over
        return None


def _pictures(folder: Path, leave_out: Path | None) -> list[Path]:
    """Return the picture files in and below a folder, sorted; hidden ones and those below `leave_out` do not count."""
    if not folder.is_dir():
        raise SettingsError(f"There is no folder {folder}. Check the path.")
    inside = sorted(path for path in folder.rglob("*") if is_picture(path))
    shown = [path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return [path for path in shown if leave_out is None or leave_out.resolve() not in path.resolve().parents]
