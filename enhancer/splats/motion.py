"""How what a camera sees moves until the next camera sees it: exact optical flow, from the Gaussians themselves."""

import numpy as np
import torch

from enhancer.splats.cameras import Camera
from enhancer.splats.cloud import GaussianCloud
from enhancer.splats.compositing import composite_splats
from enhancer.splats.projection import NEAR, GaussianTensors, project
from enhancer.splats.rasterising import one_thread


def optical_flow(cloud: GaussianCloud, camera: Camera, following: Camera) -> np.ndarray:
    """Return where what a camera sees is in the picture of the next one.

    Each Gaussian moves as its mean does between the two pictures. These displacements are composited as colours are, and
    divided by alpha: where several Gaussians share a pixel, the flow is their mean, weighted as they are seen. What only the
    next camera sees has no flow, and what it no longer sees has that of where it would be.

    Args:
        cloud: The Gaussians. They stand still; the camera moves.
        camera: Takes the picture at t.
        following: Takes the picture at t + 1, often of the same size.

    Returns:
        (H, W, 2) float32, pixels to the right and down, on the pixels of t: what is at column x and row y at t is at
        ``x + flow[y, x, 0]`` and ``y + flow[y, x, 1]`` at t + 1. So ``cv2.remap(next, columns + flow[..., 0], rows +
        flow[..., 1], ...)`` brings the picture of t + 1 back to t. 0 where the camera sees no Gaussian.
    """
    gaussians = GaussianTensors.of(cloud)
    with torch.inference_mode(), one_thread():
        splats = project(gaussians, camera)
        means = gaussians.means[splats.ids].double()  # a displacement is a small difference of large numbers
        now, _ = _places(means, camera)
        then, depths = _places(means, following)
        moves = torch.where((depths > NEAR)[:, None], then - now, 0)  # behind the next camera there is no place
        flow, alpha = composite_splats(splats._replace(colours=moves.float()), camera.width, camera.height)
        return torch.where(alpha[..., None] > 0, flow / alpha[..., None], 0).numpy()


def _places(means: torch.Tensor, camera: Camera) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where a camera sees points (N, 3): columns and rows (N, 2), px, and depths (N,)."""
    view = torch.as_tensor(camera.world_to_camera, dtype=means.dtype)
    x, y, z = (means @ view[:3, :3].T + view[:3, 3]).unbind(1)
    return torch.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], 1), z
