"""Adapt a checkpoint to one person, from her renders and captured frames, and say what it brought.

    python -m training.adapt PAIRS -o runs/anna                            # ready pairs: of training.pairs or training.prepare
    python -m training.adapt RENDERS FRAMES -o runs/anna                   # two folders side by side, matched by name
    python -m training.adapt head.ply --captures FRAMES -o runs/anna       # a splat, rendered where its cameras stood

The pairs are looked at and shared out: neighbouring frames are never on both sides. Settings are chosen by their number and the device,
and printed as the `training.train` command that does the same. Training stops by itself, when validation gets no better or the
minutes are up; then the checkpoint is judged on pairs it never saw. Stop it at any time and run the same command again: it goes on
where it was. `OUTPUT/best` is the checkpoint, `OUTPUT/outcome/` what it brought.

Exit codes: 0 fine, 1 training gave up, 2 bad input, 130 interrupted.
"""

import json
import logging
import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from enhancer.errors import EnhancerError, SettingsError
from enhancer.hub import BEST, resolve
from enhancer.model.config import EMBEDDED, EnhancerConfig
from enhancer.runtime.command_line import ArgumentParser, file_errors, print_every_name, say_error
from enhancer.runtime.device import best_device, cpu_has_bfloat16
from enhancer.runtime.files import write_text
from enhancer.runtime.processes import leave
from enhancer.runtime.resumable import claim
from training import prepare, train
from training.adaptation.interpolation import Mixed, library_pictures, pictures_of
from training.adaptation.outcome import ADAPTED, START, judge, outcome_of
from training.adaptation.parts import TEST, TRAIN, VALIDATION, share_out
from training.adaptation.settings import choose
from training.adaptation.settling import NOTE, settle
from training.cli import to_flags
from training.columns import OURS, Columns
from training.data.folders import METADATA, SPLITS, Sample, find_samples
from training.data.look import look_at
from training.loop.run import GaveUpError
from training.publish.checkpoint import OUTCOME, RUN

FINE, GAVE_UP, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
SETTINGS = "adapt.json"
LONGER = ("output", "minutes", "max_train_steps")  # what may differ when an adaptation is gone on with
FEWEST = 8  # pairs: with fewer there is nothing left to judge by
SPLATS = (".ply", ".splat", ".spz", ".ksplat")
EXAMPLES = Path(__file__).parents[1] / "examples" / "heads"  # faces mixed in where no others are given
EXAMPLE_SHARE = 0.34  # of these few that are kept to see what was forgotten
LARGEST_BASE = 50_000_000  # parameters, up to which a base is trained whole


