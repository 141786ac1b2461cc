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
    """Return the model as a drawing in the page's own colours: lying for wide screens, upright for phones."""
    return _lying(words) + _upright(words)


def _upright(words: Sequence[str]) -> str:
    title, degraded, encoder, unet, decoder, restored, skips, latent, clean = words
    boxes = [(degraded, "box plain"), (encoder, "box"), (unet, "box strong"), (decoder, "box"), (restored, "box plain")]
    drawn = "".join(
        f'<rect class="{kind}" x="70" y="{4 + 92 * k}" width="150" height="52" rx="12"/>'
        f'<text x="145" y="{35 + 92 * k}" text-anchor="middle">{text}</text>'
        for k, (text, kind) in enumerate(boxes)
    )
    arrows = "".join(
        f'<path class="arrow" d="M145 {58 + 92 * k}v32" marker-end="url(#tip-upright)"/>' for k in range(4)
    )
    arcs = "".join(
        f'<path class="arrow soft" d="M222 {110 + 8 * k}C{262 - 9 * k} {110 + 8 * k} {262 - 9 * k} {318 - 8 * k} 226 {318 - 8 * k}" '
        'marker-end="url(#tip-upright)"/>'
        for k in range(4)
    )
    first, _, rest = skips.partition(" ")
    return (
        f'<svg class="diagram upright" viewBox="0 0 340 428" role="img" aria-label="{title}"><defs>{_tip("tip-upright")}</defs>'
        f'{arcs}{drawn}{arrows}<text class="small" x="262" y="210">{first}</text><text class="small" x="262" y="228">{rest}</text>'
        f'<text class="small" x="134" y="170" text-anchor="end">{latent}</text>'
        f'<text class="small" x="134" y="262" text-anchor="end">{clean}</text></svg>'
    )


def _tip(name: str) -> str:
    """Return the tip of an arrow; each drawing has its own, for one that is not shown would hide the other's."""
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0l8 4-8 4z"/></marker>'
    )


def _lying(words: Sequence[str]) -> str:
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
        f'<svg class="diagram lying" viewBox="0 0 880 176" role="img" aria-label="{title}"><defs>{_tip("tip")}</defs>'
        f'{arcs}{drawn}{arrows}<text class="small" x="440" y="76" text-anchor="middle">{skips}</text>'
        f'<text class="small" x="350" y="170" text-anchor="middle">{latent}</text>'
        f'<text class="small" x="530" y="170" text-anchor="middle">{clean}</text></svg>'
    )
