"""Degrade a clean face region by region, the way Gaussian-splat renders do. numpy and OpenCV only."""

from enhancer.degrade.pipeline import Stage, degrade, trace
from enhancer.degrade.recipe import DEFAULT_PRESET, PRESETS, STEP_NAMES, Recipe, face_render, strengths_of

__all__ = [
    "DEFAULT_PRESET",
    "PRESETS",
    "STEP_NAMES",
    "Recipe",
    "Stage",
    "degrade",
    "face_render",
    "strengths_of",
    "trace",
]
