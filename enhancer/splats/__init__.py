"""Clouds of 3D Gaussians: reading and writing them, cameras, rendering, and what too few Gaussians make of a picture.

Public names are loaded on first use, so that degrading by splats never drags torch in.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enhancer.splats.camera_files import read_cameras
    from enhancer.splats.cameras import Camera, orbit
    from enhancer.splats.cloud import GaussianCloud
    from enhancer.splats.files import read_splats, write_ply
    from enhancer.splats.motion import optical_flow
    from enhancer.splats.rasterising import rasterise, render

_HOMES = {
    "Camera": "cameras",
    "GaussianCloud": "cloud",
    "optical_flow": "motion",
    "orbit": "cameras",
    "rasterise": "rasterising",
    "read_cameras": "camera_files",
    "read_splats": "files",
    "render": "rasterising",
    "write_ply": "files",
}
__all__ = [
    "Camera",
    "GaussianCloud",
    "optical_flow",
    "orbit",
    "rasterise",
    "read_cameras",
    "read_splats",
    "render",
    "write_ply",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"enhancer.splats.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'enhancer.splats' has no attribute {name!r}")
