"""The layout of 3D Gaussian Splatting in a PLY file, as its authors' code writes it, and as others have changed it.

Source: Kerbl et al. 2023, ``save_ply`` of graphdeco-inria/gaussian-splatting: scales are logarithms, opacities logits,
quaternions (w, x, y, z) of any length, ``f_rest`` all of red, then all of green, then all of blue.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from enhancer.errors import SettingsError, SplatError
from enhancer.messages import Message
from enhancer.runtime.files import atomic_write
from enhancer.splats.cloud import SH_BASIS_0, GaussianCloud
from enhancer.splats.formats.contents import Contents, Conventions, Gaussians, sigmoid
from enhancer.splats.formats.ply import Element, Ply, check_rest

_POSITION = ("x", "y", "z")
_DC = ("f_dc_0", "f_dc_1", "f_dc_2")
_RGB = ("red", "green", "blue")
_ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
_FLATNESS = 0.01  # thickness of a disc over its smaller radius: thin, and still far from a singular covariance
_MOST_OF_SCENE = 0.25  # a typical Gaussian larger than this share of the scene was no logarithm
_BRIGHTEST_HARMONIC = 16  # white is 1.8
_BRIGHTEST_OF_ONE = 2  # RGB from 0 to 1 may lie a little above 1
# Files of methods whose Gaussians move: 4D-GS (rotor and native), Spacetime Gaussians
_TIME = re.compile(r"t|mu_t|scale_t|t_scale|time|duration|trbf_(center|scale)|(motion|omega|rot_r)_\d+")
_NETWORK = re.compile(r"f_(anchor_feat|offset)_\d+")  # Scaffold-GS and what was built on it
_BINDING = re.compile(r"binding(_\d+)?")  # GaussianAvatars: the triangle that a Gaussian moves with


def open_inria(ply: Ply, conventions: Conventions) -> Contents:
    """Check that a PLY file holds Gaussians that can be rendered, by its header alone.

    Args:
        ply: The header.
        conventions: What the file cannot say of itself.

    Raises:
        SplatError: It holds something else; the sentence says what.
    """
    vertex = ply.element("vertex") or Element("vertex", 0, {})
    names = list(vertex.properties)
    _refuse_what_needs_more(ply.name, names)
    missing = [each for each in (*_POSITION, "opacity", "scale_0", "scale_1", *_ROTATION) if each not in names]
    if not (set(_DC) <= set(names) or set(_RGB) <= set(names)):
        missing.append("f_dc_0")
    if missing:
        raise _no_gaussians(ply, vertex, missing)
    coefficients = 1 + check_rest(ply.name, [each for each in names if each.startswith("f_rest_")])
    in_memory = 0 if ply.order else vertex.count * 8 * len(names)  # text is parsed into float64
    return Contents("ply", vertex.count, coefficients, lambda: _load(ply, vertex, conventions, coefficients), in_memory)


def _refuse_what_needs_more(name: str, properties: Sequence[str]) -> None:
    """Refuse Gaussians that only their own program can place or colour."""
    for pattern, error in ((_NETWORK, _network), (_BINDING, bound), (_TIME, _time)):
        found = [each for each in properties if pattern.fullmatch(each)]
        if found:
            raise error(name, found[0])


def _network(name: str, found: str) -> SplatError:
    return SplatError(
        Message(
            "splats.network",
            "{name} holds anchors and features ({property}), as Scaffold-GS has them: shape and colours come from a network "
            "that is not in the file. Export the Gaussians of one view as a .ply of 3D Gaussian Splatting.",
            name=name,
            property=found,
        )
    )


def bound(name: str, found: str) -> SplatError:
    """Return the error of Gaussians that live in the space of a mesh's triangles."""
    return SplatError(
        Message(
            "splats.bound",
            "{name} holds Gaussians bound to the triangles of a mesh ({property}), as GaussianAvatars and SplattingAvatar "
            "have them: without the mesh they are in the wrong place. Export one posed frame in world coordinates.",
            name=name,
            property=found,
        )
    )


