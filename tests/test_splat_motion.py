"""Exact flow: one camera's picture warped to the next one's, and what is known to move by so many pixels."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from enhancer.splats import optical_flow, orbit, read_splats, render
from enhancer.splats.cameras import Camera
from enhancer.splats.cloud import GaussianCloud


def psnr(a, b):
    return -10 * np.log10(np.mean((a - b) ** 2))


def warped(picture, flow):
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    return cv2.remap(
        picture, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def wall(depths, opacities):
    """Gaussians in the middle of the picture, at these depths."""
    n = len(depths)
    return GaussianCloud(
        means=np.array([[0, 0, depth] for depth in depths], np.float32),
        scales=np.full((n, 3), 0.2, np.float32),
        rotations=np.tile(np.float32([1, 0, 0, 0]), (n, 1)),
        opacities=np.float32(opacities),
        sh=np.zeros((n, 1, 3), np.float32),
    )


def straight(shift=0.0, **lens):
    """A camera at the origin that looks along z, shifted to the right."""
    pose = np.eye(4)
    pose[0, 3] = -shift
    return Camera(pose, **{"fx": 100.0, "fy": 100.0, "cx": 32.0, "cy": 32.0, "width": 64, "height": 64} | lens)


@pytest.mark.parametrize("view", [0, 9])
def test_the_next_frame_warped_back_is_this_one(root, view):
    cloud = read_splats(root / "examples/splats/head_02.ply").cloud
    now, then = orbit(cloud, 72, size=96, up="z", front="-y").cameras[view : view + 2]
    first, second = (render(cloud, camera, (1, 1, 1)) for camera in (now, then))
    flow = optical_flow(cloud, now, then)
    assert psnr(first, warped(second, flow)) > psnr(first, second) + 8
    assert psnr(first, warped(second, -flow)) < psnr(first, second)


def test_a_gaussian_moves_as_the_camera_says():
    flow = optical_flow(wall([5], [0.9]), straight(), straight(0.5))
    np.testing.assert_allclose(flow[32, 32], [-10, 0], atol=1e-4)  # 100 px * 0.5 / 5, to the left
    assert flow.dtype == np.float32
    assert not flow[0, 0].any()  # where there is nothing


def test_a_lens_that_changes_moves_things_too():
    flow = optical_flow(wall([5], [0.9]), straight(), straight(cx=35.0, cy=30.0))
    np.testing.assert_allclose(flow[32, 32], [3, -2], atol=1e-4)


def test_gaussians_that_share_a_pixel_are_weighted_as_they_are_seen():
    cloud = wall([5, 10], [0.5, 0.5])
    flow = optical_flow(cloud, straight(), straight(0.5))
    np.testing.assert_allclose(flow[32, 32, 0], (0.5 * -10 + 0.25 * -5) / 0.75, atol=0.05)
    order = replace(cloud, means=cloud.means[::-1].copy())
    np.testing.assert_allclose(optical_flow(order, straight(), straight(0.5)), flow, atol=1e-5)


def test_what_is_behind_the_next_camera_has_no_flow():
    beyond = straight()
    beyond.world_to_camera[2, 3] = -6
    flow = optical_flow(wall([5], [0.9]), straight(), beyond)
    assert np.isfinite(flow).all()
    assert not flow.any()


def test_the_same_camera_sees_nothing_move():
    assert not optical_flow(wall([5, 7], [0.9, 0.5]), straight(), straight()).any()


def test_a_camera_that_sees_nothing_has_no_flow():
    assert not optical_flow(wall([-5], [0.9]), straight(), straight(0.5)).any()
