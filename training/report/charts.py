"""Charts of the pages: where the bars, lines, dots and words of a histogram, of dumbbells and of a forest stand.

`templates/macros.html` draws them as inline SVG, coloured by the page's own style.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Bar:
    """A bar and the words that appear when it is pointed at; SVG units."""

    style: str
    x: float
    y: float
    width: float
    height: float
    title: str
    tag = "rect"


@dataclass(frozen=True)
class Line:
    """A line; SVG units."""

    style: str
    x1: float
    x2: float
    y1: float
    y2: float
    tag = "line"


@dataclass(frozen=True)
class Dot:
    """A dot; SVG units."""

    style: str
    cx: float
    cy: float
    r: float
    tag = "circle"


@dataclass(frozen=True)
class Text:
    """Words at a place; SVG units. `anchor` is which end of them stands there: start, middle or end."""

    style: str
    x: float
    y: float
    words: str
    anchor: str = "start"
    tag = "text"


Mark = Bar | Line | Dot | Text


@dataclass(frozen=True)
class Chart:
    """A chart: its marks in the order they are painted, and the words round it."""

    title: str
    unit: str
    series: Sequence[Series]  # named in the legend
    said: str  # the chart in words, for who cannot see it
    height: float  # SVG units; each chart is WIDTH wide
    marks: Sequence[Mark]
    width: float = WIDTH


def nice_step(span: float, about: int) -> float:
    """Return the step of 1, 2, 2.5 or 5 times a power of ten that cuts `span` into at most `about` pieces."""
    raw = max(span, 1e-9) / about
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * (1 - 1e-9))


def tick(value: float, step: float) -> str:
    """Return a tick's label with no more digits than its step needs, and a true minus."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) + (1 if f"{step:e}".startswith("2.5") else 0)
    return number(value, digits)


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
        return float(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start))

    def ticks(self, about: int = 5) -> list[tuple[float, str]]:
        """Return round values on the axis, with their labels."""
        step = nice_step(self.high - self.low, about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(k * step, tick(k * step, step)) for k in range(first, last + 1)]


def histogram(title: str, series: Sequence[Series], unit: str, digits: int, *, through_zero: bool = False) -> Chart:
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
    marks = _count_lines(y)
    for each, count in zip(series, counts, strict=True):
        for k in np.flatnonzero(count):
            style = "harm" if through_zero and edges[k] < -1e-12 else each.style
            span = f"{tick(edges[k], step)} to {tick(edges[k + 1], step)} {unit}".strip()
            left, right, top = x(edges[k]), x(edges[k + 1]), y(count[k])
            words = f"{each.label}: {count[k]} with {span}"
            marks.append(Bar(style, left + 0.75, top, max(1.0, right - left - 1.5), y(0) - top, words))
    marks.append(Line("axis", LEFT, WIDTH - RIGHT, y(0), y(0)))
    marks += [Text("tick", x(value), y(0) + 16, label, "middle") for value, label in x.ticks()]
    if through_zero:
        marks.append(Line("zero", x(0), x(0), TOP - 6, y(0)))
    means = [float(np.mean(each.values)) for each in series]
    marks += [
        Line(f"mean {each.style}", x(mean), x(mean), TOP - 6, y(0)) for each, mean in zip(series, means, strict=True)
    ]
    marks += _mean_labels(series, x, digits)
    said = "; ".join(f"{each.label}: mean {mean:.4g} {unit}".strip() for each, mean in zip(series, means, strict=True))
    return Chart(title, unit, series, f"{title}. {said}", HEIGHT, marks)


def _count_lines(y: Axis) -> list[Mark]:
    """Return a line or two at round counts."""
    step = max(1, round(nice_step(y.high, 3)))
    marks: list[Mark] = []
    for count in range(step, int(y.high) + 1, step):
        marks.append(Line("grid", LEFT, WIDTH - RIGHT, y(count), y(count)))
        marks.append(Text("tick", 0, y(count) + 4, str(count)))
    return marks


