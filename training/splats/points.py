"""Points of a scene's surface that are known before a fit: those of COLMAP, or from a file beside nerfstudio's."""

import struct
from pathlib import Path

import numpy as np

from enhancer.errors import SplatError

TRANSFORMS, POINTS = "transforms.json", "points.npz"
COLMAP_PLACES = ("sparse/0", "sparse", "colmap/sparse/0", "")


def read_points(scene: Path) -> np.ndarray | None:
    """Return a scene's points, (N, 3) float32 in the unit of its cameras, or None if it has none.

    They are `xyz` of ``...points.npz`` beside ``...transforms.json``, or COLMAP's points3D.bin or points3D.txt.

    Args:
        scene: What the views are read from.

    Raises:
        SplatError: The file is damaged.
    """
    if scene.is_dir():
        files = [*scene.glob(f"*{POINTS}")]
        files += [scene / place / f"points3D.{suffix}" for place in COLMAP_PLACES for suffix in ("bin", "txt")]
    else:
        files = [scene.with_name(scene.name.removesuffix(TRANSFORMS) + POINTS)]
    path = next((path for path in files if path.is_file()), None)
    if path is None:
        return None
    try:
        points = {".npz": _of_npz, ".bin": _of_binary, ".txt": _of_text}[path.suffix](path)
    except (OSError, ValueError, KeyError, IndexError, struct.error) as error:
        raise SplatError(f"{path} holds no points ({error}). Delete it, or export it again.") from error
    if points.ndim != 2 or points.shape[1:] != (3,) or not np.isfinite(points).all():
        raise SplatError(f"{path} holds no points (N, 3) but {points.shape}, or some are not finite.")
    return points.astype(np.float32) if len(points) else None


def _of_npz(path: Path) -> np.ndarray:
    with np.load(path) as arrays:
        return arrays["xyz"]


def _of_text(path: Path) -> np.ndarray:
    """Read lines of number, x, y, z and more; source: COLMAP's documentation of its output format."""
    lines = (line.split() for line in path.read_text().splitlines() if not line.startswith("#"))
    return np.array([[float(each) for each in line[1:4]] for line in lines if line]).reshape(-1, 3)


def _of_binary(path: Path) -> np.ndarray:
    """Read a number, x, y, z, colour, error and a list of pictures, point by point; source as above."""
    content = path.read_bytes()
    (count,) = struct.unpack_from("<Q", content)
    points, position = [], 8
    for _ in range(count):
        _, x, y, z, *_, pictures = struct.unpack_from("<Q3d3BdQ", content, position)
        points.append((x, y, z))
        position += 51 + 8 * pictures
    return np.array(points).reshape(-1, 3)
