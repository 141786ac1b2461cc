"""What the commands that work on pictures share: finding them, naming results, going from one to the next."""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from enhancer.commands.frames import frames_of, frames_or_trouble, refuse_views
from enhancer.commands.pipeline import Pipeline, threads_for
from enhancer.commands.sources import PictureFile, Source
from enhancer.errors import EnhancerError, ImageError, SettingsError
from enhancer.runtime.processes import Processes

if TYPE_CHECKING:  # the imports that take time wait until a command runs, so that --help is quick
    from enhancer.service import Service

FINE, BAD_INPUT, INTERRUPTED = 0, 2, 130  # exit codes

Input = tuple[Source, str]  # where the picture comes from, and the name of its results without suffix
LogLines = tuple[str, Sequence[str]]  # a line about a picture, and notes: what writing it returns
Others = Counter[str]  # suffix -> how many files of it are no pictures that can be read here
Load = Callable[..., "Service"]  # Service.load, or what stands in for it


class Outputs:
    """Where results go: one name for each picture, and never on top of a picture that was given."""

    def __init__(self, folder: Path, pictures: list[Input], given: Sequence[Path], others: Others) -> None:
        self.folder = folder
        self.pictures = pictures
        self.others = others  # what the folders given hold besides
        self._given = {(file.stat().st_dev, file.stat().st_ino) for file in given if file.is_file()}

    def require_writable(self) -> None:
        """Make the folder, and see that files can be written there, before any work is done for it.

        Raises:
            SettingsError: They cannot.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise SettingsError(
                f"Nothing can be written to the folder {self.folder}: {error.strerror or error}. Choose another with -o."
            ) from error

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


def _named(sources: Sequence[Source], endings: Sequence[str]) -> list[Input]:
    """Return each picture with its stem, made unique where two pictures have the same (`face.png`, `face.jpg`).

    Neither case nor Unicode form counts: on some disks `Face.png` and `face.png` are one file. What is too long with an
    ending of a result is cut.
    """
    from enhancer.imaging.names import LONGEST, fitting, normalised

    room = LONGEST - max(len(f"{ending}.png") for ending in endings)

    def key(name: str) -> str:
        return normalised(name).casefold()

    stems = Counter(key(source.stem) for source in sources)
    taken: set[str] = set()
    pictures: list[Input] = []
    for source in sources:
        name = source.stem if stems[key(source.stem)] == 1 else source.longer_stem
        name = fitting(name, room)
        while taken & {key(f"{name}{ending}") for ending in endings}:
            name = fitting(f"{name}_", room)
        taken |= {key(f"{name}{ending}") for ending in endings}
        pictures.append((source, name))
    return pictures


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

        self.failures: dict[Input, EnhancerError] = {}
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
            self.failures[picture] = outcome
        else:
            line, notes = outcome
            self._bar.write("  ".join([line, *(note for note in notes if note not in self._said)]))
            self._said.update(notes)
        self._bar.update()


def pipeline_for(pictures: Sequence[Input], progress: Progress, processes: Processes) -> Pipeline:
    """Return this process's pipeline for its pictures, which tells `progress` what becomes of each."""
    heaviest = max((source.heaviest for source, _ in pictures), default=0)
    return Pipeline(progress.tell, threads_for(processes.local_world_size), heaviest)


def share_of(pictures: Sequence[Input], processes: Processes) -> Sequence[Input]:
    """Return the pictures that this process does."""
    return pictures[processes.rank :: processes.world_size]


def outputs_of(args: argparse.Namespace, endings: Sequence[str]) -> Outputs:
    """Find the pictures, and settle what may be written, before anything is loaded."""
    sources, others = sources_of(args)
    given = [source.path for source in sources if isinstance(source, PictureFile)] + list(args.input)
    for option in ("labels", "reference", "cameras"):
        partner = getattr(args, option, None)
        if partner is None:
            continue
        if option != "cameras" and are_several(args) and not partner.is_dir():
            raise SettingsError(f"With several pictures, --{option} must be a folder, got {partner}.")
        given += partner.iterdir() if partner.is_dir() else [partner]
    report = getattr(args, "json", None)
    if report is not None and (report.is_dir() or report.resolve() in {file.resolve() for file in given}):
        raise SettingsError(f"The report cannot be written over {report}. Choose another --json file.")
    return Outputs(args.output, _named(sources, endings), given, others)


def are_several(args: argparse.Namespace) -> bool:
    """Say whether a folder was given, or more than one picture; a cloud of Gaussians has many."""
    return len(args.input) > 1 or args.input[0].is_dir() or is_cloud(args.input[0])


def is_cloud(path: Path) -> bool:
    """Say whether a file is a cloud of Gaussians rather than a picture."""
    from enhancer.splats.files import is_splats

    try:
        return not path.is_dir() and is_splats(path)
    except OSError:  # said when it is its turn
        return False


