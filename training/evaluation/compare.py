"""Two evaluations side by side, picture by picture: is B better than A, and by how much for certain?"""

import csv
import io
import json
from pathlib import Path
from typing import Any

from enhancer.errors import SettingsError
from enhancer.runtime.files import write_text
from training.evaluation import sets_folder
from training.evaluation.intervals import CONFIDENCE, RESAMPLES, interval
from training.evaluation.metrics import COLUMNS, score_of
from training.evaluation.results import METRICS, ROWS
from training.evaluation.summary import paired

SCHEMA = 1
SAME = ("preset", "seed", "background")  # settings without which a comparison is none
Comparison = tuple[dict[str, Any], list[dict[str, Any]]]  # what `comparison.json` holds, and a row a picture
TOLERANCE = 0.01  # dB between the scores of what both were given; machines differ in the last digits


def read_evaluation(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return an evaluation's metrics and its rows by picture.

    Raises:
        SettingsError: The folder holds no finished evaluation.
    """
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        lines = (folder / ROWS).read_text(encoding="utf-8").splitlines()
        return metrics, {row["file"]: row for row in map(json.loads, lines)}
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(
            f"{folder} holds no finished evaluation ({error}). Name an --output_dir of training.evaluate."
        ) from error


def compare(first: Path, second: Path) -> Comparison:
    """Compare the restored pictures of two evaluations.

    Returns:
        What the JSON says, and one row a picture with the scores of both and the difference.

    Raises:
        SettingsError: They degraded differently, or have no picture in common.
    """
    (a, rows_a), (b, rows_b) = read_evaluation(first), read_evaluation(second)
    for key in SAME:
        ours, theirs = a["settings"].get(key), b["settings"].get(key)
        if ours != theirs:
            raise SettingsError(
                f"{first} and {second} do not compare: {key} is {ours!r} in one and {theirs!r} in the other. "
                "Evaluate both with the same."
            )
    names = [name for name in rows_a if name in rows_b]
    if not names:
        raise SettingsError(f"{first} and {second} have no picture in common: evaluate both on the same --data_dir.")
    for name in names:
        if abs(rows_a[name]["degraded.psnr"] - rows_b[name]["degraded.psnr"]) > TOLERANCE:
            raise SettingsError(
                f"{first} and {second} do not compare: {name} is another picture, or degraded otherwise, in one of them. "
                "Evaluate both on the same --data_dir."
            )
    merged = [
        {"a." + key: value for key, value in rows_a[name].items()}
        | {"b." + key: value for key, value in rows_b[name].items()}
        for name in names
    ]
    scores: dict[str, Any] = {}
    for column in COLUMNS:
        before, after = paired(merged, f"a.restored.{column}", f"b.restored.{column}")
        if not len(before):
            continue
        differences = after - before
        low, high = interval(differences, column)
        better = score_of(column).gain(before, after)
        certain = low > 0 or high < 0
        verdict = None if not certain else "B" if better.mean() > 0 else "A"
        scores[column] = {
            "a": round(float(before.mean()), 6),
            "b": round(float(after.mean()), 6),
            "difference": round(float(differences.mean()), 6),
            "interval": [round(low, 6), round(high, 6)],
            "b_better_share": round(float((better > 0).mean()), 6),
            "better": verdict,
            "count": len(differences),
        }
    each = [
        {"file": name}
        | {
            f"{column}.{which}": value
            for column in scores
            for which, value in _of_picture(rows_a[name], rows_b[name], column).items()
        }
        for name in names
    ]
    result = {
        "schema": SCHEMA,
        "a": {"folder": str(first), "checkpoint": a["checkpoint"]},
        "b": {"folder": str(second), "checkpoint": b["checkpoint"]},
        "pictures": len(names),
        "left_out": sorted({*rows_a} ^ {*rows_b}),
        "confidence": CONFIDENCE,
        "method": f"paired bootstrap of the mean, {RESAMPLES} resamples",
        "scores": scores,
    }
    return result, each


def compare_sets(first: Path, second: Path) -> dict[str, tuple[str, Comparison]] | None:
    """Compare two evaluations of several sets, set by set.

    Returns:
        Set -> its folder and what `compare` returns, of the sets that both have; None if both are evaluations of one set.

    Raises:
        SettingsError: One is of several sets and the other is not, they have no set in common, or one of those does not
            compare; the message names it.
    """
    a, b = sets_folder.read(first), sets_folder.read(second)
    if a is None and b is None:
        return None
    if a is None or b is None:
        several, single = (second, first) if a is None else (first, second)
        raise SettingsError(
            f"{several} holds an evaluation of several sets, {single} does not: compare {single} with the folder of one "
            f"of them, such as {several / next(iter((a or b or {})['sets'].values()))['folder']}."
        )
    names = [name for name in a["sets"] if name in b["sets"]]
    if not names:
        raise SettingsError(
            f"{first} and {second} have no set in common: {', '.join(a['sets'])}; {', '.join(b['sets'])}."
        )
    out = {}
    for name in names:
        folder, other = (each["sets"][name]["folder"] for each in (a, b))
        try:
            out[name] = (folder, compare(first / folder, second / other))
        except SettingsError as error:
            raise SettingsError(f"The set {name!r}: {error}") from error
    return out


def _of_picture(a: dict[str, Any], b: dict[str, Any], column: str) -> dict[str, Any]:
    before, after = a.get(f"restored.{column}"), b.get(f"restored.{column}")
    difference = None if before is None or after is None else round(after - before, 6)
    return {"a": before, "b": after, "difference": difference}


def table(result: dict[str, Any]) -> str:
    """Return the comparison as text for a terminal."""
    lines = [
        f"A: {result['a']['checkpoint']['name']} ({result['a']['folder']})",
        f"B: {result['b']['checkpoint']['name']} ({result['b']['folder']})",
        f"{'mean of ' + str(result['pictures']):<20}{'A':>10}{'B':>10}{'B - A':>11}   "
        f"{'95 % interval':<22}{'B better on':>12}   better",
    ]
    for name, each in result["scores"].items():
        low, high = each["interval"]
        lines.append(
            f"{name:<20}{each['a']:>10.4f}{each['b']:>10.4f}{each['difference']:>+11.4f}   "
            f"{f'{low:+.4f} to {high:+.4f}':<22}{each['b_better_share']:>12.1%}   {each['better'] or 'not certain'}"
        )
    if result["left_out"]:
        lines.append(f"{len(result['left_out'])} pictures are in one of the two only and were left out.")
    return "\n".join(lines)


def write_comparison(result: dict[str, Any], each: list[dict[str, Any]], folder: Path) -> None:
    """Write `comparison.json` and `comparison.csv`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be made: {error.strerror or error}.") from error
    write_text(folder / "comparison.json", json.dumps(result, indent=2, allow_nan=False) + "\n")
    lines = io.StringIO()
    writer = csv.DictWriter(lines, list(each[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(each)
    write_text(folder / "comparison.csv", lines.getvalue())
