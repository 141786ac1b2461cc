"""Holding a restored clip still: each frame averaged with its neighbours along the motion, where they agree.

Frames are restored one by one, and what the model guesses differs a little from frame to frame. The window is not recursive:
a frame depends on its input frames t-2 to t+2 and on nothing else, so nothing drifts, and a clip can be worked on in parts.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from enhancer.imaging.io import to_bytes
from enhancer.video.motion import EstimatedMotion, Motion, disagreement, resized, sampled

REACH = 2  # frames to either side
WEIGHTS = {1: 1.0, 2: 0.8}  # by distance in frames; the frame itself has 1
RETURN = (0.01, 0.25)  # of the squared way, and pixels²: how far off a way there and back may end
TAU = 0.05  # difference of blurred colour, in [0, 1], at which a neighbour's weight has fallen to 1/e
BLUR = 2.0  # pixels of half-size pictures
CUT = 0.1  # mean confidence under which two frames are taken for different scenes


@dataclass
class _Frame:
    """A frame on its way: what it is, what it is compared by, and what its neighbours have added."""

    number: int
    picture: np.ndarray  # (H, W, 3) or (H, W, 4) uint8
    guide: np.ndarray = field(init=False)  # (h, w, 3) float32 in [0, 1], half size, blurred
    colour: np.ndarray = field(init=False)  # (H, W, 3) float32 in [0, 1]
    cover: np.ndarray | None = field(init=False)  # (H, W) float32, alpha; None for an opaque frame
    total: np.ndarray = field(init=False)
    weight: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        height, width = self.picture.shape[:2]
        self.colour = self.picture[..., :3].astype(np.float32) / 255
        self.cover = self.picture[..., 3].astype(np.float32) / 255 if self.picture.shape[-1] == 4 else None
        seen = self.colour if self.cover is None else self.colour * self.cover[..., None]
        half = cv2.resize(seen, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
        self.guide = cv2.GaussianBlur(half, (0, 0), BLUR)
        self.weight = np.ones((height, width), np.float32) if self.cover is None else self.cover.copy()
        self.total = self.colour * self.weight[..., None]

    @property
    def rgb(self) -> np.ndarray:
        return np.ascontiguousarray(self.picture[..., :3])

    def add(self, other: "_Frame", flow: np.ndarray, confidence: np.ndarray) -> None:
        """Add another frame's colours, looked up along the flow."""
        height, width = self.weight.shape
        flow = resized(flow, height, width)
        confidence = cv2.resize(confidence, (width, height), interpolation=cv2.INTER_LINEAR)
        if other.cover is not None:
            confidence = confidence * sampled(other.cover, flow)
        self.total += sampled(other.colour, flow, cv2.INTER_CUBIC) * confidence[..., None]
        self.weight += confidence

    def averaged(self) -> np.ndarray:
        """Return the frame with what its neighbours added; its alpha is its own."""
        colour = self.total / np.maximum(self.weight, 1e-6)[..., None]
        if self.cover is None:
            return to_bytes(colour)
        colour = np.where(self.cover[..., None] > 0, colour, self.colour)
        return np.concatenate([to_bytes(colour), self.picture[..., 3:]], -1)


def steadied(
    frames: Iterable[np.ndarray], strength: float = 1.0, motion: Motion | None = None, first: int = 0
) -> Iterator[np.ndarray]:
    """Yield each frame, averaged with its neighbours along the motion.

    Args:
        frames: (H, W, 3) or (H, W, 4) uint8, all of one size. They are read `REACH` frames ahead.
        strength: In [0, 1]; 0 yields the frames as they are.
        motion: By default it is estimated from the frames themselves.
        first: Number of the first frame, for `motion`.

    Yields:
        Frames of the same shape; alpha is unchanged.
    """
    if strength == 0:
        yield from frames
        return
    motion = motion or EstimatedMotion()
    window: deque[_Frame] = deque()
    for number, picture in enumerate(frames, start=first):
        new = _Frame(number, picture)
        for distance, old in enumerate(reversed(window), start=1):
            _exchange(old, new, WEIGHTS[distance] * strength, motion)
        window.append(new)
        if len(window) > REACH:
            yield window.popleft().averaged()
    while window:
        yield window.popleft().averaged()


def _exchange(earlier: _Frame, later: _Frame, weight: float, motion: Motion) -> None:
    """Let two frames add to each other, where motion and colour say that they show the same."""
    height, width = earlier.guide.shape[:2]
    forth = motion.flow(earlier.number, later.number, earlier.rgb, later.rgb)
    back = motion.flow(later.number, earlier.number, later.rgb, earlier.rgb)
    there, again = resized(forth, height, width), resized(back, height, width)
    agreed = (
        _confidence(earlier.guide, later.guide, there, again),
        _confidence(later.guide, earlier.guide, again, there),
    )
    if min(float(each.mean()) for each in agreed) < CUT:
        return
    earlier.add(later, forth, weight * agreed[0])
    later.add(earlier, back, weight * agreed[1])


def _confidence(here: np.ndarray, other: np.ndarray, forth: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Return (h, w) in [0, 1]: does the way there lead back, and is there the same colour at its end?"""
    missed, length, inside = disagreement(forth, back)
    relative, absolute = RETURN
    off = np.abs(here - sampled(other, forth)).max(-1)
    return (np.exp(-missed / (relative * length + absolute) - (off / TAU) ** 2) * inside).astype(np.float32)
