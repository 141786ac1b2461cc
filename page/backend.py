"""What runs behind the page: the loaded checkpoints, the GPU they may borrow, errors as messages."""

import logging
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import spaces  # must come before anything that touches CUDA

# isort: split
import numpy as np

from enhancer.comparison import Comparison
from enhancer.detection import Found
from enhancer.errors import EnhancerError
from enhancer.imaging.background import over_one_background
from enhancer.imaging.faces import believed
from enhancer.imaging.io import WHITE, read_image, read_labels, to_bytes
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.messages import Message
from enhancer.parts import LateParser
from enhancer.results import Degraded, Result
from enhancer.service import Service
from page.i18n.translate import refusal

ROOT = Path(__file__).parents[1]
TRUTH, LABELS = "_truth", "_labels"  # ends of the names of what lies beside an example


def _examples_in(folder: str) -> list[Path]:
    found = sorted((ROOT / "examples" / folder).glob("head_*.png"))
    return [path for path in found if not path.stem.endswith((TRUTH, LABELS))]


HEADS, RENDERS = _examples_in("heads"), _examples_in("renders")  # clean pictures, and renders of splats
FINER = RENDERS[0].with_stem(
    f"12000_gaussians_{RENDERS[0].stem}"
)  # the first render's view, of more than twice the Gaussians
ON_ZERO_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
POCKET = "pocket"
NO_MEMORY = Message("memory.page", "This machine ran out of memory. Try again in a minute, or with a smaller picture.")
FACES_ALONE = Message(
    "faces.alone",
    "Faces are found and restored one by one in a picture as it is: it is not degraded first and has no label map. Leave out one.",
)
WORTH_SAYING = 10  # seconds
GPU_START = 8  # seconds of a GPU for whatever comes before and after the pictures

GROWTH = 1.5  # of the time with the pixels: pocket on two cores took 1.6 s at 512 px, 10 s at 1024 px, 109 s at 2048 px
# checkpoint -> pixels -> seconds that the latest picture of about that size took
_taken: dict[str, dict[int, float]] = {}

_log = logging.getLogger(__name__)
_loading = threading.RLock()


def checkpoints() -> tuple[str, ...]:
    """Return the checkpoints a visitor may choose among: CHECKPOINTS, else CHECKPOINT alone, else the embedded one."""
    listed = [name.strip() for name in os.environ.get("CHECKPOINTS", "").split(",") if name.strip()]
    return tuple(listed or [os.environ.get("CHECKPOINT", "").strip() or POCKET])


@cache
def _parser() -> LateParser:
    """Return the one parser, whatever checkpoints there are: PARSER, else the embedded one.

    On ZeroGPU it works on the CPU, so that no GPU is lent to find the regions of a face.
    """
    from enhancer.runtime.device import best_device  # here rather than above: it brings torch

    named = os.environ.get("PARSER", "").strip() or POCKET
    return LateParser(named, "cpu" if ON_ZERO_GPU else best_device(), may_be_replaced=True)


@cache
def _service(checkpoint: str) -> Service:
    try:
        return Service.load(checkpoint, parser=_parser())
    except EnhancerError as error:
        if checkpoint == POCKET:
            raise
        # The owner reads why in the log; a visitor gets a page that works, with a notice.
        _log.warning("The checkpoint %s is not used: %s", checkpoint, error)
        notice = Message(
            "note.checkpoint",
            "The checkpoint {name} cannot be had now, so the small embedded one is at work.",
            name=checkpoint,
        )
        standing_in = _service(POCKET)
        restorer = standing_in.require_restorer()
        return replace(standing_in, restorer=replace(restorer, notices=(*restorer.notices, notice)))


def service(checkpoint: str | None = None) -> Service:
    """Return what does the work, loaded once; who asks while it loads waits. Tests put a stand-in here."""
    offered = checkpoints()
    if checkpoint is not None and checkpoint not in offered:
        raise refusal(
            Message(
                "settings.checkpoint",
                "There is no checkpoint {name!r} here. Choose one of {known}.",
                name=checkpoint,
                known=", ".join(offered),
            )
        )
    with _loading:
        return _service(checkpoint or offered[0])


