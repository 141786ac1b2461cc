"""What the commands that work on pictures share: finding them, naming results, going from one to the next."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhancer.commands.overlap import Stages, overlapped, threads_for
from enhancer.errors import EnhancerError, ImageError, LabelError, SettingsError
from enhancer.runtime.processes import Processes

if TYPE_CHECKING:  # the imports that take time wait until a command runs, so that --help is quick
    from enhancer.service import Service

FINE, BAD_INPUT, INTERRUPTED = 0, 2, 130  # exit codes

Input = tuple[Path, str]  # the file, and the name of its results without suffix
LogLines = tuple[str, Sequence[str]]  # a line about a picture, and notes: what writing it returns
Load = Callable[..., "Service"]  # Service.load, or what stands in for it


class Outputs:
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


def for_each(
    pictures: Sequence[Input],
    stages: Stages,
    processes: Processes,
    note_failure: Callable[[Path, EnhancerError], Any] | None = None,
) -> int:
    """Take this process's share of the pictures through the stages; returns the exit code.

    A bad picture is named, and the rest still gets done.
    """
    from tqdm import tqdm

    from enhancer.imaging.io import MAX_SIDE

    pictures = pictures[processes.rank :: processes.world_size]
    code = FINE
    said: set[str] = set()  # what holds for every picture is said once
    threads, heaviest = threads_for(processes.local_world_size), MAX_SIDE**2 * 4 * 4  # RGBA in float32
    with (
        closing(overlapped(pictures, stages, threads, heaviest)) as outcomes,
        tqdm(total=len(pictures), unit="picture", disable=len(pictures) < 2 or not processes.is_main) as bar,
    ):
        for (source, _), outcome in outcomes:
            if isinstance(outcome, EnhancerError):
                tqdm.write(f"{source}: {outcome}", file=sys.stderr)
                code = BAD_INPUT
                if note_failure is not None:
                    note_failure(source, outcome)
            else:
                line, notes = outcome
                tqdm.write("  ".join([line, *(note for note in notes if note not in said)]))
                said.update(notes)
            bar.update()
    return code


def outputs_of(args: argparse.Namespace, endings: Sequence[str]) -> Outputs:
    """Find the pictures, and settle what may be written, before anything is loaded."""
    sources = pictures_of(args.input)
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
    return Outputs(args.output, _names(sources, endings), given)


def pictures_of(given: Path) -> list[Path]:
    """Return the picture itself, or the pictures in a folder (not in its subfolders), label maps left out.

    Raises:
        ImageError: There is no such file or folder, or no picture in it.
    """
    from enhancer.imaging.io import IMAGE_SUFFIXES

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


def partner_of(source: Path, given: Path | None, what: str, error: type[EnhancerError]) -> Path | None:
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


def labels_of(source: Path, args: argparse.Namespace) -> Any:
    """Return the label map of a picture, None where none was given."""
    from enhancer.imaging.io import read_labels

    path = partner_of(source, args.labels, "labels", LabelError)
    return None if path is None else read_labels(path)


def degrade_settings(args: argparse.Namespace) -> dict[str, Any]:
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


def add_shared(command: argparse.ArgumentParser) -> None:
    """Declare what every command on pictures takes."""
    add = command.add_argument
    add("input", metavar="IN", type=Path, help="a picture, or a folder of pictures")
    add("--labels", metavar="MAP", type=Path, help="label map, or a folder of NAME_labels.png")
    add("--seed", metavar="N", type=int, default=0, help="what the degradation draws from (0)")
    add("--preset", metavar="NAME", default="v2", help="degradation preset, v1 or v2 (v2)")
    strength_help = "degradation strength, 0 to 1, such as eyes=0.5; may be given again for other regions"
    add("--strength", metavar="REGION=AMOUNT", action="append", default=[], help=strength_help)
