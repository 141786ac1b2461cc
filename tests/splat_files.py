"""A small cloud that is its own mirror image in no way, and writers of the formats that it is read back from."""

import gzip
import struct

import numpy as np

from enhancer.seeding import rng_for
from enhancer.splats.cloud import COEFFICIENTS, SH_BASIS_0, GaussianCloud

COUNT = 300  # over 256, so that files of blocks have two


def lopsided_cloud(degree=0, count=COUNT):
    """A cloud in about [-1, 1], its red right side unlike its blue left one, every Gaussian turned and of three sizes."""
    rng = rng_for(0, "lopsided", degree)
    means = rng.uniform(-1, 1, (count, 3)).astype(np.float32)
    rotations = rng.normal(size=(count, 4)).astype(np.float32)
    rotations[:, 0] += 0.5 * np.sign(rotations[:, 0])  # three bytes of .spz say little about w near 0
    sh = rng.uniform(-0.2, 0.2, (count, COEFFICIENTS[degree], 3)).astype(np.float32)
    sh[:, 0] += np.sign(means[:, :1]) * np.float32([1, 0, -1])
    return GaussianCloud(
        means=means,
        scales=np.exp(rng.uniform(-5, -2, (count, 3))).astype(np.float32),
        rotations=rotations / np.linalg.norm(rotations, axis=1, keepdims=True),
        opacities=rng.uniform(0.05, 0.95, count).astype(np.float32),
        sh=sh,
    )


def matrices(rotations):
    """(N, 3, 3) from unit quaternions (w, x, y, z)."""
    w, x, y, z = rotations.astype(np.float64).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rows).transpose(2, 0, 1)


def covariances(cloud):
    """(N, 3, 3)."""
    axes = matrices(cloud.rotations) * cloud.scales[:, None, :]
    return axes @ axes.transpose(0, 2, 1)


def seen_from(cloud, direction):
    """(N, 3) colours for a view along `direction`, by the polynomials of 3D Gaussian Splatting."""
    x, y, z = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    basis = [
        *(SH_BASIS_0, -0.4886025 * y, 0.4886025 * z, -0.4886025 * x),
        *(1.0925484 * x * y, -1.0925484 * y * z, 0.3153916 * (2 * z * z - x * x - y * y), -1.0925484 * x * z),
        *(0.5462742 * (x * x - y * y), -0.5900436 * y * (3 * x * x - y * y), 2.8906114 * x * y * z),
        *(-0.4570458 * y * (4 * z * z - x * x - y * y), 0.3731763 * z * (2 * z * z - 3 * x * x - 3 * y * y)),
        *(-0.4570458 * x * (4 * z * z - x * x - y * y), 1.4453057 * z * (x * x - y * y)),
        -0.5900436 * x * (x * x - 3 * y * y),
    ]
    return 0.5 + np.einsum("k,nkc->nc", basis[: cloud.sh.shape[1]], cloud.sh)


# --- .ply --------------------------------------------------------------------------------------------------------


def columns_of(cloud):
    """Property -> values, as 3D Gaussian Splatting writes them."""
    columns = dict(zip("xyz", cloud.means.T, strict=True))
    columns |= {f"f_dc_{index}": cloud.sh[:, 0, index] for index in range(3)}
    rest = (
        cloud.sh[:, 1:].transpose(0, 2, 1).reshape(len(cloud), 3 * cloud.sh.shape[1] - 3)
    )  # all of red, all of green, all of blue
    columns |= {f"f_rest_{index}": values for index, values in enumerate(rest.T)}
    columns["opacity"] = np.log(cloud.opacities / (1 - cloud.opacities))
    columns |= {f"scale_{index}": np.log(cloud.scales[:, index]) for index in range(3)}
    columns |= {f"rot_{index}": cloud.rotations[:, index] for index in range(4)}
    return columns


