"""The page of a comparison: two checkpoints side by side, in numbers with their intervals and in pictures."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from enhancer.runtime.files import write_text
from training.evaluation.metrics import PARTS, SCORES, WHOLE, Score, column
from training.evaluation.results import ResultsFolder
from training.report.charts import Series, forest, histogram, number
from training.report.shell import figures, page, picture_button

PER_SIDE = 4  # pictures shown where B leads, and where A leads
MINUS = " − "
Result = Mapping[str, Any]
Row = Mapping[str, Any]


def write_comparison_report(result: Result, each: Sequence[Row], folder: Path) -> None:
    """Write `comparison.html`."""
    body = (
        _opening(result)
        + _table(result)
        + _regions(result)
        + _spread(each)
        + _pictures(result, each)
        + _all(each)
    )
    names = " and ".join(result[which]["checkpoint"]["name"] for which in "ab")
    versions = ("Degraded", "A", "B", "Clean")
    write_text(folder / "comparison.html", page(f"{names} compared", body, versions))


def _verdict(found: Mapping[str, Any]) -> str:
    """Return who is better by a score, in words."""
    return f"{found['better']} is better" if found["better"] else "not certain"


def _range(found: Mapping[str, Any], digits: int) -> str:
    low, high = (number(value, digits, sign=True) for value in found["interval"])
    return f"{low} to {high}"


def _opening(result: Result) -> str:
    better = {found["better"] for name, found in result["scores"].items() if name in SCORES} - {None}
    title = "A and B cannot be told apart"
    if better:
        title = f"{better.pop()} is better" if len(better) == 1 else "A is better by some scores, B by others"
    large = []
    for key in ("psnr", "ssim", "lpips_vgg", "lpips_alex", "squeeze", "identity"):
        if key in result["scores"]:
            score, one = SCORES[key], result["scores"][key]
            digits = min(score.digits, 3)
            large.append(
                (
                    score.label,
                    number(one["difference"], digits, sign=True),
                    score.unit,
                    f"95 %: {_range(one, digits)}",
                )
            )
    sides = "".join(
        f"<dt>{which.upper()}</dt><dd>{escape(result[which]['checkpoint']['name'])} "
        f"<small>{escape(result[which]['folder'])}</small></dd>"
        for which in "ab"
    )
    left = (
        f" {len(result['left_out'])} that only one of them has were left out." if result["left_out"] else ""
    )
    return (
        f'<header><p class="over">Splat Enhancer · Comparison</p><h1>{title}</h1>'
        f'<p class="lede">The same {result["pictures"]} pictures restored by both.{left} Differences are B{MINUS}A; '
        f"the intervals hold {100 * result['confidence']:.0f} % ({escape(result['method'])}).</p>"
        f'<dl class="facts">{sides}</dl>{figures(large)}</header>'
    )


def _table(result: Result) -> str:
    lines = []
    for key, score in SCORES.items():
        if key not in result["scores"]:
            continue
        found, digits = result["scores"][key], score.digits
        way = "higher is better" if score.higher_is_better else "lower is better"
        style = {"B": "better", "A": "worse"}.get(found["better"], "quiet")
        lines.append(
            f'<tr><th scope="row">{escape(score.label)}<small>{way}</small></th><td>{number(found["a"], digits)}</td>'
            f"<td>{number(found['b'], digits)}</td><td>{number(found['difference'], digits, sign=True)}"
            f"<small>{_range(found, digits)}</small></td><td>{found['b_better_share']:.0%}</td>"
            f'<td class="{style}">{_verdict(found)}</td></tr>'
        )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("A", "B", f"B{MINUS}A", "B better on", ""))
    return (
        '<section><h2>The scores</h2><p class="quiet">Means over the pictures; below each difference its 95 % interval. '
        "Where that holds zero, nothing is certain.</p>"
        f'<div class="scroll"><table><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
        "</section>"
    )


def _regions(result: Result) -> str:
    charts = []
    for key, score in SCORES.items():
        rows = [
            (part or "whole", found["difference"], *found["interval"], found["better"])
            for part in PARTS
            if (found := result["scores"].get(column(part, key))) and (part == WHOLE or score.is_regional)
        ]
        if len(rows) > 1:
            charts.append(forest(_headed(score), rows, score.unit, min(score.digits, 3)))
    return (
        '<section><h2>Region by region</h2><p class="quiet">The mean difference and its 95 % interval.</p>'
        f'<div class="charts">{"".join(charts)}</div></section>'
        if charts
        else ""
    )


def _headed(score: Score) -> str:
    return f"{score.label}: {'right' if score.higher_is_better else 'left'} is better"


def _spread(each: Sequence[Row]) -> str:
    differences = [row["psnr.difference"] for row in each]
    if len(differences) < 2:
        return ""
    chart = histogram(
        f"PSNR, B{MINUS}A", [Series("Pictures", "after", differences)], "dB", 2, through_zero=True
    )
    return (
        '<section><h2>Picture by picture</h2><p class="quiet">How many pictures B restores how much better, or worse.</p>'
        f'<div class="charts">{chart}</div></section>'
    )


def _pictures(result: Result, each: Sequence[Row]) -> str:
    kept = [ResultsFolder(Path(result[which]["folder"]), {}) for which in "ab"]
    ranked = sorted(each, key=lambda row: (-row["psnr.difference"], row["file"]))
    known = [row for row in ranked if all(records.has(row["file"]) for records in kept)]
    if not known:
        return (
            '<section><h2>The pictures</h2><p class="quiet">The two evaluations kept no picture in common. '
            "Evaluate both with --keep_pictures to see them here.</p></section>"
        )
    said = f"Of the {len(known)} pictures that both evaluations kept."
    best = [row for row in known if row["psnr.difference"] > 0][:PER_SIDE]
    worst = [row for row in known[::-1] if row["psnr.difference"] < 0][:PER_SIDE]
    sides = (("Best for B", best), ("Best for A", worst))
    return "".join(_faces(title, said, rows, kept) for title, rows in sides if rows)


def _faces(title: str, said: str, rows: Sequence[Row], kept: Sequence[ResultsFolder]) -> str:
    cells = "".join(_four(row, kept) for row in rows)
    return (
        f'<section><h2>{title}</h2><p class="quiet">{said}</p><div class="faces wide">{cells}</div></section>'
    )


def _four(row: Row, kept: Sequence[ResultsFolder]) -> str:
    a, b = (records.kept(row["file"]) or {} for records in kept)
    versions = (
        ("Degraded", a.get("degraded")),
        ("A", a.get("restored")),
        ("B", b.get("restored")),
        ("Clean", a.get("clean")),
    )
    parts = "".join(
        f"<div>{picture_button(picture, row['file'] + ', ' + label)}{_said(row, label)}</div>"
        for label, picture in versions
        if picture is not None
    )
    gained = row["psnr.difference"]
    return (
        f'<figure class="triplet four">{parts}<figcaption><span>{escape(row["file"])}</span>'
        f'<b class="{"better" if gained > 0 else "worse"}">{number(gained, 2, sign=True)} dB</b></figcaption></figure>'
    )


def _said(row: Row, label: str) -> str:
    lines = []
    if label in ("A", "B"):
        for key in ("psnr", "ssim", "lpips_alex", "squeeze"):
            value = row.get(f"{key}.{label.lower()}")
            if value is not None:
                text = f"{SCORES[key].label.removesuffix(' distance')} {number(value, min(SCORES[key].digits, 3))}"
                lines.append(text if key == "psnr" else f'<span class="more">{text}</span>')
    return f'<p class="said"><b>{label}</b><br>{"<br>".join(lines)}</p>'


def _all(each: Sequence[Row]) -> str:
    keys = [key for key in SCORES if f"{key}.difference" in each[0]]
    heads = "".join(
        f'<th scope="col">{escape(SCORES[key].label)}<small><br>A → B</small></th>' for key in keys
    )
    lines = []
    for row in each:
        cells = "".join(
            f"<td>{number(row[f'{key}.a'], min(SCORES[key].digits, 3))} → {number(row[f'{key}.b'], min(SCORES[key].digits, 3))}</td>"
            for key in keys
        )
        lines.append(f'<tr><th scope="row">{escape(row["file"])}</th>{cells}</tr>')
    return (
        f"<section><details><summary>All {len(each)} pictures</summary>"
        f'<div class="scroll"><table><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
        "</details></section>"
    )
