"""What the app and the command line offer: degrade, walk the steps, restore, score. Loaded once, then only read."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, Unpack

import cv2
import numpy as np
from PIL import Image

from enhancer.comparison import Comparison, Flat
from enhancer.degradation import Degrading
from enhancer.degrade import DEFAULT_PRESET, STEP_NAMES
from enhancer.detection import Face, Found, find
from enhancer.errors import CheckpointError, ImageError, LabelError, SettingsError
from enhancer.imaging.arrays import as_image
from enhancer.imaging.blend import Restoration, blend
from enhancer.imaging.faces import has_face, is_plausible
from enhancer.imaging.framing import Square, fitted, pasted, spread
from enhancer.imaging.io import WHITE, Colour, composite, from_pil, split_alpha, to_levels, with_alpha
from enhancer.imaging.keep import is_grey, keep, seen_by_model
from enhancer.imaging.masks import Masks, overlay, soft_masks
from enhancer.imaging.provenance import Record, hex_of
from enhancer.imaging.regions import REGION_NAMES, region_map
from enhancer.messages import Message
from enhancer.parts import (
    FaceParser,
    LateParser,
    Restorer,
    ScoreKeeper,
    load_restorer,
    load_scorer,
)
from enhancer.results import Degraded, Result, Step

ImageLike = np.ndarray | Image.Image  # an `image` as `enhancer.imaging.io` defines it, or an opened PIL picture

PARSING = STEP_NAMES[1]  # the step that changes no pixel: its regions are shown instead
EACH_BY_ITSELF = Message(
    "note.each_by_itself",
    "Where faces are small in the picture, restore each by itself: the box below the render on the page, restore --faces on "
    "the command line.",
)
NO_FACE = Message(
    "note.no_face",
    "No face was found, or it is too small: what is done region by region had nothing to work on, "
    "and the model knows only faces. {advice}",
    advice=EACH_BY_ITSELF,
)
DOUBTED = Message(
    "note.doubted",
    "What was taken for a face is too small, or not arranged as faces are, so no region was scored or treated by itself. "
    "{advice}",
    advice=EACH_BY_ITSELF,
)
NO_FACES = Message(
    "note.no_faces",
    "No face was found to restore by itself, so the picture is as it was given. Faces are found from some 40 pixels, upright "
    "or turned by up to 45 degrees. Restore the picture as a whole, or crop it.",
)
TILED = Message(
    "note.tiled",
    "The picture was too large for this machine's memory at once: it was restored in overlapping tiles.",
)
FULL = Restoration()
# Small squares round a face are enlarged so much before they are restored, to this range of px; larger ones stay. Enlarged
# further they come out worse, for the damage is then larger than any the model was trained on: squares of 134 px do best at
# 256, of 179 at 192 to 256, of 246 and 358 at 384.
ENLARGED, ENLARGED_TO = 1.5, (256, 384)
SMALL_FACE = 0.6  # of the picture's shorter side: a smaller square round a face leaves the model's frame half empty


class Degradation(TypedDict, total=False):
    """How a clean picture is degraded, as of `enhancer.degradation.Degrading`; what is left out is the default."""

    preset: str  # one of `enhancer.degradation.PRESET_NAMES`
    strengths: Mapping[str, float] | None  # region -> blend strength in [0, 1], over the preset's own; of the 14 steps
    seed: int  # same seed, same pixels
    progress: Callable[[float], object] | None  # called with the share that is done, 0 to 1, where it takes seconds


@dataclass(frozen=True)
class Service:
    """The loaded parts. Nothing here is written to after loading, so several threads may call at once."""

    parser: FaceParser
    restorer: Restorer | None  # None: this service only degrades
    scorer: ScoreKeeper | None  # None: it does not score
    device: str = "cpu"
    find: Callable[[np.ndarray], tuple[Face, ...]] = find  # (H, W, 3) -> its faces; for what is restored face by face

    @classmethod
    def load(
        cls,
        checkpoint: str | Path | None = "pocket",
        *,
        parser: str | Path | FaceParser = "pocket",
        lpips_net: str | None = "alex",
        lpips_trunk: str | Path | None = None,
        device: str | None = None,
    ) -> "Service":
        """Load what is asked for onto a GPU if there is one.

        Args:
            checkpoint: ``"pocket"``, the embedded one, a folder, or a name on the Hub. None: this service only degrades.
            parser: A parser that is loaded already, or one to load: ``"pocket"``, the embedded one, a folder, or a name on
                the Hub.
            lpips_net: ``"alex"`` or ``"vgg"``, see `Scorer`. None: this service does not score.
            lpips_trunk: File with the weights below LPIPS with VGG16.
            device: Such as ``"cpu"`` or ``"cuda"``.

        Raises:
            CheckpointError: The checkpoint or the parser is incomplete, foreign or not there.
            HubError: The Hub does not give it.
        """
        trouble = None
        if device is None:
            from enhancer.runtime.device import best_device, cuda_trouble  # here rather than above: it brings torch

            device, trouble = best_device(), cuda_trouble()
        restorer = None if checkpoint is None else load_restorer(checkpoint, device)
        if restorer and trouble:
            restorer = replace(restorer, notices=(*restorer.notices, trouble))
        if isinstance(parser, str | Path):
            named = str(parser) != "pocket"
            parser = LateParser(parser, device)
            if named:
                parser.prepare()  # what is wrong with it should be known now
        return cls(
            parser=parser,
            restorer=restorer,
            scorer=None if lpips_net is None else load_scorer(lpips_net, device, lpips_trunk),
            device=device,
        )

    def require_restorer(self) -> Restorer:
        """Return what restores.

        Raises:
            CheckpointError: No checkpoint was loaded.
        """
        if self.restorer is None:
            raise CheckpointError("No checkpoint was loaded, so nothing can be restored. Load one.")
        return self.restorer

    def degrade(
        self,
        image: ImageLike,
        labels: np.ndarray | None = None,
        *,
        keep_steps: bool = False,
        **degradation: Unpack[Degradation],
    ) -> Degraded:
        """Degrade a clean picture region by region.

        Args:
            image: Clean picture, with or without alpha; the alpha stays as it is.
            labels: (H, W) label ids of the same size, where they are known; else the parser finds the regions.
            keep_steps: Also return the picture after each step, at the second of the 14 with its regions tinted.
            degradation: See `Degradation`.

        Raises:
            EnhancerError: The picture, labels or a setting cannot be used; the message says why.
        """
        clock = _Clock()
        degrading, progress = _degrading(degradation)
        image = _as_image(image)
        seen = self._look(image, labels, clock)
        with clock("degrade"):
            steps = []
            last = image
            for name, last in _stages(degrading, image, seen, progress, shown=keep_steps):
                if keep_steps:
                    steps.append((name, to_levels(_tinted(last, seen.masks) if name == PARSING else last)))
        notes = (*seen.doubts, *seen.notes)
        return Degraded(to_levels(last), _record(degrading), tuple(steps), dict(clock), seen.by, notes)

    def steps(
        self, image: ImageLike, labels: np.ndarray | None = None, **degradation: Unpack[Degradation]
    ) -> tuple[Step, ...]:
        """Return (name, image) after each step; the arguments are those of `degrade`."""
        return self.degrade(image, labels, keep_steps=True, **degradation).steps

    def restore(
        self,
        image: ImageLike,
        *,
        degrade_first: bool = False,
        reference: ImageLike | None = None,
        labels: np.ndarray | None = None,
        restoration: Restoration = FULL,
        with_scores: bool = True,
        with_regions: bool = True,
        **degradation: Unpack[Degradation],
    ) -> Result:
        """Restore a picture and, where there is a clean one to compare with, score it before and after.

        Args:
            image: The degraded picture; with `degrade_first` a clean one, which is then also the reference.
            degrade_first: Degrade it (see `degrade`) before restoring.
            reference: The clean picture of the same size, to score against.
            labels: (H, W) label ids of the same size, where they are known.
            restoration: How much of the model's answer is used, and where.
            with_scores: False leaves scoring to `scored`, so that the picture can be shown first.
            with_regions: False looks for no face where neither degrading, scores nor strengths need its regions.
            degradation: See `Degradation`.

        Raises:
            EnhancerError: A picture, the labels or a setting cannot be used; the message says why.
        """
        restorer = self.require_restorer()
        if degrade_first and reference is not None:
            raise SettingsError(
                Message(
                    "reference.unneeded",
                    "A reference is for a picture that is degraded already; this one was to be degraded first. "
                    "Leave out one.",
                )
            )
        clock = _Clock()
        degrading, progress = _degrading(degradation)
        image = _as_image(image)
        clean = image if degrade_first else None if reference is None else _as_image(reference)
        if clean is not None:
            _require_fitting_reference(clean, image)
        needed = with_regions or labels is not None or clean is not None or not restoration.is_full
        seen = self._look(image if clean is None else clean, labels, clock) if needed else _Seen()
        degraded = image
        if degrade_first:
            with clock("degrade"):
                *_, (_, degraded) = _stages(degrading, image, seen, progress)
                degraded = to_levels(degraded, restoration.bits)
        with clock("restore"):
            grey = restoration.keep_grey and is_grey(image)  # as it was given: degrading brings noise in colour
            restored, tiled = _restored(restorer, degraded, seen.masks, restoration, grey=grey)
            restored = to_levels(restored, restoration.bits)
        record = _record(degrading) if degrade_first else Record()
        result = self._result((clean, degraded, restored), record, restoration, seen, clock, tiled)
        return self.scored(result) if with_scores else result

    def restore_faces(
        self,
        image: ImageLike,
        *,
        reference: ImageLike | None = None,
        restoration: Restoration = FULL,
        with_scores: bool = True,
        with_regions: bool = True,
    ) -> Result:
        """Find the faces of a picture, however small in it, and restore each by itself, in the frame that the model knows.

        What was restored is pasted back and fades into the picture; outside the squares that were cut out every pixel stays
        as it was. Regions are those of all faces. Other arguments, the result and the errors are those of `restore`.

        Args:
            image: The degraded picture.
            reference: The clean picture of the same size, to score against.
            restoration: How much of the model's answer is used, and where.
            with_scores: False leaves scoring to `scored`.
            with_regions: False looks for no regions where neither scores nor strengths need them.
        """
        restorer, clock = self.require_restorer(), _Clock()
        image = _as_image(image)
        clean = None if reference is None else _as_image(reference)
        if clean is not None:
            _require_fitting_reference(clean, image)
        with clock("detect"):
            found = tuple(Found.of(face, image.shape) for face in self.find(composite(image)))
        needed = with_regions or clean is not None or not restoration.is_full
        grey = restoration.keep_grey and is_grey(image)
        patches, looks, notes = [], [], dict[Message, None]()
        for square in (face.square for face in found):
            side = max(square.side, int(np.clip(ENLARGED * square.side, *ENLARGED_TO)))
            given = fitted(square.of(image), side)
            seen = (
                self._look(given if clean is None else fitted(square.of(clean), side), None, clock)
                if needed
                else _Seen()
            )
            with clock("restore"):
                answer, tiled = _restored(restorer, given, seen.masks, restoration, grey=grey)
                patches.append((square, fitted(answer, square.side)))
            looks.append((square, seen))
            notes |= dict.fromkeys((*seen.notes, *tiled))
        with clock("restore"):
            restored = to_levels(pasted(image, patches), restoration.bits)
        seen = _together(image.shape, looks) if needed else _Seen()
        said = tuple(notes) if found else (NO_FACES,)
        result = self._result((clean, image, restored), Record(faces=True), restoration, seen, clock, said)
        result = replace(result, faces=found)
        return self.scored(result) if with_scores else result

    def faces_apart(self, rgb: np.ndarray) -> tuple[Found, ...]:
        """Return the faces that `restore_faces` is worth a try for: several, or one that is small in its picture.

        Args:
            rgb: (H, W, 3) float32 in [0, 1].
        """
        faces = tuple(Found.of(face, rgb.shape) for face in self.find(rgb))
        is_small = any(found.square.side < SMALL_FACE * min(rgb.shape[:2]) for found in faces)
        return faces if len(faces) > 1 or is_small else ()

    def _result(
        self,
        pictures: tuple[np.ndarray | None, np.ndarray, np.ndarray],
        record: Record,
        restoration: Restoration,
        seen: "_Seen",
        clock: "_Clock",
        notes: tuple[Message, ...],
    ) -> Result:
        """Put together what is known of a restored picture: clean, degraded and restored."""
        clean, degraded, restored = pictures
        restorer = self.require_restorer()
        return Result(
            clean=clean,
            degraded=degraded,
            restored=restored,
            record=replace(
                record,
                checkpoint=restorer.name,
                sha=restorer.sha,
                strength=restoration.strength,
                regions=restoration.regions,
                background=hex_of(restoration.background),
            ),
            timings=dict(clock),
            device=self.device,
            parser=seen.by,
            comparison=_compared((degraded, restored), clean, restoration.background, seen),
            told=(*restorer.notices, *notes),
        )

    def scored(self, result: Result) -> Result:
        """Return a result with its scores, where there is a clean picture to compare with."""
        clock = _Clock()
        with clock("score"):
            comparison = result.comparison.scored_by(self.scorer)
        if comparison.scores is None:
            return result
        return replace(result, comparison=comparison, timings={**result.timings, **clock})

    def compare(
        self,
        pictures: tuple[ImageLike, ImageLike],
        *,
        reference: ImageLike | None = None,
        labels: np.ndarray | None = None,
        background: Colour = WHITE,
    ) -> Comparison:
        """Compare two pictures of one view, such as two restorations; `Comparison.scored_by` tells their scores.

        Args:
            pictures: The two, of one size.
            reference: The clean picture of the same size, to score against.
            labels: (H, W) label ids of the same size, where they are known; else the parser finds the regions.
            background: What transparent pictures are laid over, RGB in [0, 1].

        Raises:
            EnhancerError: The pictures do not go together; the message says why.
        """
        first, second = (_as_image(picture) for picture in pictures)
        if first.shape[:2] != second.shape[:2]:
            raise ImageError(
                Message(
                    "compare.size",
                    "The first picture is {first} pixels, the second {second}. "
                    "Give two pictures of the same view, at the same size.",
                    first=_size(first),
                    second=_size(second),
                )
            )
        clean = None if reference is None else _as_image(reference)
        if clean is not None:
            _require_fitting_reference(clean, first)
        seen = self._look(second if clean is None else clean, labels, _Clock())
        return replace(_compared((first, second), clean, background, seen), names=("A", "B"))

    def _look(self, image: np.ndarray, labels: np.ndarray | None, clock: "_Clock") -> "_Seen":
        """Find the regions of a picture, by its label map or by the parser."""
        with clock("parse"):
            if labels is None:
                regions, by = self.parser.regions(composite(image)), self.parser.name
                notes = (self.parser.notice,) if self.parser.notice else ()
            else:
                _require_fitting_labels(labels, image)
                regions, by, notes = region_map(labels), "label map", ()
            doubts: tuple[Message, ...] = () if has_face(regions) else (NO_FACE,)
            if labels is None and not is_plausible(regions):  # a label map is believed, whatever it holds
                doubts, regions = doubts or (DOUBTED,), np.zeros_like(regions)
            return _Seen(soft_masks(regions), regions, None if labels is None else labels > 0, by, notes, doubts)


@dataclass(frozen=True)
class _Seen:
    """What was recognised in a picture."""

    masks: Masks = field(default_factory=dict)
    regions: np.ndarray | None = None
    person: np.ndarray | None = None
    by: str | None = None
    notes: tuple[Message, ...] = ()
    doubts: tuple[Message, ...] = ()  # what is wrong with it; said first


def _compared(
    pair: tuple[np.ndarray, np.ndarray],
    clean: np.ndarray | None,
    background: Colour,
    seen: _Seen,
) -> Comparison:
    """Return a pair beside the clean picture, with the regions that were seen."""
    return Comparison(
        Flat(*pair, clean, background),
        seen.masks or None,
        notes=(*seen.doubts, *seen.notes),
        is_doubted=bool(seen.doubts),
    )


class _Clock(dict[str, float]):
    """Seconds by name, as in ``with clock("restore"): ...``."""

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self[name] = self.get(name, 0.0) + time.perf_counter() - start


def _together(shape: tuple[int, ...], looks: Sequence[tuple[Square, _Seen]]) -> _Seen:
    """Put what was recognised in squares of a picture together; regions alone, for nobody asks for the rest."""
    masks = {
        name: spread(shape, [(square, cv2.resize(seen.masks[name], (square.side,) * 2)) for square, seen in looks])
        for name in REGION_NAMES
    }
    return _Seen(masks, by=next((seen.by for _, seen in looks), None))


def _degrading(given: Degradation) -> tuple[Degrading, Callable[[float], object]]:
    """Return what these settings ask for, checked before any work is done, and what is told of its progress."""
    strengths, progress = given.get("strengths") or {}, given.get("progress") or _untold
    degrading = Degrading(given.get("preset", DEFAULT_PRESET), strengths, given.get("seed", 0))
    return degrading, progress if degrading.fits_splats else _untold


def _untold(share: float) -> None:
    """Tell nobody."""


def _stages(
    degrading: Degrading, image: np.ndarray, seen: _Seen, progress: Callable[[float], object], *, shown: bool = False
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the picture of each stage that is shown; the last is the degraded picture."""
    for name, share, picture in degrading.stages(image, seen.masks, seen.regions, seen.person, shown=shown):
        progress(share)
        if picture is not None:
            yield name, picture


