"""Cameras from the files that come with a scene: nerfstudio's transforms.json, COLMAP's model, 3D Gaussian Splatting's cameras.json.

The first is written, too.
"""

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.errors import SplatError
from enhancer.messages import Message
from enhancer.runtime.files import write_text
from enhancer.splats.cameras import Camera, CameraPath, bad_pose

# Where the files stand in a folder that holds a whole scene
_PLACES = ("", "sparse/0", "sparse", "colmap/sparse/0")
_LARGEST = 1 << 28  # bytes; COLMAP's images.bin also has the points of every picture
# COLMAP's camera models in the order of their numbers -> how many focal lengths and how many parameters they have
_COLMAP_MODELS = {
    "SIMPLE_PINHOLE": (1, 3),
    "PINHOLE": (2, 4),
    "SIMPLE_RADIAL": (1, 4),
    "RADIAL": (1, 5),
    "OPENCV": (2, 8),
    "OPENCV_FISHEYE": (2, 8),
    "FULL_OPENCV": (2, 12),
    "FOV": (2, 5),
    "SIMPLE_RADIAL_FISHEYE": (1, 4),
    "RADIAL_FISHEYE": (1, 5),
    "THIN_PRISM_FISHEYE": (2, 12),
}
_PINHOLES = ("PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "OPENCV", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV")
_DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")


@dataclass(frozen=True)
class _Lens:
    """What a picture is taken with; lengths in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distorted: bool


def read_cameras(path: str | Path, *, name: str | None = None) -> CameraPath:
    """Read the cameras of a scene.

    Args:
        path: A transforms.json of nerfstudio, a cameras.json of 3D Gaussian Splatting, a file or the folder of a COLMAP model
            (cameras and images, as .bin or .txt), or a folder that holds one of these where they usually stand.
        name: What to call it in messages; by default the file's name.

    Returns:
        The cameras, in the file's order or by the names of their pictures, with principal points as given, also off the
        centre; and a note where lenses are not those of a pinhole camera.

    Raises:
        SplatError: It holds no cameras that can be used. The sentence says why, and what to do.
    """
    path = find_cameras(Path(path))
    name = name or path.name
    colmap = path.suffix.lower() in (".bin", ".txt") and path.stem in ("cameras", "images")
    with _sentences(name):
        if colmap:
            cameras, lenses = _read_colmap(path, name)
        else:
            cameras, lenses = _read_json(path, name)
    if not cameras:
        raise SplatError(
            Message("cameras.none", "{name} has no cameras. Export them again, or take an orbit.", name=name)
        )
    notes = ()
    if any(lens.distorted for lens in lenses):
        notes = (
            Message(
                "cameras.distortion",
                "{count} of {cameras} cameras have a lens with distortion, which is left out: the pictures are those of a pinhole "
                "camera. Compare them with undistorted photographs.",
                count=sum(lens.distorted for lens in lenses),
                cameras=len(lenses),
            ),
        )
    return CameraPath(tuple(cameras), notes)


def find_cameras(path: Path) -> Path:
    """Return the file that holds a scene's cameras: itself, or the usual one in a folder.

    Raises:
        SplatError: The folder has none.
    """
    if not path.is_dir():
        return path
    names = ("transforms.json", "cameras.json", "images.bin", "images.txt")
    for found in (path / place / name for place in _PLACES for name in names):
        if found.is_file():
            return found
    raise _unknown(path.name)


@contextmanager
def _sentences(name: str) -> Iterator[None]:
    """Turn what goes wrong while reading into one sentence."""
    try:
        yield
    except OSError as error:
        raise SplatError(
            Message(
                "cameras.unopened",
                "{name} cannot be opened: {reason}. Check the path.",
                name=name,
                reason=error.strerror or str(error),
            )
        ) from error
    except KeyError as error:
        raise SplatError(
            Message(
                "cameras.missing",
                "{name} lacks {missing}, which a camera needs. Export the cameras again, with it.",
                name=name,
                missing=str(error.args[0]),
            )
        ) from error
    except (TypeError, ValueError, ArithmeticError, AttributeError, struct.error, IndexError) as error:
        raise SplatError(
            Message(
                "cameras.damaged",
                "{name} cannot be understood ({problem}). Export the cameras again.",
                name=name,
                problem=str(error),
            )
        ) from error


def _unknown(name: str) -> SplatError:
    return SplatError(
        Message(
            "cameras.unknown",
            "{name} holds no cameras that can be read here. Give a transforms.json of nerfstudio, a cameras.json of 3D Gaussian "
            "Splatting, or the folder of a COLMAP model with cameras and images as .bin or .txt, often sparse/0.",
            name=name,
        )
    )


def _content(path: Path) -> bytes:
    """Return what is in a file.

    Raises:
        ValueError: It is larger than any file of cameras.
    """
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path.name} has more than {_LARGEST >> 20} MB")
    return path.read_bytes()


# --- JSON --------------------------------------------------------------------------------------------------------


def _read_json(path: Path, name: str) -> tuple[list[Camera], list[_Lens]]:
    """Tell nerfstudio's file, an object, from that of 3D Gaussian Splatting, a list."""
    try:
        content = json.loads(_content(path))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SplatError(
            Message(
                "cameras.json",
                "{name} is not JSON ({problem}). Export the cameras again, or give another file.",
                name=name,
                problem=str(error),
            )
        ) from error
    if isinstance(content, list):
        pairs = [_of_splatting(each) for each in content]
    elif isinstance(content, dict) and "frames" in content:
        pairs = [_of_nerfstudio(content, frame) for frame in content["frames"]]
    else:
        raise _unknown(name)
    return [camera for camera, _ in pairs], [lens for _, lens in pairs]


