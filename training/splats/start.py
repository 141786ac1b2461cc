"""Where a fit's Gaussians begin: on known points of the surface, and in the space that the views show filled."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from enhancer.splats.cameras import Camera
from enhancer.splats.cloud import SH_BASIS_0, GaussianCloud
from training.splats.views import View

SPACE_SHARE = 0.25  # of the Gaussians begin in space where there are points: hair and the like have none
FILLED = 0.5  # alpha from which on a pixel counts as filled
SHELL = 1.15  # space is the surface's where this many times as far from the middle all is empty
CORNERS = 1.5  # how much further than its sides a picture's corners reach, a little over sqrt(2)
CANDIDATES = 200_000  # points tried in space
NEIGHBOURS = 3  # a Gaussian's size is the mean distance to these, as Kerbl et al. 2023 have it
OPACITY = 0.6


def start_cloud(
    views: Sequence[View], points: np.ndarray | None, count: int, rng: np.random.Generator
) -> GaussianCloud:
    """Return round Gaussians at which a fit may begin, each with the mean colour of the pixels it projects to.

    Args:
        views: Those that the fit is shown.
        points: (N, 3) on the surface, if any are known.
        count: How many Gaussians.
        rng: The source of chance.
    """
    in_space = count if points is None else round(SPACE_SHARE * count)
    space = _points_in_space(views, points, in_space, rng)
    if points is not None:
        space = np.concatenate(
            [points[rng.choice(len(points), count - in_space, count - in_space > len(points))], space]
        )
    means = space.astype(np.float32)
    distances, _ = KDTree(means).query(means, NEIGHBOURS + 1)
    size = distances[:, 1:].mean(1).clip(1e-7 * np.ptp(means) + 1e-12)
    quaternions = rng.normal(size=(count, 4))
    return GaussianCloud(
        means=means,
        scales=size[:, None].repeat(3, 1).astype(np.float32),
        rotations=(quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).astype(np.float32),
        opacities=np.full(count, OPACITY, np.float32),
        sh=((_mean_colours(views, means) - 0.5) / SH_BASIS_0)[:, None].astype(np.float32),
    )


def common_ball(cameras: Sequence[Camera]) -> tuple[np.ndarray, float]:
    """Return the middle (3,) and radius of a ball that all cameras see: round the point nearest to all optical axes."""
    system, target = np.zeros((3, 3)), np.zeros(3)
    for camera in cameras:
        axis = camera.world_to_camera[2, :3]
        across = np.eye(3) - np.outer(axis, axis)
        system += across
        target += across @ camera.position
    middle = np.linalg.lstsq(system, target, rcond=None)[0]  # where all axes are parallel, the nearest to the origin
    depths = [float((camera.world_to_camera[2, :3] @ middle) + camera.world_to_camera[2, 3]) for camera in cameras]
    halves = [min(camera.width / camera.fx, camera.height / camera.fy) / 2 for camera in cameras]
    return middle, min(abs(depth) * half for depth, half in zip(depths, halves, strict=True))


def _points_in_space(
    views: Sequence[View], points: np.ndarray | None, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw points that the views show filled, near the border of that space where it has one: (count, 3)."""
    middle, radius = common_ball([view.camera for view in views])
    radius *= CORNERS
    share = 0.5  # of the views that must have a point in their pictures
    if points is not None:  # space is an addition: only what is certain
        share = 1.0
        middle = points.mean(0)
        radius = 1.2 * float(np.linalg.norm(points - middle, axis=1).max())
    directions = rng.normal(size=(CANDIDATES, 3))
    distances = radius * rng.uniform(size=(CANDIDATES, 1)) ** (1 / 3)
    offsets = distances * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    filled = _filled(views, middle + offsets, share)
    border = filled & ~_filled(views, middle + SHELL * offsets, share)
    for kept in (border, filled, np.ones(CANDIDATES, bool)):
        if kept.sum() >= count:
            return middle + offsets[rng.choice(np.flatnonzero(kept), count, replace=False)]
    return middle + offsets[rng.choice(CANDIDATES, count)]


def _filled(views: Sequence[View], points: np.ndarray, share: float) -> np.ndarray:
    """Say which points (N, 3) at least a share of the views have in their pictures, and none on an empty pixel."""
    times_seen, filled = np.zeros(len(points), int), np.ones(len(points), bool)
    for view in views:
        row, column, seen = _pixels(view.camera, points)
        times_seen += seen
        filled &= ~seen | (view.picture[row, column, 3] >= FILLED * 255)
    return filled & (times_seen >= share * len(views))


def _mean_colours(views: Sequence[View], points: np.ndarray) -> np.ndarray:
    """Return the mean colour in [0, 1] of the filled pixels that points project to, grey where there are none: (N, 3)."""
    total, weight = np.full((len(points), 3), 0.5e-3), np.full((len(points), 1), 1e-3)
    for view in views:
        row, column, seen = _pixels(view.camera, points)
        pixel = view.picture[row, column] / 255.0
        alpha = pixel[:, 3:] * seen[:, None]
        total += alpha * pixel[:, :3]
        weight += alpha
    return total / weight


def _pixels(camera: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows and columns (N,) that points (N, 3) fall on, 0 where they do not, and whether they do."""
    x, y, z = (points @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]).T
    depth = np.where(z > 0, z, 1)
    column, row = camera.fx * x / depth + camera.cx, camera.fy * y / depth + camera.cy
    seen = (z > 0) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    return np.where(seen, row, 0).astype(int), np.where(seen, column, 0).astype(int), seen
