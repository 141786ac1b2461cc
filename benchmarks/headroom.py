"""How far activations stay from float16's largest number, block by block, in float32.

    python -m benchmarks.headroom --pictures FOLDER [--checkpoint pocket | --architecture FOLDER] [--side 512]

Every picture of the folder is degraded and restored; the largest magnitude that any layer inside a block puts out is
kept. A block over 65504 would be moved to float32 by itself (`enhancer.model.half`).
"""

from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn
from tqdm import tqdm

from enhancer.commands.pictures import pictures_of
from enhancer.degrade import degrade, face_render
from enhancer.imaging.io import composite, read_image
from enhancer.imaging.masks import soft_masks
from enhancer.model import SplatEnhancer, restore_whole
from enhancer.model.half import blocks
from enhancer.model.reference import random_model
from enhancer.parser import Parser
from enhancer.runtime.command_line import ArgumentParser

LARGEST = torch.finfo(torch.float16).max


def watch(model: nn.Module) -> dict[str, float]:
    """Hook every layer; return the dictionary of largest magnitudes by block, filled by later passes."""
    largest: dict[str, float] = {}

    def watching(name: str) -> Any:
        def look(_: nn.Module, inputs: Any, output: Any) -> None:
            for x in (*inputs, output):
                if isinstance(x, Tensor) and x.is_floating_point():
                    largest[name] = max(largest.get(name, 0.0), float(x.abs().max()))

        return look

    for name, block in blocks(model).items():
        for layer in block.modules():
            layer.register_forward_hook(watching(name))
    return largest


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of clean faces")
    parser.add_argument("--checkpoint", default="pocket")
    parser.add_argument("--architecture", type=Path, help="SD-Turbo's three configs: random weights instead")
    parser.add_argument("--side", type=int, default=512, help="pictures are scaled to this side, pixels")
    parser.add_argument("--limit", type=int, help="only so many pictures")
    options = parser.parse_args()
    torch.manual_seed(0)  # noqa: TID251
    model = (
        random_model(options.architecture)
        if options.architecture
        else SplatEnhancer.from_pretrained(options.checkpoint)
    ).for_inference()
    largest = watch(model)
    segformer = Parser.from_pretrained("pocket")
    files = pictures_of(options.pictures)[0][: options.limit]
    for number, file in enumerate(tqdm(files, unit="picture")):
        rgb = cv2.resize(composite(read_image(file)), (options.side, options.side), interpolation=cv2.INTER_AREA)
        restore_whole(model, degrade(rgb, soft_masks(segformer.regions(rgb)), face_render(), seed=number))
    for name, value in sorted(largest.items(), key=lambda item: -item[1]):
        print(f"{name:<32}{value:12.1f}{value / LARGEST:9.2%} of float16's largest")
    print(f"{len(files)} pictures at {options.side}x{options.side}: {max(largest.values()) / LARGEST:.2%} at most")


if __name__ == "__main__":
    main()
