"""The before/after picture of a model card: heads that come with the project, since the data's pictures may not be shown."""

from pathlib import Path

from PIL import Image

from enhancer.degrade import degrade, face_render
from enhancer.imaging.io import WHITE, composite, read_image, read_labels
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.metrics.fidelity import psnr, squared_error
from enhancer.model import SplatEnhancer, restore
from training.report.contact_sheet import Tile, sheet

HEADS = Path(__file__).parents[2] / "examples" / "heads"
SHOWN = ("head_02", "head_05")
SIDE = 512  # px of a picture


def before_after(model: SplatEnhancer) -> Image.Image:
    """Return two heads degraded by the model's own preset with seed 0, restored, and clean, side by side.

    Args:
        model: After `for_inference()`.
    """
    rows = []
    for name in SHOWN:
        clean = composite(read_image(HEADS / f"{name}.png"))
        masks = soft_masks(region_map(read_labels(HEADS / f"{name}_labels.png")))
        degraded = degrade(clean, masks, face_render(model.config.preset), seed=0, background=WHITE)
        restored = restore(model, degraded)
        scores = [psnr(squared_error(picture, clean).mean()) for picture in (degraded, restored)]
        rows.append(
            [
                Tile(degraded, "degraded", f"PSNR {scores[0]:.2f} dB"),
                Tile(restored, "restored", f"PSNR {scores[1]:.2f} dB"),
                Tile(clean, "clean"),
            ]
        )
    subtitle = f"Heads degraded with preset {model.config.preset}, seed 0, and restored in one step."
    return sheet("Before and after", subtitle, rows, side=SIDE)
