"""What the app and the command line offer: degrade, walk the steps, restore, score. Loaded once, then only read."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from PIL import Image

from enhancer.degrade import DEFAULT_PRESET, Recipe, degrade, face_render, trace
from enhancer.errors import CheckpointError, ImageError, LabelError, SettingsError
from enhancer.imaging.arrays import as_image
from enhancer.imaging.blend import Restoration, blend
from enhancer.imaging.faces import has_face
from enhancer.imaging.io import composite, from_pil, split_alpha, to_levels, with_alpha
from enhancer.imaging.keep import is_grey, keep, seen_by_model
from enhancer.imaging.masks import Masks, overlay, soft_masks
from enhancer.imaging.provenance import Record, hex_of
from enhancer.imaging.regions import region_map
from enhancer.messages import Message
from enhancer.parts import (
    FaceParser,
    LateParser,
    Restorer,
    ScoreKeeper,
    load_restorer,
    load_scorer,
)
from enhancer.results import Degraded, Flat, Result, Step

ImageLike = np.ndarray | Image.Image  # an `image` as `enhancer.imaging.io` defines it, or an opened PIL picture

PARSING = 2  # the step that changes no pixel: its regions are shown instead
NO_FACE = Message(
    "note.no_face",
    "No face was found, or it is too small: what is done region by region had nothing to work on, "
    "and the model knows only faces.",
)
TILED = Message(
    "note.tiled",
    "The picture was too large for this machine's memory at once: it was restored in overlapping tiles.",
)
FULL = Restoration()


class Degradation(TypedDict, total=False):
    """How a clean picture is degraded; what is left out is the default."""

    preset: str  # "v1" or "v2"
    strengths: Mapping[str, float] | None  # region -> blend strength in [0, 1], over the preset's own
    seed: int  # same seed, same pixels


@dataclass(frozen=True)
class Service:
    """The loaded parts. Nothing here is written to after loading, so several threads may call at once."""

    parser: FaceParser
    restorer: Restorer | None  # None: this service only degrades
    scorer: ScoreKeeper | None  # None: it does not score
    device: str = "cpu"

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
            keep_steps: Also return the picture after each step, at the second one with its regions tinted.
            degradation: See `Degradation`.

        Raises:
            EnhancerError: The picture, labels or a setting cannot be used; the message says why.
        """
        clock = _Clock()
        recipe, seed = _recipe(degradation)
        image = _as_image(image)
        seen = self._look(image, labels, clock)
        with clock("degrade"):
            steps = []
            last = image
            for number, name, last in trace(image, seen.masks, recipe, seed=seed):
                if keep_steps:
                    steps.append((name, to_levels(_tinted(last, seen.masks) if number == PARSING else last)))
        return Degraded(to_levels(last), _record(degradation), tuple(steps), dict(clock), seen.by, seen.notes)

    def steps(
        self, image: ImageLike, labels: np.ndarray | None = None, **degradation: Unpack[Degradation]
    ) -> tuple[Step, ...]:
        """Return (name, image) after each of the 14 steps; the arguments are those of `degrade`."""
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
        recipe, seed = _recipe(degradation)
        image = _as_image(image)
        clean = image if degrade_first else None if reference is None else _as_image(reference)
        if clean is not None:
            _require_fitting_reference(clean, image)
        needed = with_regions or labels is not None or clean is not None or not restoration.is_full
        seen = self._look(image if clean is None else clean, labels, clock) if needed else _Seen()
        degraded = image
        if degrade_first:
            with clock("degrade"):
                degraded = to_levels(degrade(image, seen.masks, recipe, seed=seed), restoration.bits)
        with clock("restore"):
            grey = restoration.keep_grey and is_grey(image)  # as it was given: degrading brings noise in colour
            restored, tiled = _restored(restorer, degraded, seen.masks, restoration, grey=grey)
            restored = to_levels(restored, restoration.bits)
        result = Result(
            clean=clean,
            degraded=degraded,
            restored=restored,
            record=replace(
                _record(degradation) if degrade_first else Record(),
                checkpoint=restorer.name,
                sha=restorer.sha,
                strength=restoration.strength,
                regions=restoration.regions,
                background=hex_of(restoration.background),
            ),
            timings=dict(clock),
            device=self.device,
            parser=seen.by,
            notes=(*restorer.notices, *seen.notes, *tiled),
            masks=seen.masks or None,
            flat=Flat(clean, degraded, restored, restoration.background),
        )
        return self.scored(result) if with_scores else result

    def scored(self, result: Result) -> Result:
        """Return a result with its scores, where there is a clean picture to compare with."""
        flat = result.flat
        if result.clean is None or result.masks is None or self.scorer is None:
            return result
        clock = _Clock()
        with clock("score"):
            assert flat.clean is not None
            before, after = self.scorer.score_each((flat.degraded, flat.restored), flat.clean, result.masks)
        missing = self.scorer.lpips_missing
        return replace(
            result,
            scores_degraded=before,
            scores_restored=after,
            lpips_name=self.scorer.lpips_name,
            timings={**result.timings, **clock},
            notes=(*result.notes, missing) if missing else result.notes,
        )

    def _look(self, image: np.ndarray, labels: np.ndarray | None, clock: "_Clock") -> "_Seen":
        """Find the regions of a picture, by its label map or by the parser."""
        with clock("parse"):
            if labels is None:
                regions, by = self.parser.regions(composite(image)), self.parser.name
                notes = (self.parser.notice,) if self.parser.notice else ()
            else:
                _require_fitting_labels(labels, image)
                regions, by, notes = region_map(labels), "label map", ()
            return _Seen(soft_masks(regions), by, notes if has_face(regions) else (*notes, NO_FACE))


@dataclass(frozen=True)
class _Seen:
    """What was recognised in a picture."""

    masks: Masks = field(default_factory=dict)
    by: str | None = None
    notes: tuple[Message, ...] = ()


class _Clock(dict[str, float]):
    """Seconds by name, as in ``with clock("restore"): ...``."""

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self[name] = time.perf_counter() - start


def _recipe(given: Degradation) -> tuple[Recipe, int]:
    """Return the recipe and seed of these settings; checked before any work is done."""
    seed, strengths = given.get("seed", 0), given.get("strengths") or {}
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise SettingsError(Message("settings.seed", "The seed must be a whole number, got {seed!r}.", seed=seed))
    numbers = isinstance(strengths, Mapping) and all(isinstance(s, int | float) for s in strengths.values())
    if not numbers:
        raise SettingsError(
            Message(
                "settings.strengths",
                "Strengths are numbers by region, such as {{'eyes': 0.5}}, got {strengths!r}.",
                strengths=strengths,
            )
        )
    return face_render(given.get("preset", DEFAULT_PRESET), strengths), seed


def _record(given: Degradation) -> Record:
    """Return the record of a picture that was degraded with these settings."""
    return Record(
        preset=given.get("preset", DEFAULT_PRESET),
        seed=given.get("seed", 0),
        strengths=given.get("strengths") or {},
    )


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
