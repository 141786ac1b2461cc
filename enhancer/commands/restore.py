"""`python -m enhancer restore IN`: restore pictures."""

import argparse
from functools import cache, partial
from pathlib import Path
from typing import Any

import enhancer
from enhancer.commands.pictures import (
    Load,
    Told,
    add_shared,
    degrade_settings,
    for_each,
    labels_of,
    outputs_of,
    partner_of,
)
from enhancer.errors import EnhancerError, ImageError


def declare(commands: Any) -> None:
    """Declare the command and its flags."""
    command = commands.add_parser("restore", description=restore.__doc__, help="restore pictures")
    command.set_defaults(command=restore)
    add_shared(command)
    add = command.add_argument
    add("-o", "--output", metavar="DIR", type=Path, default=Path("restored"), help="output folder (restored)")
    checkpoint_help = "user/repo, user/repo@tag-or-commit, a folder, or pocket (pocket, the embedded one)"
    add("--checkpoint", metavar="REF", default="pocket", help=checkpoint_help)
    add("--json", metavar="FILE", type=Path, help="write a report with every score")
    lpips_help = "network behind LPIPS (auto: alex on a CPU, vgg on a GPU)"
    add("--lpips", choices=("auto", "alex", "vgg"), default="auto", help=lpips_help)
    add = command.add_mutually_exclusive_group().add_argument
    add("--degrade", action="store_true", help="IN is clean: degrade it first, then restore and score it")
    add("--reference", metavar="CLEAN", type=Path, help="clean picture or folder to score against")


def restore(args: argparse.Namespace, load: Load | None) -> int:
    """Restore a picture or a folder of them, with scores where there is a clean picture to compare with."""
    from enhancer.images import read_image, write_png
    from enhancer.report import failed_row, result_row, write_report
    from enhancer.service import Service

    outputs = outputs_of(args, ["", "_degraded"] if args.degrade else [""])
    for_scores = args.degrade or args.reference is not None
    service = cache(
        partial(load or Service.load, args.checkpoint, lpips_net=args.lpips if for_scores else None)
    )
    settings = degrade_settings(args)
    rows: list[dict[str, Any]] = []

    def restore_one(source: Path, name: str) -> Told:
        image = read_image(source, "this file")
        output = outputs.path(f"{name}.png")
        reference = partner_of(source, args.reference, "reference", ImageError)
        result = service().restore(
            image,
            degrade_first=args.degrade,
            reference=None if reference is None else read_image(reference, f"its reference {reference.name}"),
            labels=labels_of(source, args),
            **settings,
        )
        write_png(result.restored, output)
        drawn = {"seed": args.seed, "preset": args.preset} if args.degrade else {"seed": None, "preset": None}
        row = {"file": str(source), "output": str(output), **result_row(result, **drawn)}
        if args.degrade:
            row["degraded"] = str(outputs.path(f"{name}_degraded.png"))
            write_png(result.degraded, row["degraded"])
        rows.append(row)
        line = f"{source} -> {output}  {result.checkpoint}  {result.seconds:.2f} s"
        if scores := row["scores"]:
            line += f"  PSNR {scores['degraded']['psnr']:.2f} -> {scores['restored']['psnr']:.2f} dB"
        return line, result.notes

    def note_failure(source: Path, error: EnhancerError) -> None:
        rows.append({"file": str(source), "output": None, **failed_row(error)})

    try:
        return for_each(outputs.names, restore_one, note_failure)
    finally:  # also when interrupted half-way
        if args.json is not None:
            write_report(rows, args.json, enhancer.__version__)