def _time(name: str, found: str) -> SplatError:
    return SplatError(
        Message(
            "splats.time",
            "{name} holds Gaussians that change over time ({property}), as 4D Gaussian Splatting has them. Export one moment "
            "as a .ply of 3D Gaussian Splatting.",
            name=name,
            property=found,
        )
    )


def _no_gaussians(ply: Ply, vertex: Element, missing: Sequence[str]) -> SplatError:
    """Say what a PLY file holds instead."""
    if any(each == "scale_0" or each == "opacity" or each in _DC for each in vertex.properties):
        return SplatError(
            Message(
                "splats.incomplete",
                "{name} lacks {missing}, which Gaussians need. Export it as a .ply of 3D Gaussian Splatting.",
                name=ply.name,
                missing=", ".join(missing),
            )
        )
    faces = ply.element("face") or ply.element("tristrips")
    if faces is not None and faces.count:
        return SplatError(
            Message(
                "splats.mesh",
                "{name} is a mesh ({vertices} points, {faces} faces), no cloud of Gaussians. Give the .ply that training "
                "wrote, often point_cloud/iteration_30000/point_cloud.ply.",
                name=ply.name,
                vertices=vertex.count,
                faces=faces.count,
            )
        )
    return SplatError(
        Message(
            "splats.points",
            "{name} is a cloud of {points} points without size and rotation, often what training starts from. Give the .ply "
            "that training wrote, often point_cloud/iteration_30000/point_cloud.ply.",
            name=ply.name,
            points=vertex.count,
        )
    )


def _load(ply: Ply, vertex: Element, conventions: Conventions, coefficients: int) -> Gaussians:
    table, names = ply.table("vertex"), set(vertex.properties)
    notes: list[Message] = []
    means = _columns(table, _POSITION)
    if len(means) > 1 and not means[:, :2].any():
        raise bound(ply.name, "x = y = 0")  # SplattingAvatar: the file has only the distance from the surface
    scales = _scales(table, names, means, conventions, notes)
    opacities = _opacities(table["opacity"].astype(np.float32), conventions, notes)
    sh = np.empty((len(means), coefficients, 3), np.float32)
    sh[:, 0] = _first_coefficients(table, names, conventions, notes)
    per_channel = coefficients - 1
    for channel in range(3):
        for index in range(per_channel):
            sh[:, 1 + index, channel] = table[f"f_rest_{channel * per_channel + index}"]
    if "filter_3D" in names:
        scales, opacities = _filtered(scales, opacities, table["filter_3D"].astype(np.float32)[:, None])
        notes.append(
            Message("splats.filter", "The 3D filter of Mip-Splatting (filter_3D) is applied to scales and opacities.")
        )
    order = [conventions.quaternions.index(letter) for letter in "wxyz"]
    rotations = _columns(table, [_ROTATION[index] for index in order])
    return Gaussians(means, scales, rotations, opacities, sh, notes=tuple(notes))


def _columns(table: np.ndarray, names: Sequence[str]) -> np.ndarray:
    return np.stack([table[name].astype(np.float32) for name in names], axis=1)


def _scales(
    table: np.ndarray, names: set[str], means: np.ndarray, conventions: Conventions, notes: list[Message]
) -> np.ndarray:
    """Return (N, 3) standard deviations."""
    flat = "scale_2" not in names
    stored = _columns(table, ["scale_0", "scale_1"] + ([] if flat else ["scale_2"]))
    linear = conventions.scales == "linear"
    if conventions.scales == "auto" and stored.min(initial=np.inf) >= 0:
        # Logarithms of a scene measured in millimetres are above 0, too: as sizes they would still fit into it.
        extent = np.ptp(means, axis=0).max(initial=0)
        linear = bool(np.exp(np.median(stored), dtype=np.float64) > _MOST_OF_SCENE * extent)
        if linear:
            notes.append(
                Message(
                    "splats.linear_scales",
                    "No scale is below 0, so they were taken as lengths, not as logarithms. Say so if they are logarithms.",
                )
            )
    with np.errstate(over="ignore"):  # infinite sizes are refused with a count
        scales = stored if linear else np.exp(stored)
    if flat:
        notes.append(
            Message(
                "splats.flat",
                "These are flat discs with two scales (2D Gaussian Splatting); the third is set to {percent:g} % of the smaller.",
                percent=100 * _FLATNESS,
            )
        )
        scales = np.column_stack([scales, _FLATNESS * scales.min(axis=1)])
    return scales


