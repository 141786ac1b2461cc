"""Which views of a scene a cloud was fitted to, where a file beside them tells. No torch."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from enhancer.errors import SettingsError
from enhancer.imaging.folders import is_picture
from enhancer.imaging.names import normalised
from enhancer.runtime.files import write_text
from enhancer.splats.cameras import Camera
from training.splats.views import View

TRAIN, VAL, TEST = "train", "val", "test"  # views that a cloud was fitted to, and two kinds of others
UNKNOWN = "unknown"  # nobody says whether a cloud was fitted to it
UNUSED = "unused"  # a file lists the views of each kind, and this one under none
RECORD = ".views.json"  # beside a cloud of `training.fit`
TEST_LIST = "test.txt"  # beside a COLMAP model: names of the pictures that 3D Gaussian Splatting holds out

Parts = tuple[str, ...]


class Told(NamedTuple):
    """What is known of a scene's views.

    Attributes:
        kinds: Of each camera: `TRAIN`, `VAL`, `TEST`, `UNUSED` or `UNKNOWN`.
        source: What says so, such as the name of a file; empty where nothing does.
    """

    kinds: tuple[str, ...]
    source: str = ""


def parts_of(picture: str | Path) -> Parts:
    """Return the parts of a picture's path without its suffix, last first: what two names of one picture have in common."""
    path = PurePosixPath(normalised(str(picture)).replace("\\", "/"))
    last = path.stem if is_picture(Path(path)) else path.name
    return (last, *reversed([part for part in path.parts[:-1] if part not in ("/", ".", "..")]))


def write_record(cloud: Path, seen: Iterable[View], unseen: Iterable[View]) -> None:
    """Note beside a cloud which views it was fitted to.

    Raises:
        SettingsError: The file cannot be written.
    """
    names = {
        key: [view.camera.picture or view.camera.name for view in views]
        for key, views in (("seen", seen), ("unseen", unseen))
    }
    write_text(record_of(cloud), json.dumps(names, indent=1) + "\n")


def record_of(cloud: Path) -> Path:
    """Return where `write_record` writes."""
    return cloud.with_suffix(RECORD)


def told_of(cloud: Path, cameras: Path, found: Sequence[Camera], every: int = 0) -> Told:
    """Return which views a cloud was fitted to.

    Args:
        cloud: Its file. What `training.fit` wrote beside it comes first.
        cameras: The file that the cameras were read from. It may list the views of each kind (nerfstudio), be called after one
            (``transforms_test.json``), or have a list of held-out ones beside it (COLMAP's model, ``test.txt``).
        found: The cameras in it.
        every: If above 0, nothing of this counts: every so manieth picture by name was held out, from the first on, as
            ``llffhold`` of 3D Gaussian Splatting does.

    Raises:
        SettingsError: A list cannot be read.
    """
    if every:
        order = sorted(range(len(found)), key=lambda index: found[index].picture or found[index].name)
        held_out = set(order[::every])
        kinds = tuple(TEST if index in held_out else TRAIN for index in range(len(found)))
        return Told(kinds, f"every {every}th by name, as --llffhold has it")
    told = (
        _by_record(record_of(cloud), found)
        or _by_lists(cameras, found)
        or _by_name(cameras, found)
        or _by_test_list(cameras, found)
    )
    return told or Told((UNKNOWN,) * len(found))


def _by_record(path: Path, found: Sequence[Camera]) -> Told | None:
    if not path.is_file():
        return None
    with _sentences(path):
        record = json.loads(path.read_text(encoding="utf-8"))
        return _listed(found, {TRAIN: record["seen"], TEST: record["unseen"]}, path.name, others=TEST)


def _by_lists(path: Path, found: Sequence[Camera]) -> Told | None:
    """Read `train_filenames` and the like; source: nerfstudio's data conventions."""
    if path.suffix.lower() != ".json":
        return None
    with _sentences(path):
        scene: Any = json.loads(path.read_text(encoding="utf-8"))
        kinds = (TRAIN, VAL, TEST) if isinstance(scene, dict) else ()
        lists = {kind: scene[f"{kind}_filenames"] for kind in kinds if scene.get(f"{kind}_filenames")}
        return _listed(found, lists, path.name, others=UNUSED)


def _by_name(path: Path, found: Sequence[Camera]) -> Told | None:
    """Go by the name of a file of one kind of views, as Blender's and GaussianAvatars' scenes have them."""
    kind = path.stem.lower().rpartition("_")[2]
    return Told((kind,) * len(found), path.name) if kind in (TRAIN, VAL, TEST) else None


def _by_test_list(cameras: Path, found: Sequence[Camera]) -> Told | None:
    path = cameras.with_name(TEST_LIST)
    if cameras.suffix.lower() not in (".bin", ".txt") or not path.is_file():
        return None
    with _sentences(path):
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return _listed(found, {TEST: [line for line in lines if line]}, path.name, others=TRAIN)


def _listed(found: Sequence[Camera], lists: Mapping[str, Collection[str]], source: str, *, others: str) -> Told | None:
    """Return the kind of each camera by lists of pictures; None where these name none of them."""
    listed = {parts_of(name): kind for kind, names in lists.items() for name in names}
    by_last = {parts[0]: {} for parts in listed}
    for parts, kind in listed.items():
        by_last[parts[0]][parts] = kind
    kinds, fits = [], 0
    for camera in found:
        ours = parts_of(camera.picture or camera.name)
        # a path may be given from the scene's folder in one place and from that of the pictures in the other
        fit = [kind for theirs, kind in by_last.get(ours[0], {}).items() if _agree(ours, theirs)]
        kinds.append(fit[0] if fit else others)
        fits += bool(fit)
    return Told(tuple(kinds), source) if fits else None


def _agree(one: Parts, other: Parts) -> bool:
    """Say whether two paths may be of one picture: as far as both go, they are the same."""
    return all(ours == theirs for ours, theirs in zip(one, other, strict=False))


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turn what is wrong with a list into one sentence."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SettingsError(
            f"{path} cannot be read for the views that were held out ({error}). Write it again."
        ) from error
