"""Training steps of the full-size architecture with random weights, on one batch: speed, memory, a loss that falls.

    python -m benchmarks.full_size --config FOLDER --steps 200 --batch 2 --size 512 --mixed_precision fp16

FOLDER holds SD-Turbo's `unet_config.json`, `vae_config.json` and `scheduler_config.json`. The loss is L1 alone, so that
nothing is downloaded. Run it with and without --gradient_checkpointing.
"""

# Must precede diffusers.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import time
from itertools import repeat
from pathlib import Path

import numpy as np
import torch

from benchmarks.degrade import drawn_face
from enhancer.degrade import degrade, face_render
from enhancer.model.reference import random_model
from enhancer.runtime.command_line import ArgumentParser
from enhancer.runtime.device import peak_memory
from enhancer.tensors import to_model_range
from training.config import TrainConfig
from training.loop.run import build_accelerator
from training.loop.trainer import Trainer
from training.losses.objective import build_objective


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="folder of SD-Turbo's three configs")
    parser.add_argument("--steps", type=int, default=2, help="optimizer steps")
    parser.add_argument("--batch", type=int, default=1, help="pictures a step")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures, pixels")
    parser.add_argument("--mixed_precision", default="auto", help="auto, no, fp16 or bf16")
    parser.add_argument("--gradient_checkpointing", action="store_true")
    options = parser.parse_args()
    config = TrainConfig(
        train_data_dir="none",
        max_train_steps=options.steps,
        lr_warmup_steps=0,
        lr_scheduler="constant",
        mixed_precision=options.mixed_precision,
        l1_weight=1.0,
        lpips_weight=0,
        gram_weight=0,
    )
    accelerator = build_accelerator(config)
    torch.manual_seed(0)  # noqa: TID251
    model = random_model(options.config)
    if options.gradient_checkpointing:
        model.unet.enable_gradient_checkpointing()
        model.vae.enable_gradient_checkpointing()
    clean, masks = drawn_face(options.size)
    degraded = degrade(clean, masks, face_render("v2"), seed=0)
    clean_batch, degraded_batch = (to_model_range(np.stack([picture] * options.batch)) for picture in (clean, degraded))
    batch = (clean_batch, degraded_batch)
    trainer = Trainer(model, build_objective(config), config, accelerator)
    trained = sum(weight.numel() for weight in trainer.weights)
    print(f"{trained:,} of {sum(p.numel() for p in model.parameters()):,} parameters train")
    losses, times = [], []
    for step, pair in enumerate(repeat(batch, options.steps)):
        start = time.perf_counter()
        losses.append(trainer.step(step, iter([pair]))["loss"])
        times.append(time.perf_counter() - start)
    device = accelerator.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(
        f"{name}, {accelerator.mixed_precision}, batch {options.batch} at {options.size}x{options.size}, checkpointing "
        f"{options.gradient_checkpointing}: {1 / np.median(times):.3g} steps/s, peak {(peak_memory(device) or 0) / 2**10:.1f} GiB, "
        f"loss {losses[0]:.4f} -> {losses[-1]:.4f} in {options.steps} steps, all finite: {np.isfinite(losses).all()}"
    )


if __name__ == "__main__":
    main()