def _opacities(stored: np.ndarray, conventions: Conventions, notes: list[Message]) -> np.ndarray:
    linear = conventions.opacities == "linear"
    # Logits that are all 0 are a file whose opacities nobody has set: half transparent, not invisible.
    if conventions.opacities == "auto" and len(stored) and stored.min() >= 0 and 0 < stored.max() <= 1:
        linear = True
        notes.append(
            Message(
                "splats.linear_opacities",
                "All opacities are between 0 and 1, so they were taken as they are, not as logits. Say so if they are logits.",
            )
        )
    return stored if linear else sigmoid(stored)


def _first_coefficients(
    table: np.ndarray, names: set[str], conventions: Conventions, notes: list[Message]
) -> np.ndarray:
    """Return (N, 3): the coefficients of degree 0."""
    if not set(_DC) <= names:
        rgb = _columns(table, _RGB)
        in_bytes = table.dtype["red"].kind in "ui" or rgb.max(initial=0) > _BRIGHTEST_OF_ONE
        return (rgb / (255 if in_bytes else 1) - 0.5) / SH_BASIS_0
    stored = _columns(table, _DC)
    least, most = stored.min(initial=np.inf), stored.max(initial=-np.inf)
    as_rgb = conventions.colours == "rgb"
    # As coefficients, those from 0 to 1 would all be brighter than middle grey and none saturated, and those from 0 to 255
    # far beyond white.
    if conventions.colours == "auto" and least >= 0 and (0.5 < most <= 1 or _BRIGHTEST_HARMONIC < most <= 255):
        as_rgb = True
        notes.append(
            Message(
                "splats.rgb",
                "All colours are between 0 and {most}, so they were taken as RGB, not as spherical harmonics. Say so if they are harmonics.",
                most=1 if most <= 1 else 255,
            )
        )
    if not as_rgb:
        return stored
    return (stored / (255 if most > _BRIGHTEST_OF_ONE else 1) - 0.5) / SH_BASIS_0


def _filtered(scales: np.ndarray, opacities: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Widen every Gaussian and keep its mass (Yu et al. 2024, "Mip-Splatting", eq. 7); `width` is (N, 1), a length."""
    wider = np.sqrt(scales**2 + width**2)
    return wider, opacities * np.prod(scales / wider, axis=1)


def write_ply(path: str | Path, cloud: GaussianCloud) -> None:
    """Write a cloud as 3D Gaussian Splatting does, binary, little endian; the file is whole or not there.

    Args:
        path: The file; its folders are made as needed.
        cloud: The Gaussians. Opacities of exactly 0 or 1 have no logit and move by a millionth.

    Raises:
        SettingsError: It cannot be written.
    """
    n, rest = len(cloud), cloud.sh.shape[1] - 1
    names = [*_POSITION, "nx", "ny", "nz", *_DC, *(f"f_rest_{index}" for index in range(3 * rest)), "opacity"]
    names += ["scale_0", "scale_1", "scale_2", *_ROTATION]
    opacities = np.clip(cloud.opacities.astype(np.float64), 1e-6, 1 - 1e-6)
    columns = [
        cloud.means,
        np.zeros((n, 3)),  # normals: unused, and yet viewers expect them
        cloud.sh[:, 0],
        cloud.sh[:, 1:].transpose(0, 2, 1).reshape(n, 3 * rest),
        np.log(opacities / (1 - opacities))[:, None],
        np.log(cloud.scales),
        cloud.rotations,
    ]
    table = np.concatenate(columns, axis=1).astype("<f4")
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {n}"]
    header += [f"property float {name}" for name in names]
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            file.write("\n".join([*header, "end_header\n"]).encode())
            file.write(table.tobytes())
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}.") from error