def ply_bytes(columns, order="<", types=None, before=(), after=(), count=None):
    """A PLY file; `order` is "<", ">" or "" for text, `types` property -> numpy type, `before` and `after` (lines, bytes)."""
    names = {"f4": "float", "f8": "double", "u1": "uchar", "u4": "uint", "i4": "int"}
    types = {name: (types or {}).get(name, "f4") for name in columns}
    n = len(next(iter(columns.values()), ())) if count is None else count
    encoding = {"<": "binary_little_endian", ">": "binary_big_endian", "": "ascii"}[order]
    lines = ["ply", f"format {encoding} 1.0", "comment written by a test"]
    lines += [line for head, _ in before for line in head]
    lines += [f"element vertex {n}", *(f"property {names[kind]} {name}" for name, kind in types.items())]
    lines += [line for head, _ in after for line in head]
    header = "\n".join([*lines, "end_header\n"]).encode()
    if order:
        table = np.empty(len(next(iter(columns.values()), ())), [(name, order + types[name]) for name in columns])
        for name, values in columns.items():
            table[name] = values
        body = table.tobytes()
    else:
        body = "".join(" ".join(map(repr, row)) + "\n" for row in np.array(list(columns.values())).T.tolist()).encode()
    return header + b"".join(data for _, data in before) + body + b"".join(data for _, data in after)


def _packed(values, bits):
    """(N,) uint32 from (N, len(bits)) in [0, 1]."""
    packed = np.zeros(len(values), np.uint32)
    for column, width in zip(values.T, bits, strict=True):
        packed = (packed << np.uint32(width)) | np.round(column * ((1 << width) - 1)).astype(np.uint32)
    return packed


def _blocks(values, size=256):
    """(N, C) in [0, 1] within each block, and the least and largest of the blocks."""
    blocks = [values[start : start + size] for start in range(0, len(values), size)]
    least, most = (np.array([end(block, axis=0) for block in blocks]) for end in (np.min, np.max))
    block = np.arange(len(values)) // size
    return (values - least[block]) / (most - least)[block], least, most


def _smallest_three(rotations):
    """(N,) place of the largest, (N, 3) the others with the largest above 0."""
    largest = abs(rotations).argmax(axis=1)
    turned = rotations * np.sign(rotations[np.arange(len(rotations)), largest])[:, None]
    return largest, turned[np.arange(4) != largest[:, None]].reshape(-1, 3)


def compressed_ply_bytes(cloud):
    n = len(cloud)
    means, *ends_of_means = _blocks(cloud.means)
    scales, *ends_of_scales = _blocks(np.log(cloud.scales))
    rgb, *ends_of_rgb = _blocks(cloud.colours)
    largest, others = _smallest_three(cloud.rotations)
    names = ["x", "y", "z"], ["scale_x", "scale_y", "scale_z"], ["r", "g", "b"]
    chunk = {}
    for group, ends in zip(names, (ends_of_means, ends_of_scales, ends_of_rgb), strict=True):
        for end, values in zip(("min", "max"), ends, strict=True):
            chunk |= {f"{end}_{name}": column for name, column in zip(group, values.T, strict=True)}
    vertex = {
        "packed_position": _packed(means, (11, 10, 11)),
        "packed_rotation": largest.astype(np.uint32) << 30 | _packed(others / np.sqrt(2) + 0.5, (10, 10, 10)),
        "packed_scale": _packed(scales, (11, 10, 11)),
        "packed_color": _packed(np.column_stack([rgb, cloud.opacities]), (8, 8, 8, 8)),
    }
    head = [f"element chunk {len(ends_of_means[0])}", *(f"property float {name}" for name in chunk)]
    before = [(head, np.stack(list(chunk.values()), axis=1).astype("<f4").tobytes())]
    rest = cloud.sh[:, 1:].transpose(0, 2, 1).reshape(n, 3 * cloud.sh.shape[1] - 3)
    after = []
    if rest.size:
        head = [f"element sh {n}", *(f"property uchar f_rest_{index}" for index in range(rest.shape[1]))]
        stored = np.clip(np.trunc((rest / 8 + 0.5) * 256), 0, 255).astype(np.uint8)
        after = [(head, stored.tobytes())]
    return ply_bytes(vertex, types=dict.fromkeys(vertex, "u4"), before=before, after=after)


# --- the others --------------------------------------------------------------------------------------------------


