"""Reading clips: files of any container that PyAV decodes, and folders of numbered pictures.

Frames come upright and as sRGB-like full-range RGB of 8 bits, with the alpha they have. PyAV is an optional extra.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from enhancer.errors import ImageError, SettingsError, VideoError
from enhancer.imaging.folders import pictures_in
from enhancer.imaging.io import MAX_SIDE, MIN_SIDE, read_image, to_bytes
from enhancer.messages import Message

FOLDER_RATE = 25  # frames a second of what has no times of its own
HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}  # transfer characteristics by FFmpeg's names
# FFmpeg's own conversion without these rounds down, and a clip gets darker by 1.2 levels each time it is read and written.
SWSCALE_FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
_TRANSFER = {16: "smpte2084", 18: "arib-std-b67"}  # numbers of ITU-T H.273
_MATRIX = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020nc"}
HD_HEIGHT = 720  # pixels; from here on a clip that does not name its matrix is taken for BT.709, below for BT.601


class Frame(NamedTuple):
    """A frame and when it is shown."""

    pts: int  # in units of the clip's time base
    picture: np.ndarray  # (H, W, 3) or (H, W, 4) uint8, upright, straight alpha


class Clip(Protocol):
    """A clip that can be read from its beginning, more than once."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its upright frames, pixels."""
        ...

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick."""
        ...

    @property
    def count(self) -> int | None:
        """How many frames it says it has; None where it does not say."""
        ...

    @property
    def has_alpha(self) -> bool:
        """Whether its frames have alpha."""
        ...

    @property
    def audio(self) -> Path | None:
        """The file its sound can be copied from; None where there is none."""
        ...

    @property
    def notes(self) -> tuple[Message, ...]:
        """What was changed on the way in."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in the order in which they are shown.

        Raises:
            VideoError: One cannot be decoded, or has another size. The frames before it have been yielded.
        """
        ...


def av_module() -> Any:
    """Return PyAV.

    Raises:
        SettingsError: It is not installed; the message says how to.
    """
    if find_spec("av") is None:
        raise SettingsError(
            Message(
                "video.no_av",
                "Clips need the package av: pip install 'splat-enhancer[video]'. A folder of frames works without it.",
            )
        )
    import av

    return av


def open_clip(path: Path) -> Clip:
    """Open a file or a folder of frames by what it holds.

    Raises:
        VideoError: It is no clip that can be read here; the message says why.
        SettingsError: PyAV is not installed.
    """
    if path.is_dir():
        return FrameFolder.open(path)
    return VideoFile.open(path)


@dataclass(frozen=True)
class MadeClip:
    """A clip whose frames are made, or were, by something else than a decoder."""

    source: Callable[[], Iterator[Frame]]
    size: tuple[int, int]
    count: int | None
    has_alpha: bool
    time_base: Fraction = Fraction(1, FOLDER_RATE)
    audio: Path | None = None
    notes: tuple[Message, ...] = ()

    def frames(self) -> Iterator[Frame]:
        """Yield what the source yields."""
        return self.source()


@dataclass(frozen=True)
class FrameFolder:
    """Pictures in a folder, in the order of their names, shown one after the other."""

    files: tuple[Path, ...]
    size: tuple[int, int]
    has_alpha: bool
    time_base: Fraction = Fraction(1, FOLDER_RATE)
    notes: tuple[Message, ...] = ()
    audio: None = None

    @classmethod
    def open(cls, folder: Path) -> "FrameFolder":
        """List the frames and read the first.

        Raises:
            VideoError: There are none.
            ImageError: The first cannot be read.
        """
        files = tuple(pictures_in(folder)[0])
        if not files:
            raise VideoError(Message("video.no_frames", "The folder {folder} holds no pictures.", folder=str(folder)))
        height, width, channels = read_image(files[0]).shape
        return cls(files, (height, width), channels == 4)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.files)

    def frames(self) -> Iterator[Frame]:
        """Yield the pictures, a tick apart."""
        for number, file in enumerate(self.files):
            try:
                picture = to_bytes(read_image(file))
            except ImageError as error:
                raise VideoError(error.message) from error
            _require_size(file.name, self.size, picture.shape[:2])
            yield Frame(number, picture)


@dataclass(frozen=True)
class VideoFile:
    """A file that PyAV reads."""

    path: Path
    size: tuple[int, int]
    time_base: Fraction
    count: int | None
    has_alpha: bool
    has_audio: bool
    quarter_turns: int  # counter-clockwise, to bring a frame upright
    notes: tuple[Message, ...] = ()

    @classmethod
    def open(cls, path: Path) -> "VideoFile":
        """Read the header and the first frame.

        Raises:
            VideoError: It is no video, has no frame, is too large or too small, or is HDR.
            SettingsError: PyAV is not installed.
        """
        with _opened(path) as container:
            stream = container.streams.video[0]
            first = _first_frame(container, path)
            turns = round(first.rotation / 90) % 4
            height, width = (first.width, first.height) if turns % 2 else (first.height, first.width)
            transfer = _TRANSFER.get(int(first.color_trc or 0), "")
            if transfer in HDR:
                raise VideoError(
                    Message(
                        "video.hdr",
                        "{name} is HDR ({kind}), which would come out pale. Convert it to SDR (BT.709) first.",
                        name=path.name,
                        kind=HDR[transfer],
                    )
                )
            if not MIN_SIDE <= min(height, width) <= max(height, width) <= MAX_SIDE:
                raise VideoError(
                    Message(
                        "video.size",
                        "{name} is {width}x{height} pixels; each side must be {least} to {most} pixels.",
                        name=path.name,
                        width=width,
                        height=height,
                        least=MIN_SIDE,
                        most=MAX_SIDE,
                    )
                )
            notes = ()
            if first.interlaced_frame:
                notes = (Message("video.interlaced", "{name} is interlaced: its fields were joined.", name=path.name),)
            time_base = stream.time_base or Fraction(1, FOLDER_RATE)
            count = stream.frames or None
            return cls(
                path, (height, width), time_base, count, _alpha(first), bool(container.streams.audio), turns, notes
            )

    @property
    def audio(self) -> Path | None:
        """Itself, if it has sound."""
        return self.path if self.has_audio else None

    def times(self) -> list[int]:
        """Return when its frames are shown, ticks, in order, as their packets say: nothing is decoded."""
        with _opened(self.path) as container:
            packets = [packet.pts for packet in container.demux(video=0) if packet.size]
        return sorted(number if pts is None else pts for number, pts in enumerate(packets))

    def frames(self) -> Iterator[Frame]:
        """Decode from the beginning."""
        av = av_module()
        with _opened(self.path) as container:
            try:
                yield from self._decoded(container)
            except av.error.FFmpegError as error:
                raise VideoError(
                    Message(
                        "video.damaged",
                        "{name} is damaged or cut off ({reason}). Save or download it again.",
                        name=self.path.name,
                        reason=error.strerror or str(error),
                    )
                ) from error

    def _decoded(self, container: Any) -> Iterator[Frame]:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        convert, times, last = None, deque[int](), -1
        for frame in container.decode(stream):
            convert = convert or _Converter(frame, self.has_alpha)
            _require_size(self.path.name, convert.size, (frame.height, frame.width))
            last = frame.pts if frame.pts is not None else last + 1
            times.append(last)
            for picture in convert(frame):
                yield Frame(times.popleft(), self._upright(picture))
        for picture in convert(None) if convert else ():
            yield Frame(times.popleft(), self._upright(picture))

    def _upright(self, picture: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(picture, self.quarter_turns))


class _Converter:
    """Frames of one format -> (H, W, 3 or 4) uint8, full range, rounded to the nearest."""

    def __init__(self, frame: Any, alpha: bool) -> None:
        """Build FFmpeg's filters for frames like this one."""
        av = av_module()
        self.size = (frame.height, frame.width)
        self._format = "rgba" if alpha else "rgb24"
        matrix = _MATRIX.get(int(frame.colorspace or 0), "bt709" if frame.height >= HD_HEIGHT else "smpte170m")
        self._graph = av.filter.Graph()
        steps = [
            self._graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
            ),
        ]
        if frame.interlaced_frame:
            steps.append(self._graph.add("yadif", "mode=send_frame:deint=interlaced"))
        scale = f"in_color_matrix={matrix}:out_range=pc:flags={SWSCALE_FLAGS}"
        steps += [
            self._graph.add("scale", scale),
            self._graph.add("format", f"pix_fmts={self._format}"),
            self._graph.add("buffersink"),
        ]
        self._graph.link_nodes(*steps).configure()

    def __call__(self, frame: Any | None) -> Iterator[np.ndarray]:
        """Yield the pictures that are ready once a frame is given, or None after the last: joining fields waits for the next."""
        av = av_module()
        self._graph.vpush(frame)
        while True:
            try:
                yield self._graph.vpull().to_ndarray(format=self._format)
            except (av.error.BlockingIOError, av.error.EOFError):
                return


