"""A result as the page shows it: picture files with their settings inside, and words in the visitor's language."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

from enhancer.comparison import Comparison, won_by_region
from enhancer.detection import Found
from enhancer.imaging.masks import Masks
from enhancer.imaging.plots import Box, close_up, difference, frame, improvement
from enhancer.imaging.provenance import Record, png_bytes
from enhancer.messages import Translate
from enhancer.metrics.catalogue import LPIPS, PSNR
from enhancer.results import Result
from enhancer.runtime.files import atomic_write
from page.views import CLOSE, Frame, called

KEPT = tempfile.TemporaryDirectory(prefix="splat-enhancer-")  # for pictures shown to every visitor
MAPPED = (LPIPS, PSNR)  # what a map tells of each region
MOST_FACES = 6  # that are shown close
Panel = tuple[str, str]  # path, caption


def saved(image: np.ndarray, name: str, record: Record | None = None, folder: str | Path | None = None) -> str:
    """Write a PNG and return its path, by default where gradio serves it from and deletes it after an hour."""
    return stored(png_bytes(image, record), f"{name}.png", folder)


def stored(content: bytes, name: str, folder: str | Path | None = None) -> str:
    """Write a file as `saved` does, and return its path."""
    home = Path(folder or get_upload_folder()) / blake2b(content, digest_size=16).hexdigest()
    home.mkdir(parents=True, exist_ok=True)
    path = home / name
    with atomic_write(path) as temporary:  # the same content may be on its way to another visitor
        temporary.write_bytes(content)
    return str(path)


@dataclass(frozen=True)
class Pair:
    """The two pictures of a result that are shown first."""

    before: str
    after: str

    @classmethod
    def of(cls, result: Result, folder: str | None = None) -> "Pair":
        """Write them."""
        return cls(
            saved(result.degraded, "before", result.record.of_degraded, folder),
            saved(result.restored, "restored", result.record, folder),
        )


@dataclass(frozen=True)
class Details:
    """The pictures of a comparison that are shown below the first two."""

    clean: str | None  # with its alpha
    improved: tuple[str | None, ...]  # a map for each of `MAPPED`
    differences: tuple[str | None, str]  # before and after against the clean picture; or one against the other
    close_ups: tuple[tuple[str, str, str], ...]  # path, what it shows, which picture
    frames: dict[str, Frame]  # what close-ups show -> where that is

    @classmethod
    def of(
        cls,
        compared: Comparison,
        clean: np.ndarray | None,
        say: Translate = str,
        *,
        faces: Sequence[Found] = (),
        folder: str | None = None,
    ) -> "Details":
        """Draw and write them, numbers in a reader's notation.

        Args:
            compared: The two pictures.
            clean: The clean one, with its alpha.
            say: Puts an English phrase into the reader's language.
            faces: That were found apart, the largest first: of several, each is shown close; of one, its eyes and mouth.
            folder: Where the files go, by default where gradio deletes them after an hour.
        """
        masks, (first, second) = compared.masks, compared.names
        assert masks is not None  # the page always asks for them
        flat = {first: compared.flat.before, second: compared.flat.after}
        if compared.flat.clean is not None:
            flat["ground truth"] = compared.flat.clean
        maps: list[str | None] = []
        for metric in MAPPED:
            won = won_by_region(compared, metric, say)
            drawn = improvement(flat["ground truth"], masks, won) if won else None
            maps.append(None if drawn is None else saved(drawn, f"improved_{metric.key}", folder=folder))
        reference = flat.get("ground truth")
        if reference is None:
            pair = (None, saved(difference(flat[second], flat[first]), "changed", folder=folder))
        else:
            lost, left = (
                saved(difference(flat[name], reference), f"difference_{name}", folder=folder) for name in compared.names
            )
            pair = (lost, left)
        places = _places(masks, faces)
        close_ups = [
            (saved(close_up(rgb, place), f"{part}_{name}", folder=folder), part, name)
            for part, place in places.items()
            for name, rgb in flat.items()
        ]
        height, width = compared.flat.before.shape[:2]
        frames = {part: (x / width, y / height, w / width, h / height) for part, (x, y, w, h) in places.items()}
        truth = None if clean is None else saved(clean, "clean", folder=folder)
        return cls(truth, tuple(maps), pair, tuple(close_ups), frames)

    def close_up_panels(self, say: Translate) -> list[Panel]:
        """Return the close-ups with their captions."""
        return [(path, f"{called(part, say)}, {say(name)}") for path, part, name in self.close_ups]


def _places(masks: Masks, faces: Sequence[Found]) -> dict[str, Box]:
    """Return what is worth a close look: of several faces the largest, each, or the eyes and the mouth of one."""
    if len(faces) > 1:
        squares = (found.square for found in faces[:MOST_FACES])
        return {f"face_{n}": (left, top, side, side) for n, (left, top, side) in enumerate(squares, 1)}
    return {name: place for name in CLOSE if (place := frame(masks[name])) is not None}


def steps_shown(steps: Any, say: Translate = str) -> list[Panel]:
    """Return the film strip."""
    return [(saved(image, f"step_{n:02}"), f"{n}. {say(name)}") for n, (name, image) in enumerate(steps, 1)]


def image_update(path: str | None, **changes: Any) -> Any:
    """Return an update of a picture that is hidden where there is none."""
    return gr.update(value=path, visible=path is not None, **changes)
