"""What a camera sees of 3D Gaussians: 2D ones in its picture, nearest first. On torch tensors, differentiable.

The projection is the elliptical weighted average of Zwicker et al. 2001 ("EWA Splatting"), as 3D Gaussian Splatting
(Kerbl et al. 2023) and gsplat have it.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from enhancer.splats.cameras import Camera
from enhancer.splats.cloud import SH_BASIS_0, GaussianCloud

NEAR = 0.01  # depth from which on a Gaussian is drawn, in the scene's unit; gsplat's near_plane
DILATION = 0.3  # px², added to both variances, so that no Gaussian falls between pixels
FRUSTUM_MARGIN = (
    0.3  # half pictures: so far outside it the Jacobian is that of the margin, since a tangent runs wild there
)
LEAST_ALPHA = 1 / 255  # below it a Gaussian leaves a pixel alone
# Real spherical harmonics of degree 1, 2 and 3 (Sloan 2008, "Stupid Spherical Harmonics Tricks", A2), with the paper's signs.
SH_BASIS_1 = 0.4886025119029199
SH_BASIS_2 = (1.0925484305920792, -1.0925484305920792, 0.31539156525252005, -1.0925484305920792, 0.5462742152960396)
SH_BASIS_3 = (
    -0.5900435899266435,
    2.890611442640554,
    -0.4570457994644658,
    0.3731763325901154,
    -0.4570457994644658,
    1.445305721320277,
    -0.5900435899266435,
)


class GaussianTensors(NamedTuple):
    """N Gaussians as tensors of one type; the fields, shapes and ranges of `GaussianCloud`."""

    means: Tensor
    scales: Tensor
    rotations: Tensor
    opacities: Tensor
    sh: Tensor

    @classmethod
    def of(cls, cloud: GaussianCloud) -> "GaussianTensors":
        """Share a cloud's arrays."""
        return cls(*(torch.from_numpy(getattr(cloud, name)) for name in cls._fields))


class Splats(NamedTuple):
    """N 2D Gaussians in a picture, nearest first.

    Attributes:
        means: (N, 2) column and row, px.
        conics: (N, 3) entries xx, xy and yy of the inverse covariance, 1/px².
        opacities: (N,) in [1/255, 1].
        colours: (N, 3) RGB, 0 or more.
        extents: (N, 2) half the width and height of the box outside which alpha is below 1/255, px. Without gradient.
        ids: (N,) which of the Gaussians each of them is.
    """

    means: Tensor
    conics: Tensor
    opacities: Tensor
    colours: Tensor
    extents: Tensor
    ids: Tensor


def project(gaussians: GaussianTensors, camera: Camera) -> Splats:
    """Return what a camera sees of the Gaussians.

    Left out is what is nearer than `NEAR`, more transparent than 1/255 or outside the picture.
    """
    view = torch.as_tensor(camera.world_to_camera, dtype=gaussians.means.dtype, device=gaussians.means.device)
    with torch.no_grad():
        depths = gaussians.means @ view[2, :3] + view[2, 3]
        drawn = torch.nonzero((depths > NEAR) & (gaussians.opacities >= LEAST_ALPHA))[:, 0]
        drawn = drawn[torch.argsort(depths[drawn], stable=True)]
    means, covariances, determinants = _projected(gaussians, drawn, view, camera)
    with torch.no_grad():
        # Alpha is opacity * exp(-d² / 2), and so 1/255 at the Mahalanobis distance d below, 3.3 for an opacity of 1. The
        # paper's own renderer looks no further than 3, and there leaves out what lies between.
        distances = torch.sqrt(2 * torch.log(gaussians.opacities[drawn] / LEAST_ALPHA))
        extents = torch.sqrt(covariances[:, (0, 2)]) * distances[:, None]
        size = means.new_tensor([camera.width, camera.height])
        seen = torch.nonzero(((means + extents > 0) & (means - extents < size)).all(1))[:, 0]
        drawn = drawn[seen]
    xx, xy, yy = covariances.index_select(0, seen).unbind(1)
    conics = torch.stack([yy, -xy, xx], 1) / determinants.index_select(0, seen)[:, None]
    opacities, colours = gaussians.opacities.index_select(0, drawn), _colours(gaussians, drawn, view)
    return Splats(means.index_select(0, seen), conics, opacities, colours, extents[seen], drawn)