def load_everything() -> None:
    """Load every checkpoint, the parser and LPIPS, such as before a GPU is lent: what is loaded by then is placed on it."""
    for checkpoint in checkpoints():
        parts = service(checkpoint)
        parts.parser.prepare()
        if parts.scorer is not None:
            parts.scorer.prepare()


@contextmanager
def shown_to_visitor() -> Iterator[None]:
    """Turn our errors into a message on the page; on ZeroGPU no other kind would cross to it in words."""
    try:
        yield
    except EnhancerError as error:
        raise refusal(error.message) from error
    except MemoryError as error:
        raise refusal(NO_MEMORY) from error


def gpu_seconds(image: np.ndarray, *_: Any, **__: Any) -> int:
    """Return how long a GPU is asked for; short calls are served first: 8 s at 512 px, 24 s at 2048 px."""
    return GPU_START + image.size // 1_000_000


def settle_in() -> None:
    """Let torch compute in one thread where the process was forked to borrow a GPU.

    The threads it computed with before are not in the fork, and it would wait for them for ever.
    """
    if ON_ZERO_GPU:
        import torch

        torch.set_num_threads(1)


@spaces.GPU(duration=gpu_seconds)
def restore(
    image: np.ndarray,
    labels: np.ndarray | None = None,
    checkpoint: str | None = None,
    notes: tuple[Message, ...] = (),
    *,
    faces: bool = False,
    **settings: Any,
) -> Iterator[Result]:
    """Yield a restored picture, then, where there is something to compare with, the same with its scores.

    `notes` are those on how the picture was read; with `faces` each face is found and restored by itself; other arguments
    are of `Service.restore`. Outside ZeroGPU this is an ordinary generator; there, everything that goes in and out is
    pickled.
    """
    if faces and (labels is not None or settings.get("degrade_first")):
        raise refusal(FACES_ALONE)
    with shown_to_visitor():
        settle_in()
        parts = service(checkpoint)
        if faces:
            asked = {name: settings[name] for name in ("reference", "restoration") if name in settings}
            result = parts.restore_faces(image, with_scores=False, **asked)
        else:
            result = parts.restore(image, labels=known_labels(image, labels), with_scores=False, **settings)
        result = result.noting(notes)
        yield result
        if result.clean is not None:
            yield parts.scored(result)


@dataclass(frozen=True)
class Half:
    """One of two pictures that are compared.

    Attributes:
        image: As `enhancer.imaging.io` defines it.
        checkpoint: What restores it first, at full strength; None compares it as it is.
    """

    image: np.ndarray
    checkpoint: str | None


