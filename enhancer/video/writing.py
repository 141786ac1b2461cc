"""Writing clips: MP4 for sharing, a master with alpha, or numbered PNG frames; sound is copied packet by packet."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from enhancer.errors import SettingsError, VideoError
from enhancer.imaging.io import write_png
from enhancer.messages import Message
from enhancer.runtime.files import atomic_folder, atomic_write
from enhancer.video.containers import CONTAINERS
from enhancer.video.reading import SWSCALE_FLAGS, Frame, av_module

CRF = 16  # of x264: looked at, nothing is lost that the model put back
BT709 = 1  # number of ITU-T H.273
LIMITED_RANGE = 1  # FFmpeg's AVCOL_RANGE_MPEG
Write = Callable[[Frame], None]


@dataclass(frozen=True)
class Codec:
    """How frames are encoded."""

    name: str
    pixels: str  # FFmpeg's pixel format
    options: dict[str, str]
    alpha: bool


H264 = Codec("libx264", "yuv420p", {"crf": str(CRF), "preset": "medium"}, alpha=False)
PRORES = Codec("prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "16"}, alpha=True)


def codec_for(path: Path, alpha: bool) -> Codec | None:
    """Choose by the name of the output: None writes PNG frames into a folder of that name.

    Raises:
        SettingsError: There is no way to write such a file.
    """
    if not path.suffix:
        return None
    if path.suffix.lower() == ".mov" and alpha:
        return PRORES
    if path.suffix.lower() in CONTAINERS:
        return H264
    raise SettingsError(
        Message(
            "video.output",
            "Clips are written as .mp4, .mov (with alpha as ProRes 4444), .mkv, or as PNG frames into a folder, got {name}.",
            name=path.name,
        )
    )


@contextmanager
def clip_writer(
    path: Path,
    size: tuple[int, int],
    time_base: Fraction,
    codec: Codec | None,
    audio: Path | None = None,
    until: Fraction | None = None,
) -> Iterator[Write]:
    """Within, frames are written in the order in which they are shown; file or folder is there whole after it, or not at all.

    Args:
        path: File, or folder for PNG frames.
        size: Height and width, pixels.
        time_base: Seconds a tick of the frames' `pts`.
        codec: As of `codec_for`.
        audio: File whose sound is copied.
        until: Seconds up to which it is; None copies all of it.

    Raises:
        VideoError: It cannot be written, such as sound that the container does not hold.
    """
    if codec is None:
        numbers = iter(range(10**9))
        with atomic_folder(path) as folder:
            yield lambda frame: write_png(frame.picture.astype(np.float32) / 255, folder / f"{next(numbers):06d}.png")
        return
    av = av_module()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary, ExitStack() as stack:
            target = _Target(temporary, path.suffix.lower())
            yield _Encoder(stack, target, size, time_base, codec, _Heard(audio, until))
    except (OSError, av.error.FFmpegError) as error:
        raise VideoError(
            Message(
                "video.unwritten",
                "{path} cannot be written ({reason}). See that there is room, or choose another place with -o.",
                path=str(path),
                reason=error.strerror or str(error),
            )
        ) from error


class _Target(NamedTuple):
    """A file that is not yet called what it will be."""

    path: Path
    suffix: str  # that it will have


class _Heard(NamedTuple):
    """Which sound is copied."""

    source: Path | None
    until: Fraction | None  # seconds; None: all of it


class _Encoder:
    """A file that is being encoded; sound is interleaved as the pictures come."""

    def __init__(
        self,
        stack: ExitStack,
        target: _Target,
        size: tuple[int, int],
        time_base: Fraction,
        codec: Codec,
        heard: _Heard,
    ) -> None:
        av = av_module()
        height, width = size
        # 4:2:0 has a colour for every second pixel: an odd side is cut by one
        self._size = (height - height % 2, width - width % 2) if codec.pixels == "yuv420p" else size
        self._codec, self._time_base = codec, time_base
        container = CONTAINERS[target.suffix]
        options = {} if container == "matroska" else {"movflags": "+faststart"}
        self._container = stack.enter_context(av.open(str(target.path), "w", format=container, options=options))
        self._stream = self._container.add_stream(codec.name, options=codec.options)
        self._stream.height, self._stream.width = self._size
        self._stream.pix_fmt, self._stream.time_base = codec.pixels, time_base
        context = self._stream.codec_context
        context.time_base = time_base
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        self._until = heard.until
        self._sound = None if heard.source is None else Sound(stack, self._container, heard.source, target.suffix)
        self._graph = None
        stack.push(self._close)  # before the container is closed

    def __call__(self, frame: Frame) -> None:
        """Encode one frame."""
        av = av_module()
        height, width = self._size
        picture = frame.picture[:height, :width]
        wanted = 4 if self._codec.alpha else 3
        if picture.shape[-1] != wanted:
            picture = (
                _flat(picture) if wanted == 3 else np.concatenate([picture, np.full_like(picture[..., :1], 255)], -1)
            )
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgba" if wanted == 4 else "rgb24")
        rgb.pts, rgb.time_base = frame.pts, self._time_base
        self._graph = self._graph or _conversion(rgb, self._codec.pixels, self._time_base)
        self._graph.vpush(rgb)
        converted = self._graph.vpull()
        converted.pts, converted.time_base = frame.pts, self._time_base
        converted.pict_type = 0
        if self._sound is not None:
            self._sound.copy_until(frame.pts * self._time_base)
        self._container.mux(self._stream.encode(converted))

    def _close(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        self._container.mux(self._stream.encode())
        if self._sound is not None:
            self._sound.copy_until(self._until)


class Sound:
    """Sound on its way from one container to another, packet by packet: nothing is decoded."""

    def __init__(self, stack: ExitStack, container: Any, source: Path, suffix: str) -> None:
        av = av_module()
        self._container = container
        given = stack.enter_context(av.open(str(source)))
        stream = given.streams.audio[0]
        try:
            self._stream = container.add_stream_from_template(stream)
        except (av.error.FFmpegError, ValueError) as error:
            raise VideoError(
                Message(
                    "video.sound",
                    "{codec} sound cannot be put into a {suffix} file. Write an .mkv instead.",
                    codec=stream.codec_context.name,
                    suffix=suffix,
                )
            ) from error
        self._packets = (packet for packet in given.demux(stream) if packet.dts is not None)
        self._next = next(self._packets, None)

    def copy_until(self, seconds: Fraction | None) -> None:
        """Copy what is heard until then; None copies the rest."""
        while (packet := self._next) is not None:
            if seconds is not None and packet.dts * packet.time_base > seconds:
                return
            packet.stream = self._stream
            self._container.mux(packet)
            self._next = next(self._packets, None)


def _conversion(frame: Any, pixels: str, time_base: Fraction) -> Any:
    """Return FFmpeg's filters from RGB to BT.709 in limited range, rounded to the nearest."""
    av = av_module()
    graph = av.filter.Graph()
    scale = f"out_color_matrix=bt709:out_range=tv:flags={SWSCALE_FLAGS}"
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base),
        graph.add("scale", scale),
        graph.add("format", f"pix_fmts={pixels}"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _flat(picture: np.ndarray) -> np.ndarray:
    """Lay a picture with alpha over white: (H, W, 4) -> (H, W, 3) uint8."""
    colour, alpha = picture[..., :3].astype(np.float32), picture[..., 3:].astype(np.float32) / 255
    return np.rint(colour * alpha + 255 * (1 - alpha)).astype(np.uint8)
