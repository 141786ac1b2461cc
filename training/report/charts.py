"""Charts for the report: histograms and dumbbells as inline SVG, coloured by the page's own style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 360, 190  # SVG units; the page shows a unit as about a pixel
LEFT, RIGHT, TOP, BOTTOM = 22, 10, 30, 30  # margins of a histogram's plot
BINS = (8, 24)  # fewest and most, about; between them twice the square root of the count
ROW = 38  # height of a dumbbell's line
NAMES = 62  # width of the names before dumbbells


@dataclass(frozen=True)
class Series:
    """Values of one colour."""

    label: str
    style: str  # class in the page's style: before, after, clean or harm
    values: Sequence[float]


def nice_step(span: float, about: int) -> float:
    """Return the step of 1, 2, 2.5 or 5 times a power of ten that cuts `span` into at most `about` pieces."""
    raw = max(span, 1e-9) / about
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * (1 - 1e-9))


def tick(value: float, step: float) -> str:
    """Return a tick's label with no more digits than its step needs, and a true minus."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) + (1 if f"{step:e}".startswith("2.5") else 0)
    return f"{value:.{digits}f}".replace("-0", "0" if float(f"{value:.{digits}f}") == 0 else "-0").replace(
        "-", "−"
    )


def number(value: float | None, digits: int, *, sign: bool = False) -> str:
    """Return a number with a true minus, or a dash for none; what rounds to zero has no sign."""
    if value is None:
        return "–"
    rounded = round(value, digits) + 0.0  # adding zero takes the sign from -0.0
    return f"{rounded:{'+' if sign and rounded else ''}.{digits}f}".replace("-", "−")