def _gpu_seconds_of_both(halves: tuple[Half, Half], *_: Any, **__: Any) -> int:
    return GPU_START + sum(half.image.size // 1_000_000 for half in halves)


@spaces.GPU(duration=_gpu_seconds_of_both)
def compare(
    halves: tuple[Half, Half], reference: np.ndarray | None = None
) -> Iterator[tuple[Comparison, tuple[Result | None, ...]]]:
    """Yield two pictures of one view beside each other, then, where there is a clean one, the same with their scores.

    With each comes the result of every half that was restored, None of one that was not.
    """
    with shown_to_visitor():
        settle_in()
        made = tuple(
            service(half.checkpoint).restore(half.image, with_scores=False, with_regions=False)
            if half.checkpoint
            else None
            for half in halves
        )
        first, second = (half.image if own is None else own.restored for half, own in zip(halves, made, strict=True))
        parts = service()
        compared = parts.compare((first, second), reference=reference)
        yield compared, made
        if reference is not None:
            yield compared.scored_by(parts.scorer), made


def faces_apart(rgb: np.ndarray) -> tuple[Found, ...]:
    """Return the faces of an (H, W, 3) picture that had better be restored each by itself: several, or a small one."""
    with shown_to_visitor():
        return service().faces_apart(rgb)


def expected_seconds(image: np.ndarray, checkpoint: str | None = None) -> float:
    """Return roughly how long restoring takes, by how long it took before; 0 where it is not worth saying."""
    return expected_seconds_of(image.shape[0] * image.shape[1], checkpoint=checkpoint)


def expected_seconds_of(pixels: int, pictures: int = 1, checkpoint: str | None = None) -> float:
    """Return the same of several pictures with so many pixels each."""
    restorer = service(checkpoint).require_restorer()
    if taken := _taken.get(restorer.name):
        nearest = min(taken, key=lambda known: abs(math.log(known / pixels)))
        seconds = pictures * taken[nearest] * (pixels / nearest) ** (GROWTH if pixels > nearest else 1)
    else:
        seconds = pictures * restorer.seconds_per_pixel * pixels
    return seconds if seconds >= WORTH_SAYING else 0.0


def is_slow(checkpoint: str | None = None) -> bool:
    """Say whether a checkpoint is at work that is made for a GPU where there is none."""
    return service(checkpoint).require_restorer().seconds_per_pixel > 0


def note_time(result: Result) -> None:
    """Take how long a picture took, for what is told of the next; degrading tells its own progress and does not count."""
    seconds = sum(spent for part, spent in result.timings.items() if part != "degrade")
    pixels = result.restored.shape[0] * result.restored.shape[1]
    known = _taken.setdefault(result.record.checkpoint or "", {})
    about = next((size for size in known if abs(math.log2(size / pixels)) < 0.5), pixels)  # one of about that size
    known.pop(about, None)
    known[pixels] = seconds


def degraded(image: np.ndarray, labels: np.ndarray | None = None, **settings: Any) -> Degraded:
    """Return a picture degraded; the arguments are those of `Service.degrade`."""
    with shown_to_visitor():
        return service().degrade(image, known_labels(image, labels), **settings)


@spaces.GPU(duration=gpu_seconds)
def scores(image: np.ndarray, reference: np.ndarray, labels: np.ndarray | None = None) -> dict[str, Any]:
    """Return the scores of a picture against a clean one, and what measured them."""
    parts = service()
    if parts.scorer is None or image.shape[:2] != reference.shape[:2]:
        first, second = (f"{shown.shape[1]}x{shown.shape[0]}" for shown in (image, reference))
        raise refusal(
            Message(
                "reference.scores",
                "Scores need two pictures of the same size, got {first} and {second} pixels.",
                first=first,
                second=second,
            )
        )
    with shown_to_visitor():
        settle_in()
        known = known_labels(reference, labels)
        shown, clean = over_one_background([image, reference], WHITE)
        regions = believed(parts.parser.regions(clean)) if known is None else region_map(known)
        (found,) = parts.scorer.score_each([shown], clean, soft_masks(regions))
    return {**found, "lpips_net": parts.scorer.lpips_name, "notes": [parts.scorer.lpips_missing or ""]}


def restored(image: np.ndarray, labels: np.ndarray | None = None, **settings: Any) -> Result:
    """Return the last of `restore`."""
    *_, last = restore(image, labels, **settings)
    return last


@cache
def _examples() -> dict[Path, np.ndarray]:
    """Return the 8-bit pixels of each."""
    return {path: to_bytes(read_image(path)) for path in (*HEADS, *RENDERS)}


def example_in(image: np.ndarray) -> Path | None:
    """Return which example a picture is, by its content: a file's name would prove nothing."""
    alike = {path: pixels for path, pixels in _examples().items() if pixels.shape == image.shape}
    if not alike:  # the size alone tells most pictures from an example
        return None
    given = to_bytes(image)
    return next((path for path, pixels in alike.items() if np.array_equal(pixels, given)), None)


@cache
def labels_of(example: Path) -> np.ndarray:
    """Return an example's label map, not to be written to."""
    return read_labels(beside(example, LABELS))


def beside(example: Path, what: str) -> Path:
    """Return the file that lies beside an example: its `LABELS`, or the `TRUTH` of a render."""
    return example.with_stem(example.stem + what)


def known_labels(image: np.ndarray, given: np.ndarray | None = None) -> np.ndarray | None:
    """Return the label map that was given, else that of the example in the picture, else None."""
    if given is not None:
        return given
    example = example_in(image)
    return None if example is None else labels_of(example)