@dataclass(frozen=True)
class AdaptConfig:
    """What is adapted to what."""

    pairs: tuple[str, ...]
    output: Path
    captures: str = ""
    cameras: str = ""
    views: str = ""
    checkpoint: str = "pocket"
    general: str = ""
    image_column: str = OURS.image
    conditioning_image_column: str = OURS.conditioning
    minutes: float = 12.0
    max_train_steps: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what can be checked before anything is read."""
        if not 1 <= len(self.pairs) <= 2:
            raise SettingsError(
                f"Give one folder of pairs, two folders (renders, frames), or one splat file, got {len(self.pairs)} names."
            )
        if self.is_splat != bool(self.captures):
            raise SettingsError(
                f"{self.pairs[0]} is a splat file: give --captures, the folder of frames it was made from."
                if self.is_splat
                else "--captures goes with a splat file (.ply, .splat, .spz, .ksplat)."
            )
        if self.minutes <= 0:
            raise SettingsError(f"--minutes must be above 0, got {self.minutes:g}.")
        if self.max_train_steps < 0:
            raise SettingsError(f"--max_train_steps must be 0 or more, got {self.max_train_steps}.")

    @property
    def is_splat(self) -> bool:
        """Whether renders are made here."""
        return len(self.pairs) == 1 and Path(self.pairs[0]).suffix.lower() in SPLATS

    @property
    def is_ready(self) -> bool:
        """Whether a folder of pairs is given, which can be used as it is."""
        return len(self.pairs) == 1 and not self.is_splat


def main(config: AdaptConfig) -> None:
    """Adapt, from wherever an earlier start of the same command was stopped.

    Raises:
        EnhancerError: Bad input, or training could not go on; the message says what to do.
        KeyboardInterrupt: It was interrupted; what it had done is kept.
    """
    output = config.output
    settings = {key: str(value) for key, value in vars(config).items() if key not in LONGER}
    ready = _ready_pairs(config) if config.is_ready else []  # what is refused leaves nothing behind
    begun = any((output / name).exists() for name in ("prepared", "data"))  # a start that failed holds to nothing
    claim(output, SETTINGS, settings, holds="adaptation", free=() if begun else settings)
    samples = ready or _prepared_pairs(config)
    if len(samples) < FEWEST:
        raise SettingsError(
            f"{len(samples)} pairs are too few: a part is kept aside to choose and to judge by. Give {FEWEST} or more."
        )
    look = look_at(samples)
    print("\n".join(look.said))
    data, run = output / "data", output / RUN
    counts = share_out(look.samples, data)
    print(
        f"{counts[TRAIN]} to train on, {counts[VALIDATION]} to choose by, {counts[TEST]} to judge by"
        + (f"; {counts['']} between them are left out, too near to both sides." if counts[""] else ".")
    )
    general = _general(config)
    folder = resolve(config.checkpoint).folder
    device = best_device()
    places = {
        "train_data_dir": str(data / TRAIN),
        "validation_data_dir": str(data / VALIDATION),
        "output_dir": str(run),
        "checkpoint": config.checkpoint,
        "max_train_minutes": config.minutes,
        "seed": config.seed,
    }
    mixed_in = f"{general}/train" if general else ""
    small, gpu = _is_small(folder), device == "cuda"
    chosen = choose(
        places,
        pairs=counts[TRAIN],
        side=look.side,
        whole_base=small,
        gpu=gpu,
        bfloat16=cpu_has_bfloat16(),
        general=mixed_in,
    )
    if config.max_train_steps:
        chosen = replace(chosen, max_train_steps=config.max_train_steps)
    print(f"The same as:\n  python -m training.train {shlex.join(to_flags(chosen))}")
    print(
        f"The first number comes when the {counts[VALIDATION]} to choose by are restored; training takes {config.minutes:g} minutes at most."
    )
    with redirect_stdout(StringIO()):  # the run's own ending names other commands than the adaptation's
        train.main(chosen)
    outcome_file = output / OUTCOME
    told, elsewhere = outcome_file.parent, outcome_file.parent / "elsewhere"
    others = [pictures_of(find_samples(f"{general}/test"))] if general and small else []
    if small and not config.general:
        others.append(library_pictures())
    mixed = settle(folder, run, output, others, outdated=(told / ADAPTED, elsewhere / ADAPTED))
    ends = {START: str(folder), ADAPTED: str(output / BEST)}
    judge(str(data / TEST), told, ends, device=device)
    if general:
        judge(f"{general}/test", elsewhere, ends, no_harm=True, device=device)
    outcome = outcome_of(told, elsewhere if general else None)
    step = json.loads((run / NOTE).read_text(encoding="utf-8"))["step"]
    numbers = {**outcome.numbers, "best_step": step, "share": mixed.share}
    write_text(outcome_file, json.dumps(numbers, indent=2) + "\n")
    print(f"\n{outcome.text}\n{_said_of(mixed, step, output)} Pictures: {told / 'sheet.png'}")
    shown = f"python -m enhancer restore {config.pairs[0]} --checkpoint {output} -o restored"
    look_there = shown if config.is_splat else f"CHECKPOINT={output / BEST} python app.py"
    print(f"Look at it: {look_there}\nShare it:   python -m training.push {output} user/repo --tag v1")


def _said_of(mixed: Mixed, step: int, output: Path) -> str:
    """Return what the checkpoint is, in words."""
    if not step:
        return f"No step was better than the start, so {output / BEST} is the start itself. More pairs, or other ones, may help."
    said = f"The checkpoint is {output / BEST}, of step {step}"
    if mixed.share < 1:
        said += f", {mixed.share:.0%} of the way from the start, so that it forgets less"
    return f"{said}." + (" That is still more than it should forget." if mixed.is_much else "")


def _ready_pairs(config: AdaptConfig) -> list[Sample]:
    """Return the pairs of a folder, and of its splits."""
    first = Path(config.pairs[0])
    inside = [folder for folder in (first, *(first / part for part in SPLITS)) if (folder / METADATA).is_file()]
    if not inside:
        raise SettingsError(
            f"{first} holds no pairs: no {METADATA} names degraded pictures in it or in its parts, such as train/. Give a folder of "
            "training.pairs or training.prepare, two folders (renders, frames), or a splat file with --captures."
        )
    return find_samples(",".join(map(str, inside)), Columns(config.image_column, config.conditioning_image_column))


def _prepared_pairs(config: AdaptConfig) -> list[Sample]:
    """Return the pairs of two folders, or of a splat and its captures, after they were prepared."""
    prepared = config.output / "prepared"
    source: dict[str, Any]
    if config.is_splat:
        source = {"splats": config.pairs[0], "captures": config.captures}
        source |= {"cameras": config.cameras, "views": config.views}
    else:
        source = dict(zip(("degraded", "clean"), config.pairs, strict=True))
    for problem in prepare.main(
        prepare.PrepareConfig(**source, output_dir=str(prepared), test_share=0.0, seed=config.seed)
    ):
        print(problem, file=sys.stderr)
    if not (prepared / "train" / METADATA).is_file():
        raise SettingsError("None of the pairs can be used, for the reasons above.")
    return find_samples(str(prepared / "train"))


def _general(config: AdaptConfig) -> Path | None:
    """Return a prepared folder of other faces, with train/ and test/; None where there is none."""
    if config.general:
        folder = Path(config.general)
        if not all((folder / part / "images").is_dir() for part in ("train", "test")):
            raise SettingsError(
                f"--general {folder} has no train/images and test/images: prepare it by training.prepare."
            )
        return folder
    if not EXAMPLES.is_dir():
        print("No other faces are mixed in, so what the checkpoint knew may be forgotten: --general FOLDER gives some.")
        return None
    folder = config.output / "general"
    if not (folder / "test" / METADATA).is_file():
        print("Other faces, so that what the checkpoint knew is not forgotten: the example heads.")
        with redirect_stdout(StringIO()):  # it says what is of no interest here
            prepare.main(
                prepare.PrepareConfig(photographs=str(EXAMPLES), output_dir=str(folder), test_share=EXAMPLE_SHARE)
            )
    return folder


def _is_small(folder: Path) -> bool:
    """Say whether a checkpoint brings a base of its own that is small enough to be trained whole."""
    if EnhancerConfig.from_json(json.loads((folder / "config.json").read_text(encoding="utf-8"))).base != EMBEDDED:
        return False
    return sum(file.stat().st_size for file in (folder / "base").rglob("*.safetensors")) < 2 * LARGEST_BASE


def command(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("training").setLevel(logging.INFO)
    print_every_name()
    try:
        with file_errors():
            main(AdaptConfig(**vars(_arguments().parse_args(argv))))
    except EnhancerError as error:
        say_error(error)
        return GAVE_UP if isinstance(error, GaveUpError) else BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. Run the same command again to go on.\n")
        return INTERRUPTED
    return FINE


def _arguments() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(prog="python -m training.adapt", description=__doc__)
    add = parser.add_argument
    add(
        "pairs",
        nargs="+",
        metavar="PAIRS",
        help="a folder of ready pairs, two folders (renders, frames), or a splat file",
    )
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="where everything goes")
    add("--captures", default="", metavar="DIR", help="of a splat file: the frames it was made from")
    add(
        "--cameras",
        default="",
        metavar="FILE",
        help="of a splat file: their cameras; empty: in the folder of frames or above",
    )
    add("--views", default="", help="of a splat file: test, train, all; empty: those it was not fitted to, else any")
    add(
        "--image_column",
        default=OURS.image,
        metavar="NAME",
        help="of a folder of ready pairs: the column of frames in its metadata.jsonl (image)",
    )
    add(
        "--conditioning_image_column",
        default=OURS.conditioning,
        metavar="NAME",
        help="of a folder of ready pairs: the column of renders (degraded)",
    )
    add("--checkpoint", default=AdaptConfig.checkpoint, metavar="REF", help="where it starts (pocket)")
    general_help = "other faces that are mixed in, prepared by training.prepare; empty: the example heads"
    add("--general", default="", metavar="DIR", help=general_help)
    add("--minutes", type=float, default=AdaptConfig.minutes, help=f"of training at most ({AdaptConfig.minutes:g})")
    add("--max_train_steps", type=int, default=0, metavar="N", help="of training at most; 0: as the device suggests")
    add("--seed", type=int, default=0, help="address of every random draw (0)")
    return parser


if __name__ == "__main__":
    leave(command())
