"""Views of a scene: pictures whose cameras are known, and which of them a fit is not shown."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from enhancer.errors import SplatError
from enhancer.imaging.io import read_image, to_bytes
from enhancer.splats.cameras import Camera

TRANSFORMS = "transforms.json"
POINTS = "points.npz"
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL's axes (y up, looking along -z) and OpenCV's
_DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")


@dataclass(frozen=True, eq=False)
class View:
    """What a camera saw.

    Attributes:
        camera: Of the picture's size.
        picture: (H, W, 4) uint8, straight alpha.
    """

    camera: Camera
    picture: np.ndarray

    @property
    def alpha(self) -> np.ndarray:
        """(H, W) float32 in [0, 1]."""
        return self.picture[..., 3] / np.float32(255)

    def over(self, background: np.ndarray) -> np.ndarray:
        """Return the picture over a colour, RGB (H, W, 3) float32 in [0, 1]."""
        alpha = self.alpha[..., None]
        return alpha * (self.picture[..., :3] / np.float32(255)) + (1 - alpha) * background.astype(np.float32)


def read_views(path: Path, downscale: int = 1) -> tuple[list[View], np.ndarray | None]:
    """Read a scene's views in nerfstudio's layout.

    Args:
        path: `transforms.json`, one whose name ends so, or a folder with just one of them.
        downscale: Pictures, and cameras with them, are made smaller by this factor.

    Returns:
        The views in the order of the file, and points (N, 3) of the scene's surface, if ``...points.npz`` beside
        ``...transforms.json`` has them as ``xyz``.

    Raises:
        SplatError: There are no such views.
        ImageError: A picture cannot be read.
    """
    file = _transforms_in(path)
    try:
        scene = json.loads(file.read_text(encoding="utf-8"))
        frames = [(camera_of(frame, {**scene, **frame}), file.parent / frame["file_path"]) for frame in scene["frames"]]
    except (OSError, ValueError, KeyError, TypeError, np.linalg.LinAlgError) as error:
        raise SplatError(f"{file} is no list of cameras as nerfstudio writes it: {error!r}.") from error
    views = [_read_view(camera, picture, downscale) for camera, picture in frames]
    points = file.with_name(file.name.removesuffix(TRANSFORMS) + POINTS)
    return views, np.load(points)["xyz"].astype(np.float32) if points.is_file() else None


def camera_of(frame: dict[str, Any], settings: dict[str, Any]) -> Camera:
    """Return the camera of a frame; its own settings go before the scene's."""
    if any(settings.get(name) for name in _DISTORTION):
        raise SplatError(f"{frame['file_path']} is distorted by its lens. Undistort the pictures first.")
    to_world = np.array(frame["transform_matrix"], np.float64) @ _FLIP
    fx, fy, cx, cy = (float(settings[name]) for name in ("fl_x", "fl_y", "cx", "cy"))
    width, height = int(settings["w"]), int(settings["h"])
    return Camera(np.linalg.inv(to_world), fx, fy, cx, cy, width, height, Path(frame["file_path"]).stem)


def is_held_out(number: int, share: float) -> bool:
    """Say whether a view is one of the share that is held out.

    They are spread evenly, and no two follow each other where the share is at most a half, so both neighbours in a row of
    cameras are seen. The first one is seen. Of 0.4 the 3rd and the 5th of five are held out.
    """
    return int((number + 1) * share + 1e-9) > int(number * share + 1e-9)


def fingerprint(views: Iterable[View]) -> str:
    """Return what tells these pictures and cameras from others."""
    digest = hashlib.blake2b(digest_size=8)
    for view in views:
        digest.update(view.picture.tobytes())
        digest.update(repr(replace(view.camera, world_to_camera=view.camera.world_to_camera.tolist())).encode())
    return digest.hexdigest()


def _transforms_in(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(path.glob(f"*{TRANSFORMS}"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or f"no ...{TRANSFORMS}"
        raise SplatError(f"{path} holds {names}. Name a folder with one scene in it, or its ...{TRANSFORMS} itself.")
    return found[0]


def _read_view(camera: Camera, path: Path, downscale: int) -> View:
    """Read a picture and make it smaller, and its camera with it."""
    image = read_image(path)
    height, width = image.shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise SplatError(f"{path} has {width}x{height} pixels, and its camera {camera.width}x{camera.height}.")
    if image.shape[2] == 3:
        image = np.dstack([image, np.ones((height, width), np.float32)])
    if downscale == 1:
        return View(camera, to_bytes(image))
    size = max(1, round(width / downscale)), max(1, round(height / downscale))
    alpha = cv2.resize(image[..., 3], size, interpolation=cv2.INTER_AREA)[..., None]
    # Premultiplied, so that what is invisible adds no colour.
    rgb = cv2.resize(image[..., :3] * image[..., 3:], size, interpolation=cv2.INTER_AREA)
    across, down = size[0] / width, size[1] / height
    camera = replace(
        camera, fx=camera.fx * across, fy=camera.fy * down, cx=camera.cx * across, cy=camera.cy * down,
        width=size[0], height=size[1],
    )  # fmt: skip
    return View(camera, to_bytes(np.dstack([rgb / np.where(alpha > 0, alpha, 1), alpha])))
