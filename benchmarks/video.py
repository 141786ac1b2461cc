"""What steadying does to clips with known motion: example heads moved by an affine and a mild non-rigid warp, degraded, restored.

    OMP_NUM_THREADS=1 python -m benchmarks.video [--frames 12] [--pictures FOLDER]

Each head is degraded with a seed for each frame, with a new seed every eight frames, and with one seed for all (a clip that
holds still already). A row says what `--steady 1` changes against frame by frame, and `missed` which of the bars of the project
it misses. "exact" is given the true motion. The last rows are an orbit of the head of 5,000 Gaussians: it has no clean clip,
so its flicker is measured along its own motion, and "fine" is how much of the fine band is left. What the exact motion costs
is in its milliseconds, too.

Averaging cannot remove what damage does alike in every frame. `--limits` measures what is left to it: one pose, five seeds,
no motion to be found, and so the best that five frames can give.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from tqdm import tqdm

from enhancer.degrade import degrade, face_render
from enhancer.imaging.io import composite, read_image, read_labels, to_bytes, write_png
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.metrics.fidelity import psnr
from enhancer.metrics.perceptual import Perceptual
from enhancer.runtime.command_line import ArgumentParser
from enhancer.service import Service
from enhancer.splats.cameras import Camera, orbit
from enhancer.splats.cloud import GaussianCloud
from enhancer.splats.files import read_splats
from enhancer.splats.motion import optical_flow
from enhancer.splats.rasterising import rasterise
from enhancer.video.metrics import FlickerScores, strips
from enhancer.video.motion import Motion
from enhancer.video.steady import steadied

EXAMPLES = Path(__file__).parents[1] / "examples"
SEEDS: dict[str, Callable[[int], int]] = {
    "a seed a frame": lambda t: t,
    "every eight": lambda t: t // 8,
    "one": lambda _: 0,
}


class Change(NamedTuple):
    """What steadying changed."""

    psnr: float  # dB
    temporal: float  # dB, PSNR of the differences between neighbours
    warping: float  # ratio
    lpips: float  # ratio


# Of a change: which way is good is in the sign. The bars, and that a steady clip must not go softer.
BARS: dict[str, Callable[[Change], dict[str, bool]]] = {
    "a seed a frame": lambda c: {
        "warping <= 0.40": c.warping <= 0.40,
        "PSNR >= +0.5": c.psnr >= 0.5,
        "temporal >= +2.5": c.temporal >= 2.5,
        "LPIPS <= 0.75": c.lpips <= 0.75,
    },
    "exact": lambda c: {"PSNR >= +1.5": c.psnr >= 1.5},
    "every eight": lambda c: {"warping <= 0.50": c.warping <= 0.50},
    "one": lambda c: {
        "PSNR >= -0.05": c.psnr >= -0.05,
        "temporal >= -1": c.temporal >= -1,
        "LPIPS <= 1.01": c.lpips <= 1.01,
    },
}


class MovingHead:
    """A head that turns, nods, comes nearer and ripples, and its exact motion; lengths in pixels at 512."""

    def __init__(self, name: str, frames: int) -> None:
        """Read an example head and move it."""
        image = read_image(EXAMPLES / f"heads/{name}.png")
        labels = read_labels(EXAMPLES / f"heads/{name}_labels.png").astype(np.uint8)
        self._height, self._width = image.shape[:2]
        rgb, here = composite(image), self._grid()
        self.clean, self.labels = [], []
        for t in range(frames):
            x, y = self._origin(t, *here)
            moved = cv2.remap(rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=(1, 1, 1))
            self.clean.append(to_bytes(np.clip(moved, 0, 1)))
            self.labels.append(cv2.remap(labels, x, y, cv2.INTER_NEAREST))

    def flow(self, i: int, j: int, frame_i: np.ndarray, frame_j: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Where do points of frame i lie in frame j? Those that come from the same place; found by iteration."""
        here = self._grid()
        wanted, (x, y) = self._origin(i, *here), here
        for _ in range(12):
            u, v = self._origin(j, x, y)
            x, y = x + wanted[0] - u, y + wanted[1] - v
        return np.stack([x - here[0], y - here[1]], -1)

    def degraded(self, seed: Callable[[int], int]) -> list[np.ndarray]:
        """Damage each frame by the 14 steps."""
        return [
            to_bytes(
                degrade(frame.astype(np.float32) / 255, soft_masks(region_map(labels)), face_render(), seed=seed(t))
            )
            for t, (frame, labels) in enumerate(zip(self.clean, self.labels, strict=True))
        ]

    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        y, x = np.mgrid[: self._height, : self._width].astype(np.float32)
        return x, y

    def _origin(self, t: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where in the still picture is what frame t shows at (x, y)?"""
        turn = 2 * np.pi * t
        angle, size = 0.12 * np.sin(turn / 48), 1 + 0.03 * np.sin(turn / 36)
        x = x - self._width / 2 - 14 * np.sin(turn / 40)
        y = y - self._height / 2 - 8 * np.cos(turn / 30)
        u, v = (np.cos(angle) * x + np.sin(angle) * y) / size, (np.cos(angle) * y - np.sin(angle) * x) / size
        across = u + self._width / 2 + 3 * np.sin(2 * np.pi * v / 160 + turn / 30)
        down = v + self._height / 2 + 2 * np.sin(2 * np.pi * u / 200 - turn / 24)
        return across.astype(np.float32), down.astype(np.float32)


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--heads", nargs="+", default=["head_02", "head_05"])
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--pictures", type=Path, help="folder for strips and contact sheets, to look at")
    parser.add_argument("--limits", action="store_true", help="only measure what averaging could give at best")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    bench = _Bench(options.pictures)
    if options.limits:
        for name in options.heads:
            bench.limits(MovingHead(name, 1), name)
        return
    for name in options.heads:
        bench.head(MovingHead(name, options.frames), name)
    bench.orbit(options.frames)


class _Turning:
    """The exact motion of a cloud before cameras."""

    def __init__(self, cloud: GaussianCloud, cameras: Sequence[Camera]) -> None:
        self._cloud, self._cameras = cloud, cameras

    def flow(self, i: int, j: int, frame_i: np.ndarray, frame_j: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Project the Gaussians."""
        return optical_flow(self._cloud, self._cameras[i], self._cameras[j])


class _Bench:
    """The models, and where pictures go."""

    def __init__(self, pictures: Path | None) -> None:
        self._service = Service.load(lpips_net=None)
        self._lpips = Perceptual.from_pretrained("alex")
        self._pictures = pictures

    def head(self, head: MovingHead, name: str) -> None:
        """Print a row for each kind of damage."""
        for kind, seed in SEEDS.items():
            given = head.degraded(seed)
            plain = self._restored(given)
            before = self._scores(plain, head)
            print(
                f"{name} {kind}: frame by frame PSNR {before.psnr:.2f} dB, temporal {before.temporal:.2f} dB, "
                f"warping error {before.warping * 1e4:.2f}e-4, LPIPS {before.lpips:.4f}"
            )
            motions: dict[str, Motion | None] = {"estimated": None}
            if kind == "a seed a frame":
                motions["exact"] = head
            for motion_name, motion in motions.items():
                seen, cost = _steadied(given, motion)
                steady = self._restored(seen)
                after = self._scores(steady, head)
                change = Change(
                    after.psnr - before.psnr,
                    after.temporal - before.temporal,
                    after.warping / before.warping,
                    after.lpips / before.lpips,
                )
                bars = BARS["exact" if motion is not None else kind](change)
                missed = ", ".join(bar for bar, met in bars.items() if not met) or "none"
                print(
                    f"  {motion_name} motion: PSNR {change.psnr:+.2f}, temporal {change.temporal:+.2f}, warping "
                    f"x{change.warping:.2f}, LPIPS x{change.lpips:.3f}, {cost:.0f} ms a frame; missed: {missed}"
                )
                self._show(f"{name} {kind} {motion_name}", [given, plain, steady, head.clean])

    def orbit(self, frames: int) -> None:
        """Print the row of real splats."""
        cloud = read_splats(EXAMPLES / "splats/head_02.ply").cloud
        cameras = orbit(cloud, 72).cameras[:frames]  # 5 degrees a frame
        exact = _Turning(cloud, cameras)
        given = [to_bytes(rasterise(cloud, camera)[0]) for camera in tqdm(cameras, leave=False)]
        plain = self._restored(given)
        before = _flicker(plain, given, exact).warping_error or 1.0
        for motion_name, motion in {"estimated": None, "exact": exact}.items():
            seen, cost = _steadied(given, motion)
            steady = self._restored(seen)
            after = _flicker(steady, given, exact).warping_error or 0.0
            print(
                f"orbit, {motion_name} motion: warping x{after / before:.2f}, fine x{_fine(steady) / _fine(plain):.3f}, "
                f"{cost:.0f} ms a frame"
            )
            self._show(f"orbit {motion_name}", [given, plain, steady])

    def limits(self, head: MovingHead, name: str) -> None:
        """Print what five frames of one pose can give, and what endlessly many could where answers are averaged."""
        clean = head.clean[0].astype(np.float32) / 255
        masks = soft_masks(region_map(head.labels[0]))
        given = [to_bytes(degrade(clean, masks, face_render(), seed=seed)) for seed in range(5)]
        restored = np.stack(self._restored(given)).astype(np.float32) / 255
        errors = [float(((each - clean) ** 2).mean()) for each in restored]
        one, lpips = (
            np.mean([psnr(error) for error in errors]),
            np.mean([self._distance(each, clean) for each in restored]),
        )
        mean = restored.mean(0)
        of_mean = np.stack(self._restored([to_bytes(np.mean(given, 0) / 255)]))[0].astype(np.float32) / 255
        spread = float(restored.var(0, ddof=1).mean())
        print(
            f"{name}, five seeds of one pose: PSNR {one:.2f} dB, LPIPS {lpips:.4f}; mean of the answers "
            f"{psnr(float(((mean - clean) ** 2).mean())) - one:+.2f} dB, x{self._distance(mean, clean) / lpips:.2f}; answer to "
            f"the mean {psnr(float(((of_mean - clean) ** 2).mean())) - one:+.2f} dB, "
            f"x{self._distance(of_mean, clean) / lpips:.2f}; mean of endlessly many answers at most "
            f"{10 * np.log10(np.mean(errors) / (np.mean(errors) - spread)):+.2f} dB"
        )

    def _restored(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [
            to_bytes(self._service.restore(frame.astype(np.float32) / 255, with_regions=False).restored)
            for frame in tqdm(frames, leave=False)
        ]

    def _scores(self, frames: Sequence[np.ndarray], head: MovingHead) -> Change:
        pairs = [
            (frame.astype(np.float32) / 255, clean.astype(np.float32) / 255)
            for frame, clean in zip(frames, head.clean, strict=True)
        ]
        flicker = _flicker(frames, head.clean, head)
        return Change(
            float(np.mean([psnr(float(((frame - clean) ** 2).mean())) for frame, clean in pairs])),
            flicker.temporal_psnr or 0.0,
            flicker.warping_error or 0.0,
            float(np.mean([self._distance(*pair) for pair in pairs[::3]])),
        )

    def _distance(self, rgb: np.ndarray, reference: np.ndarray) -> float:
        return self._lpips.distance(rgb, reference)[0]

    def _show(self, name: str, clips: Sequence[Sequence[np.ndarray]]) -> None:
        """Write strips, and the middle frames side by side."""
        if self._pictures is None:
            return
        self._pictures.mkdir(parents=True, exist_ok=True)
        sheet = np.concatenate([clip[len(clip) // 2] for clip in clips], 1)
        for what, picture in (("strip", strips(clips, len(clips[0]))), ("sheet", sheet)):
            write_png(picture.astype(np.float32) / 255, self._pictures / f"{name} {what}.png".replace(" ", "_"))


def _steadied(frames: Sequence[np.ndarray], motion: Motion | None) -> tuple[list[np.ndarray], float]:
    """Return what the model is shown, and milliseconds of one thread a frame."""
    start = time.process_time()
    seen = list(steadied(frames, motion=motion))
    return seen, 1000 * (time.process_time() - start) / len(frames)


def _flicker(frames: Sequence[np.ndarray], clean: Sequence[np.ndarray], motion: Motion | None = None) -> FlickerScores:
    scores = FlickerScores() if motion is None else FlickerScores(motion=motion)
    for pair in zip(frames, clean, strict=True):
        scores.add(*pair)
    return scores


def _fine(frames: Sequence[np.ndarray]) -> float:
    """Return the root mean square of what a blur of one pixel takes away, levels."""

    def bands() -> Iterator[float]:
        for frame in frames:
            colour = frame.astype(np.float32)
            yield float(((colour - cv2.GaussianBlur(colour, (0, 0), 1.0)) ** 2).mean())

    return float(np.sqrt(np.mean(list(bands()))))


if __name__ == "__main__":
    main()
