"""A visitor's cloud of Gaussians: read once, looked at from anywhere, and turned round for a clip. No gradio.

Torch and what stands on it are imported once a cloud is there.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from page.clips import ROOT, Taken, Two, Working, flat, small

# isort: split
import math
import time
from fractions import Fraction

import numpy as np

from enhancer.errors import SettingsError
from enhancer.messages import Message
from enhancer.splats.formats.contents import Conventions
from page.limits import LARGEST_UPLOAD, MEMORY_OF_A_CLOUD, SPLAT_SIZE, require_few_bytes

if TYPE_CHECKING:
    from enhancer.splats.cameras import Camera
    from enhancer.splats.files import SplatFile

EXAMPLE = ROOT / "examples" / "splats" / "head_02.ply"
RATE = 16  # frames a second of a turntable
FIRST_VIEW = (0.0, 0.0, 1.7, 0.14)  # of the example: a bust, of which the face shall fill the picture
FRAMES = (8, 96)  # that one may have
LIMITS = {"yaw": (-180, 180), "pitch": (-80, 80), "zoom": (0.5, 4), "rise": (-0.5, 0.5)}  # of a view
KEPT = 3  # clouds in memory: what visitors turn now

_reading = threading.Lock()  # whoever wants the same cloud waits for the first
Axis = str | None


@dataclass(frozen=True)
class Given:
    """A cloud that came in, and how it is to be understood.

    Attributes:
        path: The file.
        conventions: What it cannot say of itself.
        up: "x", "-x" and so on; None: guessed.
        front: Where the face looks, likewise.
    """

    path: str
    conventions: Conventions = field(default_factory=Conventions)
    up: Axis = None
    front: Axis = None


@dataclass(frozen=True)
class View:
    """From where a cloud is looked at.

    Attributes:
        yaw: Degrees to the left of the front, counter-clockwise from above.
        pitch: Degrees upwards.
        zoom: 1 has all of it in the picture.
        rise: How far above its middle the middle of the picture is, as a share of the picture's height at a zoom of 1.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    zoom: float = 1.0
    rise: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is out of range.

        Raises:
            SettingsError: Something is.
        """
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise SettingsError(
                    Message(
                        "cloud.view",
                        "The {name} of a view must lie in {least} to {most}, got {given}.",
                        name=name,
                        least=least,
                        most=most,
                        given=str(value)[:20],
                    )
                )


class Scene(NamedTuple):
    """A cloud and the camera in front of it."""

    file: "SplatFile"
    front: "Camera"
    distance: float  # to its middle, in its unit
    notes: tuple[Message, ...]

    def camera(self, view: View, size: int = SPLAT_SIZE) -> "Camera":
        """Return the camera of a view."""
        camera, edge = self.front.circled(self.distance, view.yaw, view.pitch), 0.5 / view.zoom
        middle = 0.5 - view.rise
        return camera.window((0.5 - edge, middle - edge, 0.5 + edge, middle + edge), size, size)


def opened(given: Given, name: str) -> Scene:
    """Read a cloud and stand in front of it.

    Args:
        given: The cloud.
        name: What to call it in messages.

    Raises:
        EnhancerError: It holds no Gaussians that can be rendered here; the message says what it is.
    """
    require_few_bytes(given.path, name, LARGEST_UPLOAD)
    with _reading:
        return _opened(given, name, Path(given.path).stat().st_mtime_ns if Path(given.path).is_file() else 0)


@lru_cache(maxsize=KEPT)
def _opened(given: Given, name: str, version: int) -> Scene:  # noqa: ARG001  of a changed file another
    from enhancer.splats.cameras import centre_and_extent, orbit
    from enhancer.splats.files import read_splats

    file = read_splats(given.path, conventions=given.conventions, name=name, memory=MEMORY_OF_A_CLOUD)
    path = orbit(file.cloud, 1, size=SPLAT_SIZE, up=given.up, front=given.front)
    (camera,) = path.cameras
    centre, _ = centre_and_extent(file.cloud)
    distance = float((camera.world_to_camera @ [*centre, 1])[2])
    return Scene(file, camera, distance, (*file.notes, *path.notes))


def rendered(scene: Scene, view: View, size: int = SPLAT_SIZE) -> np.ndarray:
    """Return what is seen: (size, size, 4) float32 in [0, 1], straight alpha, rounded as a file would be.

    Raises:
        SplatError: Nothing is.
    """
    from enhancer.imaging.io import to_levels
    from enhancer.splats.rasterising import render

    return to_levels(render(scene.file.cloud, scene.camera(view, size)))


@dataclass(frozen=True)
class Turn:
    """A way round a head, from a view on.

    Attributes:
        view: Where it is in the middle.
        frames: How many pictures.
        arc: Degrees: 360 is once round; less is to one side, to the other and back.
    """

    view: View
    frames: int
    arc: float = 360.0

    def __post_init__(self) -> None:
        """Refuse what is out of range.

        Raises:
            SettingsError: Something is.
        """
        least, most = FRAMES
        if self.frames != int(self.frames) or not least <= self.frames <= most or not 10 <= self.arc <= 360:
            raise SettingsError(
                Message(
                    "cloud.turn",
                    "A turntable has {least} to {most} pictures over 10 to 360 degrees, got {frames} over {arc}.",
                    least=least,
                    most=most,
                    frames=str(self.frames)[:20],
                    arc=str(self.arc)[:20],
                )
            )

    def views(self) -> list[View]:
        """Return where each picture is taken; after the last comes the first again."""
        shares = [number / self.frames for number in range(int(self.frames))]
        turns = [360 * each if self.arc == 360 else self.arc / 2 * math.sin(2 * math.pi * each) for each in shares]
        yaws = [(self.view.yaw + turn + 180) % 360 - 180 for turn in turns]
        return [replace(self.view, yaw=yaw) for yaw in yaws]


def turned(scene: Scene, turn: Turn, scratch: Path) -> Iterator[Working | Taken]:
    """Render the frames of a turntable, and how they move; tell how far it is, and last of all what is to be restored.

    Args:
        scene: The cloud.
        turn: The way round it.
        scratch: Folder for the frames and the motion.
    """
    from enhancer.imaging.io import to_bytes
    from enhancer.splats.motion import optical_flow
    from enhancer.video.job import KeptFrames
    from enhancer.video.reading import Frame

    views, kept, flow = turn.views(), KeptFrames(scratch / "rendered"), scratch / "flow"
    flow.mkdir(parents=True)
    start = time.monotonic()
    yield Working("Rendering", 0, len(views))
    for number, view in enumerate(views):
        picture = to_bytes(rendered(scene, view))
        kept.add(number, Frame(number, picture))
        if number + 1 < len(views):
            now, then = scene.camera(view), scene.camera(views[number + 1])
            np.save(flow / f"{number:04d}.npy", optical_flow(scene.file.cloud, now, then))
        done = number + 1
        left = (time.monotonic() - start) / done * (len(views) - done)
        shown: Two = (small(flat(picture)), None)
        yield Working("Rendering", done, len(views), left, shown)
    seconds = len(views) / RATE
    yield Taken(kept.folder, (SPLAT_SIZE, SPLAT_SIZE), len(views), seconds, True, Fraction(1, RATE), flow)
