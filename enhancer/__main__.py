"""The command line: `python -m enhancer restore IN` and `python -m enhancer degrade IN`; `--help` says the rest."""

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import enhancer
from enhancer.errors import (
    CheckpointError,
    EnhancerError,
    ImageError,
    LabelError,
    SettingsError,
    UnavailableError,
)

if TYPE_CHECKING:  # the imports that take time wait until a command runs, so that --help is quick
    from enhancer.service import Service

FINE, BAD_INPUT, INTERRUPTED = 0, 2, 130  # exit codes

Told = tuple[str, Sequence[str]]  # a line about a picture, and notes
Load = Callable[..., "Service"]  # Service.load, or what stands in for it


def main(argv: Sequence[str] | None = None, *, load: Load | None = None) -> int:
    """Run one command and return the exit code: 0 all fine, 2 bad input (the rest is still done), 130 interrupted."""
    args = _arguments().parse_args(argv)
    logging.getLogger("enhancer").addHandler(logging.NullHandler())  # what it logs is said in the notes here
    try:
        return args.command(args, load)
    except EnhancerError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. What was finished is kept.\n")
        return INTERRUPTED


def restore(args: argparse.Namespace, load: Load | None) -> int:
    """Restore a picture or a folder of them, with scores where there is a clean picture to compare with."""
    from enhancer.images import read_image, write_png
    from enhancer.report import failed_row, result_row, write_report
    from enhancer.service import Service

    outputs = _outputs(args, ["", "_degraded"] if args.degrade else [""])
    for_scores = args.degrade or args.reference is not None
    service = cache(
        partial(load or Service.load, args.checkpoint, lpips_net=args.lpips if for_scores else None)
    )
    settings = _degrade_settings(args)
    rows: list[dict[str, Any]] = []

    def restore_one(source: Path, name: str) -> Told:
        image = read_image(source, "this file")
        output = outputs.path(f"{name}.png")
        reference = _partner(source, args.reference, "reference", ImageError)
        result = service().restore(
            image,
            degrade_first=args.degrade,
            reference=None if reference is None else read_image(reference, f"its reference {reference.name}"),
            labels=_labels(source, args),
            **settings,
        )
        write_png(result.restored, output)
        drawn = {"seed": args.seed, "preset": args.preset} if args.degrade else {"seed": None, "preset": None}
        row = {"file": str(source), "output": str(output), **result_row(result, **drawn)}
        if args.degrade:
            row["degraded"] = str(outputs.path(f"{name}_degraded.png"))
            write_png(result.degraded, row["degraded"])
        rows.append(row)
        line = f"{source} -> {output}  {result.seconds:.2f} s"
        if scores := row["scores"]:
            line += f"  PSNR {scores['degraded']['psnr']:.2f} -> {scores['restored']['psnr']:.2f} dB"
        return line, result.notes

    def note_failure(source: Path, error: EnhancerError) -> None:
        rows.append({"file": str(source), "output": None, **failed_row(error)})

    try:
        return _for_each(outputs.names, restore_one, note_failure)
    finally:  # also when interrupted half-way
        if args.json is not None:
            write_report(rows, args.json, enhancer.__version__)


def degrade(args: argparse.Namespace, load: Load | None) -> int:
    """Degrade a clean picture or a folder of them."""
    from enhancer.images import read_image, write_png
    from enhancer.service import Service

    outputs = _outputs(args, [""])
    service = cache(partial(load or Service.load, None, lpips_net=None))
    settings = _degrade_settings(args)

    def degrade_one(source: Path, name: str) -> Told:
        image = read_image(source, "this file")
        output = outputs.path(f"{name}.png")
        made = service().degrade(image, _labels(source, args), keep_steps=args.steps, **settings)
        write_png(made.image, output)
        for number, (step, picture) in enumerate(made.steps, start=1):
            write_png(picture, outputs.path(f"{name}_steps/{number:02d}_{step.replace(' ', '_')}.png"))
        return f"{source} -> {output}", made.notes

    return _for_each(outputs.names, degrade_one)


