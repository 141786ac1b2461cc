"""A photograph -> a square crop, framed round the face, and its label map. No torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import cv2
import numpy as np

from enhancer.errors import ImageError, LabelError
from enhancer.imaging.faces import largest_face
from enhancer.imaging.framing import fitted, framed
from enhancer.imaging.io import composite, read_labels, split_alpha
from enhancer.imaging.premultiplied import looks_premultiplied
from enhancer.imaging.regions import HEAD_LABELS, region_map
from training.data.beside import Box, Window, backdrop_of, facts, over_one, overview, person_box
from training.data.photographs import Photograph, Source, read_photograph, read_window

BACKGROUND, OTHER = HEAD_LABELS.index("background"), HEAD_LABELS.index("other")

Crop = tuple[int, int, int]  # left, top, side; px


class LabelMaker(Protocol):
    """What `enhancer.parser.Parser` does for us."""

    def labels(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 in [0, 1] -> (H, W) ids in the order of ``HEAD_LABELS``."""
        ...


@dataclass(frozen=True)
class Prepared:
    """A square crop, ready to be written."""

    image: np.ndarray  # (S, S, 3) or (S, S, 4) float32 in [0, 1]
    labels: np.ndarray | None  # (S, S) uint8; None for a ready pair without parser or label map
    degraded: np.ndarray | None  # (S, S, 3) or (S, S, 4), of a ready pair
    crop: Window
    face: bool  # whether the label map shows one
    looks_premultiplied: bool  # and was not said to be
    facts: Mapping[str, Any] = field(default_factory=dict)  # of a pair whose degraded side was rendered


def prepare(
    photograph: Photograph, parser: LabelMaker | None, size: int, smallest: int, *, premultiplied: bool = False
) -> Prepared:
    """Read a photograph, frame its face, and find out what is where.

    Args:
        photograph: What to read.
        parser: Finds the face; without one, or with label maps given, those are used.
        size: Side of the crop, px.
        smallest: Refuse a crop of fewer px than this: enlarged, it would teach blur.
        premultiplied: The colours of the pictures are multiplied by their alpha.

    Raises:
        ImageError: A file cannot be read, the partners differ in size, or the face is too small.
        SplatError: The camera of a frame sees nothing of its cloud.
        LabelError: There is no label map, or it does not fit the picture.
    """
    read = partial(read_photograph, premultiplied=premultiplied)
    closer = partial(read_window, premultiplied=premultiplied)
    image = read(photograph.source, photograph.shown)
    degraded = _partner(photograph, image, read)
    given = _given_labels(photograph, image.shape[:2])
    rendered = photograph.rendered
    if given is None and parser is None and degraded is None and rendered is None:
        raise LabelError(f"{photograph.shown} has no label map. Give --masks FOLDER, or a --parser.")

    box, backdrop = _whole(image), None
    if rendered is not None:
        seen = overview(rendered, image, photograph.shown)
        backdrop = backdrop_of(image, seen)
        box = person_box(image, seen, backdrop) if given is None else box
    guide, crop = _frame(image, box, given, parser, size)
    window = _window(image, crop, closer, photograph.source, photograph.shown)
    if min(window.shape[:2]) < smallest:
        raise ImageError(
            f"{photograph.shown}: its crop is only {min(window.shape[:2])} pixels wide, less than {smallest}. "
            "Leave the picture out, or lower --min_crop."
        )
    cut, told = fitted(window, size), {}
    if rendered is not None and backdrop is not None:
        render = rendered.render(_shares(crop, image.shape), size, size)
        cut, degraded = over_one(cut, render, backdrop, photograph.shown)
        told = facts(cut, degraded, backdrop)
    elif degraded is not None and photograph.degraded is not None:
        degraded = fitted(_window(degraded, crop, closer, photograph.degraded, photograph.degraded_shown), size)
    if given is not None:
        labels: np.ndarray | None = _cut_labels(given, crop, size)
    elif parser is not None and (backdrop is not None or image.shape[:2] != (crop[2], crop[2])):
        labels = _parse(cut, parser)  # closer than the overview
    else:
        labels = guide
    face = labels is not None and largest_face(region_map(labels)) is not None
    hint = not premultiplied and looks_premultiplied(image)
    return Prepared(cut, labels, degraded, _shares(crop, image.shape), face, hint, told)