def sources_of(args: argparse.Namespace) -> tuple[list[Source], Others]:
    """Return what the command is to work on, in order, and what else lies in the folders given.

    Raises:
        EnhancerError: The only file or folder given does not exist, a folder holds no picture, a cloud of Gaussians or how it
            is to be looked at cannot be used, or a flag belongs to what is not there.
    """
    sources: dict[Source, None] = {}  # as a set that keeps the order: a picture given twice is done once
    others: Others = Counter()
    clouds = [path for path in dict.fromkeys(args.input) if is_cloud(path)]
    if not clouds:
        refuse_views(args)
    elif args.is_degrading:
        raise SettingsError(
            f"{clouds[0]} is a cloud of Gaussians, and only clean pictures are degraded. Give pictures, or restore it as it is."
        )
    for path in dict.fromkeys(args.input):
        if path in clouds:
            found = frames_of(path, args) if len(args.input) == 1 else frames_or_trouble(path, args)
            sources |= dict.fromkeys(found)
        else:
            found, besides = pictures_of(path, is_alone=len(args.input) == 1)
            sources |= dict.fromkeys(map(PictureFile, found))
            others += besides
    return list(sources), others


def pictures_of(path: Path, *, is_alone: bool = True) -> tuple[list[Path], Others]:
    """Return a picture, or those of a folder (not of its subfolders), label maps left out; and what else lies there.

    Args:
        path: File or folder.
        is_alone: Nothing else was given; of several, one that does not exist is named when it is its turn.

    Raises:
        ImageError: It does not exist, or the folder holds no picture.
    """
    from enhancer.imaging.folders import LABELS_SUFFIX, left_out, pictures_in
    from enhancer.imaging.io import IMAGE_SUFFIXES

    if not path.is_dir():
        if is_alone and not path.exists():
            raise ImageError(f"There is no file or folder {path}. Check the path.")
        return [path], Counter()
    inside, others = pictures_in(path)
    found = [picture for picture in inside if not picture.stem.endswith(LABELS_SUFFIX)]
    if not found:
        said = f" {left_out(others)}" if others else ""
        raise ImageError(f"The folder {path} holds no pictures. They end in {', '.join(IMAGE_SUFFIXES)}.{said}")
    return found, others


class Partners:
    """The files that go with the pictures, such as their label maps: one that was given, or those of a folder by name."""

    def __init__(self, given: Path | None, what: str, error: type[EnhancerError]) -> None:
        """Look into the folder.

        Args:
            given: A file, a folder, or None.
            what: They are called NAME.* or NAME_what.*, where NAME is the picture's.
            error: What a picture without its partner ends in.
        """
        from enhancer.imaging.folders import by_stem

        self._given, self._what, self._error = given, what, error
        self._by_stem = by_stem(given) if given is not None and given.is_dir() else None

    def of(self, source: Source) -> Path | None:
        """Return the file that goes with a picture, None where none was given."""
        from enhancer.imaging.folders import partner_of

        if self._by_stem is None:
            return self._given
        found = partner_of(source.stem, self._by_stem, self._what)
        if found is None:
            raise self._error(
                f"there is no {self._what} in {self._given} for this picture. Name it {source.stem}.png, or leave it out."
            )
        return found


def degrade_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return preset, strengths and seed, checked before anything is loaded."""
    from enhancer.degradation import Degrading

    strengths: dict[str, float] = {}
    for entry in args.strength:
        region, _, amount = entry.partition("=")
        try:
            strengths[region] = float(amount)
        except ValueError:
            raise SettingsError(f"--strength takes REGION=AMOUNT, such as eyes=0.5, got {entry!r}.") from None
    Degrading(args.preset, strengths, args.seed)
    return {"preset": args.preset, "strengths": strengths, "seed": args.seed}


def add_shared(command: argparse.ArgumentParser) -> None:
    """Declare what every command on pictures takes."""
    add = command.add_argument
    add("input", metavar="IN", type=Path, nargs="+", help="pictures, or folders of pictures")
    premultiplied_help = "the colours of the pictures are multiplied by their alpha, as many renderers write them"
    add("--premultiplied", action="store_true", help=premultiplied_help)
    add("--labels", metavar="MAP", type=Path, help="label map, or a folder of NAME_labels.png")
    parser_help = "face parser where there is no label map: a folder, a Hub id, or pocket (pocket, the embedded one)"
    add("--parser", metavar="REF", default="pocket", help=parser_help)
    add("--seed", metavar="N", type=int, default=0, help="what the degradation draws from (0)")
    preset_help = (
        "degradation preset: v1 or v2, the 14 steps, or splat-coarse, -medium, -fine, -side or -head, splats fitted to the "
        "picture (v2)"
    )
    add("--preset", metavar="NAME", default="v2", help=preset_help)
    strength_help = "strength of the 14 steps, 0 to 1, such as eyes=0.5; may be given again for other regions"
    add("--strength", metavar="REGION=AMOUNT", action="append", default=[], help=strength_help)
