"""What the self-contained HTML pages share: the shell, the dialog that enlarges pictures, a picture as a button."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np

from training.report.contact_sheet import scaled
from training.report.style import SCRIPT, STYLE

WEBP_QUALITY = 86


def page(title: str, body: str, versions: Sequence[str]) -> str:
    """Return an HTML page; `versions` label the pictures that lie side by side in a `triplet`, in their order."""
    choices = "".join(f"<button data-show>{escape(label)}</button>" for label in versions)
    dialog = (
        '<dialog aria-label="Picture, enlarged"><img alt=""><div class="bar-below">'
        f'{choices}<button class="close">Close</button></div></dialog>'
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,"><style>{STYLE}</style></head>\n'
        f"<body><main>{body}</main>{dialog}<script>{SCRIPT}</script></body></html>\n"
    )


def picture_button(picture: np.ndarray, name: str) -> str:
    """Return a picture, inside the page, that is enlarged when it is pressed."""
    # Not loading=lazy: there is nothing to load, and a page that is printed at once would lack what was below.
    image, held = scaled(picture), io.BytesIO()
    image.save(held, "WEBP", quality=WEBP_QUALITY, method=4)
    encoded = base64.b64encode(held.getvalue()).decode()
    return (
        f'<button aria-label="Enlarge: {escape(name)}"><img src="data:image/webp;base64,{encoded}" alt="{escape(name)}" '
        f'width="{image.width}" height="{image.height}"></button>'
    )


def figures(found: Sequence[tuple[str, str, str, str]]) -> str:
    """Return the row of large numbers below a title: label, value, unit, note of each."""
    cells = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{value}{f' <small>{unit}</small>' if unit else ''}</dd><dd>{escape(note)}</dd></div>"
        for label, value, unit, note in found
    )
    return f'<dl class="figures">{cells}</dl>'