def _bytes(values):
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def splat_bytes(cloud):
    row = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("rotation", "u1", 4)])
    rows = np.empty(len(cloud), row)
    rows["mean"], rows["scale"] = cloud.means, cloud.scales
    rows["rgba"] = _bytes(255 * np.column_stack([cloud.colours, cloud.opacities]))
    rows["rotation"] = _bytes(128 * cloud.rotations + 128)
    return rows.tobytes()


def spz_bytes(cloud, version=2, axes=(1, -1, -1), extension=None, zipped=True):
    """A .spz; `axes` are the signs by which a writer turns a scene that stands as .ply files do."""
    x, y, z = axes
    odd = [1, y, z, x, x * y, y * z, 1, x * z, 1, y, x * y * z, y, z, x, z, x][: cloud.sh.shape[1]]
    fixed = np.round(cloud.means * np.array(axes) * 4096).astype("<i4")
    rotations = cloud.rotations * np.array([1, y * z, x * z, x * y])
    if version == 2:
        stored = _bytes(127.5 * rotations[:, 1:] * np.sign(rotations[:, :1]) + 127.5)
    else:
        largest, others = _smallest_three(rotations[:, [1, 2, 3, 0]])
        packed = largest.astype(np.uint32)
        for column in others.T:
            size = np.round(511 * abs(column) * np.sqrt(2)).astype(np.uint32)
            packed = packed << 10 | (column < 0).astype(np.uint32) << 9 | size
        stored = packed.astype("<u4")
    parts = [
        struct.pack("<4sIIBBBx", b"NGSP", version, len(cloud), cloud.sh_degree, 12, 2 if extension else 0),
        fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3].tobytes(),
        _bytes(255 * cloud.opacities).tobytes(),
        _bytes(255 * (0.15 * cloud.sh[:, 0] + 0.5)).tobytes(),
        _bytes(16 * (np.log(cloud.scales) + 10)).tobytes(),
        stored.tobytes(),
        _bytes(128 * cloud.sh[:, 1:] * np.array(odd)[1:, None] + 128).tobytes(),
        struct.pack("<III", 0xADBE0003, 4, extension) if extension else b"",
    ]
    return gzip.compress(b"".join(parts), 1, mtime=0) if zipped else b"".join(parts)


def ksplat_bytes(cloud, level=0):
    """A .ksplat of one section; at levels 1 and 2 in buckets of 64, of which the last is not full."""
    n, degree, size, side, span = len(cloud), cloud.sh_degree, 64, 5.0, 32767
    header, section = bytearray(4096), bytearray(1024)
    struct.pack_into("<BB2xIIIIH", header, 0, 0, 1, 1, 1, n, n, level)
    struct.pack_into("<ff", header, 36, -1.0, 1.0)
    full, partial = divmod(n, size) if level else (0, 0)
    buckets = full + (partial > 0)
    struct.pack_into(
        "<IIIIfHxxIIIIH", section, 0, n, n, size, buckets, side, 12, span, 0, full, int(partial > 0), degree
    )
    number, harmonic = [("<f4", "<f4"), ("<f2", "<f2"), ("<f2", "u1")][level]
    bands = [cloud.sh[:, first:last].transpose(0, 2, 1).reshape(n, -1) for first, last in ((1, 4), (4, 9))[:degree]]
    sh = np.concatenate([*bands, np.empty((n, 0))], axis=1)
    row = [("mean", "<u2" if level else "<f4", 3), ("scale", number, 3), ("rotation", number, 4), ("rgba", "u1", 4)]
    rows = np.empty(n, [*row, ("sh", harmonic, (sh.shape[1],))])
    rows["scale"], rows["rotation"] = cloud.scales, cloud.rotations
    rows["rgba"] = _bytes(255 * np.column_stack([cloud.colours, cloud.opacities]))
    rows["sh"] = _bytes(255 * (sh + 1) / 2) if level == 2 else sh
    if not level:
        rows["mean"] = cloud.means
        return bytes(header + section) + rows.tobytes()
    bucket = np.arange(n) // size
    centres = np.array([cloud.means[bucket == index].mean(axis=0) for index in range(buckets)], "<f4")
    rows["mean"] = np.round((cloud.means - centres[bucket]) / (side / 2) * span + span)
    lengths = struct.pack("<I", partial) if partial else b""
    return bytes(header + section) + lengths + centres.tobytes() + rows.tobytes()
