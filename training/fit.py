"""Fit a cloud of 3D Gaussians to some of a scene's views, on the CPU, and say how well it shows the others.

    python -m training.fit FOLDER -o head.ply                          # 5,000 Gaussians, 400 steps: 2 minutes
    python -m training.fit FOLDER/head_02_transforms.json -o head.ply --gaussians 12000 --steps 800

FOLDER is a scene as nerfstudio or COLMAP has it. Beside the cloud, head.views.json names the views that it was fitted to, and those
that were held out. Stopped at any moment and started again with the same flags, it ends with the same cloud. This is for a head of
some thousand Gaussians; for many or large views gsplat on a GPU is the better tool.
"""

import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from enhancer.errors import EnhancerError, SettingsError
from enhancer.imaging.io import WHITE
from enhancer.metrics.fidelity import psnr, squared_error
from enhancer.runtime.command_line import BAD_INPUT, ArgumentParser, file_errors, print_every_name, say_error
from enhancer.runtime.resumable import claim
from enhancer.seeding import rng_for
from enhancer.splats.cloud import GaussianCloud
from enhancer.splats.files import write_ply
from enhancer.splats.rasterising import rasterise
from training.splats.fitting import Fit
from training.splats.points import read_points
from training.splats.seen import write_record
from training.splats.start import start_cloud
from training.splats.views import View, fingerprint, is_held_out, read_views

FINE, INTERRUPTED = 0, 130
CONFIG, STATE = "config.json", "state.pt"
LONG = 1800  # s: a fit that takes longer belongs on a GPU
TRIED = 10  # steps after which its time is foreseen
BETTER_TOOL = "With so much to fit, gsplat (https://github.com/nerfstudio-project/gsplat) on a GPU is the better tool."


@dataclass(frozen=True)
class FitConfig:
    """What a fit is told.

    Raises:
        SettingsError: A value cannot be used.
    """

    views: Path  # folder of a scene, or ...transforms.json
    output: Path  # .ply
    gaussians: int = 5000
    steps: int = 400
    hold_out: float = 0.4  # share of the views that the fit is not shown
    downscale: int = 1
    seed: int = 0
    checkpointing_steps: int = 50
    num_threads: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.output.suffix != ".ply":
            raise SettingsError(f"--output must end in .ply, got {self.output}.")
        if not 0 <= self.hold_out <= 0.5:
            raise SettingsError(
                f"--hold_out must be a share of 0 to 0.5, so that neighbours are seen, got {self.hold_out}."
            )
        least = {"gaussians": 10, "steps": 1, "downscale": 1, "checkpointing_steps": 1, "num_threads": 1}
        for name, number in least.items():
            if getattr(self, name) < number:
                raise SettingsError(f"--{name} must be at least {number}, got {getattr(self, name)}.")


def main(config: FitConfig) -> dict[str, float]:
    """Fit, write the cloud, and return the mean PSNR of the views that are "seen" and "unseen"."""
    cv2.setNumThreads(config.num_threads)
    torch.set_num_threads(config.num_threads)
    views, points = read_views(config.views, config.downscale), read_points(config.views)
    seen = [view for number, view in enumerate(views) if not is_held_out(number, config.hold_out)]
    unseen = [view for number, view in enumerate(views) if is_held_out(number, config.hold_out)]
    print(f"{len(seen)} views to fit to, {len(unseen)} held out, {'no' if points is None else len(points)} points")
    cloud = fitted(config, views, seen, points)
    scores = {name: mean_psnr(cloud, part) for name, part in (("seen", seen), ("unseen", unseen)) if part}
    words = ", ".join(f"{value:.2f} dB on {name} views" for name, value in scores.items())
    print(f"{config.output}: {len(cloud)} Gaussians, {config.output.stat().st_size / 1e6:.2f} MB; {words}")
    return scores


def fitted(config: FitConfig, views: Sequence[View], seen: list[View], points: np.ndarray | None) -> GaussianCloud:
    """Fit, write the cloud, and return it. On the way its state lies beside the output, in a folder of the same name."""
    folder = config.output.with_suffix(".fit")
    settings = {name: value for name, value in asdict(config).items() if name not in ("views", "output")}
    claim(folder, CONFIG, settings | {"data": fingerprint(views)}, holds="fit", free=("checkpointing_steps",))
    fit = Fit(start_cloud(seen, points, config.gaussians, rng_for(config.seed, "start")), config.steps, config.seed)
    if (folder / STATE).exists():
        fit.resume(folder / STATE)
    began, first = time.monotonic(), fit.step
    bar = tqdm(range(first, fit.steps), initial=first, total=fit.steps, unit="step", mininterval=1)
    for _ in bar:
        loss = fit.advance(seen)
        bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
        if fit.step == first + TRIED:
            left = (time.monotonic() - began) / TRIED * (fit.steps - fit.step)
            if left > LONG:
                bar.write(f"About {left / 60:.0f} minutes are left. {BETTER_TOOL}")
        if fit.step % config.checkpointing_steps == 0:
            fit.save(folder / STATE)
    # before the cloud: where that is, it is known what it was fitted to
    write_record(config.output, seen, [view for view in views if view not in seen])
    write_ply(config.output, fit.cloud())
    shutil.rmtree(folder)
    return fit.cloud()


def mean_psnr(cloud: GaussianCloud, views: Iterable[View]) -> float:
    """Return the mean of the views' PSNR, over white, in dB."""
    errors = [squared_error(rasterise(cloud, view.camera)[0], view.over(np.array(WHITE))) for view in views]
    return float(np.mean([psnr(float(error.mean())) for error in errors]))


def flags_given(argv: Sequence[str] | None) -> FitConfig:
    """Read the command line."""
    parser = ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("views", type=Path, metavar="VIEWS", help="folder of a scene, or a ...transforms.json")
    add("-o", "--output", type=Path, required=True, metavar="PLY", help="where the cloud goes")
    add("--gaussians", type=int, default=FitConfig.gaussians)
    add("--steps", type=int, default=FitConfig.steps, help="one view a step")
    add(
        "--hold_out",
        type=float,
        default=FitConfig.hold_out,
        help="share of the views that the fit is not shown, 0 to 0.5",
    )
    add("--downscale", type=int, default=FitConfig.downscale, help="fit to pictures this many times smaller")
    add("--seed", type=int, default=FitConfig.seed)
    add(
        "--checkpointing_steps",
        type=int,
        default=FitConfig.checkpointing_steps,
        help="save the state every this many steps",
    )
    add(
        "--num_threads",
        type=int,
        default=FitConfig.num_threads,
        help="CPU threads; more only help where cores are idle",
    )
    return FitConfig(**vars(parser.parse_args(argv)))


def command(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0 all fine, 2 bad input, 130 interrupted."""
    print_every_name()
    try:
        with file_errors():
            main(flags_given(argv))
    except EnhancerError as error:
        say_error(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. The same command goes on from the last state that was saved.\n")
        return INTERRUPTED
    return FINE


if __name__ == "__main__":
    sys.exit(command())
