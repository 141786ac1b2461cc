"""Views of a scene: pictures whose cameras are known, and which of them a fit is not shown."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from enhancer.errors import SplatError
from enhancer.imaging.io import IMAGE_SUFFIXES, read_image, to_bytes
from enhancer.splats.camera_files import read_cameras
from enhancer.splats.cameras import Camera
from training.splats.points import TRANSFORMS

PLACES = ("", "images")  # of the pictures in a scene's folder


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


def read_views(scene: Path, downscale: int = 1) -> list[View]:
    """Read a scene's views.

    Args:
        scene: A folder as nerfstudio or COLMAP leaves it, pictures in it or in `images/`, or a `...transforms.json` in one.
        downscale: Pictures, and cameras with them, are made smaller by this factor.

    Returns:
        The views in the order of the file, or by the names of their pictures.

    Raises:
        SplatError: There are no such views.
        ImageError: A picture cannot be read.
    """
    path = read_cameras(camera_file(scene))
    if path.notes:  # of lenses that are no pinholes
        raise SplatError(f"{' '.join(path.notes)} Undistort the pictures first; nerfstudio's and COLMAP's tools do.")
    folder = scene if scene.is_dir() else scene.parent
    return [_read_view(camera, _picture_of(camera, folder), downscale) for camera in path.cameras]


def camera_file(scene: Path) -> Path:
    """Return the only ``...transforms.json`` of a folder; where there is none, or `scene` is a file, `scene` itself.

    Raises:
        SplatError: There are several.
    """
    found = sorted(scene.glob(f"*{TRANSFORMS}"))
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise SplatError(f"{scene} holds the cameras of several scenes: {names}. Name the file of one.")
    return found[0] if found else scene


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
        camera = view.camera
        digest.update(camera.world_to_camera.tobytes())
        digest.update(repr((camera.fx, camera.fy, camera.cx, camera.cy, view.picture.shape)).encode())
    return digest.hexdigest()


def _picture_of(camera: Camera, folder: Path) -> Path:
    """Return the picture that a camera took, by its name."""
    for path in (folder / place / f"{camera.name}{suffix}" for place in PLACES for suffix in IMAGE_SUFFIXES):
        if path.is_file():
            return path
    raise SplatError(f"There is no picture {camera.name} in {folder} or in its images/.")


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
    return View(camera.window((0, 0, 1, 1), *size), to_bytes(np.dstack([rgb / np.where(alpha > 0, alpha, 1), alpha])))
