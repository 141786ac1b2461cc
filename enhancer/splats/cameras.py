"""Where a cloud of Gaussians is looked at from."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera with OpenCV's axes: x to the right, y down, z forward.

    A point (x, y, z) in the camera's axes is seen at column ``fx * x / z + cx`` and row ``fy * y / z + cy``; the centre of the
    first pixel is at (0.5, 0.5), so ``cx = width / 2`` is a camera that looks through the middle of its picture.

    Attributes:
        world_to_camera: (4, 4) float64, a rotation and a shift: the scene's points into the camera's axes, in the scene's unit.
        fx: Focal length in pixels, across.
        fy: Focal length in pixels, down.
        cx: Principal point in pixels, across.
        cy: Principal point in pixels, down.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        name: What its picture is called, such as ``"view_00"``.
    """

    world_to_camera: np.ndarray
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    name: str = ""
