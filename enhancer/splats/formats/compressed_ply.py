"""PlayCanvas's compressed PLY: blocks of 256 Gaussians, each number a few bits between its block's least and largest.

Source: playcanvas/splat-transform and the SuperSplat editor, which write it.
"""

import numpy as np

from enhancer.splats.cloud import SH_BASIS_0
from enhancer.splats.formats.contents import Contents, Gaussians, damaged, with_largest
from enhancer.splats.formats.ply import Ply, check_rest

_BLOCK = 256  # Gaussians
_PACKED = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_CHUNK = tuple(f"{end}_{what}" for end in ("min", "max") for what in (*"xyz", "scale_x", "scale_y", "scale_z"))
_CHUNK_COLOURS = tuple(f"{end}_{channel}" for end in ("min", "max") for channel in "rgb")
_SH_RANGE = 8.0  # coefficients of degree 1 and more lie in [-4, 4]


def is_compressed(ply: Ply) -> bool:
    """Tell whether a PLY file is one of these."""
    vertex = ply.element("vertex")
    return vertex is not None and "packed_position" in vertex.properties


def open_compressed_ply(ply: Ply) -> Contents:
    """Check the header.

    Raises:
        SplatError: A table is missing or does not fit the others.
    """
    vertex, chunk, harmonics = ply.element("vertex"), ply.element("chunk"), ply.element("sh")
    if (
        vertex is None
        or chunk is None
        or not (set(_PACKED) <= set(vertex.properties) and set(_CHUNK) <= set(chunk.properties))
    ):
        raise damaged(ply.name, "it is a compressed .ply without all of its tables")
    if chunk.count * _BLOCK < vertex.count or (harmonics is not None and harmonics.count != vertex.count):
        raise damaged(ply.name, "its tables differ in length")
    rest = 0 if harmonics is None else len(harmonics.properties)
    check_rest(ply.name, () if harmonics is None else tuple(harmonics.properties))
    return Contents("compressed.ply", vertex.count, rest // 3 + 1, lambda: _load(ply, rest // 3))


def _load(ply: Ply, per_channel: int) -> Gaussians:
    packed, chunk = ply.table("vertex"), ply.table("chunk")
    block = np.arange(len(packed)) // _BLOCK

    def between(values: np.ndarray, prefix: str, axes: str) -> np.ndarray:
        """Stretch (N, 3) from [0, 1] to each block's own range."""
        least, most = (
            np.stack([chunk[f"{end}_{prefix}{axis}"] for axis in axes], axis=1)[block] for end in ("min", "max")
        )
        return (least + values * (most - least)).astype(np.float32)

    means = between(_unpack(packed["packed_position"], (11, 10, 11)), "", "xyz")
    scales = np.exp(between(_unpack(packed["packed_scale"], (11, 10, 11)), "scale_", "xyz"))
    colours = _unpack(packed["packed_color"], (8, 8, 8, 8))
    # Files of 2024 and before store the colour itself and no range of it.
    rgb = between(colours[:, :3], "", "rgb") if set(_CHUNK_COLOURS) <= set(chunk.dtype.names or ()) else colours[:, :3]
    sh = np.zeros((len(packed), per_channel + 1, 3), np.float32)
    sh[:, 0] = (rgb - 0.5) / SH_BASIS_0
    if per_channel:
        harmonics = ply.table("sh")
        for channel in range(3):
            for index in range(per_channel):
                stored = harmonics[f"f_rest_{channel * per_channel + index}"].astype(np.float32)
                level = np.where(stored == 0, 0, np.where(stored == 255, 1, (stored + 0.5) / 256))
                sh[:, 1 + index, channel] = (level - 0.5) * _SH_RANGE
    return Gaussians(means, scales, _rotations(packed["packed_rotation"]), colours[:, 3], sh)


def _unpack(packed: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """Return (N, len(bits)) in [0, 1]; the first stands in the highest bits."""
    shift, columns = 32, []
    for width in bits:
        shift -= width
        largest = (1 << width) - 1
        columns.append(((packed.astype(np.uint32) >> np.uint32(shift)) & np.uint32(largest)) / np.float32(largest))
    return np.stack(columns, axis=1).astype(np.float32)


def _rotations(packed: np.ndarray) -> np.ndarray:
    """Return (N, 4) quaternions (w, x, y, z) of which the file has the three smaller numbers."""
    largest = (packed.astype(np.uint32) >> np.uint32(30)).astype(np.intp)  # 0 is w
    smaller = (_unpack(packed.astype(np.uint32) << np.uint32(2), (10, 10, 10)) - 0.5) * np.float32(np.sqrt(2))
    return with_largest(smaller, largest)
