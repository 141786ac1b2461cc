"""Restore one picture: a clean example head is degraded, restored by the embedded checkpoint, and both are scored.

Run from the project's folder, with or without a folder to write to:

    PYTHONPATH=. python examples/01_restore_an_image.py [FOLDER]
"""

import sys
from pathlib import Path

from enhancer.degrade import degrade, face_render
from enhancer.imaging.io import WHITE, composite, read_image, read_labels, write_png
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.metrics.scores import Scorer
from enhancer.model import SplatEnhancer, restore

HEADS = Path(__file__).parent / "heads"


def main(folder: Path) -> None:
    image = read_image(HEADS / "head_02.png")  # (512, 512, 4) float32 in [0, 1], straight alpha
    # The head brings its label map; for any other picture: Parser.from_pretrained().regions(rgb)
    masks = soft_masks(region_map(read_labels(HEADS / "head_02_labels.png")))

    clean = composite(image, WHITE)  # (512, 512, 3)
    degraded = degrade(image, masks, face_render("v2"), seed=0, background=WHITE)
    model = SplatEnhancer.from_pretrained("pocket")
    restored = restore(model, degraded)  # any size from 128 to 2048 px, out comes the same size

    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"clean": clean, "degraded": degraded, "restored": restored}
    for name, picture in pictures.items():
        write_png(picture, folder / f"{name}.png")

    scorer = Scorer()  # LPIPS with the embedded AlexNet
    for name in ("degraded", "restored"):
        scores = scorer.score(pictures[name], clean, masks)
        lpips = scorer.lpips_missing or f"{scorer.lpips_name} {scores['lpips']:.3f}"
        print(f"{name}: PSNR {scores['psnr']:.2f} dB, SSIM {scores['ssim']:.3f}, {lpips}")
        print("  " + ", ".join(f"{region} {each['psnr']:.1f} dB" for region, each in scores["regions"].items() if each))
    print(f"Pictures are in {folder}")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2] or ["restored"]))
