"""`.spz`, versions 2 and 3: one gzip stream of arrays of bytes.

Source: README and ``load-spz.cc`` of nianticlabs/spz. Its axes are right, up, back; a .ply of the same scene has right,
down, front: y and z change their sign, which is half a turn about x and mirrors nothing.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enhancer.errors import SplatError
from enhancer.messages import Message
from enhancer.splats.formats.contents import (
    Contents,
    Gaussians,
    coefficients_of_degree,
    damaged,
    truncated,
    unknown,
    with_largest,
)

MAGIC = b"NGSP"
GZIP_MAGIC = b"\x1f\x8b"
_HAS_EXTENSIONS = 2  # a flag
_AXES = 0xADBE0003  # the extension that says which axes the file has
_RIGHT_UP_BACK = 4  # as that extension counts them
_LARGEST_DEGREE = 4
_COLOUR_SCALE = 0.15
_MOST_EXTENSIONS = 1 << 16  # bytes


@dataclass(frozen=True)
class _Header:
    version: int
    count: int
    degree: int
    fraction_bits: int
    flags: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of positions, opacities, colours, scales, rotations, spherical harmonics."""
        rotation = 3 if self.version == 2 else 4
        return tuple(self.count * each for each in (9, 1, 3, 3, rotation, 3 * ((self.degree + 1) ** 2 - 1)))


def open_spz(path: Path, name: str) -> Contents:
    """Check the header.

    Raises:
        SplatError: It is none, or of a version that cannot be read here.
    """
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP_MAGIC
    with _damage(name), gzip.open(path) if zipped else path.open("rb") as file:
        raw = file.read(16)
    if len(raw) < 16 or raw[:4] != MAGIC:
        raise unknown(name)
    header = _Header(*struct.unpack("<4xIIBBBx", raw))
    if header.version not in (2, 3):
        raise SplatError(
            Message(
                "splats.version",
                "{name} is a .spz of version {version}; 2 and 3 can be read. Export it as one of these, or as a .ply.",
                name=name,
                version=header.version,
            )
        )
    coefficients, notes = coefficients_of_degree(header.degree, _LARGEST_DEGREE, name)

    def load() -> Gaussians:
        arrays, extensions = _unpack(path, name, header, zipped)
        return _decode(header, arrays, coefficients, notes, _signs(extensions))

    return Contents("spz", header.count, coefficients, load, sum(header.sizes))


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """Turn what gzip raises into one sentence."""
    try:
        yield
    except EOFError as error:
        raise damaged(name, "its compressed data ends too early") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise damaged(name, "its compressed data is not what was packed") from error


def _unpack(path: Path, name: str, header: _Header, zipped: bool) -> tuple[list[np.ndarray], bytes]:
    """Return the six arrays of bytes and the extensions."""
    with _damage(name), gzip.open(path) if zipped else path.open("rb") as file:
        file.seek(16)
        arrays = [np.frombuffer(file.read(size), np.uint8) for size in header.sizes]
        got = sum(len(each) for each in arrays)
        if got < sum(header.sizes):
            raise truncated(name, 16 + sum(header.sizes), 16 + got)
        rest = file.read(_MOST_EXTENSIONS)  # to the end, where gzip's checksum stands
        return arrays, rest if header.flags & _HAS_EXTENSIONS else b""


def _signs(extensions: bytes) -> tuple[int, int, int]:
    """Return what x, y and z are multiplied by to point right, down, front.

    Args:
        extensions: Records of a type, a length and what they say; one may name the axes.
    """
    axes, position = _RIGHT_UP_BACK, 0
    while position + 8 <= len(extensions):
        kind, length = struct.unpack_from("<II", extensions, position)
        value = extensions[position + 8 : position + 8 + length]
        if kind == _AXES and len(value) == 4:
            axes = int.from_bytes(value, "little") or _RIGHT_UP_BACK
        position += 8 + length
    # 1 to 8 are made of three bits: right, up, front. 9 to 16 are the same stood upright, so that y and z change places;
    # those stay as they are, but for the hand.
    right, up, front = ((axes - 1) >> bit & 1 for bit in range(3))
    signs = (1 if right else -1, -1 if up else 1, 1 if front else -1)
    return signs if axes <= 8 else (signs[0] * signs[1] * signs[2], 1, 1)


def _decode(
    header: _Header,
    arrays: list[np.ndarray],
    coefficients: int,
    notes: tuple[Message, ...],
    signs: tuple[int, int, int],
) -> Gaussians:
    positions, opacities, colours, scales, rotations, rest = arrays
    n = header.count
    low, middle, high = positions.reshape(n, 3, 3).transpose(2, 0, 1).astype(np.int32)
    fixed = low | middle << 8 | high << 16
    means = np.where(high > 127, fixed - (1 << 24), fixed) / np.float32(1 << min(header.fraction_bits, 24))
    sh = np.zeros((n, coefficients, 3), np.float32)
    sh[:, 0] = (colours.reshape(n, 3) / np.float32(255) - 0.5) / _COLOUR_SCALE
    sh[:, 1:] = (rest.reshape(n, -1, 3)[:, : coefficients - 1].astype(np.float32) - 128) / 128
    return Gaussians(
        means.astype(np.float32),
        np.exp(scales.reshape(n, 3) / np.float32(16) - 10),
        _three_bytes(rotations.reshape(n, 3)) if header.version == 2 else _four_bytes(rotations),
        opacities / np.float32(255),
        sh,
        signs,
        notes,
    )


def _three_bytes(stored: np.ndarray) -> np.ndarray:
    """Return (N, 4) quaternions (w, x, y, z) from x, y and z; w is at or above 0."""
    return with_largest(stored / np.float32(127.5) - 1, np.zeros(len(stored), np.intp))


def _four_bytes(stored: np.ndarray) -> np.ndarray:
    """Return (N, 4) quaternions (w, x, y, z) from the place of the largest of (x, y, z, w) and a sign and 9 bits each."""
    packed = stored.copy().view("<u4")
    fields = (packed[:, None] >> np.array([20, 10, 0], np.uint32)) & np.uint32(1023)
    size = (fields & np.uint32(511)) / np.float32(511 * np.sqrt(2))
    xyzw = with_largest(np.where(fields > 511, -size, size), (packed >> np.uint32(30)).astype(np.intp))
    return xyzw[:, [3, 0, 1, 2]]
