"""A measurement as a picture: at every size, how long the plain model takes, ours, and the device at its best."""

import math
from collections.abc import Mapping
from html import escape
from typing import Any

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 720, 96, 150, 64, 16, 26  # SVG units
BARS = (
    ("reference", "plain model", "#b9b2a8"),
    ("ours", "ours", "#b4532a"),
    ("floor", "floor of this device", "#3d3a36"),
)


def figure(found: Mapping[str, Any]) -> str:
    """Return a stand-alone SVG with a logarithmic time axis."""
    seconds = [
        {"reference": row["reference"]["p50"], "ours": row["ours"]["p50"], "floor": row["floor"]}
        for row in found["sizes"]
    ]
    every = [value for row in seconds for value in row.values()]
    low, high = min(every) / 1.5, max(every)

    def length(value: float) -> float:
        return (WIDTH - LEFT - RIGHT) * _log(value / low) / _log(high / low)

    out, y = [], float(TOP)
    for row, taken in zip(found["sizes"], seconds, strict=True):
        out.append(
            f'<text class="name" x="{LEFT - 10}" y="{y + 1.5 * BAR + 5:.1f}" text-anchor="end">{row["side"]} px</text>'
        )
        for key, label, colour in BARS:
            width, shown = length(taken[key]), _seconds(taken[key])
            extra = f", {row['times_faster']:.2f} times faster" if key == "ours" else ""
            out.append(
                f'<rect x="{LEFT}" y="{y:.1f}" width="{width:.1f}" height="{BAR - 3}" rx="2" fill="{colour}">'
                f"<title>{escape(label)}: {shown}</title></rect>"
                f'<text x="{LEFT + width + 6:.1f}" y="{y + BAR - 5:.1f}">{shown}{extra}</text>'
            )
            y += BAR
        y += GAP
    legend = "".join(
        f'<rect x="{LEFT + 160 * k}" y="36" width="12" height="12" rx="2" fill="{colour}"/>'
        f'<text x="{LEFT + 160 * k + 18}" y="46">{label}</text>'
        for k, (_, label, colour) in enumerate(BARS)
    )
    machine = found["machine"]
    title = f"Restoring one picture: {found['checkpoint']} on {machine['name']}, {machine['dtype']} (logarithmic)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" role="img" font-family="sans-serif" '
        f'font-size="12" fill="#3d3a36"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{LEFT}" y="22" font-size="14" font-weight="600">{escape(title)}</text>{legend}{"".join(out)}</svg>\n'
    )


def _log(value: float) -> float:
    return math.log(max(value, 1.0))


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.3g} ms"
