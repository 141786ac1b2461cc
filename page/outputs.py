"""A result as the page shows it: picture files with their settings inside, and words in the visitor's language."""

import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

from enhancer.comparison import Comparison, won_by_region
from enhancer.imaging.masks import Masks
from enhancer.imaging.plots import close_up, difference, frame, improvement
from enhancer.imaging.provenance import Record, png_bytes
from enhancer.messages import Translate
from enhancer.metrics.catalogue import LPIPS, PSNR
from enhancer.results import Result
from enhancer.runtime.files import atomic_write
from page.views import CLOSE, Frame

KEPT = tempfile.TemporaryDirectory(prefix="splat-enhancer-")  # for pictures shown to every visitor
MAPPED = (LPIPS, PSNR)  # what a map tells of each region
WIDEST = 0.9  # of the picture: a closer look at what is wider, such as the eyes of several faces, is none
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
    close_ups: tuple[tuple[str, str, str], ...]  # path, region, which picture
    frames: dict[str, Frame]  # region -> where its close-ups are

    @classmethod
    def of(
        cls, compared: Comparison, clean: np.ndarray | None, say: Translate = str, folder: str | None = None
    ) -> "Details":
        """Draw and write them, numbers in a reader's notation."""
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
        places = _frames(masks)
        close_ups = [
            (saved(part, f"{region}_{name}", folder=folder), region, name)
            for region in places
            for name, rgb in flat.items()
            if (part := close_up(rgb, masks[region])) is not None
        ]
        truth = None if clean is None else saved(clean, "clean", folder=folder)
        return cls(truth, tuple(maps), pair, tuple(close_ups), places)

    def close_up_panels(self, say: Translate) -> list[Panel]:
        """Return the close-ups with their captions."""
        return [(path, f"{say(region.capitalize())}, {say(name)}") for path, region, name in self.close_ups]


def _frames(masks: Masks) -> dict[str, Frame]:
    """Return where the regions are that are worth a close look; one that is not there is left out, or all over the picture."""
    found = {name: (frame(masks[name]), masks[name].shape) for name in CLOSE}
    return {
        name: (place[0] / width, place[1] / height, place[2] / width, place[3] / height)
        for name, (place, (height, width)) in found.items()
        if place is not None and place[2] < WIDEST * width
    }


def steps_shown(steps: Any, say: Translate = str) -> list[Panel]:
    """Return the film strip."""
    return [(saved(image, f"step_{n:02}"), f"{n}. {say(name)}") for n, (name, image) in enumerate(steps, 1)]


def image_update(path: str | None, **changes: Any) -> Any:
    """Return an update of a picture that is hidden where there is none."""
    return gr.update(value=path, visible=path is not None, **changes)
