"""Clouds of Gaussians from files, told by what is in them, and checked before they are anybody's."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enhancer import lfs
from enhancer.errors import SplatError
from enhancer.imaging.io import IMAGE_SUFFIXES
from enhancer.messages import Message
from enhancer.splats.cloud import GaussianCloud
from enhancer.splats.formats.compressed_ply import is_compressed, open_compressed_ply
from enhancer.splats.formats.contents import SMALLEST_SCALE, Contents, Conventions, Gaussians, size_of, unknown
from enhancer.splats.formats.inria import open_inria, write_ply
from enhancer.splats.formats.ksplat import looks_like_ksplat, open_ksplat
from enhancer.splats.formats.ply import read_header
from enhancer.splats.formats.splat import looks_like_splat, open_splat
from enhancer.splats.formats.spz import GZIP_MAGIC, MAGIC, open_spz

__all__ = ["SPLAT_SUFFIXES", "Conventions", "SplatFile", "is_splats", "read_splats", "write_ply"]

SPLAT_SUFFIXES = (".ply", ".splat", ".spz", ".ksplat")

_STRONG = 0.15  # standard deviation of a colour over all views, of 1
# Axes in which each function of the spherical harmonics is odd, in the order of 3D Gaussian Splatting
_ODD = ("", "y", "z", "x", "xy", "yz", "", "xz", "", "y", "xyz", "y", "z", "x", "z", "x")


@dataclass(frozen=True, eq=False)
class SplatFile:
    """What was read.

    Attributes:
        cloud: The Gaussians. Axes are right-handed and those of .ply files, often x right, y down, z front.
        format: "ply", "compressed.ply", "splat", "spz" or "ksplat".
        notes: What was corrected or is worth saying, for whoever opened the file.
    """

    cloud: GaussianCloud
    format: str
    notes: tuple[Message, ...]


def read_splats(
    path: str | Path, *, conventions: Conventions | None = None, name: str | None = None, memory: int | None = None
) -> SplatFile:
    """Read a cloud of Gaussians.

    Args:
        path: A .ply of 3D Gaussian Splatting, a compressed .ply of PlayCanvas, or .splat, .spz, .ksplat. The file's name
            does not matter.
        conventions: What the file cannot say of itself; by default what most files have.
        name: What to call it in messages; by default the file's name.
        memory: Bytes that reading may take; by default what the machine has free.

    Raises:
        SplatError: The file holds no Gaussians that can be rendered here. The sentence says what it is, and what to do.
    """
    path, conventions = Path(path), conventions or Conventions()
    name = name or path.name
    contents = _open(path, name, conventions)
    if not contents.count:
        raise SplatError(
            Message("splats.empty", "{name} holds no Gaussians. Export it again with something in it.", name=name)
        )
    contents.check_memory(name, memory)
    gaussians = contents.load()
    cloud, notes = _checked(gaussians, name)
    x, y, z = gaussians.signs
    if conventions.left_handed:
        x = -x
    if x * y * z < 0:
        notes += (
            Message(
                "splats.left_handed", "The file's axes are left-handed; one was turned round, or all would be mirrored."
            ),
        )
    if (x, y, z) != (1, 1, 1):
        cloud = flipped(cloud, (x, y, z))
    return SplatFile(cloud, contents.format, (*gaussians.notes, *notes))


def is_splats(path: Path) -> bool:
    """Say whether a file is one of Gaussians: by its suffix, or by how it begins if that says nothing.

    Raises:
        OSError: It cannot be looked into.
    """
    suffix = path.suffix.lower()
    if suffix in (*SPLAT_SUFFIXES, *IMAGE_SUFFIXES) or not path.is_file():
        return suffix in SPLAT_SUFFIXES
    with path.open("rb") as file:
        beginning = file.read(4)
    return beginning.startswith((b"ply", GZIP_MAGIC, MAGIC)) or looks_like_ksplat(path) or looks_like_splat(path)


def _open(path: Path, name: str, conventions: Conventions) -> Contents:
    """Tell the format by the first bytes, and read the header."""
    try:
        with path.open("rb") as file:
            beginning = file.read(len(lfs.START))
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or error
        raise SplatError(
            Message(
                "splats.unopened",
                "{name} cannot be opened: {reason}. Check the path.",
                name=name,
                reason=str(reason),
            )
        ) from error
    suffix = path.suffix.lower()
    if not size_of(path):
        raise SplatError(Message("splats.no_bytes", "{name} is empty (0 bytes). Copy or export it again.", name=name))
    if beginning == lfs.START:
        raise SplatError(lfs.pointer_message(name))
    if beginning.startswith(b"ply"):
        ply = read_header(path, name)
        return open_compressed_ply(ply) if is_compressed(ply) else open_inria(ply, conventions)
    if beginning.startswith((GZIP_MAGIC, MAGIC)):
        return open_spz(path, name)
    if looks_like_ksplat(path):
        return open_ksplat(path, name)
    if suffix == ".splat" or looks_like_splat(path):
        return open_splat(path, name)
    raise unknown(name)


def _checked(gaussians: Gaussians, name: str) -> tuple[GaussianCloud, tuple[Message, ...]]:
    """Make a cloud that keeps its promises, or refuse.

    Raises:
        SplatError: Some numbers are none.
    """
    arrays = (gaussians.means, gaussians.scales, gaussians.rotations, gaussians.opacities, gaussians.sh)
    good = np.ones(len(gaussians.means), bool)
    for array in arrays:
        good &= np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not good.all():
        raise SplatError(
            Message(
                "splats.not_finite",
                "{name} has {count} Gaussians whose numbers are not finite (NaN or infinite). Remove them in an editor, or train again.",
                name=name,
                count=int((~good).sum()),
            )
        )
    length = np.linalg.norm(gaussians.rotations, axis=1, keepdims=True)
    rotations = np.where(
        length > 0, gaussians.rotations / np.where(length > 0, length, 1), np.array([1, 0, 0, 0], np.float32)
    )
    cloud = GaussianCloud(
        means=np.ascontiguousarray(gaussians.means, np.float32),
        scales=np.maximum(gaussians.scales, SMALLEST_SCALE).astype(np.float32),
        rotations=np.ascontiguousarray(rotations, np.float32),
        opacities=np.clip(gaussians.opacities, 0, 1).astype(np.float32),
        sh=np.ascontiguousarray(gaussians.sh, np.float32),
    )
    return cloud, _view_note(cloud)


def _view_note(cloud: GaussianCloud) -> tuple[Message, ...]:
    """Say where colours depend so much on the view that an editor's mistake would show."""
    # The functions are orthonormal on the sphere, so the coefficients give the variance over all views.
    spread = np.sqrt(np.square(cloud.sh[:, 1:]).sum(axis=1).mean(axis=1) / (4 * np.pi))
    weight = cloud.opacities
    strength = float((spread * weight).sum() / max(float(weight.sum()), 1e-6))
    if strength < _STRONG:
        return ()
    return (
        Message(
            "splats.views",
            "Colours change strongly with the view (by {percent:.0f} % on average). If the cloud was turned in an editor that "
            "left its spherical harmonics as they were, they are wrong from every side: turn the camera instead.",
            percent=100 * strength,
        ),
    )


def flipped(cloud: GaussianCloud, signs: tuple[int, int, int]) -> GaussianCloud:
    """Return the cloud with the sign of some axes changed: of positions, rotations and what colours depend on.

    Args:
        cloud: The cloud.
        signs: What x, y and z are multiplied by, each 1 or -1. One or three of -1 mirror the scene, two turn it.
    """
    x, y, z = signs
    odd = [np.prod([sign for axis, sign in zip("xyz", signs, strict=True) if axis in axes]) for axes in _ODD]
    return GaussianCloud(
        means=cloud.means * np.array(signs, np.float32),
        scales=cloud.scales,
        rotations=cloud.rotations * np.array([1, y * z, x * z, x * y], np.float32),
        opacities=cloud.opacities,
        sh=cloud.sh * np.array(odd[: cloud.sh.shape[1]], np.float32)[:, None],
    )
