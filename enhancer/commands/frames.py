"""Clouds of Gaussians as a source of pictures: the flags that say where they are looked at from, and the frames."""

import argparse
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhancer.commands.sources import Source, UnreadableFile
from enhancer.errors import SettingsError, SplatError
from enhancer.messages import Message

if TYPE_CHECKING:  # numpy and torch wait until a command runs
    from enhancer.splats.cameras import Camera, CameraPath
    from enhancer.splats.cloud import GaussianCloud
    from enhancer.splats.files import Conventions, SplatFile

FRAMES = 36  # of an orbit
SIZE = 512  # of an orbit's frames, px
TRANSPARENT = "transparent"

_OF_AN_ORBIT = ("up", "front", "elevation", "arc")
_FLAGS = ("orbit", "cameras", "size", "background", "convention", *_OF_AN_ORBIT)
_reading = threading.Lock()


def add_views(command: argparse.ArgumentParser) -> None:
    """Declare how clouds of Gaussians are looked at. What is not given is None: see `refuse_views`."""
    group = command.add_argument_group("clouds of Gaussians (.ply, .splat, .spz, .ksplat)")
    way = group.add_mutually_exclusive_group().add_argument
    way("--orbit", metavar="N", type=int, help=f"so many cameras on a circle round the cloud ({FRAMES})")
    cameras_help = (
        "nerfstudio's transforms.json, COLMAP's model or its folder, or cameras.json of 3D Gaussian Splatting"
    )
    way("--cameras", metavar="FILE", type=Path, help=cameras_help)
    add = group.add_argument
    size_help = f"of the frames, px: square on an orbit ({SIZE}), else the longer side (what the cameras have)"
    add("--size", metavar="PX", type=int, help=size_help)
    add("--background", metavar="COLOUR", help=f"{TRANSPARENT}, white, black, #rrggbb ({TRANSPARENT})")
    axis_help = "x, -x, y, -y, z, -z or three numbers such as 0,-1,0.1 (guessed)"
    add("--up", metavar="AXIS", help=f"of the cloud: {axis_help}")
    add("--front", metavar="AXIS", help="where the face looks, likewise")
    add("--elevation", metavar="DEGREES", type=float, help="of the orbit above the middle (0)")
    add("--arc", metavar="DEGREES", type=float, help="of the orbit, with the front in its middle (360)")
    convention_help = (
        "what a file cannot say of itself: quaternions=xyzw, scales=log or linear, opacities=logit or linear, colours=sh or rgb, "
        "left_handed=true; may be given again for another"
    )
    add("--convention", metavar="NAME=VALUE", action="append", help=convention_help)


def refuse_views(args: argparse.Namespace) -> None:
    """See to it that no flag for clouds was given where there is no cloud.

    Raises:
        SettingsError: One was.
    """
    for flag in _FLAGS:
        if getattr(args, flag, None) is not None:
            raise SettingsError(
                f"--{flag} is for clouds of Gaussians (.ply, .splat, .spz, .ksplat), and none was given by its name. Leave it out."
            )


@dataclass(frozen=True, eq=False)
class _Scene:
    """What the frames of one cloud have in common."""

    file: Path
    conventions: "Conventions"
    count: int  # of Gaussians
    background: tuple[float, float, float] | None
    notes: tuple[Message, ...]

    @property
    def cloud(self) -> "GaussianCloud":
        """The Gaussians, which need not be in memory."""
        return _read(self.file, self.conventions).cloud


@dataclass(frozen=True, eq=False)
class Frame:
    """What a camera sees of a cloud: a `Source`.

    Attributes:
        scene: The cloud, and what is behind it.
        camera: Takes the picture.
        name: Stem of the frame.
    """

    scene: _Scene
    camera: "Camera"
    name: str

    def __str__(self) -> str:
        """Return the path of the cloud and the name of the frame."""
        return f"{self.scene.file} at {self.name}"

    @property
    def stem(self) -> str:
        """The camera's name, or that of the cloud and a number."""
        return self.name

    @property
    def longer_stem(self) -> str:
        """The same, after the cloud's name."""
        return f"{self.scene.file.stem}_{self.name}"

    @property
    def told(self) -> dict[str, str]:
        """The path of the cloud, and which camera."""
        return {"file": str(self.scene.file), "camera": self.name}

    @property
    def heaviest(self) -> int:
        """What rasterising takes at most."""
        from enhancer.splats.rasterising import memory_needed

        return memory_needed(self.scene.count, self.camera)

    def stamp(self) -> list[Any]:
        """Return the stamp of the cloud's file and how it is read, the numbers of the camera, and the background."""
        from enhancer.commands.finished import stamp

        camera = self.camera
        lens = [camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height]
        read_as = asdict(self.scene.conventions)
        return [*stamp(self.scene.file), read_as, camera.world_to_camera.tolist(), lens, self.scene.background]

    def read(self, args: argparse.Namespace, bits: int) -> tuple[Any, tuple[Message, ...]]:  # noqa: ARG002  as a `Source`
        """Render it, rounded: what is made of it is what would be made of its file."""
        from enhancer.imaging.io import to_levels
        from enhancer.splats.rasterising import render

        return to_levels(render(self.scene.cloud, self.camera, self.scene.background), bits), self.scene.notes

    def flow_to(self, following: "Frame") -> Any:
        """Return (H, W, 2) float32, px, from this frame to another one: see `optical_flow`."""
        from enhancer.splats.motion import optical_flow

        return optical_flow(self.scene.cloud, self.camera, following.camera)