@dataclass(frozen=True)
class Axis:
    """Values to places between two ends."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where a value stands."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[tuple[float, str]]:
        """Return round values on the axis, with their labels."""
        step = nice_step(self.high - self.low, about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(k * step, tick(k * step, step)) for k in range(first, last + 1)]


def histogram(
    title: str, series: Sequence[Series], unit: str, digits: int, *, through_zero: bool = False
) -> str:
    """Return a histogram, means written with `digits`; `through_zero` shows zero, and what lies below it as harm."""
    everything = np.concatenate([np.asarray(each.values, np.float64) for each in series])
    low, high = float(everything.min()), float(everything.max())
    if through_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    bins = min(max(BINS[0], round(2 * len(series[0].values) ** 0.5)), BINS[1])
    step = nice_step(high - low, bins)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    edges = np.arange(first, last + 1) * step
    x = Axis(float(edges[0]), float(edges[-1]), LEFT, WIDTH - RIGHT)
    counts = [np.histogram(each.values, edges)[0] for each in series]
    y = Axis(0, max(1, max(int(count.max()) for count in counts)), HEIGHT - BOTTOM, TOP)
    out = _count_lines(y)
    for each, count in zip(series, counts, strict=True):
        for k, number in enumerate(count):
            if number:
                style = "harm" if through_zero and edges[k] < -1e-12 else each.style
                span = f"{tick(edges[k], step)} to {tick(edges[k + 1], step)} {unit}".strip()
                out.append(
                    f'<rect class="bar {style}" x="{x(edges[k]) + 0.75:.1f}" y="{y(number):.1f}" '
                    f'width="{max(1.0, x(edges[k + 1]) - x(edges[k]) - 1.5):.1f}" height="{y(0) - y(number):.1f}" rx="1">'
                    f"<title>{escape(each.label)}: {number} with {span}</title></rect>"
                )
    out.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(0)}" y2="{y(0)}"/>')
    for value, label in x.ticks():
        out.append(
            f'<text class="tick" x="{x(value):.1f}" y="{y(0) + 16}" text-anchor="middle">{label}</text>'
        )
    if through_zero:
        out.append(f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{TOP - 6}" y2="{y(0)}"/>')
    for each in series:
        mean = float(np.mean(each.values))
        out.append(
            f'<line class="mean {each.style}" x1="{x(mean):.1f}" x2="{x(mean):.1f}" y1="{TOP - 6}" y2="{y(0)}"/>'
        )
    out += _mean_labels(series, x, digits)
    said = "; ".join(f"{each.label}: mean {np.mean(each.values):.4g} {unit}".strip() for each in series)
    return _figure(title, unit, series, f"{title}. {said}", HEIGHT, "".join(out))


def _count_lines(y: Axis) -> list[str]:
    """Draw a line or two at round counts."""
    step = max(1, round(nice_step(y.high, 3)))
    out = []
    for count in range(step, int(y.high) + 1, step):
        out.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(count):.1f}" y2="{y(count):.1f}"/>'
        )
        out.append(f'<text class="tick" x="0" y="{y(count) + 4:.1f}">{count}</text>')
    return out


def _mean_labels(series: Sequence[Series], x: Axis, digits: int) -> list[str]:
    """Write each mean above its line, the left one to the left where two would touch."""
    means = sorted((float(np.mean(each.values)), each.style) for each in series)
    out = []
    for place, (mean, style) in enumerate(means):
        near_end = x(mean) < LEFT + 30 or x(mean) > WIDTH - RIGHT - 30
        anchor = "middle"
        if len(means) > 1 and x(means[-1][0]) - x(means[0][0]) < 60:
            anchor = "end" if place == 0 else "start"
        elif near_end:
            anchor = "start" if x(mean) < WIDTH / 2 else "end"
        label = number(mean, digits)
        out.append(
            f'<text class="value {style}" x="{x(mean):.1f}" y="{TOP - 11}" text-anchor="{anchor}">{label}</text>'
        )
    return out


def dumbbells(
    title: str, rows: Sequence[tuple[str, float, float]], unit: str, digits: int, *, higher: bool
) -> str:
    """Return lines from a value before to a value after, one a named row; worse ones are marked as harm."""
    low, high = min(min(row[1:]) for row in rows), max(max(row[1:]) for row in rows)
    room = 0.14 * max(high - low, 1e-6)
    x = Axis(low - room, high + room, NAMES, WIDTH - 12)
    bottom = 12 + ROW * len(rows)
    out = _grid(x, bottom)
    for place, (name, before, after) in enumerate(rows):
        y = 12 + ROW * (place + 0.62)
        style = "after" if (after >= before) == higher else "harm"
        out.append(f'<text class="name" x="0" y="{y + 4:.1f}">{escape(name.capitalize())}</text>')
        out.append(
            f'<line class="link {style}" x1="{x(before):.1f}" x2="{x(after):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        out.append(f'<circle class="dot before" cx="{x(before):.1f}" cy="{y:.1f}" r="4.5"/>')
        out.append(f'<circle class="dot {style}" cx="{x(after):.1f}" cy="{y:.1f}" r="5.5"/>')
        change = number(after - before, digits, sign=True)
        middle = (x(before) + x(after)) / 2
        out.append(
            f'<text class="value {style}" x="{middle:.1f}" y="{y - 9:.1f}" text-anchor="middle">{change}</text>'
        )
    legend = (Series("Degraded", "before", ()), Series("Restored", "after", ()))
    said = "; ".join(f"{name}: {before:.{digits}f} to {after:.{digits}f}" for name, before, after in rows)
    return _figure(title, unit, legend, f"{title}. {said}", bottom + 24, "".join(out))


def forest(
    title: str, rows: Sequence[tuple[str, float, float, float, str | None]], unit: str, digits: int
) -> str:
    """Return differences with their intervals round zero: name, mean, low, high, and who is better ("A", "B" or None)."""
    low, high = min(0.0, *(row[2] for row in rows)), max(0.0, *(row[3] for row in rows))
    room = 0.14 * max(high - low, 1e-6)
    x = Axis(low - room, high + room, NAMES + 14, WIDTH - 12)
    bottom = 12 + ROW * len(rows)
    out = _grid(x, bottom)
    out.append(f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="6" y2="{bottom}"/>')
    for place, (name, mean, least, most, better) in enumerate(rows):
        y = 12 + ROW * (place + 0.62)
        style = {"B": "after", "A": "harm"}.get(better or "", "open")
        change = number(mean, digits, sign=True)
        out.append(
            f'<text class="name" x="0" y="{y + 4:.1f}">{escape(name.capitalize())}</text>'
            f'<line class="link {style}" x1="{x(least):.1f}" x2="{x(most):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<circle class="dot {style}" cx="{x(mean):.1f}" cy="{y:.1f}" r="4.5"/>'
            f'<text class="value {style}" x="{x(mean):.1f}" y="{y - 9:.1f}" text-anchor="middle">{change}</text>'
        )
    said = "; ".join(
        f"{name}: {mean:+.{digits}f}, {least:+.{digits}f} to {most:+.{digits}f}"
        for name, mean, least, most, _ in rows
    )
    return _figure(title, unit, (), f"{title}. {said}", bottom + 24, "".join(out))


def _figure(title: str, unit: str, series: Sequence[Series], said: str, height: float, content: str) -> str:
    keys = "".join(f'<span class="key {each.style}">{escape(each.label)}</span>' for each in series)
    after_title = f" <small>{escape(unit)}</small>" if unit else ""
    return (
        f'<figure class="chart"><figcaption><b>{escape(title)}</b>{after_title}<div>{keys}</div></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(said)}">{content}</svg></figure>'
    )


def _grid(x: Axis, bottom: float) -> list[str]:
    """Return the upright lines of a chart that ends at `bottom`, with what they stand for below."""
    out = []
    for value, label in x.ticks(4):
        out.append(f'<line class="grid" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="6" y2="{bottom}"/>')
        out.append(
            f'<text class="tick" x="{x(value):.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>'
        )
    return out
