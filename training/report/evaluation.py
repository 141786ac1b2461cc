"""The report: one self-contained HTML page with pictures, tables and histograms. It asks for nothing from elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from enhancer.model.config import EMBEDDED
from enhancer.runtime.files import write_text
from training.evaluation.metrics import COLUMNS, KIND_MEANING, KINDS, PARTS, SCORES, WHOLE, column
from training.evaluation.summary import Row, chosen, gain, gains, paired
from training.report.charts import Series, dumbbells, histogram, number
from training.report.contact_sheet import Pictures
from training.report.shell import figures, picture_button
from training.report.shell import page as shell
from training.report.tables import given, how_degraded, shared

Metrics = Mapping[str, Any]
Find = Callable[[str], Pictures]


def write_report(metrics: Metrics, rows: Sequence[Row], find: Find, folder: Path) -> None:
    """Write `report.html`."""
    write_text(folder / "report.html", page(metrics, rows, find))


def page(metrics: Metrics, rows: Sequence[Row], find: Find) -> str:
    """Return the page."""
    some = chosen(rows)
    few = len(rows) < 2
    best = "" if few else _faces("The best", "Ranked by how much PSNR gained.", some["top"], find)
    worst = (
        "" if few else _faces("The worst", "Where restoring gained least, or did harm.", some["bottom"], find)
    )
    body = (
        _opening(metrics) + _typical(some["typical"], find) + _table(metrics) + _distributions(rows)
        + _regions(metrics) + best + worst + _method(metrics)
    )  # fmt: skip
    return shell(f"{metrics['checkpoint']['name']}: evaluation", body, ("Degraded", "Restored", "Clean"))


def _mean(metrics: Metrics, kind: str, name: str) -> float | None:
    return (metrics["rows"][kind] or {}).get(name, {}).get("mean")


def _opening(metrics: Metrics) -> str:
    gained = metrics["gain"]["psnr"]["mean"]
    count, share = metrics["data"]["scored"], metrics["improved"]["psnr"]
    before, after = (_mean(metrics, kind, "psnr") for kind in ("degraded", "restored"))
    about = metrics["checkpoint"]
    title = f"{about['name']} {'gains' if gained >= 0 else 'loses'} {abs(gained):.2f} dB"
    pictures = "1 face" if count == 1 else f"{count} faces"
    better = (
        "Every one of them comes out closer to its clean original"
        if share == 1
        else f"{share:.0%} of them come out closer to their clean originals"
    )
    found = [("PSNR", number(gained, 2, sign=True), "dB", f"{number(before, 2)} → {number(after, 2)}")]
    for key in ("ssim", "lpips_alex", "squeeze"):
        if metrics["gain"][key]["count"]:
            score, one = SCORES[key], metrics["gain"][key]
            was, now = (_mean(metrics, kind, key) for kind in ("degraded", "restored"))
            change = f"{number(was, 3)} → {number(now, 3)}"
            if score.higher_is_better:
                found.append((score.label, number(one["mean"], 3, sign=True), "", change))
            else:
                found.append((score.label, number(-100 * (one["relative"] or 0), 0, sign=True), "%", change))
    harm, tint = _mean(metrics, "no_harm", "psnr"), metrics["colour_error_levels"]
    if harm is not None:
        found.append(("No harm", number(harm, 1), "dB", "a clean picture against itself"))
    signed = ", ".join(
        f"{name[0].upper()}\u00a0{number(tint[name], 2, sign=True)}" for name in ("red", "green", "blue")
    )
    found.append(("Colour error", number(tint["largest"], 2), "levels", signed))
    latency = metrics["latency_seconds"]
    device = f"p95 {latency['p95']:.2f} s, {metrics['machine']['device']}{shared(metrics)}"
    found.append(("A picture takes", f"{latency['p50']:.2f}", "s", device))
    return (
        f'<header><p class="over">Splat Enhancer {escape(metrics["program"]["version"])} · Evaluation</p>'
        f'<h1>{escape(title)}</h1><p class="lede">{pictures}, {_how(metrics)} and restored in one step. {better}.'
        f"</p>{_left_out(metrics)}{figures(found)}</header>"
    )


def _how(metrics: Metrics) -> str:
    settings, ready = metrics["settings"], metrics["data"]["ready_pairs"]
    preset = f"degraded with {escape(how_degraded(settings))}"
    if not ready:
        return preset
    return (
        "ready pairs"
        if ready == metrics["data"]["scored"]
        else f"{ready} of them ready pairs, the others {preset}"
    )


def _left_out(metrics: Metrics) -> str:
    lines = "".join(f"<li>{escape(why)}</li>" for why in metrics["data"]["left_out"].values())
    return f'<p class="worse">Left out, since they cannot be judged:</p><ul>{lines}</ul>' if lines else ""


def _said(row: Row, kind: str, label: str) -> str:
    lines = []
    for key in ("psnr", "ssim", "lpips_alex", "squeeze"):
        value = row.get(f"{kind}.{key}")
        if value is not None:
            score = SCORES[key]
            text = f"{score.label.removesuffix(' distance')} {number(value, min(score.digits, 3))} {score.unit}".strip()
            lines.append(text if key == "psnr" else f'<span class="more">{text}</span>')
    return f'<p class="said"><b>{label}</b><br>{"<br>".join(lines)}</p>'


def _triplet(row: Row, pictures: Pictures, *, large: bool = False) -> str:
    kinds = (("degraded", "Degraded"), ("restored", "Restored"), ("clean", "Clean"))
    parts = "".join(
        f"<div>{picture_button(pictures[kind], row['file'] + ', ' + label.lower())}{_said(row, kind, label)}</div>"
        for kind, label in kinds
    )
    gained = gain(row)
    style = "better" if gained > 0 else "worse"
    return (
        f'<figure class="triplet{" large" if large else ""}">{parts}<figcaption><span>{escape(str(row["file"]))}</span>'
        f'<b class="{style}">{number(gained, 2, sign=True)} dB</b></figcaption></figure>'
    )


def _typical(rows: Sequence[Row], find: Find) -> str:
    shown = "".join(_triplet(row, find(row["file"]), large=True) for row in rows)
    return (
        "<section><h2>A typical picture</h2><p class=quiet>The one in the middle, ranked by gain. "
        f"Tap a picture to enlarge it, tap again to step through the three.</p>{shown}</section>"
    )


def _faces(title: str, said: str, rows: Sequence[Row], find: Find) -> str:
    cells = "".join(_triplet(row, find(row["file"])) for row in rows)
    heading = f"{title} {len(rows)}" if len(rows) > 1 else title
    return f'<section><h2>{heading}</h2><p class="quiet">{said}</p><div class="faces">{cells}</div></section>'


def _table(metrics: Metrics) -> str:
    names = [name for name in COLUMNS if name in SCORES and metrics["gain"][name]["count"]]
    ways = ["higher is better" if SCORES[name].higher_is_better else "lower is better" for name in names]
    heads = "".join(
        f'<th scope="col" title="{escape(SCORES[name].meaning)}">{escape(SCORES[name].label)}<small><br>{way}</small></th>'
        for name, way in zip(names, ways, strict=True)
    )
    lines = []
    for kind, label in KINDS.items():
        cells = metrics["rows"][kind]
        why = KIND_MEANING[kind] if cells else metrics["missing"].get(kind, "")
        of_scores = "".join(
            _cell((cells or {}).get(name), SCORES[name].digits, SCORES[name].unit) for name in names
        )
        style = ' class="strong"' if kind == "restored" else ""
        lines.append(f'<tr{style}><th scope="row">{label}<small>{escape(why)}</small></th>{of_scores}</tr>')
    shares = "".join(f"<td>{metrics['improved'][name]:.1%}</td>" for name in names)
    lines.append(
        f'<tr><th scope="row">Improved<small>share of pictures restored better than degraded</small></th>{shares}</tr>'
    )
    return (
        '<section><h2>The scores</h2><p class="quiet">Every score is against the clean picture: the mean, and below it '
        "the median and the standard deviation.</p>"
        f'<div class="scroll"><table><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div></section>'
    )


def _cell(found: Mapping[str, Any] | None, digits: int, unit: str) -> str:
    if not found or found["mean"] is None:
        return '<td class="quiet">–</td>'
    least = min(digits, 3)
    return (
        f"<td>{number(found['mean'], digits)}{f' {unit}' if unit else ''}<small>{number(found['median'], least)} "
        f"± {number(found['std'], least)}</small></td>"
    )


def _distributions(rows: Sequence[Row]) -> str:
    if len(rows) < 2:
        return ""
    gained = Series("Restored against degraded", "after", gains(rows, "psnr").tolist())
    charts = [histogram("Gain in PSNR", [gained], "dB", 2, through_zero=True)]
    for key, score in SCORES.items():
        before, after = paired(rows, f"degraded.{key}", f"restored.{key}")
        if len(before):
            pair = [
                Series("Degraded", "before", before.tolist()),
                Series("Restored", "after", after.tolist()),
            ]
            charts.append(histogram(score.label, pair, score.unit, min(score.digits, 3)))
    harm, _ = paired(rows, "no_harm.psnr", "no_harm.psnr")
    if len(harm):
        charts.append(
            histogram(
                "No harm: clean against itself", [Series("Clean, restored", "clean", harm.tolist())], "dB", 2
            )
        )
    return (
        '<section><h2>Picture by picture</h2><p class="quiet">How many pictures score how much; the lines are the means.</p>'
        f'<div class="charts">{"".join(charts)}</div></section>'
    )


def _regions(metrics: Metrics) -> str:
    charts = []
    for key, score in SCORES.items():
        found = [
            (part, _mean(metrics, "degraded", column(part, key)), _mean(metrics, "restored", column(part, key)))
            for part in PARTS if part != WHOLE
        ]  # fmt: skip
        known = [
            (part, before, after) for part, before, after in found if before is not None and after is not None
        ]
        if known:
            charts.append(
                dumbbells(score.label, known, score.unit, min(score.digits, 3), higher=score.higher_is_better)
            )
    if not charts:
        return ""
    return (
        '<section><h2>Region by region</h2><p class="quiet">Means over the pictures that show the region.</p>'
        f'<div class="charts">{"".join(charts)}</div></section>'
    )


def _method(metrics: Metrics) -> str:
    about, data, machine, program = (metrics[key] for key in ("checkpoint", "data", "machine", "program"))
    facts = [
        ("Checkpoint", f"{about['name']} ({_source(about)}), files {about['fingerprint']}; base {'its own' if about['base'] == EMBEDDED else about['base']}, t = {about['timestep']}"),
        ("Pictures", f"{data['scored']} of {data['listed']}, data {data['fingerprint']}"),
        ("Degradation", given(metrics).partition(", ")[2] or "as in the ready pairs"),
        ("Program", f"{program['version']}" + (f", commit {program['commit']}" if program["commit"] else "")),
        ("Machine", f"{machine['name']} ({machine['device']}), {machine['dtype']}, threads: {machine['threads']}, torch {machine['torch']}"),
        ("Memory", f"{number(metrics['peak_memory_mib'], 0)} MiB at most" + ("" if machine["device"] == "cuda" else ", the whole process")),
    ]  # fmt: skip
    facts += [(SCORES[key].label, SCORES[key].meaning) for key in SCORES if metrics["gain"][key]["count"]]
    facts += [
        (name.upper(), f"degraded {metrics[name]['degraded']:.3f}, restored {metrics[name]['restored']:.3f}, against the clean pictures")
        for name in ("fid", "kid") if metrics[name]
    ]  # fmt: skip
    facts += [(f"No {_label(key)}", why) for key, why in metrics["missing"].items()]
    lines = "".join(f"<dt>{escape(label)}</dt><dd>{escape(str(text))}</dd>" for label, text in facts)
    return f'<section><h2>How this was measured</h2><dl class="facts">{lines}</dl></section>'


def _source(about: Mapping[str, Any]) -> str:
    return f"{about['repo']}@{about['sha']}" if about["repo"] else str(about["folder"])


def _label(key: str) -> str:
    return SCORES[key].label if key in SCORES else f"“{KINDS[key]}” row" if key in KINDS else key.upper()
