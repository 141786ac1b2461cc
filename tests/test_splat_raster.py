"""Rasterising Gaussians: against a slow, plain reference in numpy, and its gradients against finite differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y

from enhancer.errors import SplatError
from enhancer.imaging.io import uncomposite
from enhancer.splats import compositing
from enhancer.splats.cameras import Camera
from enhancer.splats.cloud import COEFFICIENTS, SH_BASIS_0, GaussianCloud
from enhancer.splats.projection import GaussianTensors
from enhancer.splats.rasterising import rasterise, rasterise_tensors

# --- a slow reference: one Gaussian after the other, on all pixels, in float64 -----------------------------------


def rotation(quaternion):
    """Rodrigues' formula for a quaternion (w, x, y, z)."""
    w, *axis = quaternion / np.linalg.norm(quaternion)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def harmonics(degree, direction):
    """Real spherical harmonics by degree and order, from scipy's complex ones."""
    x, y, z = direction
    theta, phi = np.arccos(z), np.arctan2(y, x)
    values = []
    for n in range(degree + 1):
        for m in range(-n, n + 1):
            value = sph_harm_y(n, abs(m), theta, phi)
            values.append(value.real if m == 0 else np.sqrt(2) * (value.imag if m < 0 else value.real))
    return np.array(values)


def reference(cloud, camera, background):
    view = camera.world_to_camera
    turn, position = view[:3, :3], -view[:3, :3].T @ view[:3, 3]
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rgb, transmittance = np.zeros((camera.height, camera.width, 3)), np.ones((camera.height, camera.width))
    finished = np.zeros((camera.height, camera.width), bool)
    points = cloud.means.astype(float) @ turn.T + view[:3, 3]
    for i in np.argsort(points[:, 2], kind="stable"):
        x, y, z = points[i]
        if z <= 0.01:
            continue
        # 1.3 times the frustum, as it lies around an off-centre principal point
        left, right = -camera.cx / camera.fx, (camera.width - camera.cx) / camera.fx
        top, bottom = -camera.cy / camera.fy, (camera.height - camera.cy) / camera.fy
        tx = z * np.clip(x / z, left - 0.15 * (right - left), right + 0.15 * (right - left))
        ty = z * np.clip(y / z, top - 0.15 * (bottom - top), bottom + 0.15 * (bottom - top))
        jacobian = np.array([[camera.fx / z, 0, -camera.fx * tx / z**2], [0, camera.fy / z, -camera.fy * ty / z**2]])
        turned = rotation(cloud.rotations[i].astype(float))
        covariance = turned @ np.diag(cloud.scales[i].astype(float) ** 2) @ turned.T
        inverse = np.linalg.inv(jacobian @ turn @ covariance @ turn.T @ jacobian.T + 0.3 * np.eye(2))
        offset = np.stack([columns - camera.fx * x / z - camera.cx, rows - camera.fy * y / z - camera.cy], -1)
        distance = np.einsum("hwi,ij,hwj->hw", offset, inverse, offset)
        alpha = np.minimum(0.99, cloud.opacities[i] * np.exp(-distance / 2))
        alpha[alpha < 1 / 255] = 0
        finished |= transmittance * (1 - alpha) < 1e-4
        alpha[finished] = 0
        sight = cloud.means[i] - position
        colour = 0.5 + harmonics(cloud.sh_degree, sight / np.linalg.norm(sight)) @ cloud.sh[i]
        rgb += (transmittance * alpha)[..., None] * np.maximum(colour, 0)
        transmittance *= 1 - alpha
    return np.clip(rgb + transmittance[..., None] * background, 0, 1), 1 - transmittance


# --- scenes ------------------------------------------------------------------------------------------------------


def cloud_of(count, seed=0, degree=0, size=0.12):
    rng = np.random.default_rng(seed)
    arrays = (
        rng.uniform(-1, 1, (count, 3)),
        size * np.exp(rng.normal(0, 0.7, (count, 3))),
        rng.normal(size=(count, 4)),
        rng.uniform(0, 1, count) ** 0.5,
        rng.normal(0, 0.4, (count, COEFFICIENTS[degree], 3)),
    )
    means, scales, rotations, opacities, sh = (array.astype(np.float32) for array in arrays)
    return GaussianCloud(means, scales, rotations / np.linalg.norm(rotations, axis=1, keepdims=True), opacities, sh)


def camera_at(distance=3.0, width=53, height=37, **settings):
    """Looks along a slant at the origin; neither side is a multiple of a tile, the principal point is off the middle."""
    view = np.eye(4)
    view[:3, :3] = rotation(np.array([0.9, 0.2, -0.3, 0.1]))
    view[2, 3] = distance
    return Camera(
        **{"world_to_camera": view, "fx": 60.0, "fy": 70.0, "cx": 21.3, "cy": 17.9, "width": width, "height": height}
        | settings
    )


def psnr(a, b):
    return -10 * np.log10(np.mean((a - b) ** 2))