def _record(degrading: Degrading) -> Record:
    """Return the record of a picture that was degraded so."""
    return Record(preset=degrading.preset, seed=degrading.seed, strengths=degrading.strengths)


def _restored(
    restorer: Restorer, image: np.ndarray, masks: Masks, restoration: Restoration, *, grey: bool
) -> tuple[np.ndarray, tuple[Message, ...]]:
    """Restore a picture and blend it as wished."""
    seen, notes = seen_by_model(image), ()
    try:
        rgb = restorer.run(seen)
    except MemoryError:
        rgb, notes = restorer.in_tiles(seen), (TILED,)
    return blend(image, keep(image, seen, rgb, grey=grey), masks, restoration), notes


def _as_image(picture: ImageLike) -> np.ndarray:
    return from_pil(picture) if isinstance(picture, Image.Image) else as_image(picture)


def _tinted(image: np.ndarray, masks: Masks) -> np.ndarray:
    """Lay the regions over a picture in their colours."""
    rgb, alpha = split_alpha(image)
    return with_alpha(overlay(rgb, masks), alpha)


def _require_fitting_reference(reference: np.ndarray, image: np.ndarray) -> None:
    if reference.shape[:2] != image.shape[:2]:
        raise ImageError(
            Message(
                "reference.size",
                "The reference is {size} pixels, but its picture is {wanted}. "
                "Give the reference of this very picture, at the same size.",
                size=_size(reference),
                wanted=_size(image),
            )
        )


def _require_fitting_labels(labels: np.ndarray, image: np.ndarray) -> None:
    if labels.shape[:2] != image.shape[:2]:
        raise LabelError(
            Message(
                "labels.size",
                "The label map is {size} pixels, but its picture is {wanted}. "
                "Give the label map of this very picture, at the same size.",
                size=_size(labels),
                wanted=_size(image),
            )
        )


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
