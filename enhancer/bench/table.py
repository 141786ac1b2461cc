"""A measurement as text."""

from collections.abc import Mapping, Sequence
from typing import Any

STAGES = {
    "parse": "parse (embedded parser)",
    "degrade": "degrade, 14 steps",
    "encode": "encode",
    "unet": "UNet",
    "decode": "decode",
    "restore": "restore, picture to picture",
    "score": "score",
}


def table(found: Mapping[str, Any]) -> str:
    """Return what `bench` found, for a terminal; Markdown reads it as tables."""
    machine, ceilings = found["machine"], found["ceilings"]
    compiled = ", compiled" if found["compiled"] else ""
    lines = [
        f"{found['checkpoint']}, {found['parameters'] / 1e6:.1f} M parameters, on {machine['name']} "
        f"({machine['device']}, {machine['threads']} threads, {machine['dtype']}{compiled}, torch {machine['torch']}), "
        f"load {found['load']:.1f}, {found['repeats']} repeats.",
        f"At best it multiplies matrices at {ceilings['flops'] / 1e12:.3g} TFLOP/s and copies {ceilings['bytes'] / 1e9:.3g} GB/s.",
        "",
    ]
    side = found["side"]
    rows = [(STAGES[name], *_milliseconds(taken)) for name, taken in found["stages"].items()]
    lines += _markdown((f"one {side}x{side} picture", "p50 ms", "p95 ms"), rows)
    sizes = [_size(row) for row in found["sizes"]]
    head = (
        "size",
        "p50 ms",
        "p95 ms",
        "plain model ms",
        "times faster",
        "TFLOP",
        "floor ms",
        "of ceiling",
        "MiB",
        "plain MiB",
    )
    lines += ["", *_markdown(head, sizes)]
    batches = [
        (row["batch"], f"{row['pictures_per_second']:.3g}", f"{row['of_ceiling']:.0%}") for row in found["batches"]
    ]
    lines += ["", *_markdown((f"batch of {side}x{side}", "pictures/s", "of ceiling"), batches)]
    if found["too_large"]:
        lines += [
            "",
            f"Too large for the free memory, so not measured whole: {', '.join(map(str, found['too_large']))} px.",
        ]
    return "\n".join(lines) + "\n"


def _size(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a size's line."""
    held = [row[key] for key in ("ours_peak_mib", "reference_peak_mib")]
    return (
        f"{row['side']}x{row['side']}",
        *_milliseconds(row["ours"]),
        _milliseconds(row["reference"])[0],
        f"{row['times_faster']:.2f}",
        f"{sum(row['flops'].values()) / 1e12:.3g}",
        f"{1000 * row['floor']:.3g}",
        f"{row['of_ceiling']:.0%}",
        *("–" if mib is None else f"{mib:.0f}" for mib in held),
    )


def _milliseconds(taken: Mapping[str, float]) -> tuple[str, str]:
    return f"{1000 * taken['p50']:.3g}", f"{1000 * taken['p95']:.3g}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return a Markdown table whose columns line up, numbers to the right."""
    cells = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in cells
    ]
    rule = (
        "|" + "|".join("-" * (width + 2) if k == 0 else "-" * (width + 1) + ":" for k, width in enumerate(widths)) + "|"
    )
    return [lines[0], rule, *lines[1:]]
