"""The 14 steps as a table, and the two presets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from enhancer.degrade.blobs import Blobs
from enhancer.degrade.steps import (
    FLAT,
    HEAVY,
    SOFT,
    Brightness,
    Desaturation,
    Downscale,
    Keep,
    Noise,
    OverallBlur,
    RegionBlur,
    Step,
    SurfaceBlur,
    Warp,
)
from enhancer.errors import SettingsError
from enhancer.imaging.regions import require_region
from enhancer.messages import Message

# Blend strength of each region's blur, 0 to 1.
PRESETS: dict[str, dict[str, float]] = {
    "v1": {"skin": 0.5, "eyes": 0.8, "nose": 0.6, "mouth": 0.9, "hair": 0.6},
    "v2": {"skin": 0.4, "eyes": 0.7, "nose": 0.5, "mouth": 0.9, "hair": 0.6},
}
DEFAULT_PRESET = "v2"


@dataclass(frozen=True)
class Recipe:
    """An ordered table of steps with unique names."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        """Refuse two steps of one name: they would share a random stream."""
        names = [step.name for step in self.steps]
        if len(set(names)) < len(names):
            raise SettingsError(f"Step names must be unique, got {', '.join(names)}.")

    def without(self, names: Collection[str]) -> "Recipe":
        """Return the recipe with the named steps switched off; the others draw exactly as before."""
        unknown = set(names) - {step.name for step in self.steps}
        if unknown:
            raise SettingsError(
                f"No step is called {', '.join(sorted(unknown))}. The steps are "
                f"{', '.join(step.name for step in self.steps)}."
            )
        return Recipe(tuple(step for step in self.steps if step.name not in names))


def strengths_of(preset: str, overrides: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return region -> blend strength of a preset, with some regions overridden.

    Raises:
        SettingsError: Unknown preset or region, or a strength outside [0, 1].
    """
    if preset not in PRESETS:
        raise SettingsError(f"There is no preset {preset!r} of the 14 steps. Choose one of {', '.join(PRESETS)}.")
    overrides = dict(overrides or {})
    for region, strength in overrides.items():
        require_region(region)
        if not 0 <= strength <= 1:
            raise SettingsError(
                Message(
                    "settings.strength",
                    "The strength of {region} must lie in 0 to 1, got {strength}.",
                    region=region,
                    strength=strength,
                )
            )
    return PRESETS[preset] | overrides


def face_render(
    preset: str = DEFAULT_PRESET, strengths: Mapping[str, float] | None = None, *, severity: float = 1.0
) -> Recipe:
    """Return the recipe of a splat-rendered face.

    Args:
        preset: ``"v1"`` or ``"v2"``.
        strengths: Region -> blend strength in [0, 1], over the preset's own.
        severity: Multiplies every amount in the table. 1 is the preset; 0 leaves the picture as it is. At most 1.2.

    Raises:
        SettingsError: Something is not one of the choices or outside its range.
    """
    if not 0 <= severity <= 1.2:
        raise SettingsError(f"The severity must lie in 0 to 1.2, got {severity}.")
    s = severity
    region = {name: min(1.0, s * value) for name, value in strengths_of(preset, strengths).items()}
    return Recipe(
        (
            Keep("clean input"),
            Keep("face parsing"),
            Warp(amplitude=0.9 * s),
            RegionBlur("skin blur", "skin", SOFT, region["skin"], Blobs(200, 20, 50)),
            RegionBlur("eye blur", "eyes", HEAVY, region["eyes"], Blobs(200, 5, 10)),
            RegionBlur("nose blur", "nose", HEAVY, region["nose"], Blobs(200, 6, 12)),
            RegionBlur("mouth blur", "mouth", HEAVY, region["mouth"], Blobs(200, 8, 8), FLAT, min(1, 0.5 * s)),
            RegionBlur("hair blur", "hair", SOFT, region["hair"], Blobs(150, 25, 60)),
            SurfaceBlur(0.45 * s),
            Brightness(7.5 * s, 40 * s, 255 - 25 * s, (("mouth", 60 * s), ("nose", 50 * s)), Blobs(150, 15, 40)),
            OverallBlur(0.20 * s),
            Desaturation(0.20 * s),
            Downscale(min(1, s)),
            Noise(4.5 * s),
        )
    )


STEP_NAMES = tuple(step.name for step in face_render().steps)
