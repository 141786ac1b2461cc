"""`python -m enhancer restore` of a clip: every frame restored, the clip held still, and written as one."""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import enhancer
from enhancer.commands.clock import Clock, pace
from enhancer.commands.frames import frames_of, refuse_views
from enhancer.commands.pictures import FINE, Load, degrade_settings, is_cloud
from enhancer.errors import EnhancerError, SettingsError, UnavailableError, VideoError
from enhancer.messages import Message
from enhancer.runtime.processes import Processes
from enhancer.video.containers import CLIP_SUFFIXES, CONTAINERS

if TYPE_CHECKING:  # what takes time to import waits until a clip is there
    import numpy as np

    from enhancer.commands.frames import Frame as View
    from enhancer.video.job import KeptFrames, Work
    from enhancer.video.motion import Motion
    from enhancer.video.reading import Clip, Frame

FLATTENED = Message(
    "note.flattened",
    "The clip is transparent, and was laid over white: a .mov, or a folder of frames, keeps transparency.",
)

_OF_PICTURES = {
    "labels": None,
    "premultiplied": False,
    "bits": 8,
    "faces": False,
}  # flags, and what they are where they are not given


def add_clips(command: argparse.ArgumentParser) -> None:
    """Declare how clips are restored. What is not given is None: see `refuse_clips`."""
    about = (
        "a video, or with an output that ends in .mp4, .mov or .mkv also a folder of frames, a GIF or a cloud of Gaussians; an "
        "output without a suffix is a folder of PNG frames"
    )
    add = command.add_argument_group("clips", about).add_argument
    steady_help = (
        "0 to 1: how far frames are evened out along the motion before they are restored; 0 is frame by frame (1)"
    )
    add("--steady", metavar="S", type=float, help=steady_help)
    motion_help = "optical flow that is known, px: a .npy or .flo from each frame to the next, as render --flow writes them (found)"
    add("--motion", metavar="FOLDER", type=Path, help=motion_help)
    strip_help = "also draw the middle column of pixels over time, given above restored above clean, as PNG: flicker is its grain"
    add("--strip", metavar="FILE", type=Path, help=strip_help)


def is_clip(args: argparse.Namespace) -> bool:
    """Say whether what is given is to be one clip."""
    return args.output.suffix.lower() in CONTAINERS or any(path.suffix.lower() in CLIP_SUFFIXES for path in args.input)


def refuse_clips(args: argparse.Namespace) -> None:
    """See to it that no flag for clips was given where there is none.

    Raises:
        SettingsError: One was.
    """
    for flag in ("steady", "motion", "strip"):
        if getattr(args, flag) is not None:
            raise SettingsError(
                f"--{flag} is for clips. Give a video, or an output that ends in .mp4, .mov or .mkv, or leave it out."
            )


def restore_clip(args: argparse.Namespace, load: Load | None) -> int:
    """Restore a clip, and score it where there is a clean one."""
    _require_fitting(args)
    processes = Processes(cpu=True)
    try:
        return _Restoring(args, processes, load).run()
    finally:
        processes.part()


def _require_fitting(args: argparse.Namespace) -> None:
    """Refuse flags that mean nothing for a clip, before anything is opened."""
    degrade_settings(args)
    if len(args.input) > 1:
        raise SettingsError(f"Clips are restored one at a time, got {len(args.input)} inputs. Give one.")
    for flag, unset in _OF_PICTURES.items():
        if getattr(args, flag) != unset:
            raise SettingsError(f"--{flag} is for pictures, and {args.input[0]} is restored as a clip. Leave it out.")
    if args.steady is not None and not 0 <= args.steady <= 1:
        raise SettingsError(f"--steady lies in 0 to 1, got {args.steady:g}.")
    if args.motion is not None and args.steady == 0:
        raise SettingsError("--motion steadies, and --steady 0 does not. Leave out one.")
    if args.output.resolve() == args.input[0].resolve():
        raise SettingsError(f"The result would replace {args.output}, which was given. Choose another name with -o.")
    if not is_cloud(args.input[0]):
        refuse_views(args)
    elif args.is_degrading:
        raise SettingsError(f"{args.input[0]} is a cloud of Gaussians, and only clean clips are degraded.")


