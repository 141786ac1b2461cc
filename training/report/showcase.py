"""The before/after picture of a model card: heads that come with the project, since the data's pictures may not be shown."""

from pathlib import Path

from PIL import Image

from enhancer.degrade import degrade, face_render
from enhancer.imaging.io import WHITE, composite, read_image, read_labels
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.metrics.fidelity import psnr, squared_error
from enhancer.model import SplatEnhancer, restore
from training.report.contact_sheet import sheet

HEADS = Path(__file__).parents[2] / "examples" / "heads"
SHOWN = ("head_02", "head_05")


def before_after(model: SplatEnhancer) -> Image.Image:
    """Return two heads degraded by the model's own preset with seed 0, restored, and clean, side by side.

    Args:
        model: After `for_inference()`.
    """
    rows, pictures = [], {}
    for name in SHOWN:
        clean = composite(read_image(HEADS / f"{name}.png"))
        masks = soft_masks(region_map(read_labels(HEADS / f"{name}_labels.png")))
        degraded = degrade(clean, masks, face_render(model.config.preset), seed=0, background=WHITE)
        restored = restore(model, degraded)
        pictures[name] = {"degraded": degraded, "restored": restored, "clean": clean}
        rows.append({"file": name} | {
            f"{kind}.psnr": psnr(squared_error(pictures[name][kind], clean).mean())
            for kind in ("degraded", "restored")
        })  # fmt: skip
    return sheet(rows, pictures.__getitem__, columns=1)
