"""Rows of scores -> what `metrics.json` says.

One schema, number `SCHEMA`. Numbers are plain JSON; null means "not to be had", and `missing` says why.

    schema               4
    program              version, commit (null outside a git checkout)
    checkpoint           name, folder, or repo and sha; fingerprint of its files, base, timestep
    settings             preset, seed (null: only ready pairs), background (null: as they are), and whatever else makes
                         two evaluations differ; a rerun must agree with it
    data                 folders; listed, scored, ready_pairs among the scored, and views, their number by the kind of their views;
                         left_out: picture -> why it could not be judged; fingerprint of names and sizes
    machine              device, name, dtype, threads, torch, platform
    rows                 degraded | vae_floor | restored | partial | no_harm -> column -> mean, median, std, count
    gain                 column -> mean, median, std, count of (restored better than degraded by); relative to doing nothing;
                         interval: the bootstrap interval of the mean
    improved             column -> share of pictures that restoring made better
    partial              gain, improved at less than full strength (settings: strength); or null
    colour_error_levels  red, green, blue: mean signed error of the restored pictures, 8-bit levels; largest: of the three
    latency_seconds      p50, p95, mean of one restoration; processes: how many shared the work meanwhile (a list:
                         a stopped evaluation may go on with another number)
    work_seconds         mean of a picture's degradation (degrade; null: ready pairs, or fits that had been kept), and of all
                         that was done for it (whole)
    peak_memory_mib      most memory held by one process
    fid, kid             degraded, restored: distance of the crowd to the clean pictures'; or null
    missing              row or score -> why it is null

A column is a score (`psnr`), or a part of the picture and a score (`eyes.psnr`, `foreground.ssim`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.evaluation.fid import frechet_distance, kernel_distance
from training.evaluation.intervals import interval
from training.evaluation.metrics import COLOURS, COLUMNS, KINDS, SET_SCORES, score_of

SCHEMA = 4
PER_SHEET = 8  # pictures
Row = Mapping[str, Any]


def paired(rows: Sequence[Row], first: str, second: str) -> tuple[np.ndarray, np.ndarray]:
    """Return two columns of the pictures that have both."""
    pairs = [(row.get(first), row.get(second)) for row in rows]
    both = np.array([pair for pair in pairs if None not in pair], np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def spread(values: np.ndarray) -> dict[str, Any]:
    """Return mean, median, standard deviation and count; None for nothing."""
    if not len(values):
        return {"mean": None, "median": None, "std": None, "count": 0}
    found = {"mean": values.mean(), "median": np.median(values), "std": values.std()}
    return {key: round(float(value), 6) for key, value in found.items()} | {"count": len(values)}


def gains(rows: Sequence[Row], column: str, kind: str = "restored") -> np.ndarray:
    """Return by how much restoring betters each picture's score: above 0 is better, for every score."""
    return score_of(column).gain(*paired(rows, f"degraded.{column}", f"{kind}.{column}"))


def gain(row: Row) -> float:
    """Return by how many dB restoring bettered a picture."""
    return row["restored.psnr"] - row["degraded.psnr"]


def chosen(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows to show: the first in file order, those that gained most and least, and the one in the middle."""
    ranked = sorted(rows, key=lambda row: (-gain(row), row["file"]))
    few = min(PER_SHEET, max(1, len(rows) // 2))  # of a handful, none is both best and worst
    return {
        "first": list(rows[:PER_SHEET]),
        "top": ranked[:few],
        "bottom": ranked[::-1][:few],
        "typical": ranked[(len(ranked) - 1) // 2 :][:1],
    }


def against_degraded(rows: Sequence[Row], kind: str) -> dict[str, dict[str, Any]]:
    """Return `gain` and `improved` of the restored pictures, or of the partial ones, by column."""
    out: dict[str, dict[str, Any]] = {"gain": {}, "improved": {}}
    for name in COLUMNS:
        gained = gains(rows, name, kind)
        before, _ = paired(rows, f"degraded.{name}", f"{kind}.{name}")
        some = len(gained) > 0
        relative = round(float(gained.mean() / before.mean()), 6) if some and before.mean() else None
        ends = [round(end, 6) for end in interval(gained, name)] if some else None
        out["gain"][name] = {**spread(gained), "relative": relative, "interval": ends}
        out["improved"][name] = round(float((gained > 0).mean()), 6) if some else None
    return out


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the part of `metrics.json` that is made of rows alone."""
    out: dict[str, Any] = {"rows": {}}
    for kind in KINDS:
        columns = {name: spread(paired(rows, f"{kind}.{name}", f"{kind}.{name}")[0]) for name in COLUMNS}
        out["rows"][kind] = columns if any(each["count"] for each in columns.values()) else None
    out |= against_degraded(rows, "restored")
    out["partial"] = against_degraded(rows, "partial") if out["rows"]["partial"] else None
    tint = {colour: spread(paired(rows, *[f"colour_error.{colour}"] * 2)[0])["mean"] for colour in COLOURS}
    known = [abs(value) for value in tint.values() if value is not None]
    out["colour_error_levels"] = tint | {"largest": max(known, default=None)}
    seconds = [row["seconds"] for row in rows]
    out["latency_seconds"] = {
        "p50": round(float(np.percentile(seconds, 50)), 4) if rows else None,
        "p95": round(float(np.percentile(seconds, 95)), 4) if rows else None,
        "mean": round(float(np.mean(seconds)), 4) if rows else None,
        "processes": sorted({row["processes"] for row in rows}),
    }
    out["work_seconds"] = {
        "degrade": spread(paired(rows, "degrade_seconds", "degrade_seconds")[0])["mean"],
        "whole": spread(paired(rows, "work_seconds", "work_seconds")[0])["mean"],
    }
    held = [row["peak_memory_mib"] for row in rows if row["peak_memory_mib"] is not None]
    out["peak_memory_mib"] = max(held, default=None)
    return out


def set_scores(features: Mapping[str, np.ndarray] | None) -> dict[str, Any]:
    """Return FID and KID of the degraded and the restored pictures against the clean ones; null without features."""
    if features is None or len(features["clean"]) < 2:
        return dict.fromkeys(SET_SCORES)
    distances = dict(zip(SET_SCORES, (frechet_distance, kernel_distance), strict=True))
    return {
        name: {kind: round(distance(features[kind], features["clean"]), 6) for kind in ("degraded", "restored")}
        for name, distance in distances.items()
    }
