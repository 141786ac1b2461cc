"""How much of a restoration is used, over all and region by region. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from enhancer.errors import SettingsError
from enhancer.imaging.io import WHITE, split_alpha, with_alpha
from enhancer.imaging.masks import Masks
from enhancer.imaging.regions import REGION_NAMES, require_region
from enhancer.messages import Message


@dataclass(frozen=True)
class Restoration:
    """What is done with what the model answers.

    Attributes:
        strength: From 0, the picture as it was given, to 1, the model's answer.
        regions: Region -> strength from 0 to 1, which multiplies `strength` there; 1 where none is given.
        background: Colour in [0, 1] over which transparent pictures are compared and drawn.
        keep_grey: Whether a black-and-white picture stays black-and-white.
    """

    strength: float = 1.0
    regions: Mapping[str, float] = field(default_factory=dict)
    background: tuple[float, float, float] = WHITE
    keep_grey: bool = True

    def __post_init__(self) -> None:
        """Refuse what is out of range, before any work is done."""
        for region in self.regions:
            require_region(region)
        for name, amount in {"strength": self.strength, **self.regions}.items():
            if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount <= 1:
                raise SettingsError(
                    Message(
                        "settings.restoration",
                        "The restoration's {name} must lie in 0 to 1, got {amount!r}.",
                        name=name,
                        amount=amount,
                    )
                )

    @property
    def is_full(self) -> bool:
        """Whether the model's answer is taken as it is."""
        return self.strength == 1 and all(amount == 1 for amount in self.regions.values())


def blend(before: np.ndarray, after: np.ndarray, masks: Masks, restoration: Restoration) -> np.ndarray:
    """Lay a restored picture over the one it was made from, region by region.

    Args:
        before: (H, W, 3 or 4) float32 in [0, 1].
        after: The same shape, with the same alpha.
        masks: Soft region masks. Where they overlap, strengths are averaged by their weight.
        restoration: The strengths; what lies in no region takes the overall one.
    """
    if restoration.is_full:
        return after
    inside = sum(masks[name] for name in REGION_NAMES)
    outside = np.maximum(0, 1 - inside)
    wanted = outside + sum(masks[name] * restoration.regions.get(name, 1.0) for name in REGION_NAMES)
    weight = (restoration.strength * wanted / (inside + outside))[..., None]
    rgb, alpha = split_alpha(after)
    given = split_alpha(before)[0]
    return with_alpha((given + weight * (rgb - given)).astype(np.float32), alpha)