def _of_splatting(entry: Mapping[str, Any]) -> tuple[Camera, _Lens]:
    """Return a camera of cameras.json: position and rotation of the camera in the scene, in OpenCV's axes."""
    camera_to_world = np.eye(4)
    camera_to_world[:3, :3] = entry["rotation"]
    camera_to_world[:3, 3] = entry["position"]
    width, height = _pixels(entry["width"]), _pixels(entry["height"])
    lens = _Lens(float(entry["fx"]), float(entry["fy"]), width / 2, height / 2, width, height, False)
    name = str(entry.get("img_name", entry.get("id", "")))
    return _camera(lens, camera_to_world, name, name), lens


def _of_nerfstudio(scene: Mapping[str, Any], frame: Mapping[str, Any]) -> tuple[Camera, _Lens]:
    """Return a camera of transforms.json; what a frame does not say of its lens, the scene says for all."""
    said = {**scene, **frame}
    width, height = _pixels(said["w"]), _pixels(said["h"])
    if "fl_x" in said or "camera_angle_x" not in said:
        fx = float(said["fl_x"])
    else:
        fx = width / 2 / math.tan(float(said["camera_angle_x"]) / 2)
    fy = float(said.get("fl_y", fx))
    cx, cy = float(said.get("cx", width / 2)), float(said.get("cy", height / 2))
    model = str(said.get("camera_model", "OPENCV")).upper()
    distorted = model not in _PINHOLES or any(float(said.get(key, 0)) for key in _DISTORTION)
    lens = _Lens(fx, fy, cx, cy, width, height, distorted)
    camera_to_world = np.eye(4)
    matrix = np.array(said["transform_matrix"], np.float64)
    camera_to_world[:3] = matrix[:3]
    camera_to_world[:, 1:3] *= -1  # from OpenGL's axes, y up and z back, to OpenCV's
    picture = str(said.get("file_path", ""))
    return _camera(lens, camera_to_world, Path(picture).stem, picture), lens


def write_transforms(path: Path, cameras: Sequence[Camera], pictures: Sequence[str]) -> None:
    """Write cameras as nerfstudio's transforms.json; what they have in common of their lenses stands there once.

    Args:
        path: The file; its folder is made as needed.
        cameras: At least one.
        pictures: The file of each camera's picture, relative to the folder.

    Raises:
        SettingsError: It cannot be written.
    """
    lenses = [
        {"fl_x": each.fx, "fl_y": each.fy, "cx": each.cx, "cy": each.cy, "w": each.width, "h": each.height}
        for each in cameras
    ]
    common = {key: value for key, value in lenses[0].items() if all(lens[key] == value for lens in lenses)}
    frames = []
    for camera, lens, picture in zip(cameras, lenses, pictures, strict=True):
        camera_to_world = np.eye(4)
        camera_to_world[:3, :3] = camera.world_to_camera[:3, :3].T
        camera_to_world[:3, 3] = camera.position
        camera_to_world[:, 1:3] *= -1  # from OpenCV's axes to OpenGL's
        own = {key: value for key, value in lens.items() if key not in common}
        frames.append({"file_path": picture, **own, "transform_matrix": camera_to_world.tolist()})
    write_text(path, json.dumps({"camera_model": "OPENCV", **common, "frames": frames}, indent=1) + "\n")


def _pixels(value: Any) -> int:
    return round(float(value))


def _camera(lens: _Lens, camera_to_world: np.ndarray, name: str, picture: str) -> Camera:
    """Return a camera; a pose that is scaled as a whole, or rounded, becomes a rotation.

    Raises:
        SplatError: The pose is singular, mirrored, sheared or not finite.
    """
    matrix = camera_to_world[:3, :3]
    size = np.cbrt(np.linalg.det(matrix)) if np.isfinite(camera_to_world).all() else 0
    if not size > 1e-9 or not np.allclose(matrix @ matrix.T, size**2 * np.eye(3), atol=0.01 * size**2):
        raise bad_pose(name)
    left, _, right = np.linalg.svd(matrix)
    pose = np.eye(4)
    pose[:3, :3] = (left @ right).T
    pose[:3, 3] = -pose[:3, :3] @ camera_to_world[:3, 3]
    return Camera(pose, lens.fx, lens.fy, lens.cx, lens.cy, lens.width, lens.height, name, picture)


