"""How still a clip holds: flicker against the clean clip's own motion."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from enhancer.video.motion import EstimatedMotion, Motion, disagreement, resized, sampled

# Of the squared way, and pixels²: farther off, a point is hidden in the other frame (Sundaram et al. 2010).
RETURN = (0.01, 0.5)

LONGEST_STRIP, WIDEST_FRAME, GAP = 1920, 16, 8  # px: width of a drawing of strips, of a frame in it, and between strips

Distance = Callable[[np.ndarray, np.ndarray], float]  # of two (H, W, 3) pictures in [0, 1], such as LPIPS


@dataclass
class FlickerScores:
    """Flicker of a clip against the clean one, gathered frame by frame.

    Attributes:
        warping_error: Mean squared difference, in [0, 1]², of each frame from the one before it brought along the clean
            clip's motion, where both can be seen (Lai et al. 2018). Lower is better.
        temporal_psnr: PSNR, dB, of the differences between neighbouring frames against the clean clip's. Higher is better.
        tlpips: Mean of |LPIPS(x_t, x_t-1) - LPIPS(y_t, y_t-1)| (Chu et al. 2020); None without a distance. Lower is better.
    """

    distance: Distance | None = None
    motion: Motion = field(default_factory=EstimatedMotion)
    _before: tuple[np.ndarray, np.ndarray] | None = None
    _count: int = 0
    _warped: list[float] = field(default_factory=list)
    _changes: list[float] = field(default_factory=list)
    _perceived: list[float] = field(default_factory=list)

    def add(self, frame: np.ndarray, clean: np.ndarray) -> None:
        """Take the next frame and the clean one, both (H, W, 3) uint8."""
        if self._before is not None:
            self._compare(self._before, (frame, clean))
        self._before = (frame, clean)
        self._count += 1

    @property
    def warping_error(self) -> float | None:
        """Mean over the pairs of frames; None for fewer than two frames, or where nothing can be followed."""
        return float(np.mean(self._warped)) if self._warped else None

    @property
    def temporal_psnr(self) -> float | None:
        """Of the mean squared error over all pairs; None for fewer than two frames, infinite where both change alike."""
        if not self._changes:
            return None
        error = float(np.mean(self._changes))
        return float("inf") if error == 0 else -10 * float(np.log10(error))

    @property
    def tlpips(self) -> float | None:
        """Mean over the pairs of frames; None without a distance, and for fewer than two frames."""
        return float(np.mean(self._perceived)) if self._perceived else None

    def _compare(self, before: tuple[np.ndarray, np.ndarray], now: tuple[np.ndarray, np.ndarray]) -> None:
        (old, old_clean), (new, new_clean) = before, now
        number, size = self._count, new.shape[:2]
        back = resized(self.motion.flow(number, number - 1, new_clean, old_clean), *size)
        forth = resized(self.motion.flow(number - 1, number, old_clean, new_clean), *size)
        missed, length, inside = disagreement(back, forth)
        seen = (missed < RETURN[0] * length + RETURN[1]) & inside
        x, y, clean_x, clean_y = (each.astype(np.float32) / 255 for each in (old, new, old_clean, new_clean))
        if seen.any():
            self._warped.append(float(((y - sampled(x, back)) ** 2).mean(-1)[seen].mean()))
        self._changes.append(float((((y - x) - (clean_y - clean_x)) ** 2).mean()))
        if self.distance is not None:
            self._perceived.append(abs(self.distance(y, x) - self.distance(clean_y, clean_x)))


def flicker(
    frames: Iterable[np.ndarray],
    clean: Iterable[np.ndarray],
    distance: Distance | None = None,
    motion: Motion | None = None,
) -> FlickerScores:
    """Compare two clips of equal length, frame by frame; see `FlickerScores`."""
    scores = FlickerScores(distance, motion or EstimatedMotion())
    for pair in zip(frames, clean, strict=True):
        scores.add(*pair)
    return scores


def strips(clips: Iterable[Iterable[np.ndarray]], frames: int) -> np.ndarray:
    """Return the strips of several versions of a clip beside each other, long ones one above the other, to compare at a glance.

    Args:
        clips: Each yields (H, W, 3) uint8 frames, or (H, W, 4), whose alpha is left out; all of one size.
        frames: How many a clip has.

    Returns:
        (height, width, 3) uint8. Frames of a short clip are drawn several pixels wide, of a long one at equal steps, so that the
        picture is at most `LONGEST_STRIP` wide.
    """
    step, wide = -(-frames // LONGEST_STRIP), max(1, min(WIDEST_FRAME, LONGEST_STRIP // frames))
    made = [np.repeat(strip(islice(clip, 0, None, step)), wide, 1) for clip in clips]
    height, width = made[0].shape[:2]
    down = width >= height
    gap = np.full((GAP, width, 3) if down else (height, GAP, 3), 255, np.uint8)
    return np.concatenate([part for each in made for part in (gap, each)][1:], 0 if down else 1)


def strip(frames: Iterable[np.ndarray], column: int | None = None) -> np.ndarray:
    """Return one column of pixels over time, by default the middle one: (H, frames, 3) uint8. What flickers is grain."""
    columns = [frame[:, frame.shape[1] // 2 if column is None else column, :3] for frame in frames]
    return np.stack(columns, 1)
