"""Work on a clip, frame by frame, that can be stopped at any moment and gone on with.

Every finished frame is kept as a PNG file until the clip is written. So a killed job goes on where it was, a clip of two
hours needs no more memory than a short one, and several processes share a clip: each does the blocks of frames that are its
own, and one of them writes the clip from what all have kept.
"""

import shutil
from collections.abc import Callable, Generator, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from enhancer.errors import VideoError
from enhancer.imaging.io import read_image, to_bytes, write_png
from enhancer.messages import Message
from enhancer.runtime.files import sweep
from enhancer.video.motion import Motion
from enhancer.video.reading import Clip, Frame
from enhancer.video.steady import steadied

BLOCK = 16  # neighbouring frames that one process does: the motion at the ends of a block is found twice

Work = Callable[[int, np.ndarray], np.ndarray]  # number of a frame, `image` -> `image` of the same size


class Share(NamedTuple):
    """Which process this is."""

    place: int = 0
    processes: int = 1

    def holds(self, number: int) -> bool:
        """Say whether a frame is this process's to do."""
        return number // BLOCK % self.processes == self.place


class Steadying(NamedTuple):
    """How far frames are steadied before they are worked on."""

    strength: float = 0.0
    motion: Motion | None = None


class WorkedOn(NamedTuple):
    """A frame before and after."""

    number: int
    pts: int
    given: np.ndarray  # (H, W, 3) or (H, W, 4) uint8, as it came
    made: np.ndarray  # likewise


ALONE, UNTOUCHED = Share(), Steadying()


class KeptFrames:
    """Finished frames in a folder, lossless, each under its number and its time."""

    def __init__(self, folder: Path) -> None:
        """Take a folder; it is made with the first frame."""
        self.folder = folder

    def add(self, number: int, frame: Frame) -> None:
        """Keep a frame; at no moment is half of one there.

        Raises:
            VideoError: There is no room for it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VideoError(
                Message(
                    "video.no_room",
                    "The folder {folder} cannot be made ({reason}). Choose another place with -o.",
                    folder=str(self.folder),
                    reason=error.strerror or str(error),
                )
            ) from error
        write_png(frame.picture.astype(np.float32) / 255, self.folder / f"{number:08d}_{frame.pts}.png")

    def numbers(self) -> set[int]:
        """Return the numbers of the frames that are there."""
        return {int(path.name.partition("_")[0]) for path in self._paths()}

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order."""
        for path in sorted(self._paths()):
            yield Frame(int(path.stem.partition("_")[2]), to_bytes(read_image(path)))

    def sweep(self) -> None:
        """Delete what killed processes left half-written."""
        sweep(self.folder)

    def drop(self) -> None:
        """Delete them all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        return list(self.folder.glob("[0-9]*_*.png"))


def work_on(
    clip: Clip,
    kept: KeptFrames,
    work: Work,
    steadying: Steadying = UNTOUCHED,
    share: Share = ALONE,
    tick: Callable[[], object] = lambda: None,
) -> int:
    """Work on the frames of a clip that are not kept yet.

    Args:
        clip: Where they come from.
        kept: Where they go.
        work: What is done to each.
        steadying: What is done before.
        share: Frames of other processes are left to them.
        tick: Called after each.

    Returns:
        How many frames the clip has.

    Raises:
        VideoError: The clip is damaged, or there is no room for another frame. What was kept before stays.
    """
    working = worked_on(clip, kept, work, steadying, share)
    while True:
        try:
            next(working)
        except StopIteration as end:
            return end.value
        tick()


def worked_on(
    clip: Clip, kept: KeptFrames, work: Work, steadying: Steadying = UNTOUCHED, share: Share = ALONE
) -> Generator[WorkedOn, None, int]:
    """Do what `work_on` does, frame by frame: whoever asks for no further frame has stopped it.

    Yields:
        Each frame, once it is kept.
    """
    done = kept.numbers()
    window: dict[int, Frame] = {}  # frames as they came, until they are done
    read = 0

    def wanted(number: int) -> bool:
        return share.holds(number) and number not in done

    def pictures() -> Iterator[np.ndarray]:
        nonlocal read
        for frame in clip.frames():
            if wanted(read):
                window[read] = frame
            read += 1
            yield frame.picture

    seen = steadied(pictures(), steadying.strength, steadying.motion, wanted=wanted)
    for number, picture in zip(filter(wanted, count()), seen, strict=False):
        given = window.pop(number)
        result = Frame(given.pts, to_bytes(work(number, picture.astype(np.float32) / 255)))
        kept.add(number, result)
        yield WorkedOn(number, given.pts, given.picture, result.picture)
    return read
