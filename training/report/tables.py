"""The scores as text: a table for a terminal, one in Markdown for a model card, and the lines below a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from enhancer.imaging.regions import REGION_NAMES
from enhancer.metrics.catalogue import WHOLE, Metric
from training.data.contents import pairs_in_words
from training.evaluation.metrics import COLOURS, COLUMNS, FOREGROUND, KINDS, SCORES, SET_SCORES, column
from training.report.charts import number

WRITTEN = ("psnr", "ssim", "lpips_alex", "squeeze")  # scores below a picture, where they exist

Metrics = Mapping[str, Any]


def for_terminal(metrics: Metrics) -> str:
    """Return the mean scores, one line a score."""
    kinds = [kind for kind in KINDS if metrics["rows"][kind]]
    heads = "".join(f"{KINDS[kind]:>12}" for kind in kinds)
    lines = [f"{'mean of ' + str(metrics['data']['scored']):<20}{heads}{'gain':>12}{'improved':>10}"]
    for name in COLUMNS:
        if not metrics["gain"][name]["count"]:
            continue
        means = [metrics["rows"][kind][name]["mean"] for kind in kinds]
        cells = "".join(f"{'-' if value is None else format(value, '.4f'):>12}" for value in means)
        gain, share = metrics["gain"][name]["mean"], metrics["improved"][name]
        lines.append(f"{name:<20}{cells}{gain:>+12.4f}{share:>10.1%}")
    tint = metrics["colour_error_levels"]
    lines.append("colour error, levels: " + ", ".join(f"{colour} {tint[colour]:+.2f}" for colour in COLOURS))
    lines.append(cost(metrics))
    lines += [
        f"{name.upper()}: degraded {metrics[name]['degraded']:.4f}, restored {metrics[name]['restored']:.4f}"
        for name in SET_SCORES
        if metrics[name]
    ]
    lines += [f"no {name}: {why}" for name, why in metrics["missing"].items()]
    return "\n".join(lines)


def shared(metrics: Metrics) -> str:
    """Return words for the processes that shared the work while it was timed; nothing for one."""
    counts = metrics["latency_seconds"]["processes"]
    return "" if counts == [1] else f", with {' or '.join(map(str, counts))} processes at work"


def cost(metrics: Metrics) -> str:
    """Return one sentence on time and memory, and what they were measured on."""
    latency, machine, memory = metrics["latency_seconds"], metrics["machine"], metrics["peak_memory_mib"]
    held = "" if memory is None else f"; {memory:.0f} MiB at most"
    whole = "" if machine["device"] == "cuda" or memory is None else " (the whole process)"
    return (
        f"A picture takes {latency['p50']:.2f} s (p95 {latency['p95']:.2f} s){shared(metrics)}{held}{whole}; "
        f"{machine['name']}, {machine['device']}, {machine['dtype']}, {machine['threads']} threads, torch {machine['torch']}."
    )


def how_degraded(settings: Mapping[str, Any]) -> str:
    """Return words for what an evaluation did to the clean pictures."""
    behind = f", on {settings['background']}" if settings.get("background") else ""
    return f"preset {settings['preset']}, seed {settings['seed']}{behind}"


def given(metrics: Metrics) -> str:
    """Return words for what was restored: how many pictures, degraded how."""
    data, settings = metrics["data"], metrics["settings"]
    count, ready = data["scored"], data["ready_pairs"]
    pictures = "1 picture" if count == 1 else f"{count} pictures"
    how = how_degraded(settings)
    if ready == count:
        return pairs_in_words(data.get("views") or {"": count})
    return f"{pictures}, {how}" if not ready else f"{pictures}, {ready} from ready pairs, the others {how}"


def for_card(metrics: Metrics) -> str:
    """Return the results in Markdown: the whole picture, then its parts, then what it cost."""
    keys = [key for key in SCORES if metrics["gain"][key]["count"]]
    kinds = [kind for kind in KINDS if metrics["rows"][kind]]
    heads = " | ".join(KINDS[kind] for kind in kinds)
    lines = [f"Mean of {given(metrics)}.", "", f"| | {heads} | Better for |", "|---" * (len(kinds) + 2) + "|"]
    for key in keys:
        cells = [_cell(metrics, kind, key) for kind in kinds]
        lines.append(f"| {title(SCORES[key])} | {' | '.join(cells)} | {100 * metrics['improved'][key]:.3g} % |")
    regional = [key for key in keys if SCORES[key].is_regional]
    parts = [part for part in (*REGION_NAMES, FOREGROUND) if metrics["gain"][column(part, "psnr")]["count"]]
    if parts:
        heads = " | ".join(title(SCORES[key]) for key in regional)
        lines += ["", "Do nothing → restored, by part of the picture:", ""]
        lines += [f"| | {heads} |", "|---" * (len(regional) + 1) + "|"]
        for part in (WHOLE, *parts):
            cells = [change(metrics, column(part, key), SCORES[key]) for key in regional]
            lines.append(f"| {part or 'whole picture'} | {' | '.join(cells)} |")
    tint = ", ".join(f"{colour} {metrics['colour_error_levels'][colour]:+.2f}" for colour in COLOURS)
    lines += ["", f"Mean colour error of the restored pictures, in 8-bit levels: {tint}. {cost(metrics)}"]
    crowds = [
        f"{name.upper()} against the clean pictures: {found['degraded']:.4g} → {found['restored']:.4g}."
        for name in SET_SCORES
        if (found := metrics[name])
    ]
    return "\n".join([*lines, *crowds]) + "\n"


def below_picture(row: Mapping[str, Any], column: str) -> list[str]:
    """Return the scores that are written below a picture, such as `PSNR 24.10 dB`; those that it lacks are left out.

    Args:
        row: A picture's scores.
        column: Where a score stands in the row, such as `restored.{}`.
    """
    lines = []
    for key in WRITTEN:
        value, score = row.get(column.format(key)), SCORES[key]
        if value is not None:
            label = score.label.removesuffix(" distance")
            lines.append(f"{label} {number(value, score.short_digits)} {score.unit}".strip())
    return lines


def title(score: Metric) -> str:
    """Return a score's name, unit, and the way that is better."""
    unit = f", {score.unit}" if score.unit else ""
    return f"{score.label}{unit} {'↑' if score.higher_is_better else '↓'}"


def _number(value: float | None, score: Metric) -> str:
    return "–" if value is None else f"{value:.{score.short_digits}f}"


def _cell(metrics: Metrics, kind: str, key: str) -> str:
    text = _number(metrics["rows"][kind][key]["mean"], SCORES[key])
    return f"**{text}**" if kind == "restored" else text


def change(metrics: Metrics, name: str, score: Metric) -> str:
    """Return a column's means, do nothing → restored."""
    before, after = (metrics["rows"][kind][name]["mean"] for kind in ("degraded", "restored"))
    return "–" if before is None or after is None else f"{_number(before, score)} → {_number(after, score)}"


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)