def rotation_matrices(quaternions: Tensor) -> Tensor:
    """Turn (N, 4) quaternions (w, x, y, z), of any length but 0, into (N, 3, 3) rotations."""
    w, x, y, z = F.normalize(quaternions, dim=1).unbind(1)
    entries = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack(entries, 1).reshape(-1, 3, 3)


def _projected(gaussians: GaussianTensors, drawn: Tensor, view: Tensor, camera: Camera) -> tuple[Tensor, ...]:
    """Return, of some Gaussians, 2D means (N, 2), px, entries xx, xy and yy of 2D covariances (N, 3), px², and determinants (N,)."""
    # By index_select: its gradient is a sum in a fixed order, so the same every time, and faster than that of means[drawn].
    means, scales, rotations = (part.index_select(0, drawn) for part in gaussians[:3])
    x, y, z = (means @ view[:3, :3].T + view[:3, 3]).unbind(1)
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
    # The frustum's sides as tangents, widened; 1.3 times the picture's where it is centred.
    margin_x, margin_y = FRUSTUM_MARGIN * camera.width / (2 * fx), FRUSTUM_MARGIN * camera.height / (2 * fy)
    tan_x = (x / z).clamp(-cx / fx - margin_x, (camera.width - cx) / fx + margin_x)
    tan_y = (y / z).clamp(-cy / fy - margin_y, (camera.height - cy) / fy + margin_y)
    # Rows of the Jacobian of the perspective, times the camera's rotation.
    across = (fx / z)[:, None] * (view[0, :3] - tan_x[:, None] * view[2, :3])
    down = (fy / z)[:, None] * (view[1, :3] - tan_y[:, None] * view[2, :3])
    axes = rotation_matrices(rotations) * scales[:, None, :]  # (N, 3, 3): a scaled axis a column
    across, down = (across[:, None] @ axes)[:, 0], (down[:, None] @ axes)[:, 0]
    xx, xy, yy = (across * across).sum(1), (across * down).sum(1), (down * down).sum(1)
    # Of the dilated covariance. xx * yy - xy * xy would be all rounding for a needle, and negative at times.
    determinants = torch.linalg.cross(across, down).square().sum(1) + DILATION * (xx + yy) + DILATION**2
    means = torch.stack([fx * x / z + cx, fy * y / z + cy], 1)
    return means, torch.stack([xx + DILATION, xy, yy + DILATION], 1), determinants


def _colours(gaussians: GaussianTensors, drawn: Tensor, view: Tensor) -> Tensor:
    """Return RGB (N, 3) of some Gaussians: 0.5 + the harmonics in the direction of sight, cut off below 0."""
    sh = gaussians.sh.index_select(0, drawn)
    colours = 0.5 + SH_BASIS_0 * sh[:, 0]
    if sh.shape[1] > 1:
        position = -view[:3, :3].T @ view[:3, 3]
        basis = _harmonics(F.normalize(gaussians.means.index_select(0, drawn) - position, dim=1), sh.shape[1])
        colours = colours + (basis[:, :, None] * sh[:, 1:]).sum(1)
    return colours.clamp_min(0)


def _harmonics(directions: Tensor, coefficients: int) -> Tensor:
    """Return the real spherical harmonics from degree 1 on, (N, coefficients - 1), in unit directions (N, 3)."""
    x, y, z = directions.unbind(1)
    xx, yy, zz = x * x, y * y, z * z
    basis = [-SH_BASIS_1 * y, SH_BASIS_1 * z, -SH_BASIS_1 * x]
    if coefficients > 4:
        functions = (x * y, y * z, 2 * zz - xx - yy, x * z, xx - yy)
        basis += [factor * function for factor, function in zip(SH_BASIS_2, functions, strict=True)]
    if coefficients > 9:
        ring = 4 * zz - xx - yy
        functions = (
            *(y * (3 * xx - yy), x * y * z, y * ring, z * (2 * zz - 3 * xx - 3 * yy)),
            *(x * ring, z * (xx - yy), x * (xx - 3 * yy)),
        )
        basis += [factor * function for factor, function in zip(SH_BASIS_3, functions, strict=True)]
    return torch.stack(basis, 1)
