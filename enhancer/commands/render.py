"""`python -m enhancer render CLOUD`: pictures of a cloud of Gaussians."""

import argparse
import io
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import enhancer
from enhancer.commands.clock import Clock, pace
from enhancer.commands.frames import Frame, add_views
from enhancer.commands.pictures import (
    Load,
    LogLines,
    Outputs,
    Progress,
    is_cloud,
    outputs_of,
    pipeline_for,
    share_of,
)
from enhancer.errors import SettingsError
from enhancer.messages import Message
from enhancer.runtime.files import sweep
from enhancer.runtime.processes import Processes

CAMERAS = "transforms.json"
FLOW = "flow"  # folder


def declare(commands: Any) -> None:
    """Declare the command and its flags."""
    command = commands.add_parser("render", description=render.__doc__, help="render a cloud of Gaussians")
    command.set_defaults(command=render, is_degrading=False)
    add = command.add_argument
    cloud_help = "cloud of 3D Gaussians: .ply, .splat, .spz, .ksplat"
    add("input", metavar="CLOUD", type=Path, nargs=1, help=cloud_help)
    add("-o", "--output", metavar="DIR", type=Path, default=Path("frames"), help="output folder (frames)")
    add_views(command)
    flow_help = f"also write the optical flow from each frame to the next, px: {FLOW}/NAME.npy, (H, W, 2) float32"
    add("--flow", action="store_true", help=flow_help)
    overwrite_help = "also render what an earlier run with the same settings has finished"
    add("--overwrite", action="store_true", help=overwrite_help)


def render(args: argparse.Namespace, load: Load | None) -> int:  # noqa: ARG001  it needs no service
    """Render a cloud of Gaussians from an orbit or given cameras, as RGBA PNG, and write the cameras beside the frames."""
    if not args.input[0].exists():
        raise SettingsError(f"There is no file {args.input[0]}. Check the path.")
    if not is_cloud(args.input[0]):
        raise SettingsError(f"{args.input[0]} is no cloud of Gaussians. Give one file: .ply, .splat, .spz or .ksplat.")
    outputs = outputs_of(args, [""])
    outputs.require_writable()
    processes = Processes(cpu=True)
    try:
        return _Rendering(args, outputs, processes).run()
    finally:
        processes.part()


class _Made(NamedTuple):
    """What is written of a frame: the picture comes last, and with it the frame is finished."""

    files: dict[Path, bytes]
    made_from: dict[str, Any]
    notes: tuple[Message, ...]


class _Share(NamedTuple):
    """What one process did."""

    written: set[str]  # names of frames
    code: int
    clock: Clock


class _Rendering:
    """One process's part in rendering the frames of a cloud."""

    def __init__(self, args: argparse.Namespace, outputs: Outputs, processes: Processes) -> None:
        from enhancer.commands.finished import FinishedPictures

        self._args, self._outputs, self._processes = args, outputs, processes
        self._frames = [(frame, name) for frame, name in outputs.pictures if isinstance(frame, Frame)]
        self._finished = FinishedPictures(args.output, processes.rank)
        self._cameras = outputs.path(CAMERAS)
        if self._cameras.exists() and not self._finished.any():
            raise SettingsError(
                f"{self._cameras} is not of frames that were rendered there, and would be replaced. Choose another folder with -o."
            )
        self._following: dict[str, Frame] = {}  # by the name of the frame before
        if args.flow:
            self._following = {name: after for (_, name), (after, _) in pairwise(self._frames)}
        self._written: set[str] = set()
        self._clock = Clock()

    def run(self) -> int:
        """Render this process's share; returns the exit code of all."""
        processes = self._processes
        done = processes.on_main(self._done)
        todo = share_of([picture for picture in self._frames if picture[1] not in done], processes)
        progress, shares = Progress(len(todo), processes), []
        try:
            with progress, pipeline_for(todo, progress, processes) as pipeline:
                for picture, made in pipeline.read(todo, self._made, _weight):
                    self._clock.tick()
                    pipeline.write(picture, self._write, made)
            self._clock.stop()
            shares = processes.gathered(_Share(self._written, progress.code, self._clock))
            if processes.is_main:
                sys.stdout.write(_summary(shares, len(done)))
            return max(share.code for share in shares)
        finally:  # also when interrupted half-way: then the cameras of the frames that are there
            if processes.is_main:
                self._write_cameras(done.union(self._written, *(share.written for share in shares)))

    def _done(self) -> set[str]:
        """Return the names of the frames that are finished."""
        sweep(self._args.output, below=True)
        if self._args.overwrite:
            return set()
        return {name for frame, name in self._frames if self._finished.find(self._made_from(frame, name)) is not None}

    def _made_from(self, frame: Frame, name: str) -> dict[str, Any]:
        """Return what decides how the frame looks and is called."""
        following = self._following.get(name)
        files = [frame.stamp(), None if following is None else following.stamp()]
        return {"name": name, "files": files, "settings": {"version": enhancer.__version__}}

    def _made(self, picture: tuple[Frame, str]) -> _Made:
        """Render, and encode what is to be written: on several threads at once."""
        from enhancer.imaging.io import png_file

        frame, name = picture
        made_from = self._made_from(frame, name)
        image, notes = frame.read(self._args, 8)
        files: dict[Path, bytes] = {}
        following = self._following.get(name)
        if following is not None:
            files[self._outputs.path(f"{FLOW}/{name}.npy")] = _npy(frame.flow_to(following))
        files[self._outputs.path(f"{name}.png")] = png_file(image)
        return _Made(files, made_from, notes)

    def _write(self, picture: tuple[Frame, str], made: _Made) -> LogLines:
        frame, name = picture
        self._finished.add(made.made_from, made.files, {})
        self._written.add(name)
        return f"{frame} -> {self._outputs.path(f'{name}.png')}", made.notes

    def _write_cameras(self, names: set[str]) -> None:
        """Write the cameras of the frames that are there."""
        from enhancer.splats.camera_files import write_transforms

        there = [(frame.camera, f"{name}.png") for frame, name in self._frames if name in names]
        if there:
            cameras, pictures = zip(*there, strict=True)
            write_transforms(self._cameras, cameras, pictures)


def _weight(made: _Made) -> int:
    return sum(map(len, made.files.values()))


def _npy(array: Any) -> bytes:
    """Return an array as the content of an .npy file."""
    import numpy as np

    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _summary(shares: list[_Share], skipped: int) -> str:
    """Return how many frames there are now and how fast they came, as a line."""
    said = f"{sum(len(share.written) for share in shares)} frames rendered."
    if speed := pace([share.clock for share in shares]):
        said += f" {speed}."
    if skipped:
        said += f" {skipped} were there already (--overwrite renders them anew)."
    return f"{said}\n"