def _opened(path: Path) -> Any:
    """Open a container that has pictures."""
    av = av_module()
    if not path.is_file():
        raise VideoError(Message("video.missing", "There is no file {path}. Check the path.", path=str(path)))
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _no_video(path) from error
    if not container.streams.video:
        container.close()
        raise _no_video(path)
    return container


def _no_video(path: Path) -> VideoError:
    return VideoError(
        Message(
            "video.unknown",
            "{name} is no video that can be read here. Give an MP4, MOV, WebM, MKV, GIF or APNG file.",
            name=path.name,
        )
    )


def _first_frame(container: Any, path: Path) -> Any:
    av = av_module()
    try:
        frame = next(container.decode(video=0), None)
    except av.error.FFmpegError as error:
        raise _no_video(path) from error
    if frame is None:
        raise VideoError(Message("video.empty", "{name} has no frame that can be decoded.", name=path.name))
    return frame


def _alpha(frame: Any) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _require_size(name: str, first: tuple[int, int], given: tuple[int, int]) -> None:
    if first != given:
        raise VideoError(
            Message(
                "video.changes_size",
                "{name} is {width}x{height} pixels, the first frame {first_width}x{first_height}. "
                "All frames must have one size.",
                name=name,
                width=given[1],
                height=given[0],
                first_width=first[1],
                first_height=first[0],
            )
        )
