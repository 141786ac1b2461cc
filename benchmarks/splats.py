"""How much processor time a picture takes to be fitted by Gaussians, and how near the fit comes.

    python -m benchmarks.splats [PICTURE ...] [--size 512]

Prints processor seconds, of all threads together, and PSNR of each splat preset, by default on the example heads, on white.
"""

import time
from pathlib import Path

import cv2
import numpy as np

from enhancer.imaging.io import composite, read_image
from enhancer.metrics.fidelity import psnr
from enhancer.runtime.command_line import ArgumentParser
from enhancer.splats.degradation import SPLAT_PRESETS, degrade_as_splats

BAR = 4  # processor seconds of a pair at 512x512
HEADS = Path(__file__).parents[1] / "examples/heads"


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", type=Path, default=sorted(HEADS.glob("head_??.png")))
    parser.add_argument("--size", type=int, default=512, help="side that pictures are brought to, pixels")
    options = parser.parse_args()
    size = (options.size, options.size)
    pictures = [
        cv2.resize(composite(read_image(path)), size, interpolation=cv2.INTER_AREA) for path in options.pictures
    ]
    print(f"{len(pictures)} pictures of {options.size}x{options.size} (at 512x512 at most {BAR} s)")
    for name, preset in SPLAT_PRESETS.items():
        seconds, scores = [], []
        for number, picture in enumerate(pictures):
            start = time.process_time()
            out = degrade_as_splats(picture, preset, number)
            seconds.append(time.process_time() - start)
            scores.append(psnr(float(((out - picture) ** 2).mean())))
        print(
            f"  {name}: {np.mean(seconds):.2f} s, at most {max(seconds):.2f}; {np.mean(scores):.2f} dB "
            f"({preset.count} Gaussians, {preset.steps} steps)"
        )


if __name__ == "__main__":
    main()
