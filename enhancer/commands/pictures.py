"""What the commands that work on pictures share: finding them, naming results, going from one to the next."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from enhancer.commands.pipeline import Pipeline, threads_for
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
            raise SettingsError(f"The result would replace {path}, which was given. Choose another folder with -o.")
        return path


def _names(sources: Sequence[Path], endings: Sequence[str]) -> dict[Path, str]:
    """Return each picture's stem, made unique where two pictures have the same (`face.png`, `face.jpg`).

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


class Progress:
    """Tells what becomes of each picture of this process, and keeps what went wrong; to be used in a `with`.

    A bad picture is named, and the rest still gets done.
    """

    def __init__(self, count: int, processes: Processes) -> None:
        """Draw a bar where there is more than one picture.

        Args:
            count: How many pictures this process does.
            processes: Only the main one draws.
        """
        from tqdm import tqdm

        self.failures: dict[Path, EnhancerError] = {}
        self._said: set[str] = set()  # what holds for every picture is said once
        self._bar = tqdm(total=count, unit="picture", disable=count < 2 or not processes.is_main)

    @property
    def code(self) -> int:
        """Exit code."""
        return BAD_INPUT if self.failures else FINE

    def __enter__(self) -> "Progress":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it stands."""
        self._bar.close()

    def tell(self, picture: Input, outcome: LogLines | EnhancerError) -> None:
        """Write the line of a picture that is done or cannot be."""
        source, _ = picture
        if isinstance(outcome, EnhancerError):
            self._bar.write(f"{source}: {outcome}", file=sys.stderr)
            self.failures[source] = outcome
        else:
            line, notes = outcome
            self._bar.write("  ".join([line, *(note for note in notes if note not in self._said)]))
            self._said.update(notes)
        self._bar.update()


def pipeline_for(progress: Progress, processes: Processes) -> Pipeline:
    """Return the pipeline of this process, which tells `progress` what becomes of each picture."""
    from enhancer.imaging.io import MAX_SIDE

    heaviest = MAX_SIDE**2 * 4 * 4  # bytes of RGBA in float32
    return Pipeline(progress.tell, threads_for(processes.local_world_size), heaviest)


def share_of(pictures: Sequence[Input], processes: Processes) -> Sequence[Input]:
    """Return the pictures that this process does."""
    return pictures[processes.rank :: processes.world_size]


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
    raise error(f"there is no {what} in {given} for this picture. Name it {source.stem}.png, or leave it out.")


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
