"""Several pictures in one go: their names made unique, a CSV of scores, their settings, a ZIP of everything. No torch."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from enhancer.imaging.provenance import Record
from enhancer.imaging.regions import REGION_NAMES
from enhancer.metrics.catalogue import METRICS

LONGEST_NAME = 80  # characters
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet calculate


def safe_names(names: Iterable[str]) -> list[str]:
    """Return file stems that are unique without regard to case, and safe in a ZIP, whatever strangers called them."""
    taken: set[str] = set()
    safe: list[str] = []
    for name in names:
        kept = "".join(c if c.isalnum() or c in " ._-()" else "_" for c in PurePath(name).stem).strip(" .")
        stem = candidate = kept[:LONGEST_NAME] or "picture"
        number = 2
        while candidate.casefold() in taken:
            candidate, number = f"{stem}_{number}", number + 1
        taken.add(candidate.casefold())
        safe.append(candidate)
    return safe


def scores_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a CSV with one line a picture.

    Args:
        rows: As of `enhancer.results.result_row` or `failed_row`, with the picture's "name" and that of its "reference".
    """
    parts = ("whole", *REGION_NAMES)
    scored = [f"{part}_{metric.key}_{when}" for part in parts for metric in METRICS for when in ("before", "after")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    facts = ("name", "reference", "checkpoint", "sha", "seconds", "preset", "seed")
    writer.writerow([*facts, *scored, "notes", "error"])
    for row in rows:
        cells = [row.get(key) for key in facts]
        numbers = [
            _score(row.get("scores"), part, metric.key, when)
            for part in parts
            for metric in METRICS
            for when in ("degraded", "restored")
        ]
        line = [*cells, *numbers, " ".join(row.get("notes") or []), row.get("error")]
        writer.writerow([_plain(cell) for cell in line])
    return text.getvalue()


def settings_json(records: Mapping[str, Record]) -> str:
    """Return what pictures were made with: what holds for all of them once, what does not by picture.

    Args:
        records: Those inside the pictures' files, by the names of the files.
    """
    told = {name: asdict(record) for name, record in records.items()}
    first = next(iter(told.values()), {})
    shared = {key: value for key, value in first.items() if all(each[key] == value for each in told.values())}
    own = {name: {key: value for key, value in each.items() if key not in shared} for name, each in told.items()}
    return json.dumps({"all": shared, "pictures": own}, indent=2, ensure_ascii=False) + "\n"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP of files by name; pictures are packed already, so they are only stored."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            how = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, how)  # same pictures, same bytes
    return packed.getvalue()


def _score(scores: Mapping[str, Any] | None, part: str, metric: str, when: str) -> float | None:
    if scores is None:
        return None
    found = scores[when] if part == "whole" else scores[when]["regions"].get(part)
    return found and found.get(metric)


def _plain(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
