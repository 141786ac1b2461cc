"""What the app and the command line offer: degrade, walk the steps, restore, score. Loaded once, then only read."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from enhancer.degrade import DEFAULT_PRESET, Recipe, degrade, face_render, trace
from enhancer.errors import CheckpointError, EnhancerError, ImageError, LabelError, SettingsError
from enhancer.faces import has_face
from enhancer.images import WHITE, composite, from_pil, split_alpha, to_pil, uncomposite, with_alpha
from enhancer.masks import Masks, overlay, soft_masks
from enhancer.regions import region_map
from enhancer.report import Degraded, Result, Scores, Step

Picture = np.ndarray | Image.Image  # an `image` as `enhancer.images` defines it, or an opened PIL picture

PARSING = 2  # the step that changes no pixel: its regions are shown instead
NO_FACE = (
    "No face was found, or it is too small: what is done region by region had nothing to work on, "
    "and the model knows only faces."
)


class FaceParser(Protocol):
    """What `enhancer.parser.Parser` does for us."""

    name: str

    def regions(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 in [0, 1] -> region map (H, W)."""
        ...


class ScoreKeeper(Protocol):
    """What `enhancer.metrics.Scorer` does for us."""

    @property
    def lpips_name(self) -> str:
        """LPIPS and its network."""
        ...

    @property
    def lpips_missing(self) -> str | None:
        """Why LPIPS cannot be had, as a sentence; None where it can."""
        ...

    def score(self, rgb: np.ndarray, reference: np.ndarray, masks: Masks | None) -> Scores:
        """Compare two (H, W, 3) pictures in [0, 1]."""
        ...


@dataclass(frozen=True)
class Service:
    """The loaded parts. Nothing here is written to after loading, so several threads may call at once."""

    parser: FaceParser
    restorer: Callable[[np.ndarray], np.ndarray] | None  # rgb -> rgb of the same size
    scorer: ScoreKeeper | None
    checkpoint: str = "none"
    device: str = "cpu"
    notices: tuple[str, ...] = ()  # for answers to mention, such as one parser standing in for another

    @classmethod
    def load(
        cls,
        checkpoint: str | Path | None = "pocket",
        *,
        parser: str | Path | None = None,
        lpips_net: str | None = "auto",
        device: str | None = None,
    ) -> "Service":
        """Load what is asked for onto a GPU if there is one.

        Args:
            checkpoint: ``"pocket"``, the embedded one, or a checkpoint folder. None: this service only degrades.
            parser: See `Parser.from_pretrained`. None is the default parser.
            lpips_net: ``"alex"``, ``"vgg"`` or ``"auto"``, see `Scorer`. None: this service does not score.
            device: Such as ``"cpu"`` or ``"cuda"``.

        Raises:
            CheckpointError: The checkpoint or the parser is incomplete, foreign or not there.
        """
        if checkpoint is not None and checkpoint != "pocket" and not Path(checkpoint).is_dir():
            raise CheckpointError(f"There is no checkpoint folder {checkpoint}. Check the path.")
        # Here rather than above: torch and what stands on it take seconds, and --help should not.
        import torch

        from enhancer.metrics import Scorer
        from enhancer.parser import Parser

        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        face_parser = Parser.from_pretrained(parser, device=device)
        restorer, name = _load_restorer(checkpoint, device) if checkpoint is not None else (None, "none")
        scorer = None if lpips_net is None else Scorer(lpips_net, device)
        if scorer is not None:
            scorer.prepare()
        return cls(
            parser=face_parser,
            restorer=restorer,
            scorer=scorer,
            checkpoint=name,
            device=device,
            notices=(face_parser.notice,) if face_parser.notice else (),
        )

    def degrade(
        self,
        image: Picture,
        labels: np.ndarray | None = None,
        *,
        preset: str = DEFAULT_PRESET,
        strengths: Mapping[str, float] | None = None,
        seed: int = 0,
        keep_steps: bool = False,
    ) -> Degraded:
        """Degrade a clean picture region by region.

        Args:
            image: Clean picture, with or without alpha; the alpha stays as it is.
            labels: (H, W) label ids of the same size, where they are known; else the parser finds the regions.
            preset: ``"v1"`` or ``"v2"``.
            strengths: Region -> blend strength in [0, 1], over the preset's own.
            seed: Same seed, same pixels.
            keep_steps: Also return the picture after each step, at the second one with its regions tinted.

        Raises:
            EnhancerError: The picture, labels or a setting cannot be used; the message says why.
        """
        clock = _Clock()
        recipe = _recipe(preset, strengths, seed)
        image = _as_image(image)
        seen = self._look(image, labels, clock)
        with clock("degrade"):
            steps = []
            last = image
            for number, name, last in trace(image, seen.masks, recipe, seed=seed):
                if keep_steps:
                    steps.append((name, _as_saved(_tinted(last, seen.masks) if number == PARSING else last)))
        return Degraded(_as_saved(last), tuple(steps), clock.timings, seen.by, seen.notes)

    def steps(self, image: Picture, labels: np.ndarray | None = None, **settings: Any) -> tuple[Step, ...]:
        """Return (name, image) after each of the 14 steps; `settings` are those of `degrade`."""
        return self.degrade(image, labels, **settings, keep_steps=True).steps

    def restore(
        self,
        image: Picture,
        *,
        degrade_first: bool = False,
        preset: str = DEFAULT_PRESET,
        strengths: Mapping[str, float] | None = None,
        seed: int = 0,
        reference: Picture | None = None,
        labels: np.ndarray | None = None,
    ) -> Result:
        """Restore a picture and, where there is a clean one to compare with, score it before and after.

        Args:
            image: The degraded picture; with `degrade_first` a clean one, which is then also the reference.
            degrade_first: Degrade it with `preset`, `strengths` and `seed` (see `degrade`) before restoring.
            preset: As for `degrade`.
            strengths: As for `degrade`.
            seed: As for `degrade`.
            reference: The clean picture of the same size, to score against.
            labels: (H, W) label ids of the same size, where they are known.

        Raises:
            EnhancerError: A picture, the labels or a setting cannot be used; the message says why.
        """
        if self.restorer is None:
            raise CheckpointError("No checkpoint was loaded, so nothing can be restored. Load one.")
        if degrade_first and reference is not None:
            raise SettingsError(
                "A reference goes with a picture that is degraded already, and this one was to be degraded first. "
                "Leave out one of the two."
            )
        clock = _Clock()
        recipe = _recipe(preset, strengths, seed) if degrade_first else None
        image = _as_image(image)
        clean = image if degrade_first else None if reference is None else _as_image(reference)
        if clean is not None:
            _require_same_size("reference", clean, image, ImageError)
        seen = self._look(image if clean is None else clean, labels, clock)
        degraded = image
        if recipe is not None:
            with clock("degrade"):
                degraded = _as_saved(degrade(image, seen.masks, recipe, seed=seed))
        with clock("restore"):
            restored = _restored(self.restorer, degraded)
        before = after = missing = None
        if clean is not None and self.scorer is not None:
            with clock("score"):
                before = self.scorer.score(composite(degraded), composite(clean), seen.masks)
                after = self.scorer.score(composite(restored), composite(clean), seen.masks)
            missing = self.scorer.lpips_missing
        return Result(
            clean=clean,
            degraded=degraded,
            restored=restored,
            scores_degraded=before,
            scores_restored=after,
            lpips_name=self.scorer.lpips_name if self.scorer is not None and before is not None else None,
            timings=clock.timings,
            checkpoint=self.checkpoint,
            device=self.device,
            parser=seen.by,
            notes=(*seen.notes, missing) if missing else seen.notes,
        )

    def _look(self, image: np.ndarray, labels: np.ndarray | None, clock: "_Clock") -> "_Seen":
        """Find the regions of a picture, by its label map or by the parser."""
        with clock("parse"):
            if labels is None:
                regions, by, notes = self.parser.regions(composite(image)), self.parser.name, self.notices
            else:
                _require_same_size("label map", labels, image, LabelError)
                regions, by, notes = region_map(labels), "label map", ()
            return _Seen(soft_masks(regions), by, notes if has_face(regions) else (*notes, NO_FACE))


