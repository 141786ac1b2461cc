"""A sample as an evaluation takes it: read, put on a background, its regions as soft masks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from enhancer.errors import ImageError, LabelError
from enhancer.imaging.background import over_one_background
from enhancer.imaging.io import WHITE, composite, read_image, read_labels, split_alpha
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from training.data.backgrounds import Colour, cut_out
from training.data.folders import Sample
from training.evaluation.metrics import FOREGROUND


@dataclass(frozen=True)
class LoadedSample:
    """A picture as it is judged."""

    image: np.ndarray  # the clean picture that is degraded, perhaps with alpha
    clean: np.ndarray  # the same over white
    labels: np.ndarray | None
    masks: Mapping[str, np.ndarray]  # the regions, and FOREGROUND where there is alpha
    degraded: np.ndarray | None = None  # the one that was given, over white; None: degrade it


def load_sample(sample: Sample, background: Colour | None = None) -> LoadedSample:
    """Read a picture, its label map and its degraded version, as far as they exist.

    Args:
        sample: Where they are.
        background: Cut the person out and put this colour behind, before anything is degraded. None: the picture as it
            is.

    Raises:
        EnhancerError: One of them cannot be read, they are not of one size, or the person of a ready pair cannot be
            cut out for want of alpha; the message names the file.
    """
    image = read_image(sample.image)
    size = f"{image.shape[1]}x{image.shape[0]}"
    labels, masks, degraded = None, {}, None
    if sample.labels is not None:
        labels = read_labels(sample.labels)
        if image.shape[:2] != labels.shape:
            raise LabelError(
                f"{sample.labels} is {labels.shape[1]}x{labels.shape[0]} pixels, its picture {sample.image.name} "
                f"{size}. Make the label map anew at the picture's size."
            )
        masks = dict(soft_masks(region_map(labels)))
        if background is not None and sample.degraded is None:
            image = cut_out(image, labels)
    if sample.degraded is not None:
        degraded = read_image(sample.degraded)
        if degraded.shape[:2] != image.shape[:2]:
            raise ImageError(
                f"{sample.degraded} is {degraded.shape[1]}x{degraded.shape[0]} pixels, its clean picture "
                f"{sample.image.name} {size}. Give both at one size."
            )
        if background is not None and image.shape[-1] == degraded.shape[-1] == 3:
            raise ImageError(
                f"{sample.image} and {sample.degraded} have no alpha: their background cannot be changed. "
                "Leave --background out, or give RGBA pairs."
            )
        alpha = next((each for _, each in map(split_alpha, (image, degraded)) if each is not None), None)
        image, degraded = over_one_background((image, degraded), background or WHITE)
    else:
        _, alpha = split_alpha(image)
    if alpha is not None:
        masks[FOREGROUND] = alpha
    if background is not None:
        image = composite(image, background)
    return LoadedSample(image, composite(image, WHITE), labels, masks, degraded)
