"""Colours of other encodings -> sRGB, by what a profile holds rather than what it is called; and colours by name. No torch."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import ImageColor

from enhancer.errors import SettingsError

Curve = Callable[[np.ndarray], np.ndarray]  # encoded value -> light, both in [0, 1]

# sRGB's primaries under D50, the white of profiles, as columns: IEC 61966-2-1, adapted by Bradford's matrix
SRGB_TO_XYZ = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
SAME = 1 / 255  # profiles that differ by less are the same: many writers round sRGB's curve to a table
PNG_GAMMA = 1 / 2.2  # what a PNG of sRGB says in its gAMA chunk, for readers that know no better
_COLUMNS, _CURVES = (b"rXYZ", b"gXYZ", b"bXYZ"), (b"rTRC", b"gTRC", b"bTRC")


def colour_of(text: str) -> tuple[float, float, float]:
    """Read a colour's name, such as "grey", or "#rrggbb"; RGB in [0, 1].

    Raises:
        SettingsError: It is neither.
    """
    try:
        red, green, blue = (value / 255 for value in ImageColor.getrgb(text)[:3])
    except ValueError as error:
        raise SettingsError(f"{text!r} is no colour. Give white, black, grey, or one such as #00ff00.") from error
    return red, green, blue


def encode_srgb(light: np.ndarray) -> np.ndarray:
    """Turn linear light in [0, 1] into sRGB, float32 (IEC 61966-2-1)."""
    light = np.asarray(light, np.float32)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def from_gamma(image: np.ndarray, gamma: float) -> np.ndarray:
    """Turn colours encoded as light ** gamma into sRGB; `gamma` as a PNG's gAMA chunk has it, such as 1.0 for linear."""
    if gamma <= 0 or abs(gamma - PNG_GAMMA) < 0.01:
        return image
    return encode_srgb(image ** np.float32(1 / gamma))


@dataclass(frozen=True)
class Profile:
    """An ICC profile of curves and, in colour, a matrix.

    Attributes:
        curves: One for grey, or one each for red, green and blue.
        to_xyz: (3, 3), its primaries under D50 as columns; None for grey.
    """

    curves: tuple[Curve, ...]
    to_xyz: np.ndarray | None

    def to_srgb(self, image: np.ndarray) -> np.ndarray:
        """Convert colours.

        Args:
            image: (..., 3) float32 in [0, 1]; for a grey profile three equal channels.

        Returns:
            Likewise, in sRGB; out-of-gamut colours are clipped. The picture itself where the profile is sRGB's.
        """
        return image if self._is_srgb() else self._converted(image)

    def _is_srgb(self) -> bool:
        """Say whether the curves and primaries are sRGB's."""
        steps = np.linspace(0, 1, 18, dtype=np.float32)  # 15 levels apart
        grey = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[:, None], 3, axis=1)
        colours = grey if self.to_xyz is None else np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
        return bool(np.abs(self._converted(np.vstack([grey, colours])) - np.vstack([grey, colours])).max() <= SAME)

    def _converted(self, image: np.ndarray) -> np.ndarray:
        light = np.stack([curve(image[..., k]) for k, curve in zip(range(3), self._three(), strict=True)], axis=-1)
        if self.to_xyz is not None:
            light = light @ (np.linalg.inv(SRGB_TO_XYZ) @ self.to_xyz).T.astype(np.float32)
        return encode_srgb(np.clip(light, 0, 1)).astype(np.float32)

    def _three(self) -> tuple[Curve, ...]:
        return self.curves * 3 if len(self.curves) == 1 else self.curves


def read_profile(encoded: bytes) -> Profile | None:
    """Read an ICC profile of curves and a matrix (ICC.1:2022); None for any other, such as one of tables, or damaged.

    Args:
        encoded: As embedded in a picture.
    """
    try:
        space, pcs = encoded[16:20], encoded[20:24]
        tags = _tags(encoded)
        if space == b"GRAY" and b"kTRC" in tags:
            return Profile((_curve(tags[b"kTRC"]),), None)
        if space != b"RGB " or pcs != b"XYZ " or b"A2B0" in tags:
            return None
        to_xyz = np.array([_fixed(tags[name], 8, 3) for name in _COLUMNS]).T
        return Profile(tuple(_curve(tags[name]) for name in _CURVES), to_xyz)
    except (struct.error, KeyError, ValueError, IndexError):
        return None


def _tags(encoded: bytes) -> dict[bytes, bytes]:
    """Return the tagged data of a profile by signature."""
    (count,) = struct.unpack_from(">I", encoded, 128)
    if count > 1000:
        raise ValueError("More tags than any profile has.")
    entries = [struct.unpack_from(">4sII", encoded, 132 + 12 * k) for k in range(count)]
    return {name: encoded[start : start + size] for name, start, size in entries}


def _fixed(data: bytes, start: int, count: int) -> list[float]:
    """Read s15Fixed16Number."""
    return [value / 65536 for value in struct.unpack_from(f">{count}i", data, start)]


def _curve(data: bytes) -> Curve:
    """Read a curveType or parametricCurveType (ICC.1:2022, 10.6 and 10.18)."""
    if data[:4] == b"curv":
        (count,) = struct.unpack_from(">I", data, 8)
        if count <= 1:
            gamma = struct.unpack_from(">H", data, 12)[0] / 256 if count else 1.0
            return lambda x: x ** np.float32(gamma)
        table = np.array(struct.unpack_from(f">{count}H", data, 12), np.float32) / 65535
        at = np.linspace(0, 1, count)
        return lambda x: np.interp(x, at, table).astype(np.float32)
    if data[:4] != b"para":
        raise ValueError("No curve.")
    (kind,) = struct.unpack_from(">H", data, 8)
    g, a, b, c, d, e, f = (_fixed(data, 12, (1, 3, 4, 5, 7)[kind]) + [0.0] * 6)[:7]
    if kind == 0:
        a, d = 1.0, 0.0
    elif kind in (1, 2):  # below -b / a it is c, which kind 1 has not
        e, f, c, d = (c, c, 0.0, -b / a) if kind == 2 else (0.0, 0.0, 0.0, -b / a)
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f).astype(np.float32)
