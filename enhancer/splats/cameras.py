"""Where a cloud of Gaussians is looked at from: a camera, and an orbit of them round a head."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from enhancer.errors import SplatError
from enhancer.imaging.io import MAX_SIDE
from enhancer.messages import Message
from enhancer.splats.cloud import GaussianCloud

_FIELD_OF_VIEW = 30.0  # degrees of an orbit's cameras, that of a portrait lens
_TAILS = (0.02, 0.98)  # quantiles: floaters lie beyond them
_BINS = 16  # along each side of the box in which a cloud is compared with its mirror image
_WIDER = 1.3  # shoulders over the top of the head, in width


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
        picture: Path of its picture as the file of cameras has it, such as ``"images/view_00.png"``; empty: not known.
    """

    world_to_camera: np.ndarray
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    name: str = ""
    picture: str = ""

    def __post_init__(self) -> None:
        """Refuse what no picture can be taken with.

        Raises:
            SplatError: The pose is no rotation and shift, the focal length not above 0, or the size not from 1 to 4096.
        """
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise SplatError(
                Message(
                    "cameras.size",
                    "The camera {camera} takes pictures of {width}x{height} pixels; a side has from 1 to {most}. Scale the "
                    "size and the focal length down.",
                    camera=self.name or "-",
                    width=self.width,
                    height=self.height,
                    most=MAX_SIDE,
                )
            )
        lens = (self.fx, self.fy, self.cx, self.cy)
        if not (np.isfinite(lens).all() and self.fx > 0 and self.fy > 0):
            raise SplatError(
                Message(
                    "cameras.lens",
                    "The camera {camera} has the focal lengths {fx:g} and {fy:g} and the principal point {cx:g}, {cy:g}. Give "
                    "numbers of pixels, the focal lengths above 0.",
                    camera=self.name or "-",
                    fx=self.fx,
                    fy=self.fy,
                    cx=self.cx,
                    cy=self.cy,
                )
            )
        if not _is_pose(self.world_to_camera):
            raise bad_pose(self.name)

    @property
    def position(self) -> np.ndarray:
        """(3,) float64, where it stands in the scene."""
        return -self.world_to_camera[:3, :3].T @ self.world_to_camera[:3, 3]

    def window(self, window: tuple[float, float, float, float], width: int, height: int) -> "Camera":
        """Return the camera whose whole picture is a window of this one's.

        Args:
            window: Left, top, right and bottom, as shares of this picture's sides; it may reach beyond it.
            width: Of the window's picture, in pixels.
            height: Likewise.
        """
        left, top, right, bottom = window
        across, down = width / (right - left) / self.width, height / (bottom - top) / self.height
        return replace(
            self,
            fx=self.fx * across,
            fy=self.fy * down,
            cx=(self.cx - left * self.width) * across,
            cy=(self.cy - top * self.height) * down,
            width=width,
            height=height,
        )

    def circled(self, distance: float, yaw: float, pitch: float) -> "Camera":
        """Return the camera after it has gone round a point in front of it, still looking at it.

        Args:
            distance: To the point, which lies on the camera's axis, in the scene's unit.
            yaw: Degrees to what is the camera's left, as an orbit goes; round the direction that is up in its picture.
            pitch: Degrees upwards, after that.
        """
        around, above = np.radians(yaw), np.radians(pitch)
        turned = np.array(
            [[np.cos(around), 0, np.sin(around)], [0, 1, 0], [-np.sin(around), 0, np.cos(around)]], np.float64
        )
        tilted = np.array(
            [[1, 0, 0], [0, np.cos(above), -np.sin(above)], [0, np.sin(above), np.cos(above)]], np.float64
        )
        move = np.eye(4)
        move[:3, :3] = tilted @ turned
        point = np.array([0, 0, distance])
        move[:3, 3] = point - move[:3, :3] @ point
        return replace(self, world_to_camera=move @ self.world_to_camera)


@dataclass(frozen=True, eq=False)
class CameraPath:
    """Cameras in the order of their pictures.

    Attributes:
        cameras: At least one.
        notes: What was assumed or left out, for whoever asked for them.
    """

    cameras: tuple[Camera, ...]
    notes: tuple[Message, ...] = ()


def bad_pose(camera: str) -> SplatError:
    """Return the error of a camera whose matrix is none of a camera."""
    return SplatError(
        Message(
            "cameras.pose",
            "The pose of the camera {camera} is no rotation and shift: its matrix is singular, mirrored, sheared or not "
            "finite. Export the cameras again.",
            camera=camera or "-",
        )
    )


