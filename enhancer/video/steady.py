"""Holding a clip still: what the model is shown of each frame is averaged with its neighbours along the motion.

The model is shown one frame at a time, and damage that differs from frame to frame makes its answers differ. So the damage
is evened out before it answers, not the answers after: their mean would be soft, but of an evened-out frame it makes a sharp
one. Only the coarse band is averaged. The fine band, below about two pixels, stays the frame's own: there motion that is off
by half a pixel would blur, and the model, trained on noisy pictures, sharpens too much where the noise is gone.

The window is not recursive: a frame depends on frames t-2 to t+2 as they came and on nothing else. So nothing drifts, and a
clip can be worked on in parts.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import cv2
import numpy as np

from enhancer.imaging.io import to_bytes
from enhancer.video.motion import REACH, EstimatedMotion, Motion, disagreement, halved, resized, sampled

FINE = 1.0  # sigma, pixels: what a blur by it takes away is the fine band
RETURN = (0.01, 1.0)  # of the squared way, and pixels²: how far off a way there and back may end
TAU = 0.15  # difference of blurred colour, in [0, 1], at which a neighbour's weight has fallen to 1/e
BLUR = 2.0  # sigma of that blur, pixels of half-size pictures
CUT = 0.1  # mean confidence under which two frames are taken for different scenes


class _Frame:
    """A frame on its way: what it is, what it is compared by, and what its neighbours have added.

    What only a neighbour asks for is computed when it does: of a clip that is done in parts, most frames only pass by.
    """

    def __init__(self, number: int, picture: np.ndarray) -> None:
        self.number, self.picture = number, picture  # (H, W, 3) or (H, W, 4) uint8

    @cached_property
    def cover(self) -> np.ndarray | None:
        """(H, W) float32, alpha; None for an opaque frame."""
        return self.picture[..., 3].astype(np.float32) / 255 if self.picture.shape[-1] == 4 else None

    @cached_property
    def light(self) -> np.ndarray:
        """(H, W, 3) float32, levels: colour times alpha."""
        colour = self.picture[..., :3].astype(np.float32)
        return colour if self.cover is None else colour * self.cover[..., None]

    @cached_property
    def seen(self) -> np.ndarray:
        """(H, W, 3) uint8, over black."""
        return self.picture if self.cover is None else np.rint(self.light).astype(np.uint8)

    @cached_property
    def guide(self) -> np.ndarray:
        """(h, w, 3) float32, levels: half size, blurred."""
        return cv2.GaussianBlur(halved(self.light), (0, 0), BLUR)

    @cached_property
    def total(self) -> np.ndarray:
        """(H, W, 3) float32: light of the frame and of its neighbours, weighted."""
        return self.light.copy()

    @cached_property
    def weight(self) -> np.ndarray:
        """(H, W) float32: the sum of their weights."""
        return np.ones(self.picture.shape[:2], np.float32) if self.cover is None else self.cover.copy()

    def add(self, other: "_Frame", flow: np.ndarray, confidence: np.ndarray) -> None:
        """Add another frame's colours, looked up along the flow."""
        height, width = self.picture.shape[:2]
        flow = resized(flow, height, width)
        confidence = cv2.resize(confidence, (width, height), interpolation=cv2.INTER_LINEAR)
        self.total += sampled(other.light, flow) * cv2.merge([confidence] * 3)
        self.weight += confidence if other.cover is None else confidence * sampled(other.cover, flow)

    def averaged(self, strength: float) -> np.ndarray:
        """Return the frame, its coarse band moved towards the mean; its alpha is its own."""
        if strength == 0:
            return self.picture
        colour = self.picture[..., :3].astype(np.float32)
        change = self.total / cv2.merge([np.maximum(self.weight, 1e-6)] * 3) - colour
        if self.cover is not None:
            change *= (self.cover > 0)[..., None]
        steady = to_bytes((colour + strength * cv2.GaussianBlur(change, (0, 0), FINE)) / 255)
        return steady if self.cover is None else np.concatenate([steady, self.picture[..., 3:]], -1)


def steadied(
    frames: Iterable[np.ndarray],
    strength: float = 1.0,
    motion: Motion | None = None,
    first: int = 0,
    wanted: Callable[[int], bool] = lambda _: True,
) -> Iterator[np.ndarray]:
    """Yield each frame as the model should see it.

    Args:
        frames: (H, W, 3) or (H, W, 4) uint8, straight alpha, all of one size. They are read `REACH` frames ahead, and no
            more of them than the window are held.
        strength: In [0, 1]; 0 yields the frames as they are.
        motion: By default it is estimated from the frames themselves.
        first: Number of the first frame.
        wanted: Says by its number whether a frame is needed. Others are read, and cost little more.

    Yields:
        The frames that are wanted, of the same shape; alpha is unchanged.
    """
    motion = motion or EstimatedMotion()
    window: deque[_Frame] = deque()
    for number, picture in enumerate(frames, start=first):
        new = _Frame(number, picture)
        for old in reversed(window):
            if strength and (wanted(old.number) or wanted(number)):
                _exchange(old, new, motion)
        window.append(new)
        if len(window) > REACH and wanted((old := window.popleft()).number):
            yield old.averaged(strength)
    for old in window:
        if wanted(old.number):
            yield old.averaged(strength)


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
