"""The render of a cloud beside a captured frame: one window of both, over one background. No torch.

A frame may have alpha or a real background, a cloud may be a person alone or a whole room. What is not the person must be the same on both
sides, or a restorer learns to change backgrounds. What a cloud gets wrong about the person, holes, haze and needles, must stay.
"""

from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from scipy.ndimage import binary_fill_holes

from enhancer.errors import ImageError
from enhancer.imaging.background import flat_background
from enhancer.imaging.colour import encode_srgb
from enhancer.imaging.io import WHITE, composite, split_alpha, to_bytes, with_alpha
from enhancer.metrics.fidelity import psnr
from training.data.backgrounds import cut_out

Window = tuple[float, float, float, float]  # left, top, right, bottom; shares of a picture's sides
Box = tuple[int, int, int, int]  # left, top, width, height; px

OWN, CAPTURE, FLAT, RENDER, SCENE = "own", "capture", "flat", "render", "scene"
BACKDROPS = {
    OWN: "each side has its own alpha",
    CAPTURE: "the cloud shows a background, and the frame's alpha cuts out both",
    FLAT: "the frame has no alpha but a flat background, and the render is laid over its colour",
    RENDER: "the frame has no alpha, and is cut out by the silhouette of the render",
    SCENE: "the frame has no alpha, the cloud fills the picture, and both stay as they are",
}
OVERVIEW = 256  # px, the longer side of the render that shows where the person is
SOLID, CLEAR = 0.5, 0.1  # alpha above which a cloud is there, and below which it is not
MARGIN = 0.05  # of a person's longer side, round it
FILLED = 0.99  # share of a picture that a cloud with a background of its own fills
EVEN = 0.9  # share of what is beside the person that must have one colour
BRIGHTER = 10 ** (-4 / 10)  # 4 dB less error where one side is taken for linear light


class Rendered(Protocol):
    """What renders the degraded partner of a frame."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its camera's picture, px."""
        ...

    def render(self, window: Window, width: int, height: int) -> np.ndarray:
        """Return a window of the picture, (H, W, 4) float32 in [0, 1], straight alpha.

        Raises:
            SplatError: The camera sees nothing there.
        """
        ...


class Backdrop(NamedTuple):
    """What is behind the person on either side: a key of `BACKDROPS`, and the colour of a flat one."""

    kind: str
    colour: np.ndarray | None = None


def overview(rendered: Rendered, image: np.ndarray, name: str) -> np.ndarray:
    """Return the alpha of a small render of the whole frame, (h, w) float32.

    Raises:
        ImageError: The frame has not the proportions of its camera's picture.
        SplatError: The camera sees nothing.
    """
    (width, height), (rows, columns) = rendered.size, image.shape[:2]
    if abs(columns * height - rows * width) > max(width, height):  # over a pixel's rounding
        raise ImageError(
            f"{name} is {columns}x{rows} pixels, and its camera's picture {width}x{height}, of other proportions. Give the "
            "frames as the cameras took them, perhaps scaled, not cut or turned."
        )
    scale = OVERVIEW / max(rows, columns)
    small = max(1, round(scale * columns)), max(1, round(scale * rows))
    return rendered.render((0, 0, 1, 1), *small)[..., 3]


def backdrop_of(image: np.ndarray, seen: np.ndarray) -> Backdrop:
    """Find out what is behind the person.

    Args:
        image: The frame, (H, W, 3) or (H, W, 4) float32 in [0, 1].
        seen: Alpha of its render, (h, w), at any size.
    """
    rgb, alpha = split_alpha(image)
    if alpha is not None:
        outside = cv2.resize(alpha, seen.shape[::-1], interpolation=cv2.INTER_AREA) < CLEAR
        return Backdrop(CAPTURE if outside.any() and (seen[outside] > SOLID).mean() > 0.5 else OWN)
    if (seen > SOLID).mean() > FILLED:
        return Backdrop(SCENE)
    flat = flat_background(rgb)
    outside = cv2.resize(seen, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR) < CLEAR
    if flat is not None and outside.any() and flat.mask[outside].mean() > EVEN:
        return Backdrop(FLAT, flat.colour)
    return Backdrop(RENDER)


def person_box(image: np.ndarray, seen: np.ndarray, backdrop: Backdrop) -> Box:
    """Return the square round the person, or as much of it as is in the frame; all of the frame where nothing tells.

    Args:
        image: The frame.
        seen: Alpha of its render, at any size.
        backdrop: What is behind the person.
    """
    height, width = image.shape[:2]
    _, alpha = split_alpha(image)
    mask = seen if alpha is None else alpha
    rows, columns = np.nonzero(mask > SOLID)
    if backdrop.kind == SCENE or not len(rows):
        return 0, 0, width, height
    scale = height / mask.shape[0]
    ends = [scale * edge for edge in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)]
    side = (1 + 2 * MARGIN) * max(ends[2] - ends[0], ends[3] - ends[1])
    box = []
    for first, last, full in ((ends[0], ends[2], width), (ends[1], ends[3], height)):
        length = min(round(side), full)
        box.append((round(min(max((first + last - length) / 2, 0), full - length)), length))
    return box[0][0], box[1][0], box[0][1], box[1][1]


def over_one(clean: np.ndarray, render: np.ndarray, backdrop: Backdrop, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Give both sides of a pair one background, or alpha that lets them have any.

    Args:
        clean: A window of the frame, (S, S, 3) or (S, S, 4).
        render: The same of the render, (S, S, 4).
        backdrop: What is behind the person.
        name: What to call the frame in messages.

    Returns:
        Clean and degraded: both with alpha or both without, or the degraded one alone without, where it is opaque.

    Raises:
        ImageError: The render shows nobody.
    """
    degraded = render
    _, alpha = split_alpha(clean)
    if backdrop.kind == CAPTURE and alpha is not None:
        degraded = with_alpha(composite(render), alpha)
    elif backdrop.kind == FLAT:
        degraded = composite(render, WHITE if backdrop.colour is None else backdrop.colour)
    elif backdrop.kind == RENDER:
        solid = binary_fill_holes(render[..., 3] > SOLID)
        assert solid is not None
        if not solid.any():
            raise ImageError(f"{name}: its render shows nothing solid there. Leave it out, or check --cameras.")
        clean = cut_out(clean, solid)
    rgb, alpha = split_alpha(clean)
    if alpha is not None and to_bytes(alpha).min() < 255:
        return clean, degraded
    # No background is seen behind the person, so none may shine through the render's holes but one that is written down.
    return rgb, composite(degraded)


def facts(clean: np.ndarray, degraded: np.ndarray, backdrop: Backdrop) -> dict[str, Any]:
    """Return what a row of `metadata.jsonl` says of such a pair.

    Returns:
        `backdrop`; `psnr` of the two over white, dB; `linear`: the side that agrees far better with the other if it is
        taken for linear light, "render" or "capture", or empty.
    """
    ours, theirs = composite(degraded), composite(clean)
    _, alpha = split_alpha(clean)
    solid = np.ones(ours.shape[:2], bool) if alpha is None else alpha > 1 - CLEAR

    def error(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.square(one[solid] - other[solid]).mean()) if solid.any() else 0.0

    plain = error(ours, theirs)
    tried = {"render": error(encode_srgb(ours), theirs), "capture": error(ours, encode_srgb(theirs))}
    best = min(tried, key=lambda side: tried[side])
    linear = best if tried[best] < BRIGHTER * plain else ""
    return {
        "backdrop": backdrop.kind,
        "psnr": round(psnr(float(np.square(ours - theirs).mean())), 3),
        "linear": linear,
    }
