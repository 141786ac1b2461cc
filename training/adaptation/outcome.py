"""What adapting brought: on pairs never seen, over the start and over doing nothing; and what was forgotten elsewhere."""

import json
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.imaging.io import split_alpha
from training.evaluate import EvalConfig
from training.evaluate import main as evaluate
from training.evaluation.compare import compare, interval, read_evaluation, write_comparison
from training.evaluation.results import ResultsFolder
from training.report.comparison import write_comparison_report
from training.report.contact_sheet import Tile, sheet

START, ADAPTED = "start", "adapted"
SHOWN, SIDE = 6, 360  # pictures on the sheet, and px of each
SCORES = {"psnr": ("PSNR", "dB", 2), "lpips_alex": ("LPIPS", "", 3)}
REGIONS = ("skin", "eyes", "nose", "mouth", "hair")


@dataclass(frozen=True)
class Outcome:
    """What was measured, as a table and as JSON."""

    text: str
    numbers: Mapping[str, Any]


def judge(data: str, folder: Path, checkpoints: Mapping[str, str], *, no_harm: bool = False, device: str) -> None:
    """Evaluate checkpoints on the same pictures, each into a folder of its name. What is there already is kept."""
    for name, checkpoint in checkpoints.items():
        config = EvalConfig(
            data_dir=data,
            checkpoint=checkpoint,
            output_dir=str(folder / name),
            lpips_nets="alex",
            no_harm=no_harm,
            keep_pictures=True,
            device=device,
        )
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.txt").open("w", encoding="utf-8") as told, redirect_stdout(told):
            evaluate(config)


def outcome_of(folder: Path, general: Path | None) -> Outcome:
    """Put the evaluations of `judge` together, and write `comparison.html` and `sheet.png` beside them.

    Args:
        folder: Of the person's own pairs.
        general: Of photographs that the checkpoint restored before; None: none were at hand.
    """
    result, each = compare(folder / START, folder / ADAPTED)
    write_comparison(result, each, folder)
    write_comparison_report(result, each, folder)
    _, rows = read_evaluation(folder / ADAPTED)
    _draw_sheet(folder, list(rows))
    numbers: dict[str, Any] = {"pictures": len(rows), "scores": {}}
    lines = [f"{len(rows)} pairs it never saw:"]
    for column, (name, unit, digits) in SCORES.items():
        before = np.array([row[f"degraded.{column}"] for row in rows.values()])
        after = np.array([row[f"restored.{column}"] for row in rows.values()])
        of = {
            "nothing": float(before.mean()),
            START: result["scores"][column]["a"],
            ADAPTED: result["scores"][column]["b"],
            "over_start": _gained(result["scores"][column]["difference"], result["scores"][column]["interval"]),
            "over_nothing": _gained(float((after - before).mean()), interval(after - before, f"nothing {column}")),
        }
        numbers["scores"][column] = of
        lines.append(
            f"  {name}: as rendered {of['nothing']:.{digits}f}, {START} {of[START]:.{digits}f}, "
            f"{ADAPTED} {of[ADAPTED]:.{digits}f} {unit}".rstrip()
        )
        for over, word in (("over_start", "the start"), ("over_nothing", "the render")):
            low, high = of[over]["interval"]
            lines.append(
                f"    {of[over]['mean']:+.{digits}f} over {word} (95 % interval {low:+.{digits}f} to {high:+.{digits}f})"
            )
    lines += _by_region(result["scores"])
    if general is not None:
        lines += _elsewhere(general, numbers)
    return Outcome("\n".join(lines), numbers)


def _gained(mean: float, bounds: Sequence[float]) -> dict[str, Any]:
    return {"mean": mean, "interval": [float(bounds[0]), float(bounds[1])]}


def _by_region(scores: Mapping[str, Any]) -> list[str]:
    found = [
        f"{region} {scores[f'{region}.psnr']['difference']:+.2f} dB, {scores[f'{region}.lpips_alex']['difference']:+.3f}"
        for region in REGIONS
        if f"{region}.psnr" in scores and f"{region}.lpips_alex" in scores
    ]
    return [f"  by region, over the start (PSNR, LPIPS): {'; '.join(found)}"] if found else []


def _elsewhere(general: Path, numbers: dict[str, Any]) -> list[str]:
    """Return what became of photographs degraded by the 14 steps, and of clean ones."""
    found = {name: json.loads((general / name / "metrics.json").read_text()) for name in (START, ADAPTED)}
    psnr = {
        kind: [found[name]["rows"][kind]["psnr"]["mean"] for name in (START, ADAPTED)]
        for kind in ("restored", "no_harm")
    }
    numbers["elsewhere"] = {kind: dict(zip((START, ADAPTED), both, strict=True)) for kind, both in psnr.items()}
    said = [
        f"{what} {before:.2f} -> {after:.2f} dB"
        for what, (before, after) in zip(
            ("restored from the 14 steps", "clean pictures, restored"), psnr.values(), strict=True
        )
    ]
    return [f"On {found[START]['data']['scored']} other faces: {'; '.join(said)}"]


def _draw_sheet(folder: Path, names: Sequence[str]) -> None:
    """Draw some pictures: as rendered, by the start, adapted, and the frame."""
    kept = {which: ResultsFolder(folder / which, {}) for which in (START, ADAPTED)}
    lines = []
    for name in names[:: -(-len(names) // SHOWN)]:
        start, adapted = (kept[which].kept(name) for which in (START, ADAPTED))
        if start is None or adapted is None:
            continue
        shown = {"as rendered": start["degraded"], START: start["restored"], ADAPTED: adapted["restored"]}
        shown["frame"] = adapted["clean"]
        lines.append([Tile(split_alpha(picture)[0], caption) for caption, picture in shown.items()])
    if lines:
        sheet("Adapted", f"{len(names)} pairs it never saw; {len(lines)} of them", lines, side=SIDE).save(
            folder / "sheet.png"
        )