@dataclass(frozen=True)
class _Source:
    """A clip, what tells it from another, and how it moves where that is known."""

    clip: "Clip"
    stamp: list[Any]
    motion: "Motion | None" = None


class _Restoring:
    """One process's part in restoring a clip."""

    def __init__(self, args: argparse.Namespace, processes: Processes, load: Load | None) -> None:
        from enhancer.service import Service
        from enhancer.video.reading import open_clip
        from enhancer.video.writing import codec_for

        self._args, self._processes = args, processes
        self._degradation = degrade_settings(args)
        self._source = _source(args)
        clip = self._source.clip
        self._codec = codec_for(args.output, clip.has_alpha)
        self._reference = clip if args.is_degrading else args.reference and open_clip(args.reference)
        self._motion = _motion(args, self._source)
        self._steady = 1.0 if args.steady is None else args.steady
        _require_fitting_reference(self._reference, clip)
        _require_writable(args.output, folder=self._codec is None)
        options: dict[str, Any] = {"parser": args.parser, "lpips_net": args.lpips if self._reference else None}
        if args.lpips_trunk is not None:
            options["lpips_trunk"] = args.lpips_trunk
        self._service: Callable[[], Service] = cache(partial(load or Service.load, args.checkpoint, **options))
        self._notes = dict.fromkeys(clip.notes)
        if clip.has_alpha and self._codec is not None and not self._codec.alpha:
            self._notes[FLATTENED] = None
        self._clock = Clock()

    def run(self) -> int:
        """Do this process's share; one process writes the clip."""
        from enhancer.video.job import KeptFrames, Steadying
        from enhancer.video.reading import MadeClip

        processes = self._processes
        processes.on_main(lambda: self._service() and None)  # one download for all
        folder = self._work_folder()
        restored, degraded = KeptFrames(folder / "restored"), KeptFrames(folder / "degraded")
        if processes.is_main:
            if self._args.overwrite:
                for kept in (restored, degraded):
                    kept.drop()
            for kept in (restored, degraded):
                kept.sweep()
        processes.gathered(None)
        clip = self._source.clip
        if self._args.is_degrading:
            self._stage("degrading", clip, degraded, self._degrade, Steadying())
            clip = MadeClip(degraded.frames, clip.size, clip.count, clip.has_alpha, clip.time_base, clip.audio)
        count = self._stage("restoring", clip, restored, self._restore, Steadying(self._steady, self._motion))
        if processes.is_main:
            self._clock.stop()
            self._finish(clip, restored, degraded, count)
            for kept in (restored, degraded):
                kept.drop()
            folder.rmdir()
        return FINE

    def _stage(self, what: str, clip: "Clip", kept: "KeptFrames", work: "Work", steadying: Any) -> int:
        """Do one thing to every frame; returns how many there are once all processes are done.

        Raises:
            EnhancerError: Of whichever process could not go on.
        """
        from tqdm import tqdm

        from enhancer.video.job import Share, work_on

        share = Share(self._processes.rank, self._processes.world_size)
        done = len(kept.numbers())
        outcome: tuple[int, EnhancerError | None]
        with tqdm(
            desc=what, total=clip.count, initial=done, unit="frame", disable=not self._processes.is_main
        ) as progress:
            try:
                outcome = work_on(clip, kept, work, steadying, share, lambda: progress.update(share.processes)), None
            except EnhancerError as error:
                outcome = 0, error
        outcomes = self._processes.gathered(outcome)
        for _, error in outcomes:
            if error is not None:
                raise error
        return outcomes[0][0]

    def _degrade(self, number: int, image: "np.ndarray") -> "np.ndarray":
        """Damage a frame by a seed of its own."""
        settings = {**self._degradation, "seed": self._degradation["seed"] + number}
        return self._service().degrade(image, **settings).image

    def _restore(self, number: int, image: "np.ndarray") -> "np.ndarray":  # noqa: ARG002  as `Work`
        from enhancer.imaging.blend import Restoration

        restoration = Restoration(keep_grey=not self._args.allow_colour)
        result = self._service().restore(image, restoration=restoration, with_regions=False)
        self._notes |= dict.fromkeys(result.notes)
        self._clock.tick(result.seconds)
        return result.restored

    def _finish(self, clip: "Clip", restored: "KeptFrames", degraded: "KeptFrames", count: int) -> None:
        """Write the clip and its report."""
        args = self._args
        self._write(args.output, clip, restored)
        row: dict[str, Any] = {"file": str(args.input[0]), "output": str(args.output), "frames": count}
        if args.is_degrading:
            path = args.output.with_name(f"{args.output.stem}_degraded{args.output.suffix}")
            self._write(path, clip, degraded)
            row["degraded"] = str(path)
        restorer = self._service().require_restorer()
        row |= {"checkpoint": restorer.name, "sha": restorer.sha, "device": self._service().device}
        row |= {"steady": self._steady, "seconds": self._clock.seconds, "notes": list(self._notes)}
        row |= self._scored(clip, restored)
        if args.strip is not None:
            row["strip"] = str(args.strip)
            self._draw_strips(clip, restored, count)
        self._say(row)
        if args.json is not None:
            from enhancer.runtime.files import write_text

            text = json.dumps({"version": enhancer.__version__, "clips": [row]}, indent=2, allow_nan=False)
            write_text(args.json, text + "\n")

    def _write(self, path: Path, clip: "Clip", kept: "KeptFrames") -> None:
        from enhancer.video.writing import clip_writer

        with clip_writer(path, clip.size, clip.time_base, self._codec, clip.audio) as put:
            for frame in kept.frames():
                put(frame)

    def _draw_strips(self, clip: "Clip", restored: "KeptFrames", count: int) -> None:
        from enhancer.imaging.io import write_png
        from enhancer.video.metrics import strips

        versions = [clip.frames(), restored.frames(), *([self._reference.frames()] if self._reference else [])]
        drawn = strips(((frame.picture for frame in frames) for frames in versions), count)
        write_png(drawn.astype("float32") / 255, self._args.strip)

    def _scored(self, clip: "Clip", restored: "KeptFrames") -> dict[str, Any]:
        """Return scores of each frame and of the flicker, None where there is nothing to compare with."""
        if self._reference is None:
            return {"scores": None, "flicker": None, "images": None}
        from enhancer.commands.flicker import ClipScores

        scores = ClipScores(self._service(), self._distance())
        clean = iter(self._reference.frames())
        for given, done in zip(clip.frames(), restored.frames(), strict=True):
            other = next(clean, None)
            if other is None:
                raise _other_length()
            scores.add(float(done.pts * clip.time_base), given.picture, done.picture, other.picture)
        return scores.row()

    def _distance(self) -> Callable[..., float] | None:
        from enhancer.metrics.perceptual import Perceptual

        try:
            network = Perceptual.from_pretrained(self._args.lpips, self._service().device, self._args.lpips_trunk)
        except UnavailableError:  # the scorer says so
            return None
        return lambda one, other: network.distance(one, other)[0]

    def _say(self, row: dict[str, Any]) -> None:
        """Write the line of the clip."""
        line = f"{row['file']} -> {row['output']}  {row['checkpoint']}  {row['frames']} frames"
        if scores := row["scores"]:
            before, after = scores["degraded"], scores["restored"]
            line += f"  PSNR {before['psnr']:.2f} -> {after['psnr']:.2f} dB"
            if after["lpips"] is not None:
                line += f"  LPIPS {before['lpips']:.3f} -> {after['lpips']:.3f}"
        if speed := pace([self._clock]):
            line += f"  {speed}"
        sys.stdout.write("  ".join([line, *row["notes"]]) + "\n")

    def _work_folder(self) -> Path:
        """Return where frames are kept: beside the output, by what decides how they look."""
        args, restorer = self._args, self._service().require_restorer()
        settings = [
            enhancer.__version__,
            self._source.stamp,
            str(args.output.absolute()),
            [restorer.name, restorer.sha],
            [self._degradation, args.parser] if args.is_degrading else None,
            [self._steady, None if args.motion is None else str(args.motion.absolute())],
            args.allow_colour,
        ]
        name = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]
        return args.output.parent / f".{name}.frames"


