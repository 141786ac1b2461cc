"""How long the embedded checkpoint and parser take on this machine.

python -m benchmarks.pocket [--size 512] [--repeats 5]
"""

import argparse

import torch

from benchmarks.degrade import drawn_face, fastest
from enhancer.allocator import keep_freed_memory
from enhancer.metrics.fidelity import similarity
from enhancer.model import SplatEnhancer, restore
from enhancer.parser import Parser


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=512, help="side of the picture, pixels")
    parser.add_argument("--repeats", type=int, default=5, help="the fastest of this many runs counts")
    options = parser.parse_args()
    keep_freed_memory()
    rgb, _ = drawn_face(options.size)
    model, segformer = SplatEnhancer.from_pretrained().for_inference(), Parser.from_pretrained("pocket")
    print(
        f"{options.size}x{options.size}, {torch.get_num_threads()} threads, float32, fastest of {options.repeats}:"
    )
    for name, work in {
        "restore": lambda: restore(model, rgb),
        "parse": lambda: segformer.regions(rgb),
        "SSIM map": lambda: similarity(rgb, rgb),
    }.items():
        work()  # warm-up
        print(f"  {name:<9}{fastest(work, options.repeats) * 1000:6.0f} ms")


if __name__ == "__main__":
    main()