def centre_and_extent(cloud: GaussianCloud) -> tuple[np.ndarray, np.ndarray]:
    """Return where a cloud is and how large, but for the floaters round it.

    Args:
        cloud: At least one Gaussian.

    Returns:
        (3,) the middle and (3,) the lengths of the box between the quantiles of 2 and 98 percent, weighted by opacity; float64.
    """
    weights = cloud.opacities.astype(np.float64)
    if not weights.sum() > 0:
        weights = np.ones(len(cloud))
    ends = np.empty((2, 3))
    for axis in range(3):
        order = np.argsort(cloud.means[:, axis])
        share = np.cumsum(weights[order]) / weights.sum()
        at = np.minimum(np.searchsorted(share, _TAILS), len(order) - 1)
        ends[:, axis] = cloud.means[order[at], axis]
    return ends.mean(axis=0), ends[1] - ends[0]


def upright(
    cloud: GaussianCloud, up: np.ndarray | None = None, front: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Guess how a head stands: which of the scene's axes points up, and which one the face looks along.

    A head is its own mirror image from left to right, higher than deep, and wider at the shoulders. Where that does not tell,
    what is usual does: y down as in COLMAP, z up as in Blender.

    Args:
        cloud: A head or a bust, one axis of the scene through its ears.
        up: (3,) where it is known.
        front: (3,) where it is known.

    Returns:
        (3,) up and (3,) front: unit vectors; what is known as it was given.
    """
    centre, extent = centre_and_extent(cloud)
    grid = _occupancy(cloud, centre, extent)
    known = [int(np.argmax(abs(each))) for each in (up, front) if each is not None]
    free = [axis for axis in range(3) if axis not in known]
    across = max(free, key=lambda axis: np.minimum(grid, np.flip(grid, axis)).sum())
    free.remove(across)
    if up is None:
        height = max(free, key=lambda axis: extent[axis])
        free.remove(height)
        up = _axis(height, _sign_of_up(grid, across, height))
    if front is None:
        # y down with z to the front, and y up with z to the back, are one scene turned by half; a face looks at its camera
        (depth,) = free
        front = _axis(depth, {"x": 1, "y": -1, "z": -1 if up[1] < -0.5 else 1}["xyz"[depth]])
    return up, front


def _sign_of_up(grid: np.ndarray, across: int, height: int) -> int:
    """Return 1 or -1: where the narrower end is, if one end is clearly narrower."""
    depth = 3 - across - height
    filled = (grid.sum(axis=depth) > 0).sum(axis=0 if across < height else 1)
    low, high = filled[: _BINS // 4].mean(), filled[-_BINS // 4 :].mean()
    if max(low, high) > _WIDER * min(low, high):
        return 1 if low > high else -1
    return -1 if height == 1 else 1


def orbit(
    cloud: GaussianCloud,
    count: int,
    *,
    size: int = 512,
    up: str | Sequence[float] | None = None,
    front: str | Sequence[float] | None = None,
    elevation: float = 0.0,
    arc: float = 360.0,
) -> CameraPath:
    """Return cameras on a circle round a cloud, all looking at its middle, with all of it in the picture.

    Args:
        cloud: At least one Gaussian.
        count: Of cameras, at least 1.
        size: Of the square pictures, in pixels, 1 to 4096.
        up: "x", "-x", "y" and so on, or a direction; by default guessed by `upright`.
        front: Where the face looks; the first camera stands there. By default guessed.
        elevation: Of the cameras above the middle, in degrees, between -90 and 90.
        arc: In degrees. 360 is all the way round, counter-clockwise from above; less is that much, with the front in its middle.

    Raises:
        SplatError: `up` and `front` are no directions, or the same; another value is out of its range.
    """
    if not (count >= 1 and -90 < elevation < 90 and 0 < arc <= 360 and len(cloud)):
        raise SplatError(
            Message(
                "cameras.orbit",
                "An orbit needs at least 1 camera and 1 Gaussian, an elevation between -90 and 90 degrees and an arc above 0 "
                "and up to 360; got {count} cameras, {gaussians} Gaussians, {elevation:g} and {arc:g} degrees.",
                count=count,
                gaussians=len(cloud),
                elevation=elevation,
                arc=arc,
            )
        )
    upward, forward, notes = _directions(cloud, up, front)
    left = np.cross(upward, forward)  # of whoever stands behind the head and looks where it looks
    centre, extent = centre_and_extent(cloud)
    radius = float(np.linalg.norm(extent)) / 2 or float(cloud.scales.max()) * 3  # a single Gaussian has no extent
    half_view = np.radians(_FIELD_OF_VIEW / 2)
    distance, focal = radius / np.sin(half_view), size / 2 / np.tan(half_view)
    angles = np.arange(count) * 360 / count if arc == 360 else np.linspace(-arc / 2, arc / 2, count) * (count > 1)
    cameras = []
    for index, angle in enumerate(np.radians(angles)):
        level = np.cos(angle) * forward + np.sin(angle) * left
        towards = np.cos(np.radians(elevation)) * level + np.sin(np.radians(elevation)) * upward
        pose = _look(centre + distance * towards, -towards, upward)
        cameras.append(Camera(pose, focal, focal, size / 2, size / 2, size, size, f"view_{index:02d}"))
    return CameraPath(tuple(cameras), notes)


def _directions(
    cloud: GaussianCloud, up: str | Sequence[float] | None, front: str | Sequence[float] | None
) -> tuple[np.ndarray, np.ndarray, tuple[Message, ...]]:
    """Return up and front as unit vectors at right angles, and a note where they were guessed."""
    upward, forward = upright(cloud, None if up is None else direction(up), None if front is None else direction(front))
    level = forward - (forward @ upward) * upward
    if np.linalg.norm(level) < 1e-3:
        raise SplatError(
            Message("cameras.parallel", "Up and front are the same direction, or opposite ones. Give two that differ.")
        )
    if up is not None and front is not None:
        return upward, level / np.linalg.norm(level), ()
    note = Message(
        "cameras.guessed",
        "Up was taken to be {up}, and the face to look along {front}. If the head lies on its side or shows its back, say up "
        "and front.",
        up=_named(upward),
        front=_named(forward),
    )
    return upward, level / np.linalg.norm(level), (note,)


def direction(axis: str | Sequence[float]) -> np.ndarray:
    """Return a unit vector.

    Args:
        axis: "x", "-x", "y", "-y", "z", "-z", or three numbers.

    Raises:
        SplatError: It is none of these, or of no length.
    """
    if isinstance(axis, str):
        sign, letter = (-1, axis[1:]) if axis.startswith("-") else (1, axis)
        vector = sign * np.array([letter == each for each in "xyz"], np.float64)
    else:
        vector = np.asarray(axis, np.float64)
    if vector.shape != (3,) or not 0 < np.linalg.norm(vector) < np.inf:
        raise SplatError(
            Message(
                "cameras.axis",
                "{axis} is no direction. Give x, -x, y, -y, z, -z, or three numbers that are not all 0.",
                axis=str(axis),
            )
        )
    return vector / np.linalg.norm(vector)


def _look(position: np.ndarray, forward: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Return (4, 4), from the scene into the axes of a camera that stands somewhere and looks forward."""
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = right, np.cross(forward, right), forward
    pose[:3, 3] = -pose[:3, :3] @ position
    return pose


def _is_pose(matrix: np.ndarray) -> bool:
    """Tell a rotation and a shift from any other matrix."""
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        return False
    rotation = matrix[:3, :3]
    square = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) and np.linalg.det(rotation) > 0
    return bool(square and np.allclose(matrix[3], [0, 0, 0, 1]))


def _occupancy(cloud: GaussianCloud, centre: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """Return how much of a cloud is in each cell of the box that holds all but its floaters, (bins, bins, bins) of 1."""
    half = np.maximum(extent / 2, 1e-9)
    place = (cloud.means - centre) / half
    grid, _ = np.histogramdd(place, _BINS, [(-1, 1)] * 3, weights=cloud.opacities)
    return grid / max(grid.sum(), 1e-9)


def _axis(index: int, sign: int) -> np.ndarray:
    """Return (3,) a unit vector along an axis of the scene."""
    vector = np.zeros(3)
    vector[index] = sign
    return vector


def _named(vector: np.ndarray) -> str:
    """Return "-y" or the like for the axis that a direction is nearest to."""
    axis = int(np.argmax(abs(vector)))
    return ("-" if vector[axis] < 0 else "") + "xyz"[axis]
