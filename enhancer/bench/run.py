"""The measurements themselves."""

import copy
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from tqdm import tqdm

from enhancer.bench.clock import copy_ceiling, latencies, matmul_ceiling, peak_of
from enhancer.bench.ledger import ledger, weight_bytes
from enhancer.degrade import degrade, face_render
from enhancer.errors import SettingsError
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import REGION_NAMES
from enhancer.metrics.scores import Scorer
from enhancer.model import SplatEnhancer, predict_clean, restore_whole
from enhancer.model.reference import Reference, random_model
from enhancer.model.restorer import most_pixels
from enhancer.parser import Parser
from enhancer.parts import precision
from enhancer.runtime.device import device_of, machine, program
from enhancer.seeding import rng_for

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Raises:
        SettingsError: A number is not positive, or a type is unknown.
    """

    checkpoint: str = "pocket"
    architecture: Path | None = None  # folder of SD-Turbo's configs: random weights instead of a checkpoint
    device: str = "auto"
    dtype: str = "auto"  # float16 on a CUDA GPU, else float32
    sizes: tuple[int, ...] = (
        256,
        512,
        1024,
    )  # sides, pixels, multiples of 64; stages and batches at the second one
    batches: tuple[int, ...] = (1, 4)
    repeats: int = 5
    compile: bool = False

    def __post_init__(self) -> None:
        """Check the ranges."""
        if any(side < 64 or side % 64 for side in self.sizes) or not self.sizes:
            raise SettingsError(f"Sizes must be multiples of 64 pixels, got {', '.join(map(str, self.sizes))}.")
        if self.repeats < 1 or any(batch < 1 for batch in self.batches):
            raise SettingsError("Repeats and batches must be 1 or more.")
        if self.dtype not in ("auto", *DTYPES):
            raise SettingsError(f"There is no type {self.dtype!r} here. Choose auto or one of {', '.join(DTYPES)}.")


class Bench:
    """The models to compare, on the device."""

    def __init__(self, settings: Settings) -> None:
        """Load a checkpoint twice: once to run fast, once as its peers run theirs."""
        self.settings = settings
        self.device = device_of(settings.device)
        self.dtype = precision(str(self.device)) if settings.dtype == "auto" else DTYPES[settings.dtype]
        if settings.architecture is None:
            model = SplatEnhancer.from_pretrained(settings.checkpoint)
        else:
            model = random_model(settings.architecture)
        self.source = model.source
        self.reference = Reference(copy.deepcopy(model)).to(self.device, self.dtype)
        self.model = model.for_inference(self.device, self.dtype, compile=settings.compile)
        self._bare = copy.deepcopy(self.model).to("meta")  # for counting
        self.side = settings.sizes[min(1, len(settings.sizes) - 1)]

    @torch.inference_mode()
    def stages(self) -> dict[str, dict[str, float]]:
        """Time what happens to one picture, from the clean one to its scores."""
        rgb = rng_for("bench").random((self.side, self.side, 3), np.float32)
        masks, recipe = soft_masks(_drawn_face(self.side)), face_render()
        parser, scorer = (
            Parser.from_pretrained("pocket", device=str(self.device)),
            Scorer(device=self.device.type),
        )
        batch = self._batch(1, self.side)
        latents, skips = self.model.encode(batch)
        clean = predict_clean(latents, self.model.predict_noise(latents), self.model.alpha_bar)
        works = {
            "parse": lambda: parser.regions(rgb),
            "degrade": lambda: degrade(rgb, masks, recipe, seed=0),
            "encode": lambda: self.model.encode(batch),
            "unet": lambda: self.model.predict_noise(latents),
            "decode": lambda: self.model.decode(clean, skips),
            "restore": lambda: restore_whole(self.model, rgb),
            "score": lambda: scorer.score(rgb, rgb, masks),
        }
        return latencies(works, self.device, self.settings.repeats)

    @torch.inference_mode()
    def size(self, side: int, ceilings: dict[str, float]) -> dict[str, Any]:
        """Measure one picture of a size, and the same of the reference."""
        batch = self._batch(1, side)
        flops = ledger(self._bare, side)
        row: dict[str, Any] = {"side": side, "flops": flops}
        for name, model in (("ours", self.model), ("reference", self.reference)):
            with peak_of(self.device) as held:
                model(batch)
            row[f"{name}_peak_mib"] = round(held[0], 1) if held else None
        works = {"ours": lambda: self.model(batch), "reference": lambda: self.reference(batch)}
        row |= latencies(works, self.device, self.settings.repeats)
        floor = max(sum(flops.values()) / ceilings["flops"], weight_bytes(self.model) / ceilings["bytes"])
        return row | {
            "times_faster": row["reference"]["p50"] / row["ours"]["p50"],
            "floor": floor,
            "of_ceiling": floor / row["ours"]["p50"],
        }

    @torch.inference_mode()
    def batches(self, ceilings: dict[str, float]) -> list[dict[str, float]]:
        """Measure several pictures at once."""
        flops = sum(ledger(self._bare, self.side).values())
        works = {str(count): partial(self.model, self._batch(count, self.side)) for count in self.settings.batches}
        taken = latencies(works, self.device, self.settings.repeats)
        rows = []
        for count in self.settings.batches:
            rate = count / taken[str(count)]["p50"]
            rows.append({"batch": count, "pictures_per_second": rate, "of_ceiling": rate * flops / ceilings["flops"]})
        return rows

    def _batch(self, count: int, side: int) -> torch.Tensor:
        pixels = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
        return pixels.to(self.device, self.dtype)


def bench(settings: Settings) -> dict[str, Any]:
    """Measure a checkpoint on this machine.

    Returns:
        JSON-ready: "stages" and "batches" at one size, "sizes", "ceilings" in operations and bytes a second; times in
        seconds, memory in MiB beside the weights. Ratios are of medians within this run.

    Raises:
        EnhancerError: The checkpoint, the device or a setting cannot be used.
    """
    found = Bench(settings)
    ceilings = {"flops": matmul_ceiling(found.device, found.dtype), "bytes": copy_ceiling(found.device)}
    fitting = [side for side in settings.sizes if side**2 <= most_pixels(found.model)]
    steps = tqdm(total=len(fitting) + 2, unit="measurement", leave=False)
    out: dict[str, Any] = {
        "checkpoint": found.source.name if found.source else "random weights",
        "sha": found.source.sha if found.source else None,
        "machine": machine(found.device, str(found.dtype).removeprefix("torch.")),
        "program": program(),
        "load": os.getloadavg()[0],
        "compiled": settings.compile,
        "repeats": settings.repeats,
        "side": found.side,
        "parameters": sum(weight.numel() for weight in found.model.parameters()),
        "ceilings": ceilings,
        "too_large": [side for side in settings.sizes if side not in fitting],
    }
    out["stages"] = found.stages()
    steps.update()
    out["batches"] = found.batches(ceilings)
    steps.update()
    out["sizes"] = []
    for side in fitting:
        out["sizes"].append(found.size(side, ceilings))
        steps.update()
    steps.close()
    return out


def _drawn_face(side: int) -> np.ndarray:
    """Return the region map of a face in outline, at the place and size of a portrait's."""
    regions = np.zeros((side, side), np.uint8)
    ellipses = {  # centre and half axes, in parts of the side; later ones lie on top
        "hair": ((0.5, 0.38, 0.32, 0.34),),
        "skin": ((0.5, 0.52, 0.24, 0.34),),
        "nose": ((0.5, 0.54, 0.05, 0.09),),
        "eyes": ((0.4, 0.42, 0.07, 0.05), (0.6, 0.42, 0.07, 0.05)),
        "mouth": ((0.5, 0.7, 0.09, 0.04),),
    }
    for name, places in ellipses.items():
        for x, y, half_width, half_height in places:
            centre, axes = (
                (round(x * side), round(y * side)),
                (round(half_width * side), round(half_height * side)),
            )
            cv2.ellipse(regions, centre, axes, 0, 0, 360, REGION_NAMES.index(name) + 1, -1)
    return regions
