"""The picture a camera takes of a cloud of Gaussians.

Torch tiles everywhere; gsplat (Apache-2.0) where there are a CUDA GPU and that package. The way by gsplat is not yet tried.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from enhancer.errors import SplatError
from enhancer.imaging.io import WHITE, Colour, uncomposite, with_alpha
from enhancer.messages import Message
from enhancer.splats.cameras import Camera
from enhancer.splats.cloud import GaussianCloud
from enhancer.splats.compositing import composite_splats
from enhancer.splats.projection import DILATION, NEAR, GaussianTensors, project

BLACK = (0.0, 0.0, 0.0)


def render(cloud: GaussianCloud, camera: Camera, background: Colour | None = None) -> np.ndarray:
    """Take a picture of a cloud, as the rest of the library has pictures.

    Args:
        cloud: The Gaussians.
        camera: As of `rasterise`.
        background: What lies behind, RGB in [0, 1]. None leaves it transparent.

    Returns:
        (H, W, 4) float32 in [0, 1], alpha straight, or over a background (H, W, 3).

    Raises:
        SplatError: The camera sees none of the Gaussians.
    """
    rgb, alpha = rasterise(cloud, camera, BLACK if background is None else background)
    return with_alpha(uncomposite(rgb, alpha, BLACK), alpha) if background is None else rgb


def rasterise(cloud: GaussianCloud, camera: Camera, background: Colour = WHITE) -> tuple[np.ndarray, np.ndarray]:
    """Take a picture of a cloud.

    Args:
        cloud: The Gaussians.
        camera: Looks at them; its unit is theirs.
        background: What lies behind, RGB in [0, 1].

    Returns:
        RGB (H, W, 3) and alpha (H, W), float32 in [0, 1]. RGB lies over the background, so over black it is premultiplied by
        alpha; `enhancer.imaging.io.uncomposite` makes it straight.

    Raises:
        SplatError: The camera sees none of the Gaussians.
    """
    device = "cuda" if _gsplat_is_there() else "cpu"
    gaussians = GaussianTensors(*(part.to(device) for part in GaussianTensors.of(cloud)))
    with torch.inference_mode(), one_thread():
        premultiplied, alpha = (part.cpu().numpy() for part in rasterise_tensors(gaussians, camera))
    if not alpha.any():
        raise SplatError(
            Message(
                "splats.unseen",
                "The camera sees none of the {count} Gaussians. It should look along its z axis, with x to the right and y down, "
                "and measure in the cloud's unit.",
                count=len(cloud),
            )
        )
    rgb = premultiplied + (1 - alpha[..., None]) * np.asarray(background, np.float32)
    return np.clip(rgb, 0, 1), alpha


def rasterise_tensors(gaussians: GaussianTensors, camera: Camera) -> tuple[Tensor, Tensor]:
    """Take a picture of Gaussians, differentiable in all that they are.

    Returns:
        RGB (H, W, 3), 0 or more and premultiplied by alpha, and alpha (H, W) in [0, 1]; all 0 where nothing is seen.
    """
    if gaussians.means.is_cuda and _gsplat_is_there():
        return _rasterise_by_gsplat(gaussians, camera)
    return composite_splats(project(gaussians, camera), camera.width, camera.height)


def memory_needed(count: int, camera: Camera) -> int:
    """Return the bytes that a picture of so many Gaussians takes at most, about: measured up to 1,000,000 and 4096x4096."""
    return 2**25 + 300 * count + 120 * camera.width * camera.height


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch work with one thread. Rasterising is many small steps, between which several threads mostly wait.

    Two on two cores that are shared with other work took 0.6 s for 5,000 Gaussians at 512x512, where one takes 0.14. The
    number belongs to the calling thread; one that has not used torch yet takes over what was set last.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _gsplat_is_there() -> bool:
    return torch.cuda.is_available() and find_spec("gsplat") is not None


def _rasterise_by_gsplat(gaussians: GaussianTensors, camera: Camera) -> tuple[Tensor, Tensor]:
    """Do the same by gsplat's kernels, which keep the same rules. Not yet tried."""
    from gsplat import rasterization  # pyright: ignore[reportMissingImports]

    intrinsics = [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]
    rgb, alpha, _ = rasterization(
        means=gaussians.means,
        quats=gaussians.rotations,
        scales=gaussians.scales,
        opacities=gaussians.opacities,
        colors=gaussians.sh,
        viewmats=gaussians.means.new_tensor(camera.world_to_camera)[None],
        Ks=gaussians.means.new_tensor(intrinsics)[None],
        width=camera.width,
        height=camera.height,
        sh_degree=round(gaussians.sh.shape[1] ** 0.5) - 1,
        near_plane=NEAR,
        eps2d=DILATION,
    )
    return rgb[0], alpha[0, ..., 0]
