"""Splat Enhancer: restore Gaussian-splat face renders in one step.

Public names are loaded on first use, so that `import enhancer` is quick and degrading never drags torch in.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enhancer.degrade import face_render, trace
    from enhancer.imaging.io import composite, read_image, read_labels, write_png
    from enhancer.imaging.masks import soft_masks
    from enhancer.imaging.regions import region_map
    from enhancer.metrics.scores import Scorer
    from enhancer.model import SplatEnhancer, restore
    from enhancer.onnx import OnnxEnhancer
    from enhancer.parser import Parser

__version__ = "0.1.0"

_HOMES = {
    "OnnxEnhancer": "onnx",
    "Parser": "parser",
    "Scorer": "metrics.scores",
    "SplatEnhancer": "model",
    "composite": "imaging.io",
    "face_render": "degrade",
    "read_image": "imaging.io",
    "read_labels": "imaging.io",
    "region_map": "imaging.regions",
    "restore": "model",
    "soft_masks": "imaging.masks",
    "trace": "degrade",
    "write_png": "imaging.io",
}
__all__ = [
    "OnnxEnhancer",
    "Parser",
    "Scorer",
    "SplatEnhancer",
    "composite",
    "face_render",
    "read_image",
    "read_labels",
    "region_map",
    "restore",
    "soft_masks",
    "trace",
    "write_png",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"enhancer.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'enhancer' has no attribute {name!r}")
