"""The report of an evaluation: what `templates/evaluation.html` shows of it, and its contact sheets."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.imaging.io import write_png
from enhancer.metrics.catalogue import WHOLE
from enhancer.model.config import EMBEDDED
from enhancer.runtime.files import write_text
from training.evaluation.metrics import KIND_MEANING, KINDS, PARTS, SCORES, SET_SCORES, column
from training.evaluation.summary import Row, chosen, gain, gains, paired
from training.report.charts import Chart, Series, dumbbells, histogram, number
from training.report.contact_sheet import Tile, sheet
from training.report.page import Headline, Shown, Version, embedded, render
from training.report.tables import WRITTEN, below_picture, given, how_degraded, shared

VERSIONS = ("degraded", "restored", "clean")
TILE = (480, 512)  # px of a tile, least and most: all of WRITTEN fits below the least
TRIPLETS = 2  # side by side on a sheet
SHEETS = {
    "first": ("The first", "In the order of their files."),
    "top": ("The best", "Ranked by how much PSNR gained."),
    "bottom": ("The worst", "Where restoring gained least, or did harm."),
}

Metrics = Mapping[str, Any]
Pictures = Mapping[str, np.ndarray]  # version -> (H, W, 3) in [0, 1]
Find = Callable[[str], Pictures]


def write_report(metrics: Metrics, rows: Sequence[Row], find: Find, folder: Path) -> None:
    """Write `report.html`.

    Args:
        metrics: What `metrics.json` holds (`training.evaluation.summary`).
        rows: One row of scores a picture.
        find: A picture's name -> its versions: degraded, restored, clean.
        folder: Where the report goes.
    """
    some = chosen(rows)
    one = len(rows) == 1  # then it is typical, best and worst at once
    page = render(
        "evaluation.html",
        metrics=metrics,
        SCORES=SCORES,
        SET_SCORES=SET_SCORES,
        KINDS=KINDS,
        KIND_MEANING=KIND_MEANING,
        EMBEDDED=EMBEDDED,
        scored=[name for name in SCORES if metrics["gain"][name]["count"]],
        how=_how(metrics),
        given=given(metrics).partition(", ")[2] or "as in the ready pairs",
        headlines=_headlines(metrics),
        typical=[shown(row, find(row["file"])) for row in some["typical"]],
        best=[] if one else [shown(row, find(row["file"])) for row in some["top"]],
        worst=[] if one else [shown(row, find(row["file"])) for row in some["bottom"]],
        by_picture=[] if one else _by_picture(rows),
        by_region=_by_region(metrics),
    )
    write_text(folder / "report.html", page)


def write_sheets(rows: Sequence[Row], find: Find, folder: Path) -> None:
    """Write `sheet_first.png`, `sheet_top.png` and `sheet_bottom.png`; the arguments are those of `write_report`."""
    some = chosen(rows)
    for name, (title, subtitle) in SHEETS.items():
        triplets = [_tiles(row, find(row["file"])) for row in some[name]]
        longest = max(max(tile.picture.shape[:2]) for tiles in triplets for tile in tiles)
        lines = [
            [tile for tiles in triplets[start : start + TRIPLETS] for tile in tiles]
            for start in range(0, len(triplets), TRIPLETS)
        ]
        heading = f"{title} {len(triplets)}" if len(triplets) > 1 else title
        drawn = sheet(heading, subtitle, lines, int(np.clip(longest, *TILE)), enlarge=False)
        write_png(np.asarray(drawn, np.float32) / 255, folder / f"sheet_{name}.png")


def _tiles(row: Row, pictures: Pictures) -> list[Tile]:
    captions = (f"degraded, {row['file']}", f"restored, {number(gain(row), 2, sign=True)} dB", "clean")
    return [
        Tile(pictures[kind], caption, "  ·  ".join(below_picture(row, kind + ".{}")))
        for kind, caption in zip(VERSIONS, captions, strict=True)
    ]


def _mean(metrics: Metrics, kind: str, name: str) -> float | None:
    return (metrics["rows"][kind] or {}).get(name, {}).get("mean")


def _how(metrics: Metrics) -> str:
    ready, preset = metrics["data"]["ready_pairs"], f"degraded with {how_degraded(metrics['settings'])}"
    if ready == metrics["data"]["scored"]:
        return "ready pairs"
    return f"{ready} of them ready pairs, the others {preset}" if ready else preset


def _headlines(metrics: Metrics) -> list[Headline]:
    found = []
    for key in WRITTEN:
        score, gained = SCORES[key], metrics["gain"][key]
        if not gained["count"]:
            continue
        digits = score.short_digits
        was, now = (number(_mean(metrics, kind, key), digits) for kind in ("degraded", "restored"))
        value, unit = number(gained["mean"], digits, sign=True), score.unit
        if not score.higher_is_better:
            value, unit = number(-100 * (gained["relative"] or 0), 0, sign=True), "%"
        found.append(Headline(score.label, value, unit, f"{was} → {now}"))
    harm, tint = _mean(metrics, "no_harm", "psnr"), metrics["colour_error_levels"]
    if harm is not None:
        found.append(Headline("No harm", number(harm, 1), "dB", "a clean picture against itself"))
    signed = ", ".join(
        f"{name[0].upper()}\u00a0{number(tint[name], 2, sign=True)}" for name in ("red", "green", "blue")
    )
    found.append(Headline("Colour error", number(tint["largest"], 2), "levels", signed))
    latency = metrics["latency_seconds"]
    device = f"p95 {latency['p95']:.2f} s, {metrics['machine']['device']}{shared(metrics)}"
    found.append(Headline("A picture takes", f"{latency['p50']:.2f}", "s", device))
    return found


def shown(row: Row, pictures: Pictures) -> Shown:
    """Return a picture's versions with the scores below them."""
    versions = [
        Version(
            kind.capitalize(),
            f"{row['file']}, {kind}",
            embedded(pictures[kind]),
            below_picture(row, kind + ".{}"),
        )
        for kind in VERSIONS
    ]
    return Shown(row["file"], gain(row), versions)


def _by_picture(rows: Sequence[Row]) -> list[Chart]:
    gained = Series("Restored against degraded", "after", gains(rows, "psnr").tolist())
    charts = [histogram("Gain in PSNR", [gained], "dB", 2, through_zero=True)]
    for key, score in SCORES.items():
        before, after = paired(rows, f"degraded.{key}", f"restored.{key}")
        if len(before):
            pair = [
                Series("Degraded", "before", before.tolist()),
                Series("Restored", "after", after.tolist()),
            ]
            charts.append(histogram(score.label, pair, score.unit, score.short_digits))
    harm, _ = paired(rows, "no_harm.psnr", "no_harm.psnr")
    if len(harm):
        itself = Series("Clean, restored", "clean", harm.tolist())
        charts.append(histogram("No harm: clean against itself", [itself], "dB", 2))
    return charts


def _by_region(metrics: Metrics) -> list[Chart]:
    charts = []
    for key, score in SCORES.items():
        found = [
            (part, _mean(metrics, "degraded", column(part, key)), _mean(metrics, "restored", column(part, key)))
            for part in PARTS
            if part != WHOLE
        ]
        known = [(part, before, after) for part, before, after in found if before is not None and after is not None]
        if known:
            digits = score.short_digits
            charts.append(dumbbells(score.label, known, score.unit, digits, higher=score.higher_is_better))
    return charts