NEAR_BY = camera_at(2.0, 90, 90, fx=2000.0, fy=2000.0, cx=45.0, cy=45.0)  # sees 1000 px a unit
NEEDLES = replace(cloud_of(400, 8), scales=np.tile(np.float32([0.3, 1e-4, 1e-4]), (400, 1)))
SCENES = {
    "few": (cloud_of(60), camera_at()),
    "view-dependent, degree 1": (cloud_of(60, 1, degree=1), camera_at()),
    "view-dependent, degree 2": (cloud_of(60, 2, degree=2), camera_at()),
    "view-dependent, degree 3": (cloud_of(60, 3, degree=3), camera_at()),
    "many small": (cloud_of(800, 4, size=0.03), camera_at(width=70, height=91)),
    "dense, pixels finish": (
        replace(cloud_of(300, 5, size=0.4), opacities=np.ones(300, np.float32)),
        camera_at(width=24, height=40),
    ),
    "from inside": (cloud_of(200, 6), camera_at(distance=0.3)),
    "needles of 300 px": (NEEDLES, NEAR_BY),
    "one pixel wide": (cloud_of(60, 7), camera_at(width=1, cx=0.2)),
}


@pytest.mark.parametrize("scene", SCENES)
def test_the_picture_is_the_slow_reference_s(scene):
    cloud, camera = SCENES[scene]
    background = np.array([0.2, 0.9, 0.5])
    rgb, alpha = rasterise(cloud, camera, background)
    wanted_rgb, wanted_alpha = reference(cloud, camera, background)
    assert (rgb.shape, alpha.shape) == ((camera.height, camera.width, 3), (camera.height, camera.width))
    assert rgb.dtype == alpha.dtype == np.float32
    assert wanted_alpha.max() > 0.5
    assert psnr(rgb, wanted_rgb) > 60
    assert psnr(alpha, wanted_alpha) > 60


def test_lists_in_several_pieces_give_the_same_picture(monkeypatch):
    cloud, camera = SCENES["dense, pixels finish"]
    whole = rasterise(cloud, camera)
    monkeypatch.setattr(compositing, "LAYERS", 7)
    monkeypatch.setattr(compositing, "ELEMENTS", 3000)
    for part, wanted in zip(rasterise(cloud, camera), whole, strict=True):
        np.testing.assert_allclose(part, wanted, atol=1e-6)


def test_over_black_colours_are_premultiplied_and_can_be_made_straight():
    cloud = replace(
        cloud_of(1), means=np.zeros((1, 3), np.float32), sh=np.full((1, 1, 3), 0.25 / SH_BASIS_0, np.float32)
    )
    rgb, alpha = rasterise(cloud, camera_at(), (0, 0, 0))
    np.testing.assert_allclose(rgb, 0.75 * alpha[..., None].repeat(3, 2), atol=1e-6)
    np.testing.assert_allclose(uncomposite(rgb, alpha, (0, 0, 0))[alpha > 0.1], 0.75, atol=1e-5)


def test_order_of_the_gaussians_does_not_matter():
    cloud, camera = SCENES["few"]
    turned = GaussianCloud(*(part.flip(0).numpy() for part in GaussianTensors.of(cloud)))
    np.testing.assert_array_equal(rasterise(cloud, camera)[0], rasterise(turned, camera)[0])


def test_principal_point_shifts_the_picture():
    cloud, camera = SCENES["many small"]
    rgb, shifted = rasterise(cloud, camera)[0], rasterise(cloud, replace(camera, cx=camera.cx + 5))[0]
    # Off the margins: the frustum shifts too, and beyond its sides shapes are not exact.
    assert psnr(rgb[:, 10:-15], shifted[:, 15:-10]) > 60


def test_camera_that_looks_away_is_refused_in_one_sentence():
    cloud, camera = SCENES["few"]
    away = np.diag([-1.0, 1.0, -1.0, 1.0]) @ camera.world_to_camera
    with pytest.raises(SplatError, match="none of the 60 Gaussians") as refused:
        rasterise(cloud, replace(camera, world_to_camera=away))
    assert refused.value.message.code == "splats.unseen"


def test_tensors_of_what_nobody_sees_are_a_transparent_picture():
    cloud, camera = SCENES["few"]
    away = np.diag([-1.0, 1.0, -1.0, 1.0]) @ camera.world_to_camera
    rgb, alpha = rasterise_tensors(GaussianTensors.of(cloud), replace(camera, world_to_camera=away))
    assert (rgb.shape, alpha.shape) == ((37, 53, 3), (37, 53))
    assert not rgb.any()
    assert not alpha.any()


# --- gradients ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [0, 3])
def test_gradients_agree_with_finite_differences(degree, monkeypatch):
    monkeypatch.setattr(compositing, "LAYERS", 2)  # so that five Gaussians come in three pieces
    camera = camera_at(width=9, height=10, fx=10.0, fy=12.0, cx=4.0, cy=5.5)
    tensors = [part.double().requires_grad_() for part in GaussianTensors.of(cloud_of(5, 8, degree, size=0.3))]

    def pictures(*parts):
        return rasterise_tensors(GaussianTensors(*parts), camera)

    assert torch.autograd.gradcheck(pictures, tensors, eps=1e-6, atol=1e-6, rtol=1e-4)


def test_gradients_agree_where_alpha_is_cut_off_and_pixels_finish():
    cloud = cloud_of(8, 9, size=0.8)
    tensors = [part.double() for part in GaussianTensors.of(replace(cloud, opacities=np.ones(8, np.float32)))]
    camera = camera_at(width=9, height=10, fx=10.0, fy=12.0, cx=4.0, cy=5.5)
    changed = [part.requires_grad_() for part in (tensors[0], tensors[1], tensors[4])]

    def pictures(means, scales, sh):
        return rasterise_tensors(GaussianTensors(means, scales, tensors[2], tensors[3], sh), camera)

    assert torch.autograd.gradcheck(pictures, changed, eps=1e-7, atol=1e-5, rtol=1e-3)