class _Outputs:
    """Where results go: one name for each picture, and never on top of a picture that was given."""

    def __init__(self, folder: Path, names: dict[Path, str], given: Sequence[Path]) -> None:
        self.folder = folder
        self.names = names  # picture -> its name, without suffix
        self._given = {(file.stat().st_dev, file.stat().st_ino) for file in given if file.is_file()}

    def path(self, name: str) -> Path:
        """Return the path of an output, its folder made."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"The folder {path.parent} cannot be made: {error.strerror}.") from error
        if path.exists() and (path.stat().st_dev, path.stat().st_ino) in self._given:
            raise SettingsError(
                f"The result would replace {path}, which was given. Choose another folder with -o."
            )
        return path


def _names(sources: Sequence[Path], endings: Sequence[str]) -> dict[Path, str]:
    """Return each picture's stem, told apart where two pictures have the same (`face.png`, `face.jpg`).

    Case does not count: on some disks `Face.png` and `face.png` are one file.
    """
    stems = Counter(source.stem.casefold() for source in sources)
    taken: set[str] = set()
    names: dict[Path, str] = {}
    for source in sources:
        name = source.stem if stems[source.stem.casefold()] == 1 else f"{source.stem}_{source.suffix[1:]}"
        while taken & {f"{name}{ending}".casefold() for ending in endings}:
            name += "_"
        taken |= {f"{name}{ending}".casefold() for ending in endings}
        names[source] = name
    return names


def _for_each(
    names: dict[Path, str],
    do_one: Callable[[Path, str], Told],
    note_failure: Callable[[Path, EnhancerError], Any] | None = None,
) -> int:
    """Do one picture after another; a bad one is named and the rest still gets done. Returns the exit code."""
    from tqdm import tqdm

    code = FINE
    told: set[str] = set()  # what holds for every picture is said once
    for source, name in tqdm(names.items(), unit="picture", disable=len(names) == 1):
        try:
            line, notes = do_one(source, name)
            tqdm.write("  ".join([line, *(note for note in notes if note not in told)]))
            told.update(notes)
        except (CheckpointError, UnavailableError):
            raise  # what to restore with is missing: the next picture would fare no better
        except EnhancerError as error:
            tqdm.write(f"{source}: {error}", file=sys.stderr)
            code = BAD_INPUT
            if note_failure is not None:
                note_failure(source, error)
    return code


def _outputs(args: argparse.Namespace, endings: Sequence[str]) -> _Outputs:
    """Find the pictures, and settle what may be written, before anything is loaded."""
    sources = _pictures(args.input)
    given = list(sources)
    for option in ("labels", "reference"):
        partner = getattr(args, option, None)
        if partner is None:
            continue
        if args.input.is_dir() and not partner.is_dir():
            raise SettingsError(f"With a folder of pictures, --{option} must be a folder too, got {partner}.")
        given += partner.iterdir() if partner.is_dir() else [partner]
    report = getattr(args, "json", None)
    if report is not None and (report.is_dir() or report.resolve() in {file.resolve() for file in given}):
        raise SettingsError(f"The report cannot be written over {report}. Choose another --json file.")
    return _Outputs(args.output, _names(sources, endings), given)


def _pictures(given: Path) -> list[Path]:
    """Return the picture itself, or the pictures in a folder (not in its subfolders), label maps left out."""
    from enhancer.images import IMAGE_SUFFIXES

    if not given.is_dir():
        if not given.exists():
            raise ImageError(f"There is no file or folder {given}. Check the path.")
        return [given]
    found = sorted(
        file
        for file in given.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES
        and not file.name.startswith(".")
        and not file.stem.endswith("_labels")
        and file.is_file()
    )
    if not found:
        raise ImageError(f"The folder {given} holds no pictures. They end in {', '.join(IMAGE_SUFFIXES)}.")
    return found


def _partner(source: Path, given: Path | None, what: str, error: type[EnhancerError]) -> Path | None:
    """Return the file that goes with a picture: the one given, or the one of its stem in the folder given."""
    if given is None or not given.is_dir():
        return given
    for stem in (f"{source.stem}_{what}", source.stem):
        found = sorted(file for file in given.iterdir() if file.stem == stem and file.is_file())
        if found:
            return found[0]
    raise error(
        f"there is no {what} in {given} for this picture. Name it {source.stem}.png, or leave it out."
    )


def _labels(source: Path, args: argparse.Namespace) -> Any:
    """Return the label map of a picture, None where none was given."""
    from enhancer.images import read_labels

    path = _partner(source, args.labels, "labels", LabelError)
    return None if path is None else read_labels(path)


def _degrade_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return preset, strengths and seed, checked before anything is loaded."""
    from enhancer.degrade import face_render

    strengths: dict[str, float] = {}
    for entry in args.strength:
        region, _, amount = entry.partition("=")
        try:
            strengths[region] = float(amount)
        except ValueError:
            raise SettingsError(f"--strength takes REGION=AMOUNT, such as eyes=0.5, got {entry!r}.") from None
    face_render(args.preset, strengths)
    return {"preset": args.preset, "strengths": strengths, "seed": args.seed}


def _arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    about = "Restore faces rendered from Gaussian splats in one step, or degrade clean ones region by region."
    parser = argparse.ArgumentParser(prog="python -m enhancer", description=about)
    parser.add_argument("--version", action="version", version=enhancer.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    shared = argparse.ArgumentParser(add_help=False)
    add = shared.add_argument
    add("input", metavar="IN", type=Path, help="a picture, or a folder of pictures")
    add("--labels", metavar="MAP", type=Path, help="label map, or a folder of NAME_labels.png")
    add("--seed", metavar="N", type=int, default=0, help="what the degradation draws from (0)")
    add("--preset", metavar="NAME", default="v2", help="degradation preset, v1 or v2 (v2)")
    strength_help = "degradation strength, 0 to 1, such as eyes=0.5; may be given again for other regions"
    add("--strength", metavar="REGION=AMOUNT", action="append", default=[], help=strength_help)

    command = commands.add_parser(
        "restore", parents=[shared], description=restore.__doc__, help="restore pictures"
    )
    command.set_defaults(command=restore)
    add = command.add_argument
    add("-o", "--output", metavar="DIR", type=Path, default=Path("restored"), help="output folder (restored)")
    add("--checkpoint", metavar="FOLDER", default="pocket", help="checkpoint folder (the embedded pocket)")
    add("--json", metavar="FILE", type=Path, help="write a report with every score")
    lpips_help = "network behind LPIPS (auto: alex on a CPU, vgg on a GPU)"
    add("--lpips", choices=("auto", "alex", "vgg"), default="auto", help=lpips_help)
    add = command.add_mutually_exclusive_group().add_argument
    add("--degrade", action="store_true", help="IN is clean: degrade it first, then restore and score it")
    add("--reference", metavar="CLEAN", type=Path, help="clean picture or folder to score against")

    command = commands.add_parser(
        "degrade", parents=[shared], description=degrade.__doc__, help="degrade pictures"
    )
    command.set_defaults(command=degrade)
    add = command.add_argument
    add("-o", "--output", metavar="DIR", type=Path, default=Path("degraded"), help="output folder (degraded)")
    add("--steps", action="store_true", help="also write the picture after each of the 14 steps")
    return parser


if __name__ == "__main__":
    sys.exit(main())
