"""A scene made of 3D Gaussians, as 3D Gaussian Splatting has it (Kerbl et al. 2023)."""

from dataclasses import dataclass

import numpy as np

from enhancer.errors import SplatError

SH_BASIS_0 = 0.28209479177387814  # 1 / (2 sqrt(pi)): the spherical harmonic of degree 0
COEFFICIENTS = (1, 4, 9, 16)  # of spherical harmonics of degree 0 to 3


@dataclass(frozen=True, eq=False)
class GaussianCloud:
    """N Gaussians. Arrays are float32 and finite.

    Attributes:
        means: (N, 3) centres, in the scene's own unit and axes.
        scales: (N, 3) standard deviations along the Gaussian's own axes, in the scene's unit, above 0.
        rotations: (N, 4) unit quaternions (w, x, y, z) that turn a Gaussian's axes into the scene's.
        opacities: (N,) in [0, 1].
        sh: (N, K, 3) coefficients of real spherical harmonics for red, green and blue, K of `COEFFICIENTS`; colours are
            0.5 + their sum, cut off below 0, as the paper's own renderer has it.
    """

    means: np.ndarray
    scales: np.ndarray
    rotations: np.ndarray
    opacities: np.ndarray
    sh: np.ndarray

    def __post_init__(self) -> None:
        """Refuse shapes that do not belong together.

        Raises:
            SplatError: They do not.
        """
        n, bands = len(self.means), self.sh.shape[1] if self.sh.ndim == 3 else 0
        wanted = {"means": (n, 3), "scales": (n, 3), "rotations": (n, 4), "opacities": (n,), "sh": (n, bands, 3)}
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise SplatError(f"{name} must have the shape {shape}, got {getattr(self, name).shape}.")
        if bands not in COEFFICIENTS:
            raise SplatError(f"sh must have 1, 4, 9 or 16 coefficients a colour, got {bands}.")

    def __len__(self) -> int:
        """Return the number of Gaussians."""
        return len(self.means)

    @property
    def sh_degree(self) -> int:
        """Degree of the spherical harmonics, 0 to 3; 0 is a colour that is the same from everywhere."""
        return COEFFICIENTS.index(self.sh.shape[1])

    @property
    def colours(self) -> np.ndarray:
        """(N, 3) RGB without the part that depends on the view, mostly in [0, 1]."""
        return 0.5 + SH_BASIS_0 * self.sh[:, 0]
