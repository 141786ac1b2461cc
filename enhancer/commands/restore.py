"""`python -m enhancer restore IN`: restore pictures; clips go on to `enhancer.commands.clip`."""

import argparse
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import enhancer
from enhancer.commands.clip import add_clips, is_clip, refuse_clips, restore_clip
from enhancer.commands.clock import Clock, pace
from enhancer.commands.frames import add_views
from enhancer.commands.pictures import (
    Input,
    Load,
    LogLines,
    Others,
    Outputs,
    Partners,
    Progress,
    add_shared,
    are_several,
    degrade_settings,
    outputs_of,
    pipeline_for,
    share_of,
)
from enhancer.commands.sources import Source, read_picture
from enhancer.errors import EnhancerError, ImageError, LabelError, SettingsError
from enhancer.messages import Message
from enhancer.runtime.files import sweep
from enhancer.runtime.processes import Processes


def declare(commands: Any) -> None:
    """Declare the command and its flags."""
    command = commands.add_parser("restore", description=restore.__doc__, help="restore pictures and clips")
    command.set_defaults(command=restore)
    add_shared(command)
    add_views(command)
    add_clips(command)
    add = command.add_argument
    add(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("restored"),
        help="output folder, or file of a clip (restored)",
    )
    checkpoint_help = "user/repo, user/repo@tag-or-commit, a folder, a run, or pocket (pocket, the embedded one)"
    add("--checkpoint", metavar="REF", default="pocket", help=checkpoint_help)
    add("--json", metavar="FILE", type=Path, help="write a report with every score")
    add(
        "--lpips",
        choices=("alex", "vgg"),
        default="alex",
        help="network behind LPIPS: alex is embedded (alex)",
    )
    trunk_help = (
        "VGG16's weights for --lpips vgg, the convolutions or all of it (else LPIPS_TRUNK, torch's cache, a download)"
    )
    add("--lpips_trunk", metavar="FILE", type=Path, help=trunk_help)
    overwrite_help = "of a folder, also restore what an earlier run with the same settings has finished"
    add("--overwrite", action="store_true", help=overwrite_help)
    add("--bits", type=int, choices=(8, 16), default=8, help="a channel of the pictures that are written (8)")
    faces_help = "find the faces, restore each by itself and paste it back: for pictures in which heads are small"
    add("--faces", action="store_true", help=faces_help)
    add("--allow_colour", action="store_true", help="a black-and-white picture need not stay black-and-white")
    add = command.add_mutually_exclusive_group().add_argument
    add(
        "--degrade",
        dest="is_degrading",
        action="store_true",
        help="IN is clean: degrade it first, then restore and score it",
    )
    add("--reference", metavar="CLEAN", type=Path, help="clean picture or folder to score against")


def restore(args: argparse.Namespace, load: Load | None) -> int:
    """Restore a picture, a folder of them or a clip, with scores where there is a clean one to compare with."""
    if is_clip(args):
        return restore_clip(args, load)
    refuse_clips(args)
    _require_whole(args)
    outputs = outputs_of(args, ["", "_degraded"] if args.is_degrading else [""])
    degrade_settings(args)  # a typo should not cost the loading of a model
    outputs.require_writable()
    processes = Processes(cpu=True)  # they have little to tell each other: their GPUs are for the pictures
    try:
        return _Restoring(args, outputs, processes, load).run()
    finally:
        processes.part()


def _require_whole(args: argparse.Namespace) -> None:
    """See to it that pictures whose faces are found are given nothing that is of one face."""
    if not args.faces:
        return
    for flag, given in (("degrade", args.is_degrading), ("labels", args.labels is not None)):
        if given:
            raise SettingsError(
                f"--{flag} is for pictures of one face, and --faces finds and restores each face by itself. Leave out one."
            )


class _Given(NamedTuple):
    """What is read of a picture."""

    image: Any
    reference: Any
    labels: Any
    stamps: list[Any]  # of its files, before they were read
    notes: tuple[Message, ...]  # on how it was read


class _Made(NamedTuple):
    """What is written of it: the restored picture comes last, and with it the picture is finished."""

    pictures: dict[Path, Any]
    row: dict[str, Any]
    said: LogLines
    made_from: dict[str, Any]


