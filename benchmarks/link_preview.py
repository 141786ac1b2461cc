"""Draws the picture that stands beside a link to the page: a head rendered from splats, restored, and the ground truth.

    python -m benchmarks.link_preview [--views docs/splat_views.png] [-o page/link_preview.jpg]

The heads are cut out of the first row of `docs/splat_views.png`; what is written below them is what was measured on that row.
"""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from enhancer.runtime.command_line import ArgumentParser

ROOT = Path(__file__).parents[1]
SIZE = (
    1200,
    630,
)  # pixels, what link previews are cut to: https://ogp.me, and twice that of most screens they are seen on
PAPER, INK, QUIET = "#faf9f7", "#1c1917", "#67605a"  # as in app.css
HEADS = ((37, 119), (455, 119), (873, 119))  # upper left corners in the picture of views, inside their frames
CUT = (62, 14, 352, 384)  # of a head: what is left of 399 pixels a side without the empty margins
WORDS = (
    ("as rendered", "LPIPS 0.280"),
    ("restored", "LPIPS 0.194"),
    ("ground truth", ""),
)
MARGIN, GAP, TOP, HEIGHT = 40, 20, 112, 440
QUALITY = 88  # of JPEG


def drawn(views: Image.Image) -> Image.Image:
    """Return the picture."""
    out = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(out)
    draw.text((MARGIN, 30), "Splat Enhancer", INK, ImageFont.load_default(50))
    draw.text(
        (MARGIN + 372, 49),
        "faces rendered from Gaussian splats, restored in one step",
        QUIET,
        ImageFont.load_default(29),
    )
    width = (SIZE[0] - 2 * MARGIN - 2 * GAP) // 3
    for number, ((x, y), (name, score)) in enumerate(zip(HEADS, WORDS, strict=True)):
        left, upper, right, lower = CUT
        head = views.convert("RGB").crop((x + left, y + upper, x + right, y + lower))
        at = MARGIN + number * (width + GAP)
        out.paste(_filling(head, (width, HEIGHT)), (at, TOP))
        draw.rectangle((at, TOP, at + width - 1, TOP + HEIGHT - 1), outline="#e7e3dd")
        draw.text((at, TOP + HEIGHT + 12), name, INK, ImageFont.load_default(23))
        score_font = ImageFont.load_default(23)
        draw.text((at + width - score_font.getlength(score), TOP + HEIGHT + 12), score, QUIET, score_font)
    return out


def _filling(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture scaled to the size's width, its lower part cut off where it is too high."""
    height = round(picture.height * size[0] / picture.width)
    return picture.resize((size[0], height), Image.Resampling.LANCZOS).crop((0, 0, *size))


def main() -> None:
    """Draw and write it."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=Path, default=ROOT / "docs/splat_views.png", help="the picture of views")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "page/link_preview.jpg", help="file to write")
    args = parser.parse_args()
    with Image.open(args.views) as views:
        drawn(views).save(args.output, quality=QUALITY, optimize=True)
    print(f"{args.output}: {args.output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
