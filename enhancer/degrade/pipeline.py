"""Walk a recipe. Training, the app and the command line all walk this one loop."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from enhancer.degrade.recipe import Recipe
from enhancer.images import composite, fill_transparent, split_alpha, with_alpha
from enhancer.masks import Masks
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
        masks: Region name -> (H, W) float32 in [0, 1], from `enhancer.masks.soft_masks`.
        recipe: From `enhancer.degrade.face_render`.
        seed: Address of the draw: a number, or a path such as ``(seed, epoch, index)``. Same seed, same bytes.
        background: Colour in [0, 1] over which the last stage is composited (the training input stands on white).
            None keeps the alpha of the input, untouched.
    """
    address = seed if isinstance(seed, tuple) else (seed,)
    rgb, alpha = split_alpha(image)
    if alpha is not None:
        rgb = fill_transparent(rgb, alpha)
    for number, step in enumerate(recipe.steps, start=1):
        changed = step.apply(rgb, masks, rng_for(*address, step.name))
        if changed is not rgb:
            rgb = np.clip(changed, 0, 1, out=changed)
        out = with_alpha(rgb, alpha)
        if number == len(recipe.steps) and background is not None:
            out = composite(out, background)
        yield Stage(number, step.name, out)


def degrade(
    image: np.ndarray,
    masks: Masks,
    recipe: Recipe,
    *,
    seed: int | tuple[int | str, ...],
    background: tuple[float, float, float] | None = None,
) -> np.ndarray:
    """Return the last stage of `trace`."""
    *_, last = trace(image, masks, recipe, seed=seed, background=background)
    return last.image
