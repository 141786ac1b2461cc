"""Restoring a clip for a visitor: how much of it is taken, its frames one by one, and the files they become. No gradio.

PyAV, torch and what stands on them are imported once a clip is there.
"""

import time
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import spaces  # must come before anything that touches CUDA

# isort: split
import numpy as np

from enhancer.errors import SettingsError, VideoError
from enhancer.imaging.io import composite
from enhancer.messages import Message
from page import backend
from page.limits import LARGEST_SIDE, LARGEST_UPLOAD, LONGEST_CLIP, MOST_OF_A_CLIP, require_few_bytes

if TYPE_CHECKING:
    from enhancer.video.job import KeptFrames
    from enhancer.video.motion import Motion
    from enhancer.video.reading import Clip, Frame

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "splats" / "head_02_turn.mp4"
CAN_READ_CLIPS = find_spec("av") is not None
MOST_GPU_SECONDS = 90  # that a clip may ask of ZeroGPU; a visitor who is not logged in has 120 a day
GPU_SECONDS_PER_PIXEL = 0.6e-6  # 0.16 s for 512x512: the model, the motion, and keeping the frame
PREVIEW_SIDE = 480  # pixels
PREVIEW_EVERY = 0.4  # seconds
Two = tuple[Any, Any]  # before and after


@dataclass(frozen=True)
class Taken:
    """How much of a clip is worked on. It is told from the header and the packets, so `frames` may be a few off.

    Attributes:
        path: The file, or a folder of kept frames.
        size: Height and width, pixels.
        frames: How many are taken.
        seconds: How long these are shown.
        has_alpha: Whether they have alpha.
        time_base: Seconds a tick.
        flow: Folder of the motion from frame to frame, where it is known.
        notes: What is worth saying before the work.
    """

    path: Path
    size: tuple[int, int]
    frames: int
    seconds: float
    has_alpha: bool = False
    time_base: Fraction = Fraction(1, 25)
    flow: Path | None = None
    notes: tuple[Message, ...] = ()

    @property
    def pixels(self) -> int:
        """Of one frame."""
        return self.size[0] * self.size[1]

    def clip(self) -> "Clip":
        """Open it, cut to what is taken."""
        from enhancer.video.job import KeptFrames
        from enhancer.video.reading import MadeClip, VideoFile

        if self.path.is_dir():
            return MadeClip(KeptFrames(self.path).frames, self.size, self.frames, self.has_alpha, self.time_base)
        file = VideoFile.open(self.path)

        def frames() -> Iterator["Frame"]:
            first = None
            for frame in islice(file.frames(), self.frames):
                first = frame.pts if first is None else first
                if (frame.pts - first) * file.time_base >= LONGEST_CLIP:
                    return
                yield frame

        return MadeClip(frames, self.size, self.frames, self.has_alpha, file.time_base, file.audio, file.notes)

    def motion(self) -> "Motion":
        """Return how it moves: known, or to be found."""
        from enhancer.video.motion import EstimatedMotion, GivenMotion, RememberedMotion

        known = None if self.flow is None else GivenMotion(self.flow, self.frames, self.size)
        return RememberedMotion(known or EstimatedMotion())


def take(path: str | Path, name: str) -> Taken:
    """Look at a file and decide how much of it is taken.

    Args:
        path: The file.
        name: What to call it in messages.

    Raises:
        EnhancerError: It is no clip that can be used here, or there is no PyAV.
    """
    from enhancer.video.reading import VideoFile, av_module

    av_module()
    require_few_bytes(path, name, LARGEST_UPLOAD)
    file = VideoFile.open(Path(path))
    if max(file.size) > LARGEST_SIDE:
        raise VideoError(
            Message(
                "clip.size",
                "This clip is {width}x{height} pixels; here at most {most} a side are taken. Make it smaller, or use the command line.",
                width=file.size[1],
                height=file.size[0],
                most=LARGEST_SIDE,
            )
        )
    times = [float((at - first) * file.time_base) for first, at in _since_first(file.times())] or [0.0]
    pixels = file.size[0] * file.size[1]
    most = MOST_OF_A_CLIP // pixels
    if backend.ON_ZERO_GPU:
        most = min(most, int((MOST_GPU_SECONDS - backend.GPU_START) / (GPU_SECONDS_PER_PIXEL * pixels)))
    count = min(sum(at < LONGEST_CLIP for at in times), max(1, most))
    tick = (times[-1] - times[0]) / max(1, len(times) - 1)
    seconds = times[count - 1] + tick
    notes = file.notes
    if count < len(times):
        cut = Message(
            "clip.cut",
            "This clip lasts {all:.1f} s. The first {taken:.1f} s are taken: at most {most} s, and less of large frames.",
            all=times[-1] + tick,
            taken=seconds,
            most=LONGEST_CLIP,
        )
        notes = (cut, *notes)
    return Taken(Path(path), file.size, count, seconds, file.has_alpha, file.time_base, notes=notes)


