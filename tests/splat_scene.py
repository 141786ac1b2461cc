"""A toy scene: three balls of Gaussians, cameras round them, and what these see, in nerfstudio's layout."""

import json

import numpy as np

from enhancer.imaging.io import write_png
from enhancer.splats.camera_files import read_cameras
from enhancer.splats.cloud import SH_BASIS_0, GaussianCloud
from enhancer.splats.rasterising import render


def balls() -> GaussianCloud:
    """A red, a green and a blue ball of Gaussians."""
    rng = np.random.default_rng(0)
    middles = np.repeat(np.array([[-0.5, 0, 0], [0.5, 0.2, 0], [0, -0.5, 0.3]]), 40, axis=0)
    n = len(middles)
    colours = np.repeat(np.eye(3) * 0.8 + 0.1, 40, axis=0)
    arrays = (
        middles + rng.normal(0, 0.15, (n, 3)),
        np.full((n, 3), 0.08),
        np.tile([1.0, 0, 0, 0], (n, 1)),
        np.full(n, 0.9),
        ((colours - 0.5) / SH_BASIS_0)[:, None],
    )
    return GaussianCloud(*(array.astype(np.float32) for array in arrays))


def orbit(angle):
    """Camera-to-world, OpenGL's axes: on a circle of radius 4 round the y axis, looking at the middle."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, turn @ [0, 0, 4]
    return pose


def write_cameras(path, names, angles, lens, **more):
    """Write a transforms.json."""
    frames = [
        {"file_path": name, "transform_matrix": orbit(angle).tolist()}
        for name, angle in zip(names, angles, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(lens | {"frames": frames} | more))


def write_frames(cloud, path, folder, change=lambda image: image, scale=1):
    """Write what the cameras of a file see of a cloud, (H, W, 4) with straight alpha, to their names below a folder."""
    for camera in read_cameras(path).cameras:
        size = round(scale * camera.width), round(scale * camera.height)
        file = folder / camera.picture
        file.parent.mkdir(parents=True, exist_ok=True)
        write_png(change(render(cloud, camera.window((0, 0, 1, 1), *size))), file)