def frames_or_trouble(path: Path, args: argparse.Namespace) -> Sequence[Source]:
    """Return the frames of one of several clouds; one whose file cannot be read is named when it is its turn.

    Raises:
        EnhancerError: As `frames_of`, but for that.
    """
    try:
        return frames_of(path, args)
    except SplatError as error:
        return [UnreadableFile(path, error)]


def frames_of(path: Path, args: argparse.Namespace) -> list[Frame]:
    """Return the frames of a cloud that the command line asks for, in order. Nothing is rendered yet.

    Raises:
        SplatError: The cloud cannot be read, or the memory does not suffice for it.
        EnhancerError: The cameras or a flag cannot be used, or the memory does not suffice.
    """
    from enhancer.imaging.colour import colour_of
    from enhancer.imaging.io import check_size

    colour = args.background or TRANSPARENT
    background = None if colour.lower() == TRANSPARENT else colour_of(colour)
    conventions = _conventions(args.convention or [])
    file = _read(path, conventions)
    views = _cameras(args, file.cloud)
    scene = _Scene(path, conventions, len(file.cloud), background, (*file.notes, *views.notes))
    digits = max(3, len(str(len(views.cameras) - 1)))
    frames = []
    for number, camera in enumerate(views.cameras):
        own = _file_name(camera.name) if args.cameras is not None else ""
        frames.append(Frame(scene, camera, own or f"{path.stem}_{number:0{digits}d}"))
        check_size((camera.width, camera.height), f"The frame {frames[-1].name}")
    _require_memory(frames)
    _settle_threads()
    return frames


def _read(path: Path, conventions: "Conventions") -> "SplatFile":
    """Read a cloud. The last two are kept: its frames follow each other, and of many clouds not all need be in memory.

    Raises:
        SplatError: It cannot be read.
    """
    from enhancer.commands.finished import stamp

    with _reading:  # threads that want the same one wait for the first of them
        try:
            version = tuple(stamp(path))
        except OSError:  # reading says it in a sentence
            version = ()
        return _kept(path, conventions, version)


@lru_cache(maxsize=2)
def _kept(path: Path, conventions: "Conventions", version: tuple[Any, ...]) -> "SplatFile":  # noqa: ARG001  of a changed file another
    from enhancer.splats.files import read_splats

    return read_splats(path, conventions=conventions, name=str(path))


def _conventions(entries: Sequence[str]) -> "Conventions":
    """Read NAME=VALUE.

    Raises:
        SettingsError: That is not what it is.
        SplatError: There is no such value.
    """
    from enhancer.splats.files import Conventions

    known = {field.name for field in fields(Conventions)}
    given: dict[str, Any] = {}
    for entry in entries:
        name, _, value = entry.partition("=")
        if name not in known or not value or (name == "left_handed" and value not in ("true", "false")):
            raise SettingsError(f"--convention takes NAME=VALUE, such as quaternions=xyzw, got {entry!r}.")
        given[name] = value == "true" if name == "left_handed" else value
    return Conventions(**given)


def _file_name(camera: str) -> str:
    """Return a camera's name as that of a file that is seen, in no other folder; empty where nothing is left of it."""
    from enhancer.imaging.folders import is_picture
    from enhancer.imaging.names import encodable

    path = Path(encodable(camera).replace("\\", "/").replace("\0", ""))
    return (path.stem if is_picture(path) else path.name).lstrip(".")


def _cameras(args: argparse.Namespace, cloud: "GaussianCloud") -> "CameraPath":
    """Return the cameras of a file, or on an orbit."""
    from dataclasses import replace

    from enhancer.splats.camera_files import read_cameras
    from enhancer.splats.cameras import orbit

    if args.cameras is None:
        return orbit(
            cloud,
            FRAMES if args.orbit is None else args.orbit,
            size=SIZE if args.size is None else args.size,
            up=_axis(args.up),
            front=_axis(args.front),
            elevation=args.elevation or 0.0,
            arc=360.0 if args.arc is None else args.arc,
        )
    for flag in _OF_AN_ORBIT:
        if getattr(args, flag) is not None:
            raise SettingsError(
                f"--{flag} is for an orbit; the cameras of {args.cameras} stand where they stand. Leave out one."
            )
    found = read_cameras(args.cameras, name=str(args.cameras))
    if args.size is None:
        return found
    return replace(found, cameras=tuple(_resized(camera, args.size) for camera in found.cameras))


def _resized(camera: "Camera", longer_side: int) -> "Camera":
    scale = longer_side / max(camera.width, camera.height)
    return camera.window((0, 0, 1, 1), round(scale * camera.width), round(scale * camera.height))


def _axis(text: str | None) -> str | list[float] | None:
    """Return the direction that a word of the command line names: an axis as it is, or numbers."""
    if text is None or "," not in text:
        return text
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return text  # refused with the axes


def _require_memory(frames: list[Frame]) -> None:
    """Refuse what cannot be rendered, before anything is.

    Raises:
        SettingsError: The largest frame needs more memory than is free.
    """
    import psutil

    largest = max(frames, key=lambda frame: frame.heaviest)
    free = psutil.virtual_memory().available
    if largest.heaviest > free:
        raise SettingsError(
            f"Rendering {largest.camera.width}x{largest.camera.height} pixels of the {largest.scene.count} Gaussians of "
            f"{largest.scene.file} needs {largest.heaviest / 1e9:.1f} GB of memory; {free / 1e9:.1f} GB are free. Choose a smaller "
            "--size, or prune the cloud."
        )


def _settle_threads() -> None:
    """Have this thread keep torch's own number of threads while others rasterise with one.

    A thread takes the number over when it first asks for it, and keeps it (see `one_thread`).
    """
    import torch

    torch.get_num_threads()
