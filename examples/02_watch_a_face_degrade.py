"""Watch a clean face turn into a splat render: the picture after each of the 14 steps, on one sheet.

Run from the project's folder, with or without a folder to write to:

    PYTHONPATH=. python examples/02_watch_a_face_degrade.py [FOLDER]
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from enhancer.degrade import face_render, trace
from enhancer.imaging.io import WHITE, composite, read_image, read_labels, to_pil
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map

HEADS = Path(__file__).parent / "heads"
WINDOW = (130, 110, 430, 410)  # left, top, right, bottom in px: hair, eyes, nose and mouth at their full size
COLUMNS, GAP, CAPTION = 5, 8, 26  # pictures a row, px between them, px above each


def main(folder: Path) -> None:
    image = read_image(HEADS / "head_02.png")  # (512, 512, 4) float32 in [0, 1], straight alpha
    regions = region_map(read_labels(HEADS / "head_02_labels.png"))
    recipe = face_render("v2", {"eyes": 0.9})  # the eyes worse than the preset's 0.7

    # The same seed gives the same bytes; another seed puts the patches elsewhere.
    stages = list(trace(image, soft_masks(regions), recipe, seed=7, background=WHITE))

    width, height = WINDOW[2] - WINDOW[0] + GAP, WINDOW[3] - WINDOW[1] + GAP + CAPTION
    rows = -(-len(stages) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width + GAP, rows * height + GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for place, stage in enumerate(stages):
        left, top = GAP + place % COLUMNS * width, GAP + place // COLUMNS * height
        pen.text((left, top), f"{stage.number}. {stage.name}", "black", font)
        sheet.paste(to_pil(composite(stage.image)).crop(WINDOW), (left, top + CAPTION))

    folder.mkdir(parents=True, exist_ok=True)
    sheet.save(folder / "steps.png")
    print(f"{len(stages)} steps on {folder / 'steps.png'}")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2] or ["degraded"]))
