"""A cloud as a PLY file, in the layout of 3D Gaussian Splatting (``save_ply`` of graphdeco-inria/gaussian-splatting)."""

from pathlib import Path

import numpy as np

from enhancer.errors import SettingsError
from enhancer.runtime.files import atomic_write
from enhancer.splats.cloud import GaussianCloud


def write_ply(path: Path, cloud: GaussianCloud) -> None:
    """Write a cloud, binary, little endian: logarithms of scales, logits of opacities, harmonics colour by colour.

    Args:
        path: The file; its folders are made as needed.
        cloud: The Gaussians. Opacities of exactly 0 or 1 have no logit and move by a millionth.

    Raises:
        SettingsError: It cannot be written.
    """
    rest = 3 * (cloud.sh.shape[1] - 1)
    names = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    names += [f"f_rest_{index}" for index in range(rest)]
    names += ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    opacities = np.clip(cloud.opacities.astype(np.float64), 1e-6, 1 - 1e-6)
    columns = (
        cloud.means,
        np.zeros_like(cloud.means),  # normals: unused, but viewers expect them
        cloud.sh[:, 0],
        cloud.sh[:, 1:].transpose(0, 2, 1).reshape(len(cloud), rest),
        np.log(opacities / (1 - opacities))[:, None],
        np.log(cloud.scales),
        cloud.rotations,
    )
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(cloud)}"]
    header += [*(f"property float {name}" for name in names), "end_header\n"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_bytes("\n".join(header).encode() + np.hstack(columns).astype("<f4").tobytes())
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}.") from error
