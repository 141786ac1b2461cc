"""The report of a comparison: what `templates/comparison.html` shows of two checkpoints, side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enhancer.metrics.catalogue import WHOLE
from enhancer.runtime.files import write_text
from training.evaluation.metrics import PARTS, SCORES, column
from training.evaluation.results import ResultsFolder
from training.report.charts import Chart, Series, forest, histogram, number
from training.report.page import Headline, Shown, Version, embedded, render
from training.report.tables import below_picture

PER_SIDE = 4  # pictures shown where B leads, and where A leads
LARGE = ("psnr", "ssim", "lpips_vgg", "lpips_alex", "squeeze", "identity")  # scores below the title
Result = Mapping[str, Any]
Row = Mapping[str, Any]


def write_comparison_report(result: Result, each: Sequence[Row], folder: Path) -> None:
    """Write `comparison.html`.

    Args:
        result: What `comparison.json` holds.
        each: One row a picture: the scores of A, those of B, and their differences.
        folder: Where the report goes.
    """
    records = [ResultsFolder(Path(result[which]["folder"]), {}) for which in "ab"]
    ranked = sorted(each, key=lambda row: (-row["psnr.difference"], row["file"]))
    kept = [row for row in ranked if all(side.has(row["file"]) for side in records)]
    for_b = [row for row in kept if row["psnr.difference"] > 0][:PER_SIDE]
    for_a = [row for row in kept[::-1] if row["psnr.difference"] < 0][:PER_SIDE]
    page = render(
        "comparison.html",
        result=result,
        each=each,
        SCORES=SCORES,
        scored=[key for key in SCORES if f"{key}.difference" in each[0]],
        verdict=_verdict(result),
        headlines=_headlines(result),
        by_region=_by_region(result),
        by_picture=_by_picture(each),
        kept=len(kept),
        best_for_b=[_shown(row, records) for row in for_b],
        best_for_a=[_shown(row, records) for row in for_a],
    )
    write_text(folder / "comparison.html", page)


def _verdict(result: Result) -> str:
    """Return who is better, in words."""
    better = {found["better"] for name, found in result["scores"].items() if name in SCORES} - {None}
    if not better:
        return "A and B cannot be told apart"
    return f"{better.pop()} is better" if len(better) == 1 else "A is better by some scores, B by others"


def _headlines(result: Result) -> list[Headline]:
    found = []
    for key in LARGE:
        if key in result["scores"]:
            score, one = SCORES[key], result["scores"][key]
            digits = score.short_digits
            low, high, difference = (
                number(value, digits, sign=True) for value in (*one["interval"], one["difference"])
            )
            found.append(Headline(score.label, difference, score.unit, f"95 %: {low} to {high}"))
    return found


def _by_region(result: Result) -> list[Chart]:
    charts = []
    for key, score in SCORES.items():
        rows = [
            ((part or "whole").capitalize(), found["difference"], *found["interval"], found["better"])
            for part in PARTS
            if (found := result["scores"].get(column(part, key))) and (part == WHOLE or score.is_regional)
        ]
        if len(rows) > 1:
            title = f"{score.label}: {'right' if score.higher_is_better else 'left'} is better"
            charts.append(forest(title, rows, score.unit, score.short_digits))
    return charts


def _by_picture(each: Sequence[Row]) -> list[Chart]:
    differences = [row["psnr.difference"] for row in each]
    if len(differences) < 2:
        return []
    return [histogram("PSNR, B − A", [Series("Pictures", "after", differences)], "dB", 2, through_zero=True)]


def _shown(row: Row, records: Sequence[ResultsFolder]) -> Shown:
    a, b = (side.kept(row["file"]) or {} for side in records)
    found = {"Degraded": a.get("degraded"), "A": a.get("restored"), "B": b.get("restored"), "Clean": a.get("clean")}
    versions = [
        Version(label, f"{row['file']}, {label}", embedded(picture), below_picture(row, "{}." + label.lower()))
        for label, picture in found.items()
        if picture is not None
    ]
    return Shown(row["file"], row["psnr.difference"], versions)
