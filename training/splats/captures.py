"""Captured frames of an avatar, each with the camera that took it, and which of them make pairs. No torch."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from enhancer.errors import SettingsError, SplatError
from enhancer.splats.camera_files import find_cameras, read_cameras
from enhancer.splats.cameras import Camera
from training.data.photographs import Found, Photograph, find_photographs
from training.splats.seen import TEST, TRAIN, UNKNOWN, VAL, Parts, parts_of, told_of
from training.splats.views import camera_file

ALL = "all"
NAMED = 5  # files that a line names
SPLIT_FILES = tuple((kind, f"transforms_{kind}.json") for kind in (TRAIN, VAL, TEST))


@dataclass(frozen=True)
class Avatar:
    """A cloud and its captures.

    Attributes:
        cloud: File of Gaussians.
        captures: Folder of frames.
        cameras: File or folder of their cameras; None: in the folder of frames or in the one above.
    """

    cloud: Path
    captures: Path
    cameras: Path | None = None


@dataclass(frozen=True, eq=False)
class Capture:
    """A frame, the camera that took it, and whether the cloud was fitted to it (`training.splats.seen`)."""

    frame: Photograph
    camera: Camera
    kind: str


class Captures(NamedTuple):
    """What was found of an avatar.

    Attributes:
        captures: In the order of the frames' names.
        said: What is worth a line: what has no partner, and what tells which views were held out.
        problems: What cannot be used, a sentence each.
    """

    captures: list[Capture]
    said: list[str]
    problems: list[str]


def avatars_of(clouds: str, captures: str, cameras: str) -> list[Avatar]:
    """Read comma-separated lists, one entry for each avatar.

    Raises:
        SettingsError: They have not equally many entries.
    """
    lists = [[Path(part.strip()) for part in text.split(",") if part.strip()] for text in (clouds, captures, cameras)]
    counts = [len(each) for each in lists]
    if counts[0] != counts[1] or counts[2] not in (0, counts[0]):
        raise SettingsError(
            f"Give --splats and --captures, and --cameras if at all, as many entries as there are avatars; got {counts[0]}, "
            f"{counts[1]} and {counts[2]}."
        )
    places = lists[2] or [None] * counts[0]
    return [Avatar(*each) for each in zip(lists[0], lists[1], places, strict=True)]


def find_captures(avatar: Avatar, every: int = 0, masks: Path | None = None) -> Captures:
    """Match an avatar's frames with their cameras, by name.

    Args:
        avatar: Where they are.
        every: As `training.splats.seen.told_of` takes it.
        masks: Folder of label maps.

    Raises:
        SettingsError: There is no folder of frames, or it holds no pictures, or none that a camera is called after.
        SplatError: The cameras cannot be used: not read, singular, with a lens that bends lines.
    """
    found = find_photographs(avatar.captures, masks)
    if not found.photographs:
        raise SettingsError(f"There are no pictures in {avatar.captures}. Give the folder of the frames (--captures).")
    cameras, kinds, said, name = [], [], [], ""
    for path in _camera_files(avatar):
        read = read_cameras(path)
        if read.notes:
            raise SplatError(
                f"{path}: {' '.join(read.notes)} Undistort the frames first, so that both show the same; COLMAP's "
                "image_undistorter does, and writes their cameras."
            )
        told = told_of(avatar.cloud, path, read.cameras, every)
        cameras += read.cameras
        kinds += told.kinds
        name = path.name
        if told.source and (line := f"Which views were held out is told by {told.source}.") not in said:
            said.append(line)
    frames, problems = _matched(cameras, found, avatar.captures)
    captures = [
        Capture(frames[number], camera, kind)
        for number, (camera, kind) in enumerate(zip(cameras, kinds, strict=True))
        if number in frames
    ]
    if not captures:
        raise SettingsError(
            f"None of the {len(found.photographs)} frames in {avatar.captures} is called as one of the {len(cameras)} "
            f"cameras in {name} is: frames such as {_names(each.shown for each in found.photographs[:2])}, cameras such as "
            f"{_names(_called(each) for each in cameras[:2])}. Check --captures and --cameras."
        )
    used = {each.frame.name for each in captures}
    if alone := [each.shown for each in found.photographs if each.name not in used]:
        said.append(f"{len(alone)} frames have no camera in {name}: {_names(alone)}.")
    if blind := [_called(each) for number, each in enumerate(cameras) if number not in frames]:
        said.append(f"{len(blind)} cameras of {name} have no frame in {avatar.captures}: {_names(blind)}.")
    captures.sort(key=lambda each: each.frame.name)
    return Captures(captures, said, found.problems + problems)


def chosen(captures: Sequence[Capture], wanted: str = "") -> tuple[list[Capture], str]:
    """Choose the views that make pairs.

    Args:
        captures: All there are.
        wanted: `TEST`, `VAL`, `TRAIN`, or `ALL`; empty: those that the cloud was not fitted to, else all there are.

    Returns:
        The views, and a line about what was chosen and left out.

    Raises:
        SettingsError: There are no such views.
    """
    counts = Counter(each.kind for each in captures)
    if wanted in ("", ALL):
        kinds = next(([kind] for kind in (TEST, VAL) if counts[kind]), [TRAIN, UNKNOWN])
        kinds = list(counts) if wanted == ALL else kinds
    else:
        kinds = [wanted]
    views = [each for each in captures if each.kind in kinds]
    if not views:
        raise SettingsError(f"There are no views called {wanted or TRAIN!r}, only {_counted(counts)}.")
    line = f"Pairs of {_counted({kind: counts[kind] for kind in kinds if counts[kind]})}."
    rest = {kind: count for kind, count in counts.items() if kind not in kinds}
    if rest:
        line += f" Left out: {_counted(rest)}; --views all takes them too."
    if wanted == "" and counts[UNKNOWN]:
        line += (
            " Nothing says which views the cloud was fitted to. Held-out ones are better: what splats do wrong there is what "
            "a viewer meets. Lay their frames alone into --captures, or give --llffhold 8 if every eighth was held out."
        )
    elif wanted == "" and kinds == [TRAIN, UNKNOWN]:
        line += " The cloud was fitted to all of them, and looks better there than anywhere else."
    return views, line


def _counted(counts: dict[str, int] | Counter[str]) -> str:
    """Return words such as "9 test views and 15 train views"."""
    return " and ".join(f"{count} {kind} view{'s' * (count != 1)}" for kind, count in counts.items())


def _names(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _camera_files(avatar: Avatar) -> list[Path]:
    """Return the files of an avatar's cameras: one, or one for each kind of views.

    Raises:
        SplatError: There is none.
    """
    if avatar.cameras is not None and not avatar.cameras.is_dir():
        return [avatar.cameras]
    folders = [avatar.cameras] if avatar.cameras else [avatar.captures, avatar.captures.resolve().parent]
    for last, folder in enumerate(folders, start=1 - len(folders)):
        if (folder / "transforms.json").is_file():
            return [folder / "transforms.json"]
        if files := [folder / file for _, file in SPLIT_FILES if (folder / file).is_file()]:
            return files
        try:
            return [find_cameras(camera_file(folder))]
        except SplatError as error:
            if last == 0:
                raise SplatError(f"{error} Name it by --cameras.") from error
    raise AssertionError


def _matched(cameras: Sequence[Camera], found: Found, folder: Path) -> tuple[dict[int, Photograph], list[str]]:
    """Return each camera's frame by the camera's number; frames that cannot be told apart are problems.

    A frame is a camera's if its path ends as the camera has it. Where that fits none at all, its path below the folder of frames
    and the camera's agree as far as both go; or, as when frames were scaled into another folder, their names alone do.
    """
    matches, ambiguous = {}, []
    for shorten in (Path.absolute, lambda path: path.relative_to(folder), lambda path: Path(path.name)):
        by_last: dict[str, list[tuple[Parts, Photograph]]] = defaultdict(list)
        for frame in found.photographs:
            assert isinstance(frame.source, Path)
            parts = parts_of(shorten(frame.source))
            by_last[parts[0]].append((parts, frame))
        matches, ambiguous = _pairs_of(cameras, by_last)
        if matches or ambiguous:
            break
    takers: dict[str, list[int]] = defaultdict(list)
    for number, (_, frame) in matches.items():
        takers[frame.name].append(number)
    frames = {}
    for numbers in takers.values():
        most = max(matches[number][0] for number in numbers)
        best = [number for number in numbers if matches[number][0] == most]
        frame = matches[best[0]][1]
        if len(best) == 1:
            frames[best[0]] = frame
        else:
            names = _names(_called(cameras[number]) for number in best)
            ambiguous.append(
                f"{frame.shown} may be of several cameras: {names}. Give as --captures the folder that their paths begin in."
            )
    return frames, ambiguous


def _pairs_of(
    cameras: Sequence[Camera], by_last: Mapping[str, list[tuple[Parts, Photograph]]]
) -> tuple[dict[int, tuple[int, Photograph]], list[str]]:
    """Return for each camera's number in how many parts of their paths it agrees with its frame, and the frame."""
    matches, ambiguous = {}, []
    for number, camera in enumerate(cameras):
        ours = parts_of(_called(camera))
        fit = []
        for theirs, frame in by_last.get(ours[0], []):
            both = min(len(ours), len(theirs))
            if ours[:both] == theirs[:both]:
                fit.append((both, frame))
        most = max((both for both, _ in fit), default=0)
        best = [frame for both, frame in fit if both == most]
        if len(best) == 1:
            matches[number] = most, best[0]
        elif best:
            names = _names(str(frame.source) for frame in best)
            ambiguous.append(
                f"Several frames are called as the camera {_called(camera)} is: {names}. Keep one of them."
            )
    return matches, ambiguous


def _called(camera: Camera) -> str:
    return camera.picture or camera.name
