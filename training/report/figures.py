"""Two figures that explain the degradation on one's own picture."""

import numpy as np
from PIL import Image

from enhancer.degrade import face_render, trace
from enhancer.degrade.steps import RegionBlur
from enhancer.imaging.io import WHITE, composite, fill_transparent, split_alpha
from enhancer.imaging.masks import overlay, soft_masks
from enhancer.imaging.regions import REGIONS, region_map
from enhancer.seeding import rng_for
from training.report.contact_sheet import Tile, sheet

FACE_WINDOW = 0.66  # side of the window round the face in the pipeline figure, share of the short side
REGION_ROOM = 1.25  # side of a region's window in the mask figure, in extents of the region
TINT = np.array([0.86, 0.10, 0.22], np.float32)  # of the product over the picture
CHANGE_GAIN = 4  # how much the difference of the last tile is brightened


def pipeline_figure(image: np.ndarray, labels: np.ndarray, *, preset: str, seed: int, name: str) -> Image.Image:
    """Draw the picture after each of the 14 steps, and what all of them changed.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1].
        labels: Its (H, W) label map.
        preset: Degradation preset.
        seed: Address of the draw, as given to `enhancer.degrade.degrade`.
        name: What to call the picture in the heading.
    """
    regions = region_map(labels)
    masks = soft_masks(regions)
    window = _window(regions > 0 if not (regions == 2).any() else np.isin(regions, (2, 3, 4)), FACE_WINDOW)
    tiles, before, first = [], composite(image), composite(image)
    for stage in trace(image, masks, face_render(preset), seed=seed, background=WHITE):
        rgb = composite(stage.image)
        changed = 255 * float(np.abs(rgb - before)[window].mean())
        note = f"changes a pixel by {changed:.1f} levels" if changed else "changes nothing"
        shown = rgb
        if stage.name == "face parsing":
            shown, note = overlay(rgb, masks), "skin, eyes, nose, mouth, hair"
        tiles.append(Tile(shown[window], f"{stage.number}. {stage.name}", note))
        before = rgb
    change = np.clip(CHANGE_GAIN * np.abs(before - first), 0, 1)[window]
    changed = 255 * float(np.abs(before - first)[window].mean())
    tiles.append(Tile(change, f"all that changed, x{CHANGE_GAIN}", f"a pixel changed by {changed:.1f} levels"))
    rows = [tiles[start : start + 5] for start in range(0, len(tiles), 5)]
    return sheet(
        "From a clean face to a splat render, in 14 steps",
        f"{name}, preset {preset}, seed {seed}. Shown is the face; levels are of 255.",
        rows,
        side=300,
    )


def mask_figure(image: np.ndarray, labels: np.ndarray, *, preset: str, seed: int, name: str) -> Image.Image:
    """Draw for each region its mask, the variation mask, their product, and the picture before and after its blur.

    The arguments are those of `pipeline_figure`; the variation masks are the very ones that seed draws.
    """
    regions = region_map(labels)
    masks = soft_masks(regions)
    rgb, alpha = split_alpha(image)
    rgb = rgb if alpha is None else fill_transparent(rgb, alpha)
    recipe = face_render(preset)
    blurs = {step.region: step for step in recipe.steps if isinstance(step, RegionBlur)}
    rows = []
    for number, region in enumerate(REGIONS, start=1):
        step, mask = blurs[region.name], masks[region.name]
        variation = step.blobs.draw(rng_for(seed, step.name), rgb.shape).variation_mask(rgb.shape)
        weight = np.minimum(mask * variation * step.strength, 1)
        after = step.apply(rgb, masks, rng_for(seed, step.name))
        window = _window(regions == number, REGION_ROOM, of_extent=True)
        picture, blurred = (composite(_with(each, alpha)) for each in (rgb, after))
        bite = 0.5 + 0.5 * picture.mean(axis=2, keepdims=True)  # pale, so that the tint stands out
        bite = bite + (weight / max(float(weight.max()), 1e-6))[..., None] * (TINT - bite)
        share = float(mask.mean())
        rows.append(
            [
                Tile(_grey(mask), f"{region.name}: region mask", f"covers {share:.1%} of the picture"),
                Tile(_grey(variation), "variation mask", f"{step.blobs.count} blobs of {_radii(step)} px"),
                Tile(_grey(weight), f"product x strength {step.strength:.2f}", f"at most {weight.max():.2f}"),
                Tile(bite, "where it bites", "the product, brightened, as a tint"),
                Tile(picture[window], "before", "closer, unwarped"),
                Tile(blurred[window], "after", "even blur on top" if step.then else "patchy, as splats are"),
            ]
        )
    return sheet(
        "Where each region is blurred, and how much",
        f"{name}, preset {preset}, seed {seed}. White is 1, black is 0; radii are in px at 512.",
        rows,
        side=220,
    )


def _grey(mask: np.ndarray) -> np.ndarray:
    return np.repeat(mask[..., None], 3, axis=2)


def _with(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    return rgb if alpha is None else np.dstack([rgb, alpha])


def _radii(step: RegionBlur) -> str:
    low, high = step.blobs.min_radius, step.blobs.max_radius
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _window(where: np.ndarray, room: float, *, of_extent: bool = False) -> tuple[slice, slice]:
    """Return a square window round the true pixels: `room` short sides wide, or `room` extents of those pixels."""
    height, width = where.shape
    if not where.any():
        return slice(0, height), slice(0, width)
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    extent = max(np.ptp(rows), np.ptp(columns)) if of_extent else min(height, width)
    side = min(height, width, max(32, round(room * extent)))
    edges = []
    for places, full in ((rows, height), (columns, width)):
        start = round(float(places[0] + places[-1]) / 2 - side / 2)
        start = min(max(start, 0), full - side)
        edges.append(slice(start, start + side))
    return edges[0], edges[1]