def _since_first(times: list[int]) -> list[tuple[int, int]]:
    return [(times[0], at) for at in times]


# --- frame by frame ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrameDone:
    """What is told of a frame that has been restored. On ZeroGPU it comes from another process.

    Attributes:
        pts: When it is shown, ticks.
        columns: (H, 3) uint8, the middle column before and after.
        flicker: Warping error so far, before and after; None where nothing could be followed yet.
        pictures: (H, W, 3) uint8, small, before and after; now and then, else None.
        notes: On the result.
    """

    pts: int
    columns: Two
    flicker: Two
    pictures: Two | None
    notes: tuple[Message, ...]


def gpu_seconds(taken: Taken, *_: Any, **__: Any) -> int:
    """Return how long a GPU is asked for."""
    return int(backend.GPU_START + taken.frames * taken.pixels * GPU_SECONDS_PER_PIXEL) + 1


@spaces.GPU(duration=gpu_seconds)
def restore_frames(taken: Taken, folder: Path, steady: float, checkpoint: str | None = None) -> Generator[FrameDone]:
    """Restore the frames of a clip, keep them in a folder, and tell of each.

    Args:
        taken: The clip.
        folder: Of `KeptFrames`.
        steady: From 0, frame by frame, to 1.
        checkpoint: As of `backend.service`.
    """
    from enhancer.video.job import KeptFrames, Steadying, worked_on
    from enhancer.video.metrics import FlickerScores

    with backend.shown_to_visitor():
        backend.settle_in()
        parts, motion = backend.service(checkpoint), taken.motion()
        scores = FlickerScores(motion=motion), FlickerScores(motion=motion)
        notes: dict[Message, None] = {}

        def restored(_: int, image: np.ndarray) -> np.ndarray:
            result = parts.restore(image, with_regions=False)
            notes.update(dict.fromkeys(result.notes))
            return result.restored

        shown = 0.0
        for frame in worked_on(taken.clip(), KeptFrames(folder), restored, Steadying(steady, motion)):
            two = both(flat, (frame.given, frame.made))
            for each, picture in zip(scores, two, strict=True):
                each.add(picture, two[0])
            is_due = time.monotonic() - shown >= PREVIEW_EVERY
            shown = time.monotonic() if is_due else shown
            yield FrameDone(
                frame.pts,
                both(middle_column, two),
                both(lambda each: each.warping_error, scores),
                both(small, two) if is_due else None,
                tuple(notes),
            )


def both(function: Callable[[Any], Any], two: Two) -> Two:
    """Do the same to what is before and what is after."""
    return function(two[0]), function(two[1])


