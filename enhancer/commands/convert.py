"""`python -m enhancer convert model.pkl OUT`: turn a checkpoint of img2img-turbo's kind into one of ours."""

import argparse
import sys
from pathlib import Path
from typing import Any

from enhancer.commands.pictures import FINE, Load
from enhancer.errors import SettingsError


def declare(commands: Any) -> None:
    """Declare the command and its flags."""
    command = commands.add_parser("convert", description=convert.__doc__, help="turn a .pkl into a checkpoint")
    command.set_defaults(command=convert)
    add = command.add_argument
    add("source", metavar="PKL", type=Path, help="the .pkl file; nothing in it is executed")
    add("output", metavar="OUT", type=Path, help="checkpoint folder to write")
    add(
        "--base",
        metavar="REF",
        default="stabilityai/sd-turbo",
        help="what it was trained on (stabilityai/sd-turbo)",
    )
    range_help = "black and white as its encoder was shown them: 0,1 (img2img-turbo) or -1,1; required"
    add("--input_range", metavar="BLACK,WHITE", required=True, help=range_help)


def convert(args: argparse.Namespace, load: Load | None) -> int:  # noqa: ARG001  it needs no service
    """Turn a .pkl checkpoint of img2img-turbo's kind into a checkpoint folder."""
    black_white = _range(args.input_range)
    from enhancer.model.convert import convert as convert_pickle

    convert_pickle(args.source, args.output, base=args.base, input_range=black_white)
    sys.stdout.write(f"{args.source} -> {args.output}\n")
    return FINE


def _range(text: str) -> tuple[float, float]:
    try:
        black, white = (float(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(f"--input_range takes two numbers, such as -1,1, got {text!r}.") from None
    return black, white