def _frame(
    image: np.ndarray, box: Box, given: np.ndarray | None, parser: LabelMaker | None, size: int
) -> tuple[np.ndarray | None, Crop]:
    """Return a label map of what lies in a box of the picture, and the crop round the face in it."""
    left, top, width, height = box
    guide = given
    if guide is None and parser is not None:
        guide = _parse(fitted(image[top : top + height, left : left + width], short=size), parser)
    across, down, side = face_crop(guide, (height, width))
    return guide, (left + across, top + down, side)


def _whole(image: np.ndarray) -> Box:
    return 0, 0, image.shape[1], image.shape[0]


def face_crop(labels: np.ndarray | None, shape: tuple[int, ...]) -> Crop:
    """Return the square round the largest face, framed as CelebAMask-HQ frames it; without a face, the middle.

    Args:
        labels: Label map of the picture, at any size.
        shape: (H, W, ...) of the picture.
    """
    height, width = shape[:2]
    face = None if labels is None else largest_face(region_map(labels))
    if labels is None or face is None:
        short = min(height, width)
        return round((width - short) / 2), round((height - short) / 2), short
    rows, columns = np.nonzero(face)
    scale = height / labels.shape[0]
    return framed(
        scale * (columns.min() + columns.max() + 1) / 2,
        scale * (rows.min() + rows.max() + 1) / 2,
        scale * max(np.ptp(rows), np.ptp(columns)),
        shape,
    )


def _partner(photograph: Photograph, image: np.ndarray, read: Callable[..., np.ndarray]) -> np.ndarray | None:
    """Read the degraded partner of a ready pair; None for a photograph alone."""
    if photograph.degraded is None:
        return None
    degraded = read(photograph.degraded, photograph.degraded_shown)
    if degraded.shape[:2] != image.shape[:2]:
        raise ImageError(
            f"{photograph.shown} is {_size(image)} pixels, but {photograph.degraded_shown} is "
            f"{_size(degraded)}. Give both at one size."
        )
    return degraded


def _given_labels(photograph: Photograph, shape: tuple[int, ...]) -> np.ndarray | None:
    """Read a given label map, at the picture's size; None if there is none."""
    if photograph.labels is None:
        return None
    labels = read_labels(photograph.labels)
    region_map(labels)  # refuses ids without a name
    height, width = shape[:2]
    if abs(labels.shape[0] * width - labels.shape[1] * height) > max(height, width):  # over a pixel's rounding
        raise LabelError(
            f"{photograph.shown} is {width}x{height} pixels, but its label map {photograph.labels.name} is "
            f"{_size(labels)}. Give a label map of the picture's proportions."
        )
    return cv2.resize(labels.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def _parse(image: np.ndarray, parser: LabelMaker) -> np.ndarray:
    """Return a label map in the order of ``HEAD_LABELS``; where there is alpha, that says what is the person."""
    labels = parser.labels(composite(image))
    _, alpha = split_alpha(image)
    if alpha is not None:
        labels = np.where((labels == BACKGROUND) & (alpha >= 0.5), OTHER, labels)
        labels = np.where(alpha < 0.5, BACKGROUND, labels)
    return labels.astype(np.uint8)


def _shares(crop: Crop, shape: tuple[int, ...]) -> Window:
    """Return the crop as shares of the picture's sides."""
    (left, top, side), (height, width) = crop, shape[:2]
    return left / width, top / height, (left + side) / width, (top + side) / height


def _window(
    image: np.ndarray, crop: Crop, read: Callable[..., np.ndarray | None], source: Source, name: str
) -> np.ndarray:
    """Return the crop, from the file itself if that holds more pixels than `image`."""
    left, top, side = crop
    closer = read(source, name, _shares(crop, image.shape))
    return image[top : top + side, left : left + side] if closer is None else closer


def _cut_labels(labels: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """Return the crop of a label map, (size, size)."""
    left, top, side = crop
    window = labels[top : top + side, left : left + side]
    return cv2.resize(window, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)


def _size(array: np.ndarray) -> str:
    """Return the size as people say it: width x height."""
    return f"{array.shape[1]}x{array.shape[0]}"
