"""Holding a clip still: what the model is shown of each frame is averaged with its neighbours along the motion.

The model is shown one frame at a time, and damage that differs from frame to frame makes its answers differ. So the damage
is evened out before it answers, not the answers after: their mean would be soft, but of an evened-out frame it makes a sharp
one. Only the coarse band is averaged. The fine band, below about two pixels, stays the frame's own: there motion that is off
by half a pixel would blur, and the model, trained on noisy pictures, sharpens too much where the noise is gone.

The window is not recursive: a frame depends on frames t-2 to t+2 as they came and on nothing else. So nothing drifts, and a
clip can be worked on in parts.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from enhancer.imaging.io import to_bytes
from enhancer.video.motion import REACH, EstimatedMotion, Motion, disagreement, halved, resized, sampled

FINE = 1.0  # sigma, pixels: what a blur by it takes away is the fine band
RETURN = (0.01, 1.0)  # of the squared way, and pixels²: how far off a way there and back may end
TAU = 0.15  # difference of blurred colour, in [0, 1], at which a neighbour's weight has fallen to 1/e
BLUR = 2.0  # sigma of that blur, pixels of half-size pictures
CUT = 0.1  # mean confidence under which two frames are taken for different scenes


@dataclass
class _Frame:
    """A frame on its way: what it is, what it is compared by, and what its neighbours have added."""

    number: int
    picture: np.ndarray  # (H, W, 3) or (H, W, 4) uint8
    seen: np.ndarray = field(init=False)  # (H, W, 3) uint8, over black
    light: np.ndarray = field(init=False)  # (H, W, 3) float32, levels: colour times alpha
    cover: np.ndarray | None = field(init=False)  # (H, W) float32, alpha; None for an opaque frame
    guide: np.ndarray = field(init=False)  # (h, w, 3) float32, levels: half size, blurred
    total: np.ndarray = field(init=False)
    weight: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.light, self.cover = self.picture[..., :3].astype(np.float32), None
        self.seen = self.picture
        if self.picture.shape[-1] == 4:
            self.cover = self.picture[..., 3].astype(np.float32) / 255
            self.light *= self.cover[..., None]
            self.seen = np.rint(self.light).astype(np.uint8)
        self.guide = cv2.GaussianBlur(halved(self.light), (0, 0), BLUR)
        self.total = self.light.copy()
        self.weight = np.ones(self.picture.shape[:2], np.float32) if self.cover is None else self.cover.copy()

    def add(self, other: "_Frame", flow: np.ndarray, confidence: np.ndarray) -> None:
        """Add another frame's colours, looked up along the flow."""
        height, width = self.weight.shape
        flow = resized(flow, height, width)
        confidence = cv2.resize(confidence, (width, height), interpolation=cv2.INTER_LINEAR)
        self.total += sampled(other.light, flow) * cv2.merge([confidence] * 3)
        self.weight += confidence if other.cover is None else confidence * sampled(other.cover, flow)

    def averaged(self, strength: float) -> np.ndarray:
        """Return the frame, its coarse band moved towards the mean; its alpha is its own."""
        colour = self.picture[..., :3].astype(np.float32)
        change = self.total / cv2.merge([np.maximum(self.weight, 1e-6)] * 3) - colour
        if self.cover is not None:
            change *= (self.cover > 0)[..., None]
        steady = to_bytes((colour + strength * cv2.GaussianBlur(change, (0, 0), FINE)) / 255)
        return steady if self.cover is None else np.concatenate([steady, self.picture[..., 3:]], -1)


def steadied(
    frames: Iterable[np.ndarray], strength: float = 1.0, motion: Motion | None = None, first: int = 0
) -> Iterator[np.ndarray]:
    """Yield each frame as the model should see it.

    Args:
        frames: (H, W, 3) or (H, W, 4) uint8, straight alpha, all of one size. They are read `REACH` frames ahead, and no
            more of them than the window are held.
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
        for old in reversed(window):
            _exchange(old, new, motion)
        window.append(new)
        if len(window) > REACH:
            yield window.popleft().averaged(strength)
    while window:
        yield window.popleft().averaged(strength)


def _exchange(earlier: _Frame, later: _Frame, motion: Motion) -> None:
    """Let two frames add to each other, where motion and colour say that they show the same."""
    height, width = earlier.guide.shape[:2]
    forth = motion.flow(earlier.number, later.number, earlier.seen, later.seen)
    back = motion.flow(later.number, earlier.number, later.seen, earlier.seen)
    there, again = resized(forth, height, width), resized(back, height, width)
    agreed = (
        _confidence(earlier.guide, later.guide, there, again),
        _confidence(later.guide, earlier.guide, again, there),
    )
    if min(float(each.mean()) for each in agreed) < CUT:
        return
    earlier.add(later, forth, agreed[0])
    later.add(earlier, back, agreed[1])


def _confidence(here: np.ndarray, other: np.ndarray, forth: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Return (h, w) in [0, 1]: does the way there lead back, and is there the same colour at its end?"""
    missed, length, inside = disagreement(forth, back)
    relative, absolute = RETURN
    red, green, blue = cv2.split(cv2.absdiff(here, sampled(other, forth)))
    off = cv2.max(red, cv2.max(green, blue))
    return (np.exp(-missed / (relative * length + absolute) - (off / (255 * TAU)) ** 2) * inside).astype(np.float32)