def _source(args: argparse.Namespace) -> _Source:
    """Open what is given; a cloud of Gaussians is rendered as its frames are asked for, and how it moves is known."""
    from enhancer.commands.finished import stamp
    from enhancer.video.reading import Frame, MadeClip, open_clip

    path = args.input[0]
    if not is_cloud(path):
        clip = open_clip(path)
        stamps = [stamp(file) for file in sorted(path.iterdir())] if path.is_dir() else [stamp(path)]
        return _Source(clip, [str(path.absolute()), *stamps])
    views = frames_of(path, args)

    def rendered() -> Iterator["Frame"]:
        from enhancer.imaging.io import to_bytes

        for number, view in enumerate(views):
            yield Frame(number, to_bytes(view.read(args, 8)[0]))

    camera, scene = views[0].camera, views[0].scene
    if any((view.camera.width, view.camera.height) != (camera.width, camera.height) for view in views):
        raise SettingsError(
            f"The cameras of {args.cameras} take pictures of several sizes. Give --size, or write pictures."
        )
    clip = MadeClip(
        rendered, (camera.height, camera.width), len(views), scene.background is None, notes=tuple(scene.notes)
    )
    return _Source(clip, [view.stamp() for view in views], _CloudMotion(views))


class _CloudMotion:
    """The exact motion between the views of a cloud."""

    def __init__(self, views: list["View"]) -> None:
        self._views = views

    def flow(self, i: int, j: int, frame_i: "np.ndarray", frame_j: "np.ndarray") -> "np.ndarray":  # noqa: ARG002
        """Project the Gaussians."""
        return self._views[i].flow_to(self._views[j])