class _Share(NamedTuple):
    """What one process did."""

    rows: dict[str, dict[str, Any]]
    written: int  # pictures
    code: int
    clock: Clock


class _Restoring:
    """One process's part in restoring pictures."""

    def __init__(self, args: argparse.Namespace, outputs: Outputs, processes: Processes, load: Load | None) -> None:
        from enhancer.commands.finished import FinishedPictures
        from enhancer.service import Service

        self._args, self._outputs, self._processes = args, outputs, processes
        self._degradation = degrade_settings(args)
        scores = args.is_degrading or args.reference is not None
        options: dict[str, Any] = {"parser": args.parser, "lpips_net": args.lpips if scores else None}
        if args.lpips_trunk is not None:
            options["lpips_trunk"] = args.lpips_trunk
        if processes.world_size > 1:
            options["device"] = _own_device(processes)
        self._service = cache(partial(load or Service.load, args.checkpoint, **options))
        self._finished = FinishedPictures(args.output, processes.rank) if are_several(args) else None
        self._references = Partners(args.reference, "reference", ImageError)
        self._maps = Partners(args.labels, "labels", LabelError)
        self._rows: dict[str, dict[str, Any]] = {}  # by the name of the result
        self._clock = Clock()

    def run(self) -> int:
        """Restore this process's share; returns the exit code of all."""
        pictures, processes = self._outputs.pictures, self._processes
        done = processes.on_main(self._done)
        todo = share_of([(source, name) for source, name in pictures if name not in done], processes)
        progress, shares = Progress(len(todo), processes), []
        try:
            with progress, pipeline_for(todo, progress, processes) as pipeline:
                for picture, given in pipeline.read(todo, self._read, _weight):
                    with pipeline.failing(picture):
                        pipeline.write(picture, self._write, self._restored(picture, given))
            self._clock.stop()
            shares = processes.gathered(self._share(progress))
            if self._finished is not None and processes.is_main:
                sys.stdout.write(_summary(shares, len(done), self._outputs.others))
            return max(share.code for share in shares)
        finally:  # also when interrupted half-way: then of what this process did
            if self._args.json is not None and processes.is_main:
                for share in shares or [self._share(progress)]:
                    done |= share.rows
                self._report(done)

    def _done(self) -> dict[str, dict[str, Any]]:
        """Return the rows of the pictures that are finished; with several processes also see to the download."""
        found: dict[str, dict[str, Any]] = {}
        if self._processes.world_size > 1:
            self._service()
        if self._finished is None or not self._args.output.is_dir():
            return found
        sweep(self._args.output)
        if self._args.overwrite or not self._finished.any():
            return found
        for source, name in self._outputs.pictures:
            try:
                row = self._finished.find(self._made_from(name, self._stamps(source)))
            except (EnhancerError, OSError):  # said when it is its turn
                continue
            if row is not None:
                found[name] = {**row, **self._files(source, name)}
        return found

    def _made_from(self, name: str, stamps: list[Any]) -> dict[str, Any]:
        """Return what decides how the restored picture looks, scores and is called."""
        args, restorer = self._args, self._service().require_restorer()
        settings = {
            "version": enhancer.__version__,
            "checkpoint": restorer.name,
            "sha": restorer.sha,
            "degradation": self._degradation if args.is_degrading else None,
            "faces": args.faces,
            "allow_colour": args.allow_colour,
            "bits": args.bits,
            "parser": args.parser if args.is_degrading or args.reference else None,
            "lpips": args.lpips if args.is_degrading or args.reference else None,
            "premultiplied": args.premultiplied,
        }
        return {"name": name, "files": stamps, "settings": settings}

    def _stamps(self, source: Source) -> list[Any]:
        """Return the stamps of everything that is read for a picture."""
        from enhancer.commands.finished import stamp

        return [source.stamp(), *(None if file is None else stamp(file) for file in self._partners(source))]

    def _partners(self, source: Source) -> tuple[Path | None, Path | None]:
        """Return the files of the clean picture and of the label map, None where none was given."""
        return self._references.of(source), self._maps.of(source)

    def _files(self, source: Source, name: str) -> dict[str, str]:
        """Return the part of a report's row that names files."""
        files = {**source.told, "output": str(self._outputs.path(f"{name}.png"))}
        if self._args.is_degrading:
            files["degraded"] = str(self._outputs.path(f"{name}_degraded.png"))
        return files

    def _read(self, picture: Input) -> _Given:
        from enhancer.imaging.io import read_labels

        source, name = picture
        stamps = [] if self._finished is None else self._stamps(source)
        image, notes = source.read(self._args, self._args.bits)
        self._files(source, name)  # what is wrong with the output should be known now
        reference, labels = self._partners(source)
        return _Given(
            image,
            None
            if reference is None
            else read_picture(reference, f"its reference {reference.name}", self._args, 16)[0],
            None if labels is None else read_labels(labels),
            stamps,
            notes,
        )

    def _restored(self, picture: Input, given: _Given) -> _Made:
        from enhancer.imaging.blend import Restoration
        from enhancer.results import result_row

        service = self._service()
        (source, name), args = picture, self._args
        restoration = Restoration(keep_grey=not args.allow_colour, bits=args.bits)
        if args.faces:
            result = service.restore_faces(
                given.image, reference=given.reference, restoration=restoration, with_regions=False
            )
        else:
            result = service.restore(
                given.image,
                degrade_first=args.is_degrading,
                reference=given.reference,
                labels=given.labels,
                restoration=restoration,
                with_regions=False,
                **self._degradation,
            )
        result = result.noting(given.notes)
        self._clock.tick(sum(seconds for what, seconds in result.timings.items() if what != "degrade"))
        files = self._files(source, name)
        row: dict[str, Any] = {**files, **result_row(result)}
        pictures = {Path(files["degraded"]): (result.degraded, result.record.of_degraded)} if args.is_degrading else {}
        pictures[Path(files["output"])] = (result.restored, result.record)
        line = f"{source} -> {files['output']}  {result.record.checkpoint}  {result.seconds:.2f} s"
        if result.faces is not None:
            line += f"  faces: {len(result.faces)}"
        if scores := row["scores"]:
            before, after = scores["degraded"], scores["restored"]
            line += f"  PSNR {before['psnr']:.2f} -> {after['psnr']:.2f} dB"
            if after["lpips"] is not None:
                line += f"  {result.comparison.lpips_name} {before['lpips']:.3f} -> {after['lpips']:.3f}"
        return _Made(pictures, row, (line, result.notes), self._made_from(name, given.stamps))

    def _write(self, picture: Input, made: _Made) -> LogLines:
        from enhancer.imaging.provenance import png_bytes, write_recorded

        bits = self._args.bits
        if self._finished is not None:
            encoded = {path: png_bytes(image, record, bits) for path, (image, record) in made.pictures.items()}
            self._finished.add(made.made_from, encoded, made.row)
        else:
            for path, (image, record) in made.pictures.items():
                write_recorded(image, path, record, bits)
        _, name = picture
        self._rows[name] = made.row
        return made.said

    def _share(self, progress: Progress) -> _Share:
        from enhancer.results import failed_row

        failed = {
            name: {**source.told, "output": None, **failed_row(error)}
            for (source, name), error in progress.failures.items()
        }
        return _Share(self._rows | failed, len(self._rows), progress.code, self._clock)

    def _report(self, rows: dict[str, dict[str, Any]]) -> None:
        from enhancer.results import write_report

        in_order = [rows[name] for _, name in self._outputs.pictures if name in rows]
        write_report(in_order, self._args.json, enhancer.__version__)


def _own_device(processes: Processes) -> str | None:
    """Return the GPU of this process, None where there is none."""
    import torch

    count = torch.cuda.device_count()
    return f"cuda:{processes.local_rank % count}" if count else None


def _weight(given: _Given) -> int:
    return sum(array.nbytes for array in given[:3] if array is not None)


def _summary(shares: list[_Share], skipped: int, others: Others) -> str:
    """Return how many pictures there are now and how fast they came, as a line."""
    from enhancer.imaging.folders import left_out

    clocks = [share.clock for share in shares]
    said = f"{sum(share.written for share in shares)} pictures restored."
    if speed := pace(clocks):
        busy = sum(clock.busy for clock in clocks) / sum(clock.seconds for clock in clocks)
        said += f" {speed}, the device busy {busy:.0%} of the time."
    if skipped:
        said += f" {skipped} were there already (--overwrite restores them anew)."
    if others:
        said += f" {left_out(others)}"
    return f"{said}\n"
