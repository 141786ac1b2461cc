"""What a file says before its Gaussians are read, and the sentences that every format may need."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from enhancer.errors import SplatError
from enhancer.messages import Message
from enhancer.splats.cloud import COEFFICIENTS

SMALLEST_SCALE = 1e-9  # in the scene's unit; files of discs have 0, whose covariance has no inverse


@dataclass(frozen=True)
class Conventions:
    """What a file cannot say of itself. "auto" goes by the range of the numbers; a note tells when it took the unusual one.

    Attributes:
        quaternions: Order of the four numbers.
        scales: Logarithms, or lengths as they are.
        opacities: Logits, or probabilities as they are.
        colours: Coefficients of spherical harmonics, or RGB, from 0 to 1 or from 0 to 255.
        left_handed: The file's axes are left-handed, as in Unity: x is turned round, or a face would come out mirrored.
    """

    quaternions: str = "wxyz"
    scales: str = "auto"
    opacities: str = "auto"
    colours: str = "auto"
    left_handed: bool = False

    def __post_init__(self) -> None:
        """Refuse words that mean nothing.

        Raises:
            SplatError: One of them does.
        """
        choices = {
            "quaternions": ("wxyz", "xyzw"),
            "scales": ("auto", "log", "linear"),
            "opacities": ("auto", "logit", "linear"),
            "colours": ("auto", "sh", "rgb"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise SplatError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}.")


@dataclass(frozen=True, eq=False)
class Gaussians:
    """What a file holds, with nothing left to decode but not yet checked.

    Attributes:
        means: (N, 3).
        scales: (N, 3), lengths.
        rotations: (N, 4) quaternions (w, x, y, z) of any length.
        opacities: (N,).
        sh: (N, K, 3).
        signs: What x, y and z are multiplied by to come to the axes that .ply files have.
        notes: What was corrected or is worth saying.
    """

    means: np.ndarray
    scales: np.ndarray
    rotations: np.ndarray
    opacities: np.ndarray
    sh: np.ndarray
    signs: tuple[int, int, int] = (1, 1, 1)
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Contents:
    """A file's header.

    Attributes:
        format: Such as "ply" or "spz".
        count: Of Gaussians.
        coefficients: Of spherical harmonics a colour, of `COEFFICIENTS`.
        load: Reads the Gaussians.
        unpacked: Bytes that have to be in memory before anything is decoded; 0 where the file is read in place.
    """

    format: str
    count: int
    coefficients: int
    load: Callable[[], Gaussians] = field(repr=False)
    unpacked: int = 0

    def check_memory(self, name: str, available: int | None = None) -> None:
        """Refuse a file that cannot fit, before it is read.

        Args:
            name: What to call the file.
            available: Bytes; by default what the machine has free now.

        Raises:
            SplatError: It needs more.
        """
        needed = self.unpacked + 2 * self.count * 4 * (11 + 3 * self.coefficients)  # twice: as stored, as decoded
        free = psutil.virtual_memory().available if available is None else available
        if needed > free:
            raise SplatError(
                Message(
                    "splats.memory",
                    "{name} holds {millions:.1f} million Gaussians, which need {needed:.1f} GB of memory; {free:.1f} GB are "
                    "free. Prune it or crop it to the head in an editor, or use a machine with more memory.",
                    name=name,
                    millions=self.count / 1e6,
                    needed=needed / 1e9,
                    free=free / 1e9,
                )
            )


def truncated(name: str, wanted: int, got: int) -> SplatError:
    """Return the error of a file that ends before its last Gaussian; sizes in bytes."""
    return SplatError(
        Message(
            "splats.truncated",
            "{name} is cut off: by its header it has {wanted} bytes, but {got} are there. Copy or export it again.",
            name=name,
            wanted=wanted,
            got=got,
        )
    )


def damaged(name: str, problem: str) -> SplatError:
    """Return the error of a file that contradicts itself; `problem` is for whoever wrote it, and stays English."""
    return SplatError(
        Message(
            "splats.damaged",
            "{name} is damaged ({problem}). Copy or export it again.",
            name=name,
            problem=problem,
        )
    )


def unknown(name: str) -> SplatError:
    """Return the error of a file that is none of the formats."""
    return SplatError(
        Message(
            "splats.unknown",
            "{name} is no file of Gaussians that can be read here. Give a .ply of 3D Gaussian Splatting, a compressed "
            ".ply, or .splat, .spz, .ksplat.",
            name=name,
        )
    )


def size_of(path: Path) -> int:
    """Return a file's size in bytes."""
    return path.stat().st_size


def with_largest(smaller: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Put the number that a packed unit vector leaves out into its place.

    Args:
        smaller: (N, 3) the others, in order.
        largest: (N,) its place, 0 to 3.

    Returns:
        (N, 4), the largest above or at 0.
    """
    whole = np.empty((len(smaller), 4), np.float32)
    others = np.arange(4) != largest[:, None]
    whole[others] = smaller.ravel()
    whole[~others] = np.sqrt(np.maximum(0, 1 - np.square(smaller).sum(axis=1)))
    return whole


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * logits)


def coefficients_of_degree(degree: int, stored: int, name: str) -> tuple[int, tuple[Message, ...]]:
    """Return how many coefficients of a file's spherical harmonics are kept, and a note where some are not.

    Args:
        degree: As the file has it.
        stored: The largest the format knows.
        name: What to call the file.

    Raises:
        SplatError: It has no such degree.
    """
    if not 0 <= degree <= stored:
        raise damaged(name, f"its spherical harmonics would be of degree {degree}")
    if degree < len(COEFFICIENTS):
        return COEFFICIENTS[degree], ()
    note = Message(
        "splats.degree",
        "The spherical harmonics are of degree {degree}; those above 3 are left out, the finest part of the reflections.",
        degree=degree,
    )
    return COEFFICIENTS[-1], (note,)