def middle_column(picture: np.ndarray) -> np.ndarray:
    """Return (H, 3) of (H, W, 3)."""
    return picture[:, picture.shape[1] // 2]


def flat(picture: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) uint8, what is transparent over white."""
    if picture.shape[-1] == 3:
        return picture
    return np.rint(255 * composite(picture.astype(np.float32) / 255)).astype(np.uint8)


def small(picture: np.ndarray) -> np.ndarray:
    """Return a picture no larger than a preview."""
    import cv2

    scale = PREVIEW_SIDE / max(picture.shape[:2])
    return picture if scale >= 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


# --- the whole of it -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Working:
    """How far the work is.

    Attributes:
        stage: "Rendering", "Restoring" or "Writing", as the page's words have it.
        done: Frames.
        count: Of these.
        left: Seconds until the stage is over; None: not yet known.
        pictures: As of `FrameDone`.
    """

    stage: str
    done: int
    count: int
    left: float | None = None
    pictures: Two | None = None


@dataclass(frozen=True)
class Made:
    """A restored clip.

    Attributes:
        before: MP4 of the frames as they came, at the times of `after`.
        after: MP4, H.264, with the sound.
        master: Without loss: a ZIP of PNG frames; or of a transparent clip a MOV, ProRes 4444.
        frames: How many there are.
        size: Height and width, pixels.
        seconds: That restoring them took.
        flicker: Warping error before and after.
        strips: (H, frames, 3) uint8, one column over time, before and after.
        notes: What is worth saying.
    """

    before: Path
    after: Path
    master: Path
    frames: int
    size: tuple[int, int]
    seconds: float
    flicker: Two
    strips: Two
    notes: tuple[Message, ...]


@dataclass
class _Log:
    """What the frames told."""

    times: list[int] = field(default_factory=list)  # ticks
    columns: list[Two] = field(default_factory=list)
    flicker: Two = (None, None)
    notes: tuple[Message, ...] = ()


def restore_clip(
    taken: Taken, scratch: Path, home: Path, stem: str, steady: float, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Working | Made]:
    """Restore a clip, and tell how far it is; last of all what was made, unless not one frame was.

    Args:
        taken: The clip.
        scratch: Folder for frames, to be deleted afterwards.
        home: Folder for the files.
        stem: What these are called.
        steady: From 0, frame by frame, to 1.
        stopped: Asked between frames; what is finished by then is written.

    Raises:
        SettingsError: `steady` is out of range.
    """
    from enhancer.video.job import KeptFrames

    require_steady(steady)
    kept, log = KeptFrames(scratch / "restored"), _Log()
    start = first = time.monotonic()
    yield Working("Restoring", 0, taken.frames)
    with closing(restore_frames(taken, kept.folder, steady)) as frames:
        for number, frame in enumerate(frames, 1):
            now = time.monotonic()
            first = now if number == 1 else first  # what it took until then was loading, too
            left = (now - first) / (number - 1) * (taken.frames - number) if number > 1 else None
            log.times.append(frame.pts)
            log.columns.append(frame.columns)
            log.flicker, log.notes = frame.flicker, frame.notes
            yield Working("Restoring", number, max(taken.frames, number), left, frame.pictures)
            if stopped():
                break
    if log.columns:
        seconds = time.monotonic() - start
        yield Working("Writing", 0, len(log.columns))
        with backend.shown_to_visitor():
            yield _written(taken, kept, log, home, stem, seconds)


def require_steady(steady: float) -> None:
    """Refuse what is no share.

    Raises:
        SettingsError: It does not lie in 0 to 1.
    """
    if isinstance(steady, bool) or not isinstance(steady, int | float) or not 0 <= steady <= 1:
        raise SettingsError(
            Message("clip.steady", "The steadiness must lie in 0 to 1, got {given!r}.", given=str(steady)[:20])
        )


def _written(taken: Taken, kept: "KeptFrames", log: _Log, home: Path, stem: str, seconds: float) -> Made:
    from enhancer.video.writing import PRORES

    clip, count = taken.clip(), len(log.times)
    home.mkdir(parents=True, exist_ok=True)
    before, after = home / f"{stem}_before.mp4", home / f"{stem}_restored.mp4"
    tick = Fraction(log.times[-1] - log.times[0], count - 1) if count > 1 else Fraction(1)
    sound = _Sound(clip.audio, (log.times[-1] + tick) * taken.time_base)
    notes = (*taken.notes, *log.notes)
    try:
        _write(kept.frames(), after, clip, sound)
    except VideoError:
        if sound.file is None:
            raise
        sound = _Sound(None)
        _write(kept.frames(), after, clip, sound)
        notes += (Message("clip.silent", "Its sound does not fit into an MP4 file, so the result is silent."),)
    _write(islice(clip.frames(), count), before, clip, _Sound(None))
    if clip.has_alpha:
        master = home / f"{stem}_master.mov"
        _write(kept.frames(), master, clip, sound, PRORES)
    else:
        master = home / f"{stem}_frames.zip"
        with zipfile.ZipFile(master, "w", zipfile.ZIP_STORED) as archive:  # PNG is packed already
            for number, path in enumerate(sorted(kept.folder.glob("*.png"))):
                archive.write(path, f"{stem}_{number:04d}.png")
    strips = both(lambda which: np.stack([columns[which] for columns in log.columns], 1), (0, 1))
    return Made(before, after, master, count, taken.size, seconds, log.flicker, strips, notes)


class _Sound(NamedTuple):
    """What is heard."""

    file: Path | None
    until: Fraction | None = None  # seconds


def _write(frames: Iterator["Frame"], path: Path, clip: "Clip", sound: _Sound, codec: Any = None) -> None:
    """Write frames as a clip."""
    from enhancer.video.writing import H264, clip_writer

    with clip_writer(path, clip.size, clip.time_base, codec or H264, sound.file, sound.until) as put:
        for frame in frames:
            put(frame)
