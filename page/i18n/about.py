"""The passage that tells how it all works: one frame of HTML and a drawing for every language's words."""

from collections.abc import Mapping, Sequence

from enhancer.imaging.io import MIN_SIDE
from page.limits import LARGEST_SIDE


def about(paragraphs: Mapping[str, str], drawing: Sequence[str], steps: Sequence[str]) -> str:
    """Return the passage as HTML.

    Args:
        paragraphs: HTML by heading; {steps}, {diagram}, {smallest} and {largest} stand for what is filled in.
        drawing: Words in the drawing of the model: its description, picture in, encoder, UNet, decoder, picture out, skips,
            and the two latents.
        steps: Names of the steps of the damage.
    """
    html = "".join(f"<section><h2>{name}</h2>{text}</section>" for name, text in paragraphs.items())
    chips = "".join(f"<li>{name}</li>" for name in steps)
    return (
        html.replace("{steps}", f'<ol class="chips">{chips}</ol>')
        .replace("{diagram}", _diagram(drawing))
        .replace("{smallest}", str(MIN_SIDE))
        .replace("{largest}", str(LARGEST_SIDE))
    )


def _diagram(words: Sequence[str]) -> str:
    """Return the model as a drawing in the page's own colours."""
    title, degraded, encoder, unet, decoder, restored, skips, latent, clean = words
    boxes = [
        (10, degraded, "box plain"),
        (190, encoder, "box"),
        (370, unet, "box strong"),
        (550, decoder, "box"),
        (730, restored, "box plain"),
    ]
    drawn = "".join(
        f'<rect class="{kind}" x="{x}" y="86" width="140" height="64" rx="12"/>'
        f'<text x="{x + 70}" y="123" text-anchor="middle">{text}</text>'
        for x, text, kind in boxes
    )
    arrows = "".join(f'<path class="arrow" d="M{x} 118h34" marker-end="url(#tip)"/>' for x in (152, 332, 512, 692))
    arcs = "".join(
        f'<path class="arrow soft" d="M{250 + 10 * k} 84C{250 + 10 * k} {44 - 9 * k} {630 - 10 * k} {44 - 9 * k} {630 - 10 * k} 80" '
        'marker-end="url(#tip)"/>'
        for k in range(4)
    )
    return (
        f'<svg class="diagram" viewBox="0 0 880 176" role="img" aria-label="{title}"><defs><marker id="tip" viewBox="0 0 8 8" refX="7" '
        'refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0l8 4-8 4z"/></marker></defs>'
        f'{arcs}{drawn}{arrows}<text class="small" x="440" y="76" text-anchor="middle">{skips}</text>'
        f'<text class="small" x="350" y="170" text-anchor="middle">{latent}</text>'
        f'<text class="small" x="530" y="170" text-anchor="middle">{clean}</text></svg>'
    )
