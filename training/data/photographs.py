"""What `training.prepare` is given: pictures in folders of any layout, matched by name, read at any size. No torch."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from enhancer.errors import SettingsError
from enhancer.imaging.folders import LABELS_SUFFIX, finder, is_picture
from enhancer.imaging.io import from_pil, opened, read_image
from enhancer.imaging.names import LONGEST, encodable, fitting, normalised
from enhancer.imaging.premultiplied import straight
from training.columns import Columns
from training.data.beside import Rendered, Window
from training.data.folders import METADATA, SPLITS, find_pairs_of

Source = Path | Callable[[], bytes]  # a file, or what returns its bytes

LOOKED_AT = 2048  # pixels a side; larger photographs are scaled down to find the face in them
LARGEST = 1 << 20  # pixels a side of what is scaled down: Pillow's own limit on the pixels comes first


@dataclass(frozen=True)
class Photograph:
    """Where a picture is, and what belongs to it."""

    name: str  # unique; what its files are called, without suffix
    source: Source
    labels: Path | None = None  # a label map given with it
    degraded: Source | None = None  # its partner, in ready pairs
    rendered: Rendered | None = None  # or what renders it
    part: str = ""  # "train" or "test", where that is not drawn by its name
    facts: Mapping[str, Any] = field(default_factory=dict)  # more for its row in metadata.jsonl

    @property
    def shown(self) -> str:
        """What to call it in messages."""
        return encodable(self.source.name) if isinstance(self.source, Path) else self.name

    @property
    def degraded_shown(self) -> str:
        """What to call its partner in messages."""
        return f"the degraded {encodable(self.degraded.name) if isinstance(self.degraded, Path) else self.name}"


class Found(NamedTuple):
    """What lies in the folders given."""

    photographs: list[Photograph]
    problems: list[str]  # what cannot be used, a sentence each
    others: Counter[str]  # suffix -> how many files of it are no pictures that can be read here


def file_name(text: str) -> str:
    """Return what the files of a picture are called, without suffix: a name that any system takes."""
    return fitting(encodable(text), LONGEST - len(".png"))


def find_photographs(folder: Path, masks: Path | None = None, leave_out: Path | None = None) -> Found:
    """List the pictures in a folder and below, in the order of their names.

    A label map is ``masks/NAME.png``, where `masks` is by default the sister of a folder called ``images``, or
    ``NAME_labels.png`` beside the picture.

    Args:
        folder: Where to look; if it holds a folder ``images``, that one.
        masks: Folder of label maps.
        leave_out: A folder whose files do not count, such as our own output.
    """
    if (folder / "images").is_dir():
        masks = masks or folder / "masks"
        folder = folder / "images"
    pictures, others, problems = _walk(folder, leave_out)
    stems = [normalised(str(path.relative_to(folder).with_suffix(""))) for path in pictures]
    files = dict(zip(stems, pictures, strict=True))
    mask = finder(masks) if masks else None
    photographs, seen = [], {}
    for path, stem in zip(pictures, stems, strict=True):
        if stem.endswith(LABELS_SUFFIX) and stem.removesuffix(LABELS_SUFFIX) in files:
            continue  # a label map, not a photograph
        name = file_name(stem.replace("/", "_").replace("\\", "_"))
        if name in seen:
            problems.append(f"{path} would be called {name}.png, as {seen[name]} is: rename one of them.")
            continue
        seen[name] = path
        beside = files.get(stem + LABELS_SUFFIX)
        given = mask(f"{stem}.png") if mask else None
        photographs.append(Photograph(name, path, given if given and given.is_file() else beside))
    return Found(photographs, problems, others)


def find_pairs(
    clean: Path, degraded: Path, masks: Path | None = None, *, suffixes: tuple[str, str] = ("", "")
) -> Found:
    """Match two folders of pictures by name, whatever their file types; what has no partner is a problem.

    Args:
        clean: Folder of clean pictures.
        degraded: Folder of degraded ones; with suffixes it may be the same.
        masks: As of `find_photographs`.
        suffixes: What the names of clean and of degraded pictures end in, such as ``("_photo", "_render")``; other pictures
            are passed over, and pairs are called by what stands before.

    Returns:
        The clean pictures with their degraded partners.
    """
    found, problems, others = find_photographs(clean, masks)
    partners, double, others_degraded = find_photographs(degraded)
    found, partners = (_ending(each, suffix) for each, suffix in zip((found, partners), suffixes, strict=True))
    if clean.resolve() == degraded.resolve():
        double, others_degraded = [], Counter()
    theirs = {each.name: each for each in partners}
    pairs = []
    for each in found:
        partner = theirs.pop(each.name, None)
        if partner is None:
            problems.append(f"{each.shown} has no partner {each.name}.* in {degraded}.")
        elif isinstance(partner.source, Path):
            pairs.append(Photograph(each.name, each.source, each.labels, partner.source))
    problems += [f"{left.shown} in {degraded} has no partner {left.name}.* in {clean}." for left in theirs.values()]
    return Found(pairs, problems + double, others + others_degraded)


def find_named_pairs(folder: Path, masks: Path | None, columns: Columns) -> Found | None:
    """Return the ready pairs that the `metadata.jsonl` of a folder names, or those of its splits; None if none does.

    Args:
        folder: An imagefolder, such as one that was prepared before.
        masks: Folder of label maps NAME.png, instead of those it brings.
        columns: What its columns are called.

    Raises:
        ImageError: A `metadata.jsonl` cannot be read, has not the columns, or names files that are not there.
    """
    inside = [each for each in (folder, *(folder / split for split in SPLITS)) if (each / METADATA).is_file()]
    samples = [sample for each in inside for sample in find_pairs_of(each, columns)]
    if not samples:
        return None
    mask, photographs, problems = finder(masks) if masks else None, {}, []
    for sample in samples:
        name = file_name(normalised(sample.image.stem))
        if name in photographs:
            problems.append(
                f"{sample.image} would be called {name}.png, as {photographs[name].source} is: rename one of them."
            )
            continue
        given = mask(f"{name}.png") if mask else sample.labels
        facts = {"view": sample.view} if sample.view else {}
        labels = given if given and given.is_file() else None
        photographs[name] = Photograph(name, sample.image, labels, sample.degraded, facts=facts)
    return Found(list(photographs.values()), problems, Counter())


def _ending(photographs: list[Photograph], suffix: str) -> list[Photograph]:
    """Return those whose names end in a suffix, called without it."""
    return [replace(each, name=each.name.removesuffix(suffix)) for each in photographs if each.name.endswith(suffix)]


def read_photograph(source: Source, name: str, *, premultiplied: bool = False) -> np.ndarray:
    """Read a picture as `enhancer.imaging.io.read_image` does, scaled down first where a side is longer than `LOOKED_AT`.

    Args:
        source: The file, or what returns its bytes.
        name: What to call it in messages.
        premultiplied: Its colours are multiplied by its alpha.
    """
    encoded = source() if callable(source) else source
    smaller = _scaled_down(encoded, (0, 0, 1, 1), premultiplied)
    if smaller is not None:
        return from_pil(smaller, name)
    image = read_image(encoded, name)
    return straight(image) if premultiplied else image


def read_window(source: Source, name: str, window: Window, *, premultiplied: bool = False) -> np.ndarray | None:
    """Read a window of a picture that `read_photograph` had to scale down, closer; None if it had not."""
    picture = _scaled_down(source() if callable(source) else source, window, premultiplied)
    return None if picture is None else from_pil(picture, name)


def _scaled_down(encoded: Path | bytes, window: Window, premultiplied: bool) -> Image.Image | None:
    """Return a window of a picture that is too large; None if it is not, or cannot be read: `read_image` says why."""
    try:
        with opened(encoded, "", LARGEST) as picture:
            if max(picture.size) <= LOOKED_AT:
                return None
            if picture.mode in ("1", "P", "PA"):  # these modes scale by picking pixels
                picture = picture.convert("RGBA")
            if premultiplied and picture.has_transparency_data:  # scaling weighs straight colours by alpha
                info, picture = picture.info, picture.convert("RGBA")
                picture = Image.frombytes("RGBa", picture.size, picture.tobytes()).convert("RGBA")
                picture.info = info
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


def _walk(folder: Path, leave_out: Path | None) -> tuple[list[Path], Counter[str], list[str]]:
    """Look into a folder and all below it; hidden ones and those below `leave_out` do not count.

    Returns:
        The picture files, sorted; how many others there are, by suffix; and what cannot be looked into, a sentence each.
    """
    if not folder.is_dir():
        raise SettingsError(f"There is no folder {folder}. Check the path.")
    pictures: list[Path] = []
    others: Counter[str] = Counter()
    problems: list[str] = []

    def closed(error: OSError) -> None:
        problems.append(f"{error.filename} cannot be read: {error.strerror}.")

    ours = leave_out and leave_out.resolve()
    for where, folders, names in os.walk(folder, onerror=closed):
        folders[:] = [name for name in folders if not name.startswith(".") and Path(where, name).resolve() != ours]
        for path in (Path(where, name) for name in names if not name.startswith(".")):
            try:
                is_file = path.is_file()
            except OSError as error:
                closed(error)
                continue
            if is_file and is_picture(path):
                pictures.append(path)
            elif is_file:
                others[path.suffix.lower()] += 1
    return sorted(pictures), others, problems
