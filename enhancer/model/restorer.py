"""Pictures of any size through the model: whole where the memory allows, else in tiles."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import psutil
import torch

from enhancer.errors import UnavailableError
from enhancer.imaging.arrays import as_image, as_images
from enhancer.imaging.keep import is_grey, keep, seen_by_model
from enhancer.imaging.tiles import in_tiles
from enhancer.messages import Message
from enhancer.model.half import run_finite
from enhancer.model.norms import GivenNorms, RecordNorms
from enhancer.tensors import to_model_range, to_rgb

# Reflected around the picture and cut off again: the outermost pixels lie against the convolutions' zero padding, and
# the last row and column came out up to three times as wrong as the rest (embedded checkpoint, CelebAMask-HQ).
MARGIN = 8  # pixels
GRID = 64  # pixels: one step of SD-Turbo's smallest feature map, so that tiles and picture are cut alike in all of them
SMALLEST_TILE, LARGEST_TILE = 256, 1024  # pixels a side; larger ones are slower and no better
LARGEST_WHOLE = 2048  # likewise, where the memory would allow more
SHARE = 0.5  # of the free memory that one pass may take: others are at work too


def restore(model: Any, image: np.ndarray, *, keep_grey: bool = True) -> np.ndarray:
    """Restore one picture, or several of one size; in tiles where there is too little memory for the whole.

    What alpha or a flat border tells to be background comes back as it was; see `enhancer.imaging.keep`.

    Args:
        model: Of `SplatEnhancer.from_pretrained`, after `for_inference()`, or what is called like it.
        image: (H, W, C) or (B, H, W, C) float32 in [0, 1], with 3 channels or, with straight alpha, 4; sides of at least
            16 pixels.
        keep_grey: Whether a black-and-white picture stays black-and-white.

    Returns:
        Restored, same shape and range.

    Raises:
        ImageError: The array is no such picture: another shape, type or range.
        CheckpointError: The checkpoint's answer is not finite.
        UnavailableError: There is too little memory even for the smallest tiles.
    """
    pictures = as_images(image) if image.ndim == 4 else as_image(image)[None]
    seen = np.stack([seen_by_model(picture) for picture in pictures])
    try:
        restored = restore_whole(model, seen)
    except MemoryError:
        restored = np.stack([restore_in_tiles(model, picture) for picture in seen])
    kept = [keep(*each, grey=keep_grey and is_grey(each[0])) for each in zip(pictures, seen, restored, strict=True)]
    return np.stack(kept).reshape(image.shape)


def restore_whole(model: Any, rgb: np.ndarray) -> np.ndarray:
    """Restore in one pass; as `restore`, but without alpha, and nothing is kept.

    Raises:
        MemoryError: It would not fit into the memory, or did not.
    """
    height, width = rgb.shape[-3:-1]
    if rgb.size // 3 > most_pixels(model):
        raise MemoryError(f"{rgb.size // 3} pixels at once are too many for the free memory.")
    bottom, right = (MARGIN + -(length + 2 * MARGIN) % model.size_multiple for length in (height, width))
    restored = one_pass(model, _padded(rgb, bottom, right))
    return np.ascontiguousarray(restored[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width, :])


def restore_in_tiles(model: Any, rgb: np.ndarray, side: int | None = None) -> np.ndarray:
    """Restore one picture in overlapping tiles that share their group norms; as `restore_whole`.

    Each tile goes through the whole model by itself, latents and skips, so that its parts belong together.

    Args:
        model: As `restore`; one that is not a torch module normalises each tile for itself, which shows.
        rgb: (H, W, 3).
        side: Of a tile, in pixels, a multiple of 64; None takes what fits into half of the free memory.

    Raises:
        UnavailableError: There is too little memory even for the smallest tiles.
    """
    side = side or tile_side(model)
    height, width = rgb.shape[:2]
    bottom, right = (MARGIN + -(length + 2 * MARGIN) % GRID for length in (height, width))
    padded = _padded(rgb, bottom, right)
    while True:
        try:
            with RecordNorms() as seen:
                one_pass(model, _shrunk(padded, side))

            def restore_tile(tile: np.ndarray, statistics: Any = seen.statistics) -> np.ndarray:
                with GivenNorms(statistics):
                    return one_pass(model, tile)

            restored = in_tiles(restore_tile, padded, side, multiple=GRID)
            return np.ascontiguousarray(restored[MARGIN : MARGIN + height, MARGIN : MARGIN + width])
        except MemoryError as error:
            if side <= SMALLEST_TILE:
                raise UnavailableError(
                    Message(
                        "memory.tiles",
                        "This machine has too little memory for the picture now, even in tiles. "
                        "Try again in a minute, or give a smaller picture.",
                    )
                ) from error
            side = max(SMALLEST_TILE, side // 2 // GRID * GRID)


def most_pixels(model: Any) -> int:
    """Return how many pixels to restore at once: what fits into the free memory, by estimate, beside the weights."""
    if model.device.type == "cuda":
        free = torch.cuda.mem_get_info(model.device)[0]
        free += torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
    else:
        free = psutil.virtual_memory().available
    return min(int(SHARE * free / model.bytes_per_pixel), LARGEST_WHOLE**2)


def tile_side(model: Any) -> int:
    """Return the side of the largest tile that fits into the free memory, in pixels."""
    side = int(most_pixels(model) ** 0.5) // GRID * GRID
    return min(max(side, SMALLEST_TILE), LARGEST_TILE)


def one_pass(model: Any, rgb: np.ndarray) -> np.ndarray:
    """Run pictures whose sides divide; MemoryError if the device has too little memory for them."""
    batch = to_model_range(rgb)
    if model.device.type == "cuda":
        batch = batch.pin_memory()  # so that the copy need not wait for what the GPU is doing
    with torch.inference_mode(), _running_out_of_memory():
        batch = batch.to(model.device, model.dtype, non_blocking=True)
        restored = run_finite(model, batch)
        return to_rgb(restored).reshape(rgb.shape)


def _padded(rgb: np.ndarray, bottom: int, right: int) -> np.ndarray:
    """Reflect pictures by the margin above and left, and by as much as asked for below and right."""
    others = [(0, 0)] * (rgb.ndim - 3)
    return np.pad(rgb, [*others, (MARGIN, bottom), (MARGIN, right), (0, 0)], mode="reflect")


def _shrunk(rgb: np.ndarray, side: int) -> np.ndarray:
    """Scale a picture down to the area of a tile, by leaving pixels out.

    Averaging them would take the noise out as well, and with it part of the spread that the norms see: tiles of the embedded
    checkpoint came 8 dB further from the picture restored whole.
    """
    scale = min(1.0, side / (rgb.shape[0] * rgb.shape[1]) ** 0.5)
    height, width = (max(GRID, round(length * scale) // GRID * GRID) for length in rgb.shape[:2])
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_NEAREST)


@contextmanager
def _running_out_of_memory() -> Iterator[None]:
    """Turn what torch's allocators raise into MemoryError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise MemoryError(str(error)) from error
    except RuntimeError as error:  # what the CPU's and Apple's allocators raise
        if "out of memory" in str(error) or "can't allocate memory" in str(error):
            raise MemoryError(str(error)) from error
        raise
