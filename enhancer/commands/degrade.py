"""`python -m enhancer degrade IN`: degrade pictures."""

import argparse
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any

from enhancer.commands.pictures import (
    Input,
    Load,
    LogLines,
    Partners,
    Progress,
    add_shared,
    degrade_settings,
    outputs_of,
    pipeline_for,
    share_of,
)
from enhancer.errors import LabelError
from enhancer.runtime.processes import Processes


def declare(commands: Any) -> None:
    """Declare the command and its flags."""
    command = commands.add_parser("degrade", description=degrade.__doc__, help="degrade pictures")
    command.set_defaults(command=degrade, is_degrading=True)
    add_shared(command)
    add = command.add_argument
    add("-o", "--output", metavar="DIR", type=Path, default=Path("degraded"), help="output folder (degraded)")
    add("--steps", action="store_true", help="also write the picture after each step")


def degrade(args: argparse.Namespace, load: Load | None) -> int:
    """Degrade a clean picture or a folder of them."""
    from enhancer.imaging.folders import left_out
    from enhancer.imaging.io import read_labels, write_png
    from enhancer.imaging.provenance import write_recorded
    from enhancer.service import Service

    outputs = outputs_of(args, ["", "_steps"] if args.steps else [""])
    service = cache(partial(load or Service.load, None, parser=args.parser, lpips_net=None))
    settings = degrade_settings(args)
    outputs.require_writable()
    maps = Partners(args.labels, "labels", LabelError)

    def read(picture: Input) -> tuple[Any, Any, tuple[Any, ...]]:
        source, name = picture
        image, notes = source.read(args, 8)
        outputs.path(f"{name}.png")  # what is wrong with the folder should be known now
        labels = maps.of(source)
        return image, None if labels is None else read_labels(labels), notes

    def write(picture: Input, done: tuple[Any, list[str]]) -> LogLines:
        (source, name), (made, notes) = picture, done
        output = outputs.path(f"{name}.png")
        write_recorded(made.image, output, made.record)
        for number, (step, image) in enumerate(made.steps, start=1):
            write_png(image, outputs.path(f"{name}_steps/{number:02d}_{step.replace(' ', '_')}.png"))
        return f"{source} -> {output}", [*notes, *made.notes]

    processes = Processes(cpu=True)
    try:
        pictures = share_of(outputs.pictures, processes)
        with Progress(len(pictures), processes) as progress, pipeline_for(pictures, progress, processes) as pipeline:
            for picture, (image, labels, notes) in pipeline.read(pictures, read, weigh=lambda given: given[0].nbytes):
                with pipeline.failing(picture):
                    made = service().degrade(image, labels, keep_steps=args.steps, **settings)
                    pipeline.write(picture, write, (made, notes))
                    del made  # the thread has it
        if outputs.others and processes.is_main:
            sys.stdout.write(f"{left_out(outputs.others)}\n")
        return progress.code
    finally:
        processes.part()