def _mean_labels(series: Sequence[Series], x: Axis, digits: int) -> list[Mark]:
    """Return each mean above its line, the left one to the left where two would touch."""
    means = sorted((float(np.mean(each.values)), each.style) for each in series)
    marks: list[Mark] = []
    for place, (mean, style) in enumerate(means):
        near_end = x(mean) < LEFT + 30 or x(mean) > WIDTH - RIGHT - 30
        anchor = "middle"
        if len(means) > 1 and x(means[-1][0]) - x(means[0][0]) < 60:
            anchor = "end" if place == 0 else "start"
        elif near_end:
            anchor = "start" if x(mean) < WIDTH / 2 else "end"
        marks.append(Text(f"value {style}", x(mean), TOP - 11, number(mean, digits), anchor))
    return marks


def dumbbells(title: str, rows: Sequence[tuple[str, float, float]], unit: str, digits: int, *, higher: bool) -> Chart:
    """Return lines from a value before to a value after, one a named row; worse ones are marked as harm."""
    low, high = min(min(row[1:]) for row in rows), max(max(row[1:]) for row in rows)
    room = 0.14 * max(high - low, 1e-6)
    x = Axis(low - room, high + room, NAMES, WIDTH - 12)
    bottom = 12 + ROW * len(rows)
    marks = _grid(x, bottom)
    for place, (name, before, after) in enumerate(rows):
        y = 12 + ROW * (place + 0.62)
        style = "after" if (after >= before) == higher else "harm"
        change = number(after - before, digits, sign=True)
        marks += [
            Text("name", 0, y + 4, name.capitalize()),
            Line(f"link {style}", x(before), x(after), y, y),
            Dot("before", x(before), y, 4.5),
            Dot(style, x(after), y, 5.5),
            Text(f"value {style}", (x(before) + x(after)) / 2, y - 9, change, "middle"),
        ]
    legend = (Series("Degraded", "before", ()), Series("Restored", "after", ()))
    said = "; ".join(f"{name}: {before:.{digits}f} to {after:.{digits}f}" for name, before, after in rows)
    return Chart(title, unit, legend, f"{title}. {said}", bottom + 24, marks)


def forest(
    title: str,
    rows: Sequence[tuple[str, float, float, float, str | None]],
    unit: str,
    digits: int,
    names: int = NAMES,
) -> Chart:
    """Return differences with their intervals round zero.

    Args:
        title: Of the chart.
        rows: Name, mean, low, high, and who is better ("A", "B" or None).
        unit: Of the values.
        digits: After the point.
        names: Width of the names, SVG units.
    """
    low, high = min(0.0, *(row[2] for row in rows)), max(0.0, *(row[3] for row in rows))
    room = 0.14 * max(high - low, 1e-6)
    x = Axis(low - room, high + room, names + 14, WIDTH - 12)
    bottom = 12 + ROW * len(rows)
    marks = [*_grid(x, bottom), Line("zero", x(0), x(0), 6, bottom)]
    for place, (name, mean, least, most, better) in enumerate(rows):
        y = 12 + ROW * (place + 0.62)
        style = {"B": "after", "A": "harm"}.get(better or "", "open")
        marks += [
            Text("name", 0, y + 4, name),
            Line(f"link {style}", x(least), x(most), y, y),
            Dot(style, x(mean), y, 4.5),
            Text(f"value {style}", x(mean), y - 9, number(mean, digits, sign=True), "middle"),
        ]
    said = "; ".join(
        f"{name}: {mean:+.{digits}f}, {least:+.{digits}f} to {most:+.{digits}f}" for name, mean, least, most, _ in rows
    )
    return Chart(title, unit, (), f"{title}. {said}", bottom + 24, marks)


def _grid(x: Axis, bottom: float) -> list[Mark]:
    """Return the upright lines of a chart that ends at `bottom`, with what they stand for below."""
    marks: list[Mark] = []
    for value, label in x.ticks(4):
        marks.append(Line("grid", x(value), x(value), 6, bottom))
        marks.append(Text("tick", x(value), bottom + 16, label, "middle"))
    return marks
