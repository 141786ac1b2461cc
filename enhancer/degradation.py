"""Degrading a picture by the name of a preset: the 14 steps region by region, or real splats fitted to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from enhancer.degrade import DEFAULT_PRESET, PRESETS, STEP_NAMES, face_render, trace
from enhancer.errors import SettingsError
from enhancer.imaging.masks import Masks
from enhancer.messages import Message
from enhancer.splats.degradation import DRAWN, FITTED, SPLAT_PRESETS, trace_as_splats

PRESET_NAMES = (*PRESETS, *SPLAT_PRESETS)
SHOWN_OF_FIT = (1, 3)  # steps after which a fit is shown, beside its start and its end


class Stage(NamedTuple):
    """A picture on its way to a degraded one."""

    name: str
    share: float  # of the work that is done, 0 to 1
    image: np.ndarray | None  # shaped as the clean one, float32 in [0, 1]; None if nobody asked to see it


@dataclass(frozen=True)
class Degrading:
    """How a clean picture is degraded.

    Attributes:
        preset: One of `PRESET_NAMES`.
        strengths: Region -> blend strength in [0, 1], over the preset's own; for the 14 steps only.
        seed: Same seed, same pixels.
    """

    preset: str = DEFAULT_PRESET
    strengths: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be done, before any work.

        Raises:
            SettingsError: It says what, and what can be.
        """
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise SettingsError(
                Message("settings.seed", "The seed must be a whole number, got {seed!r}.", seed=self.seed)
            )
        given = self.strengths
        if not (isinstance(given, Mapping) and all(isinstance(each, int | float) for each in given.values())):
            raise SettingsError(
                Message(
                    "settings.strengths",
                    "Strengths are numbers by region, such as {{'eyes': 0.5}}, got {strengths!r}.",
                    strengths=given,
                )
            )
        if self.preset not in PRESET_NAMES:
            raise SettingsError(
                Message(
                    "settings.preset",
                    "There is no preset {preset!r}. Choose one of {known}.",
                    preset=self.preset,
                    known=", ".join(PRESET_NAMES),
                )
            )
        if not self.fits_splats:
            face_render(self.preset, given)
        elif given:
            raise SettingsError(
                Message(
                    "settings.splat_strengths",
                    "Strengths by region go with the 14 steps ({steps}): {preset} fits splats to the whole picture. "
                    "Leave them out.",
                    steps=", ".join(PRESETS),
                    preset=self.preset,
                )
            )

    @property
    def fits_splats(self) -> bool:
        """Whether splats are fitted, which takes seconds; else the 14 steps, which take milliseconds."""
        return self.preset in SPLAT_PRESETS

    def stages(
        self,
        image: np.ndarray,
        masks: Masks,
        regions: np.ndarray | None = None,
        person: np.ndarray | None = None,
        *,
        address: tuple[str, ...] = (),
        shown: bool = True,
    ) -> Iterator[Stage]:
        """Yield what becomes of a picture, the clean one first; the last is the degraded picture, and always shown.

        Args:
            image: (H, W, 3) or (H, W, 4) float32 in [0, 1], straight alpha.
            masks: Region name -> (H, W) float32 in [0, 1], from `enhancer.imaging.masks.soft_masks`.
            regions: (H, W) region map, from `enhancer.imaging.regions.region_map`.
            person: (H, W) bool, where it is known and there is no alpha.
            address: Of the picture's draws, behind the seed, so that pictures of one seed are drawn apart.
            shown: False leaves out the pictures on the way.
        """
        seed = (self.seed, *address)
        if not self.fits_splats:
            recipe = face_render(self.preset, self.strengths)
            for number, name, picture in trace(image, masks, recipe, seed=seed):
                yield Stage(name, number / len(STEP_NAMES), picture)
            return
        steps = SPLAT_PRESETS[self.preset].steps
        yield Stage(STEP_NAMES[0], 0.0, image)
        for number, stage in enumerate(trace_as_splats(image, self.preset, seed, regions=regions, person=person)):
            wanted = number in SHOWN_OF_FIT or number >= steps or stage.name == DRAWN
            name = stage.name if stage.name != FITTED else _fitted(number, steps)
            picture = stage.image if stage.share == 1 or (shown and wanted) else None
            yield Stage(name, stage.share, picture)


def _fitted(number: int, steps: int) -> Message:
    return Message("stage.fitted", "step {number} of {steps} of the fit", number=number, steps=steps)