def _motion(args: argparse.Namespace, source: _Source) -> "Motion | None":
    """Return the motion that is known, None where it has to be found."""
    if args.motion is None:
        return source.motion
    from enhancer.video.motion import GivenMotion

    clip = source.clip
    return GivenMotion(args.motion, _length(clip), clip.size)


def _require_fitting_reference(reference: "Clip | None", clip: "Clip") -> None:
    if reference is not None and reference.size != clip.size:
        raise VideoError(
            Message(
                "video.reference_size",
                "The reference has {width}x{height} pixels, its clip {clip_width}x{clip_height}. "
                "Give the clean clip of the same size.",
                width=reference.size[1],
                height=reference.size[0],
                clip_width=clip.size[1],
                clip_height=clip.size[0],
            )
        )
    if reference is not None and reference is not clip and _length(reference) != _length(clip):
        raise _other_length()


def _length(clip: "Clip") -> int:
    """Return how many frames a clip says it has; one that does not say is decoded, which is quick beside restoring it."""
    return clip.count or sum(1 for _ in clip.frames())


def _other_length() -> VideoError:
    return VideoError(
        Message(
            "video.reference_length",
            "The reference has another number of frames than its clip. Give the clean clip of the same length.",
        )
    )


def _require_writable(output: Path, *, folder: bool) -> None:
    """See that the result can be written, before any work is done for it."""
    if folder and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SettingsError(
            f"The frames need a folder that is empty or new, and {output} is not. Choose another with -o."
        )
    if not folder and output.is_dir():
        raise SettingsError(f"{output} is a folder, and its name that of a clip. Choose another name with -o.")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise SettingsError(
            f"Nothing can be written to the folder {output.parent}: {error.strerror or error}. Choose another with -o."
        ) from error
