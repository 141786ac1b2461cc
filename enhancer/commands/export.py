"""`python -m enhancer export CHECKPOINT OUT`: write a checkpoint as graphs for other runtimes."""

import argparse
import sys
from pathlib import Path
from typing import Any

from enhancer.commands.chosen import tell_of_choice
from enhancer.commands.pictures import FINE, Load


def declare(commands: Any) -> None:
    """Declare the command and its flags."""
    command = commands.add_parser("export", description=export.__doc__, help="write a checkpoint as ONNX graphs")
    command.set_defaults(command=export)
    add = command.add_argument
    add("checkpoint", metavar="CHECKPOINT", help="user/repo, user/repo@tag-or-commit, a folder, a run, or pocket")
    add("output", metavar="OUT", type=Path, help="folder to write; an export that is there is replaced")
    add("--format", choices=("onnx",), default="onnx", help="of the graphs (onnx)")
    add(
        "--dtype",
        choices=("float32", "float16"),
        default="float32",
        help="of the weights (float32); float16 is for GPUs",
    )


def export(args: argparse.Namespace, load: Load | None) -> int:  # noqa: ARG001  it needs no service
    """Write encoder, UNet and decoder as ONNX graphs, and check that onnxruntime restores with them as the model does."""
    from enhancer.onnx import export as export_onnx

    tell_of_choice(args.checkpoint)
    config = export_onnx(args.checkpoint, args.output, dtype=args.dtype)
    size = sum(file.stat().st_size for file in args.output.iterdir()) / 1e6
    sys.stdout.write(
        f"{config.name} -> {args.output}  {size:.1f} MB  onnxruntime against torch: {config.parity:.1f} dB\n"
    )
    return FINE
