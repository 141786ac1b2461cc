"""Walk a recipe. Training, the app and the command line all walk this one loop."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from enhancer.degrade.recipe import Recipe
from enhancer.imaging.io import composite, fill_transparent, require_unit_range, split_alpha, with_alpha
from enhancer.imaging.masks import Masks
from enhancer.seeding import rng_for


class Stage(NamedTuple):
    """The picture after one step."""

    number: int  # from 1
    name: str
    image: np.ndarray  # (H, W, 3) or, with alpha, (H, W, 4); float32 in [0, 1]


def trace(
    image: np.ndarray,
    masks: Masks,
    recipe: Recipe,
    *,
    seed: int | tuple[int | str, ...],
    background: tuple[float, float, float] | None = None,
) -> Iterator[Stage]:
    """Yield the picture after each step; the last stage is the degraded picture.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1], straight alpha.
        masks: Region name -> (H, W) float32 in [0, 1], from `enhancer.imaging.masks.soft_masks`.
        recipe: From `enhancer.degrade.face_render`.
        seed: Address of the draw: a number, or a path such as ``(seed, epoch, index)``. Same seed, same bytes.
        background: Colour in [0, 1] over which the last stage is composited (the training input stands on white).
            None keeps the alpha of the input, untouched.
    """
    alpha = split_alpha(image)[1]
    for number, (name, rgb) in enumerate(_walk(image, masks, recipe, seed), start=1):
        last = number == len(recipe.steps)
        yield Stage(number, name, _finished(rgb, alpha, background if last else None))


def degrade(
    image: np.ndarray,
    masks: Masks,
    recipe: Recipe,
    *,
    seed: int | tuple[int | str, ...],
    background: tuple[float, float, float] | None = None,
) -> np.ndarray:
    """Return the picture of the last stage of `trace`."""
    *_, (_, rgb) = _walk(image, masks, recipe, seed)
    return _finished(rgb, split_alpha(image)[1], background)


def _walk(
    image: np.ndarray, masks: Masks, recipe: Recipe, seed: int | tuple[int | str, ...]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name of each step and the colours after it."""
    require_unit_range(image)
    address = seed if isinstance(seed, tuple) else (seed,)
    rgb, alpha = split_alpha(image)
    if alpha is not None:
        rgb = fill_transparent(rgb, alpha)
    for step in recipe.steps:
        changed = step.apply(rgb, masks, rng_for(*address, step.name))
        if changed is not rgb:
            rgb = np.clip(changed, 0, 1, out=changed)
        yield step.name, rgb


def _finished(rgb: np.ndarray, alpha: np.ndarray | None, background: tuple[float, float, float] | None) -> np.ndarray:
    """Give colours their alpha back, or lay them over a background."""
    image = with_alpha(rgb, alpha)
    return image if background is None else composite(image, background)
