"""How long a picture of a made-up head of Gaussians takes on the CPU, and how much memory.

    python -m benchmarks.rasterise [--gaussians 20000] [--side 512] [--threads 2] [--gradient]

The Gaussians lie on an egg that fills most of the picture, each smaller the more there are. Peak memory is that of the
process, so one size a run.
"""

import resource
import time

import numpy as np
import torch

from enhancer.runtime.command_line import ArgumentParser
from enhancer.seeding import rng_for
from enhancer.splats.cameras import Camera
from enhancer.splats.cloud import GaussianCloud
from enhancer.splats.projection import GaussianTensors
from enhancer.splats.rasterising import rasterise, rasterise_tensors


def egg(count: int) -> GaussianCloud:
    """Return Gaussians on a surface about 2 across and 2.6 high, of sizes that cover it about 60 times over."""
    rng = rng_for(0, "egg")
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    quaternions = rng.normal(size=(count, 4))
    arrays = (
        directions * (1, 1.3, 1) * rng.normal(1, 0.03, (count, 1)),
        2.8 / count**0.5 * np.exp(rng.normal(0, 0.5, (count, 3))),
        quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True),
        1 / (1 + np.exp(-rng.normal(1, 2, count))),
        rng.normal(0, 0.5, (count, 1, 3)),
    )
    return GaussianCloud(*(np.ascontiguousarray(array, np.float32) for array in arrays))


def straight_ahead(side: int) -> Camera:
    """Return a camera with a long lens, 13 in front of the origin."""
    view = np.eye(4)
    view[2, 3] = 13.0
    return Camera(view, 4.4 * side, 4.4 * side, side / 2, side / 2, side, side)


def gradient(cloud: GaussianCloud, camera: Camera) -> None:
    """Take a picture, and the gradient of its mean square by all the Gaussians are."""
    gaussians = GaussianTensors(*(part.clone().requires_grad_() for part in GaussianTensors.of(cloud)))
    rasterise_tensors(gaussians, camera)[0].square().mean().backward()


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--gaussians", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=512, help="of the picture, pixels")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--gradient", action="store_true", help="forward and backward, as a step of a fit has it")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cloud, camera = egg(options.gaussians), straight_ahead(options.side)
    before, times = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
    for _ in range(options.repeat + 1):
        start = time.perf_counter(), time.process_time()
        (gradient if options.gradient else rasterise)(cloud, camera)
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    wall, cpu = np.min(times[1:], axis=0)  # the first one warms up
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{options.gaussians} Gaussians at {options.side}x{options.side}, {options.threads} threads: {wall:.3f} s, "
        f"{cpu:.3f} CPU seconds; peak {peak / 1024:.0f} MB, {(peak - before) / 1024:.0f} MB of it for this"
    )


if __name__ == "__main__":
    main()
