"""`python -m enhancer bench`: how fast a checkpoint is on this machine."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from enhancer.commands.chosen import tell_of_choice
from enhancer.commands.pictures import FINE, Load
from enhancer.errors import SettingsError
from enhancer.runtime.files import write_text


def declare(commands: Any) -> None:
    """Declare the command and its flags."""
    command = commands.add_parser("bench", description=bench.__doc__, help="measure speed and memory")
    command.set_defaults(command=bench)
    add = command.add_argument
    add(
        "--checkpoint",
        metavar="REF",
        default="pocket",
        help="user/repo, user/repo@tag-or-commit, a folder, a run, or pocket (pocket)",
    )
    add(
        "--architecture",
        metavar="DIR",
        type=Path,
        help="SD-Turbo's three configs: random weights instead of a checkpoint",
    )
    add("--device", default="auto", help="cpu, cuda, mps (auto)")
    add("--dtype", default="auto", help="float32, float16, bfloat16 (auto: float16 on a CUDA GPU)")
    add(
        "--sizes",
        default="256,512,1024",
        help="sides in pixels; stages and batches are measured at the second (256,512,1024)",
    )
    add("--batches", default="1,4", help="pictures at once (1,4)")
    add("--repeats", type=int, default=5, help="of every measurement (5)")
    add("--compile", action="store_true", help="measure the compiled model")
    add("--json", metavar="FILE", type=Path, help="write everything that was measured")
    add("--figure", metavar="FILE", type=Path, help="write a picture of it, SVG")


def bench(args: argparse.Namespace, load: Load | None) -> int:  # noqa: ARG001  it loads its own
    """Measure by stage, size and batch, against the plain model and the hardware's limits."""
    tell_of_choice(args.checkpoint)
    sizes, batches = (_numbers(name, getattr(args, name)) for name in ("sizes", "batches"))
    from enhancer.bench import Settings, figure, table
    from enhancer.bench import bench as measure

    found = measure(
        Settings(
            checkpoint=args.checkpoint,
            architecture=args.architecture,
            device=args.device,
            dtype=args.dtype,
            sizes=sizes,
            batches=batches,
            repeats=args.repeats,
            compile=args.compile,
        )
    )
    sys.stdout.write(table(found))
    for path, text in ((args.json, json.dumps(found, indent=2) + "\n"), (args.figure, figure(found))):
        if path is not None:
            write_text(path, text)
    return FINE


def _numbers(name: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(
            f"--{name} takes whole numbers with commas between, such as 256,512; got {text!r}."
        ) from None