@dataclass(frozen=True)
class _Seen:
    """What was recognised in a picture."""

    masks: dict[str, np.ndarray]
    by: str
    notes: tuple[str, ...]


class _Clock:
    """Seconds by name, as in ``with clock("restore"): ...``."""

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings[name] = time.perf_counter() - start


def _load_restorer(checkpoint: str | Path, device: str) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """Return a function that restores `rgb`, and the checkpoint's name."""
    from enhancer.model import POCKET, load_checkpoint, restore

    model = load_checkpoint(POCKET if checkpoint == "pocket" else checkpoint).for_inference().to(device)
    return partial(restore, model), model.config.name


def _recipe(preset: str, strengths: Mapping[str, float] | None, seed: int) -> Recipe:
    """Return the recipe of these settings; checked before any work is done."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise SettingsError(f"The seed must be a whole number, got {seed!r}.")
    given = {} if strengths is None else strengths
    if not isinstance(given, Mapping) or not all(
        isinstance(amount, int | float) for amount in given.values()
    ):
        raise SettingsError(f"Strengths are numbers by region, such as {{'eyes': 0.5}}, got {strengths!r}.")
    return face_render(preset, strengths)


def _restored(restorer: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> np.ndarray:
    """Restore a picture as it looks over white, and give the result its alpha back."""
    rgb = restorer(composite(image))
    alpha = split_alpha(image)[1]
    return _as_saved(rgb if alpha is None else with_alpha(uncomposite(rgb, alpha, WHITE), alpha))


def _as_image(picture: Picture) -> np.ndarray:
    return from_pil(picture) if isinstance(picture, Image.Image) else picture


def _as_saved(image: np.ndarray) -> np.ndarray:
    """Round to 8 bits, as the file will be: the model then sees, and the scores judge, what a visitor can download."""
    return np.asarray(to_pil(image), np.float32) / 255


def _tinted(image: np.ndarray, masks: Masks) -> np.ndarray:
    """Lay the regions over a picture in their colours."""
    rgb, alpha = split_alpha(image)
    return with_alpha(overlay(rgb, masks), alpha)


def _require_same_size(what: str, given: np.ndarray, image: np.ndarray, error: type[EnhancerError]) -> None:
    if given.shape[:2] != image.shape[:2]:
        (height, width), (wanted_height, wanted_width) = given.shape[:2], image.shape[:2]
        raise error(
            f"The {what} is {width}x{height} pixels, but its picture is {wanted_width}x{wanted_height}. "
            f"Give the {what} of this very picture, at the same size."
        )
