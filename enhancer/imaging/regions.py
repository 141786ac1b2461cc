"""The five face regions, and how label maps of any known vocabulary become region maps.

Labels are matched by *name*: published copies of the same face parser order their ids differently.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from enhancer.errors import LabelError, SettingsError
from enhancer.messages import Message


@dataclass(frozen=True)
class Region:
    """A part of the face that is degraded, restored and scored on its own."""

    name: str
    labels: tuple[str, ...]  # label names that belong to it; the region's own name is understood too
    colour: tuple[int, int, int]  # for overlays, 8-bit sRGB


REGIONS = (
    Region("skin", ("skin",), (236, 182, 148)),
    Region("eyes", ("l_eye", "r_eye", "l_brow", "r_brow"), (82, 128, 255)),
    Region("nose", ("nose",), (255, 214, 64)),
    Region("mouth", ("mouth", "u_lip", "l_lip"), (230, 62, 84)),
    Region("hair", ("hair",), (150, 96, 52)),
)
REGION_NAMES = tuple(region.name for region in REGIONS)

# Known labels that belong to no region.
OUTSIDE = (
    "background", "eye_g", "l_ear", "r_ear", "ear_r", "neck", "neck_l", "hat", "cloth", "other",
)  # fmt: skip

# CelebAMask-HQ's own order (Lee et al. 2020), used by label maps published with photographs.
CELEBAMASK_LABELS = (
    "background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip

# The order of the label maps beside our rendered heads (examples/heads/README.md).
HEAD_LABELS = ("background", "skin", "eyes", "nose", "mouth", "hair", "other")


def require_region(name: str) -> None:
    """Refuse the name of a region that does not exist.

    Raises:
        SettingsError: The name, and those that exist.
    """
    if name not in REGION_NAMES:
        raise SettingsError(
            Message(
                "settings.region",
                "There is no region {name!r}. Choose one of {known}.",
                name=name,
                known=", ".join(REGION_NAMES),
            )
        )


def region_of_label(names: Sequence[str]) -> np.ndarray:
    """Return a look-up table from label id to region index.

    Args:
        names: Label names in id order, such as a parser's ``id2label`` values.

    Returns:
        (len(names),) uint8: 0 for outside, k for ``REGIONS[k - 1]``.

    Raises:
        LabelError: A name is not known, or a region has no label.
    """
    index = {label: k for k, region in enumerate(REGIONS, start=1) for label in (*region.labels, region.name)}
    index |= dict.fromkeys(OUTSIDE, 0)
    unknown = sorted(set(names) - set(index))
    if unknown:
        raise LabelError(
            f"The label names {', '.join(unknown)} are not in the region table. "
            f"Known are {', '.join(sorted(index))}: use a parser with CelebAMask-HQ's label names."
        )
    table = np.array([index[name] for name in names], np.uint8)
    missing = [region.name for k, region in enumerate(REGIONS, start=1) if k not in table]
    if missing:
        raise LabelError(f"No label belongs to {', '.join(missing)}; the labels are {', '.join(names)}.")
    return table


def region_map(labels: np.ndarray, names: Sequence[str] | None = None) -> np.ndarray:
    """Turn a label map into a region map.

    Args:
        labels: (H, W) integer label ids.
        names: Label names in id order. Without them the map must be in one of the two orders that label maps beside
            pictures use here: CelebAMask-HQ's (ids 0-18), or that of our rendered heads (ids 0-6). A face in
            CelebAMask-HQ's order always holds an id above 6 (mouth, lips, hair, neck), which tells them apart.

    Returns:
        (H, W) uint8: 0 for outside, k for ``REGIONS[k - 1]``.

    Raises:
        LabelError: Not a label map, or an id has no name.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        raise LabelError(
            Message(
                "labels.shape",
                "A label map is one channel of integer ids, got shape {shape} of {dtype}. "
                "Save it as a greyscale or palette PNG whose values are the ids.",
                shape=str(labels.shape),
                dtype=str(labels.dtype),
            )
        )
    if names is None:
        names = HEAD_LABELS if labels.size and labels.max() < len(HEAD_LABELS) else CELEBAMASK_LABELS
    if labels.size and (labels.min() < 0 or labels.max() >= len(names)):
        raise LabelError(
            Message(
                "labels.id",
                "The label map holds id {id}, but only 0 to {last} have names. "
                "Use CelebAMask-HQ's 19 ids or the 7 of the example heads.",
                id=int(labels.max()),
                last=len(names) - 1,
            )
        )
    return region_of_label(names)[labels]


def names_in_id_order(id2label: Mapping[int, str] | Mapping[str, str]) -> tuple[str, ...]:
    """Return a transformers ``id2label`` mapping as names in id order; its keys may be strings."""
    return tuple(name for _, name in sorted((int(k), v) for k, v in id2label.items()))