# --- COLMAP ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Picture:
    name: str
    lens: int  # number of its camera
    quaternion: tuple[float, ...]  # (w, x, y, z), from the scene to the camera
    shift: tuple[float, ...]


def _read_colmap(path: Path, name: str) -> tuple[list[Camera], list[_Lens]]:
    """Read cameras and images of the same suffix; source: COLMAP's documentation of its output format."""
    binary = path.suffix.lower() == ".bin"
    read_lenses: Callable[[bytes], dict[int, _Lens]] = _lenses_of_binary if binary else _lenses_of_text
    read_pictures: Callable[[bytes], list[_Picture]] = _pictures_of_binary if binary else _pictures_of_text
    lenses = read_lenses(_content(path.with_name("cameras" + path.suffix)))
    pictures = sorted(read_pictures(_content(path.with_name("images" + path.suffix))), key=lambda each: each.name)
    cameras = []
    for picture in pictures:
        if picture.lens not in lenses:
            raise ValueError(f"{picture.name} was taken by camera {picture.lens}, which {name} does not describe")
        world_to_camera = np.eye(4)
        world_to_camera[:3, :3] = _matrix(picture.quaternion, picture.name)
        camera_to_world = world_to_camera.T.copy()
        camera_to_world[:3, 3] = -world_to_camera[:3, :3].T @ picture.shift
        camera_to_world[3] = 0, 0, 0, 1
        cameras.append(_camera(lenses[picture.lens], camera_to_world, Path(picture.name).stem, picture.name))
    return cameras, [lenses[picture.lens] for picture in pictures]


def _matrix(quaternion: Sequence[float], name: str) -> np.ndarray:
    """Return (3, 3) of a quaternion (w, x, y, z) of any length but 0."""
    length = math.sqrt(sum(each * each for each in quaternion))
    if not 0 < length < math.inf:
        raise bad_pose(name)
    w, x, y, z = (each / length for each in quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _lens(model: str, width: int, height: int, parameters: Sequence[float]) -> _Lens:
    """Return a lens of COLMAP: one or two focal lengths, the principal point, then what bends."""
    focal_lengths, count = _COLMAP_MODELS[model]
    if len(parameters) != count:
        raise ValueError(f"a camera of the model {model} has {len(parameters)} parameters, not {count}")
    fx, fy = parameters[0], parameters[focal_lengths - 1]
    cx, cy, *bends = parameters[focal_lengths:]
    return _Lens(fx, fy, cx, cy, width, height, model not in _PINHOLES or any(bends))


def _lenses_of_text(content: bytes) -> dict[int, _Lens]:
    lenses = {}
    for line in content.decode().splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            number, model, width, height, *parameters = line.split()
            if model not in _COLMAP_MODELS:
                raise ValueError(f"the camera model {model} is not one of COLMAP's")
            lenses[int(number)] = _lens(model, int(width), int(height), [float(each) for each in parameters])
    return lenses


def _pictures_of_text(content: bytes) -> list[_Picture]:
    pictures = []
    lines = iter(content.decode().splitlines())
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            _, *numbers, lens, name = line.split(maxsplit=9)
            values = tuple(float(each) for each in numbers)
            if len(values) != 7:
                raise ValueError(f"the line {line[:60]!r} is no pose")
            pictures.append(_Picture(name.strip(), int(lens), values[:4], values[4:]))
            next(lines, None)  # the points it sees, often an empty line
    return pictures


def _lenses_of_binary(content: bytes) -> dict[int, _Lens]:
    models = list(_COLMAP_MODELS)
    (count,) = struct.unpack_from("<Q", content)
    lenses, position = {}, 8
    for _ in range(count):
        number, model, width, height = struct.unpack_from("<IiQQ", content, position)
        if not 0 <= model < len(models):
            raise ValueError(f"the camera model {model} is not one of COLMAP's")
        parameters = _COLMAP_MODELS[models[model]][1]
        lenses[number] = _lens(
            models[model], width, height, struct.unpack_from(f"<{parameters}d", content, position + 24)
        )
        position += 24 + 8 * parameters
    return lenses


def _pictures_of_binary(content: bytes) -> list[_Picture]:
    (count,) = struct.unpack_from("<Q", content)
    pictures, position = [], 8
    for _ in range(count):
        _, *values, lens = struct.unpack_from("<I7dI", content, position)
        start = position + 64
        end = content.index(b"\0", start)
        (points,) = struct.unpack_from("<Q", content, end + 1)
        position = end + 9 + 24 * points
        if position > len(content):
            raise ValueError("images.bin ends before its last picture")
        pictures.append(_Picture(content[start:end].decode(), lens, tuple(values[:4]), tuple(values[4:])))
    return pictures
