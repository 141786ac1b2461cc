"""`.splat`: 32 bytes a Gaussian without a header, as antimatter15/splat has it. Nothing in it depends on the view."""

from pathlib import Path

import numpy as np

from enhancer.splats.cloud import SH_BASIS_0
from enhancer.splats.formats.contents import Contents, Gaussians, size_of, truncated

_ROW = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("rotation", "u1", 4)])
_LOOKED_AT = 256  # Gaussians, to tell the format


def looks_like_splat(path: Path) -> bool:
    """Tell by the first Gaussians: sizes that are lengths, and quaternions of length 1."""
    with path.open("rb") as file:
        beginning = file.read(_LOOKED_AT * _ROW.itemsize)
    rows = np.frombuffer(beginning, _ROW, count=len(beginning) // _ROW.itemsize)
    if not len(rows):
        return False
    length = np.linalg.norm(_rotations(rows), axis=1)
    numbers = np.isfinite(rows["mean"]).all() and np.isfinite(rows["scale"]).all()
    return bool(numbers and (rows["scale"] >= 0).all() and (abs(length - 1) < 0.05).all())


def open_splat(path: Path, name: str) -> Contents:
    """Check the size, which is all the header there is.

    Raises:
        SplatError: The last Gaussian is cut off.
    """
    size = size_of(path)
    if size % _ROW.itemsize:
        raise truncated(name, (size // _ROW.itemsize + 1) * _ROW.itemsize, size)
    return Contents("splat", size // _ROW.itemsize, 1, lambda: _load(path))


def _load(path: Path) -> Gaussians:
    rows = np.memmap(path, _ROW, mode="r")
    colours = rows["rgba"].astype(np.float32) / 255
    sh = (colours[:, None, :3] - 0.5) / SH_BASIS_0
    return Gaussians(rows["mean"].copy(), rows["scale"].copy(), _rotations(rows), colours[:, 3].copy(), sh)


def _rotations(rows: np.ndarray) -> np.ndarray:
    """Return (N, 4) quaternions (w, x, y, z)."""
    return (rows["rotation"].astype(np.float32) - 128) / 128
