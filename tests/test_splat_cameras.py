"""Cameras of a splat scene: an orbit that finds the face, and files that put a point where their own programs see it."""

import json
import struct

import numpy as np
import pytest

from enhancer.errors import SplatError
from enhancer.seeding import rng_for
from enhancer.splats.camera_files import read_cameras
from enhancer.splats.cameras import Camera, centre_and_extent, orbit, upright
from enhancer.splats.cloud import GaussianCloud
from tests.splat_files import matrices

POINT = np.array([0.3, -0.2, 0.1])


def cloud_of(points, opacities=None):
    n = len(points)
    return GaussianCloud(
        means=np.asarray(points, np.float32),
        scales=np.full((n, 3), 0.01, np.float32),
        rotations=np.tile(np.float32([1, 0, 0, 0]), (n, 1)),
        opacities=np.full(n, 0.9, np.float32) if opacities is None else np.asarray(opacities, np.float32),
        sh=np.zeros((n, 1, 3), np.float32),
    )


def bust():
    """(N, 3) points of a head with a nose on shoulders; x to its left, y up, z to the front."""
    rng = rng_for(0, "bust")
    ball = rng.normal(size=(6000, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    head = ball[:3500] * [0.8, 1.1, 0.95] + [0, 1.5, 0]
    nose = ball[3500:4000] * [0.12, 0.25, 0.3] + [0, 1.4, 1.0]
    shoulders = ball[4000:] * [1.9, 0.5, 0.6] + [0, -0.2, -0.1]
    return np.concatenate([head, nose, shoulders])


def seen_at(camera, point):
    """Column and row of a point, and how far in front of the camera it is."""
    x, y, z = camera.world_to_camera[:3, :3] @ point + camera.world_to_camera[:3, 3]
    return np.array([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy, z])


def some_pose(seed=0):
    """(4, 4) from the scene to a camera that has the point in front of it."""
    quaternion = rng_for(0, "pose", seed).normal(size=(1, 4))
    pose = np.eye(4)
    pose[:3, :3] = matrices(quaternion / np.linalg.norm(quaternion))[0]
    pose[:3, 3] = [0.1, 0.2, 5]
    return pose


def refusal(do, *arguments, **options):
    with pytest.raises(SplatError) as caught:
        do(*arguments, **options)
    return caught.value.message.code, str(caught.value)


# --- a camera ----------------------------------------------------------------------------------------------------


def camera(pose=None, **values):
    pose = np.eye(4) if pose is None else pose
    return Camera(pose, **{"fx": 100.0, "fy": 100.0, "cx": 32.0, "cy": 32.0, "width": 64, "height": 64, **values})


def test_a_camera_stands_where_its_pose_says():
    one = camera(some_pose())
    np.testing.assert_allclose(some_pose() @ [*one.position, 1], [0, 0, 0, 1], atol=1e-12)


@pytest.mark.parametrize(
    "pose", [np.zeros((4, 4)), np.diag([-1.0, 1, 1, 1]), np.diag([2.0, 2, 2, 1]), np.full((4, 4), np.nan), np.eye(3)]
)
def test_a_matrix_that_is_no_pose_is_refused(pose):
    assert refusal(camera, pose, name="left")[0] == "cameras.pose"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"width": 0}, "cameras.size"),
        ({"height": 4097}, "cameras.size"),
        ({"fx": 0.0}, "cameras.lens"),
        ({"fy": -5.0}, "cameras.lens"),
        ({"cx": np.nan}, "cameras.lens"),
    ],
)
def test_lenses_and_sizes_that_make_no_picture_are_refused(values, code):
    assert refusal(camera, **values)[0] == code


# --- orbit -------------------------------------------------------------------------------------------------------


def test_floaters_do_not_move_the_middle():
    points = bust()
    wanted = centre_and_extent(cloud_of(points))
    far = np.concatenate([points, np.full((60, 3), 500.0)])
    np.testing.assert_allclose(centre_and_extent(cloud_of(far)), wanted, atol=0.15)
    faint = np.concatenate([points, np.full((3000, 3), 500.0)])
    opacities = np.r_[np.full(len(points), 0.9), np.full(3000, 0.01)]
    np.testing.assert_allclose(centre_and_extent(cloud_of(faint, opacities)), wanted, atol=0.15)


def test_an_invisible_or_single_gaussian_has_a_middle():
    assert centre_and_extent(cloud_of(bust(), np.zeros(6000)))[1].min() > 0
    np.testing.assert_allclose(centre_and_extent(cloud_of([POINT]))[0], POINT, atol=1e-6)
    np.testing.assert_allclose(seen_at(orbit(cloud_of([POINT]), 1).cameras[0], POINT)[:2], [256, 256], atol=1e-3)


@pytest.mark.parametrize(
    ("axes", "up", "front"),
    [
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], "y", "z"),  # as in FLAME and three.js
        ([[1, 0, 0], [0, -1, 0], [0, 0, -1]], "-y", "-z"),  # as in COLMAP
        ([[1, 0, 0], [0, 0, -1], [0, 1, 0]], "z", "-y"),  # as in Blender
    ],
)
def test_up_and_front_are_found_as_programs_have_them(axes, up, front):
    cloud = cloud_of(bust() @ np.array(axes).T)
    path = orbit(cloud, 4)
    assert f"Up was taken to be {up}, and the face to look along {front}." in path.notes[0]
    first = path.cameras[0]
    top, nose, left_ear = (np.array(axes) @ point for point in ([0, 2.6, 0], [0, 1.4, 1.3], [0.8, 1.5, 0]))
    middle = seen_at(first, np.array(axes) @ [0, 1.5, 0])
    assert seen_at(first, top)[1] < middle[1]
    assert seen_at(first, nose)[2] < middle[2]
    assert seen_at(first, left_ear)[0] > middle[0]  # of a face that looks at us


def test_up_and_front_can_be_corrected():
    cloud = cloud_of(bust())
    path = orbit(cloud, 1, up="y", front="-z")
    assert path.notes == ()
    assert path.cameras[0].position[2] < -1
    assert orbit(cloud, 1, up="-y").cameras[0].position[2] < -1  # the same scene, half a turn about x
    assert orbit(cloud, 1, front="x").cameras[0].position[0] > 1
    assert orbit(cloud, 1, front=(0, 0.5, 1)).cameras[0].position[1] == pytest.approx(centre_and_extent(cloud)[0][1])


def test_what_is_known_of_a_pose_is_kept():
    up, front = upright(cloud_of(bust()), up=np.array([0, 0, 1.0]))
    assert up.tolist() == [0, 0, 1]
    assert front @ up == 0
    up, front = upright(cloud_of(bust()), front=np.array([0, 0, -1.0]))
    assert up.tolist() == [0, 1, 0]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_an_orbit_goes_all_the_way_round_and_keeps_the_cloud_in_the_picture(count):
    cloud = cloud_of(bust())
    cameras = orbit(cloud, count, size=200).cameras
    assert [each.name for each in cameras] == [f"view_{index:02d}" for index in range(count)]
    centre = centre_and_extent(cloud)[0]
    for each in cameras:
        np.testing.assert_allclose(seen_at(each, centre)[:2], [100, 100])
        seen = np.array([seen_at(each, point) for point in bust()[::50]])
        assert (seen[:, :2] > 0).all()
        assert (seen[:, :2] < 200).all()
    # even steps, counter-clockwise from above: from the front (z) to the head's left (x)
    angles = [np.arctan2(*(each.position - centre)[[0, 2]]) for each in cameras]
    np.testing.assert_allclose(np.unwrap(angles), 2 * np.pi / count * np.arange(count), atol=1e-9)


def test_an_arc_has_the_front_in_its_middle_and_elevation_looks_down():
    cloud = cloud_of(bust())
    cameras = orbit(cloud, 3, arc=60, elevation=20).cameras
    centre = centre_and_extent(cloud)[0]
    away = np.array([each.position - centre for each in cameras])
    np.testing.assert_allclose(np.degrees(np.arctan2(away[:, 0], away[:, 2])), [-30, 0, 30], atol=1e-9)
    np.testing.assert_allclose(away[:, 1] / np.linalg.norm(away, axis=1), np.sin(np.radians(20)))
    assert orbit(cloud, 1, arc=60).cameras[0].position[0] == pytest.approx(centre[0])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"count": 0}, "cameras.orbit"),
        ({"elevation": 90}, "cameras.orbit"),
        ({"arc": 0}, "cameras.orbit"),
        ({"arc": 361}, "cameras.orbit"),
        ({"size": 5000}, "cameras.size"),
        ({"up": "upwards"}, "cameras.axis"),
        ({"up": (0, 0, 0)}, "cameras.axis"),
        ({"front": (1, 2)}, "cameras.axis"),
        ({"up": "x", "front": "-x"}, "cameras.parallel"),
    ],
)
def test_an_orbit_that_cannot_be_is_refused(options, code):
    assert refusal(orbit, cloud_of(bust()), **{"count": 4, **options})[0] == code


def test_nothing_has_no_orbit():
    assert refusal(orbit, cloud_of(np.zeros((0, 3))), 4)[0] == "cameras.orbit"


# --- nerfstudio --------------------------------------------------------------------------------------------------


def frame(pose, **extra):
    """A frame of transforms.json: from the camera, with OpenGL's axes, to the scene."""
    return {"transform_matrix": (np.linalg.inv(pose) @ np.diag([1, -1, -1, 1])).tolist(), **extra}


SCENE = {"fl_x": 500.0, "fl_y": 510.0, "cx": 250.0, "cy": 270.0, "w": 512, "h": 520}


@pytest.fixture
def read(tmp_path):
    """Reads what is written as JSON, or bytes, into a file."""

    def from_content(content, name="transforms.json"):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (tmp_path / name).write_bytes(data)
        return read_cameras(tmp_path / name)

    return from_content


def expected(pose, fx=500.0, fy=510.0, cx=250.0, cy=270.0):
    """Where the point is seen."""
    x, y, z = (pose @ [*POINT, 1])[:3]
    return [fx * x / z + cx, fy * y / z + cy, z]


def test_transforms_put_a_point_where_it_is_seen(read):
    poses = [some_pose(seed) for seed in range(3)]
    path = read({**SCENE, "frames": [frame(pose, file_path=f"images/{i}.png") for i, pose in enumerate(poses)]})
    assert [each.name for each in path.cameras] == ["0", "1", "2"]
    assert path.notes == ()
    for each, pose in zip(path.cameras, poses, strict=True):
        np.testing.assert_allclose(seen_at(each, POINT), expected(pose), rtol=1e-9)
        assert (each.width, each.height) == (512, 520)


def test_a_frame_may_have_a_lens_of_its_own_and_a_principal_point_off_the_centre(read):
    own = {"fl_x": 300.0, "fl_y": 310.0, "cx": 20.0, "cy": 400.0, "w": 100, "h": 420}
    first, second = read({**SCENE, "frames": [frame(some_pose()), frame(some_pose(), **own)]}).cameras
    np.testing.assert_allclose(seen_at(first, POINT), expected(some_pose()))
    np.testing.assert_allclose(seen_at(second, POINT), expected(some_pose(), 300, 310, 20, 400))
    assert (second.width, second.height) == (100, 420)


def test_a_lens_may_be_given_as_an_angle(read):
    scene = {"camera_angle_x": 2 * np.arctan(0.5), "w": 512, "h": 400, "frames": [frame(some_pose())]}
    np.testing.assert_allclose(seen_at(read(scene).cameras[0], POINT), expected(some_pose(), 512, 512, 256, 200))


@pytest.mark.parametrize("extra", [{"k1": 0.1}, {"p2": -0.01}, {"camera_model": "OPENCV_FISHEYE"}])
def test_distortion_is_said(read, extra):
    frames = [frame(some_pose()), frame(some_pose(), **extra)]
    (note,) = read({**SCENE, "k2": 0.0, "camera_model": "OPENCV", "frames": frames}).notes
    assert note.code == "cameras.distortion"
    assert "1 of 2 cameras" in note


def test_a_pose_scaled_as_a_whole_is_a_rotation(read):
    scaled = frame(some_pose())
    matrix = np.array(scaled["transform_matrix"])
    matrix[:3, :3] *= 3
    camera = read({**SCENE, "frames": [{"transform_matrix": matrix.tolist()}]}).cameras[0]
    np.testing.assert_allclose(camera.world_to_camera, some_pose(), atol=1e-9)


@pytest.mark.parametrize("change", [np.diag([1, 1, 0, 1]), np.diag([-1, 1, 1, 1]), np.diag([1, 1, 2, 1])])
def test_singular_mirrored_and_sheared_poses_are_refused(read, change):
    matrix = (np.array(frame(some_pose())["transform_matrix"]) @ change).tolist()
    code, sentence = refusal(read, {**SCENE, "frames": [{"transform_matrix": matrix, "file_path": "left.png"}]})
    assert code == "cameras.pose"
    assert "camera left" in sentence


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "cameras.json", "not JSON"),
        (b"\xff\xfe\x00", "cameras.json", "not JSON"),
        (b"[" * 100_000, "cameras.json", "not JSON"),
        (b"ply\n", "cameras.json", "not JSON"),
        ({"frames": []}, "cameras.none", "no cameras"),
        ([], "cameras.none", "no cameras"),
        ({"pictures": []}, "cameras.unknown", "nerfstudio"),
        (3, "cameras.unknown", "nerfstudio"),
        ({"w": 5, "h": 5, "frames": [frame(np.eye(4))]}, "cameras.missing", "lacks fl_x"),
        ({"fl_x": 5, "h": 5, "frames": [frame(np.eye(4))]}, "cameras.missing", "lacks w"),
        ({**SCENE, "frames": [{"file_path": "a"}]}, "cameras.missing", "lacks transform_matrix"),
        ({**SCENE, "frames": [frame(np.eye(4), w=8000)]}, "cameras.size", "8000x520"),
        ({**SCENE, "frames": [frame(np.eye(4), w="wide")]}, "cameras.damaged", "wide"),
        ({**SCENE, "frames": [frame(np.eye(4), fl_x=None)]}, "cameras.damaged", "cannot be understood"),
        ({**SCENE, "frames": [frame(np.eye(4), fl_x=0)]}, "cameras.lens", "above 0"),
        ({**SCENE, "frames": [{"transform_matrix": [[1, 2], [3, 4]]}]}, "cameras.damaged", "cannot be understood"),
        ({**SCENE, "frames": ["one"]}, "cameras.damaged", "cannot be understood"),
        ({**SCENE, "frames": [frame(np.full((4, 4), np.nan) + np.eye(4))]}, "cameras.pose", "not finite"),
        ({"camera_angle_x": 0, "w": 5, "h": 5, "frames": [frame(np.eye(4))]}, "cameras.damaged", "division"),
        ([{"position": [0, 0, 0]}], "cameras.missing", "lacks rotation"),
    ],
)
def test_files_without_usable_cameras_are_refused(read, content, code, words):
    found, sentence = refusal(read, content)
    assert found == code
    assert words in sentence
    assert "\n" not in sentence


def test_a_missing_file_and_a_folder_without_cameras_are_named(tmp_path):
    assert refusal(read_cameras, tmp_path / "none.json")[0] == "cameras.unopened"
    assert refusal(read_cameras, tmp_path / "images.bin")[0] == "cameras.unopened"
    assert refusal(read_cameras, tmp_path)[0] == "cameras.unknown"


# --- 3D Gaussian Splatting ---------------------------------------------------------------------------------------


def test_cameras_json_puts_a_point_where_it_is_seen(read):
    camera_to_world = np.linalg.inv(some_pose())
    entry = {
        "id": 0,
        "img_name": "00012",
        "width": 512,
        "height": 520,
        "fx": 500.0,
        "fy": 510.0,
        "position": camera_to_world[:3, 3].tolist(),
        "rotation": camera_to_world[:3, :3].tolist(),
    }
    camera = read([entry], "cameras.json").cameras[0]
    np.testing.assert_allclose(seen_at(camera, POINT), expected(some_pose(), cx=256, cy=260))
    assert camera.name == "00012"


# --- COLMAP ------------------------------------------------------------------------------------------------------

QUATERNIONS = [rng_for(0, "colmap", index).normal(size=4) for index in range(3)]
SHIFT = (0.1, 0.2, 5.0)
NAMES = ["c d.png", "b.png", "a.png"]  # out of order, and one with a space
LENSES = {1: ("PINHOLE", 1, 512, 520, (500, 510, 250, 270)), 7: ("SIMPLE_RADIAL", 2, 300, 310, (400, 150, 155, 0.1))}
TAKEN_BY = [1, 7, 1]


def write_text_model(folder):
    lines = [f"{key} {name} {w} {h} {' '.join(map(str, rest))}" for key, (name, _, w, h, rest) in LENSES.items()]
    (folder / "cameras.txt").write_text("# Camera list\n" + "\n".join(lines) + "\n")
    pictures = []
    for index, (name, quaternion) in enumerate(zip(NAMES, QUATERNIONS, strict=True)):
        numbers = " ".join(map(repr, [*quaternion.tolist(), *SHIFT]))
        points = "" if index == 1 else "1.5 2.5 -1 3.5 4.5 7"  # a picture without points has an empty line
        pictures += [f"{index + 1} {numbers} {TAKEN_BY[index]} {name}", points]
    (folder / "images.txt").write_text("# Image list\n# two lines a picture\n" + "\n".join(pictures) + "\n")


def write_binary_model(folder):
    data = struct.pack("<Q", len(LENSES))
    for key, (_, model, w, h, rest) in LENSES.items():
        data += struct.pack(f"<IiQQ{len(rest)}d", key, model, w, h, *rest)
    (folder / "cameras.bin").write_bytes(data)
    data = struct.pack("<Q", len(NAMES))
    for index, (name, quaternion) in enumerate(zip(NAMES, QUATERNIONS, strict=True)):
        data += struct.pack("<I7dI", index + 1, *quaternion, *SHIFT, TAKEN_BY[index]) + name.encode() + b"\0"
        data += struct.pack("<Q", index) + index * struct.pack("<ddq", 1.5, 2.5, -1)
    (folder / "images.bin").write_bytes(data)


MODELS = pytest.mark.parametrize(("write", "suffix"), [(write_text_model, ".txt"), (write_binary_model, ".bin")])


@MODELS
@pytest.mark.parametrize("place", ["", "sparse/0"])
def test_a_colmap_model_puts_a_point_where_it_is_seen(tmp_path, write, suffix, place):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    write(tmp_path / place)
    path = read_cameras(tmp_path)
    assert [each.name for each in path.cameras] == ["a", "b", "c d"]
    for each, quaternion, lens in zip(path.cameras, QUATERNIONS[::-1], (1, 7, 1), strict=True):
        pose = np.eye(4)
        pose[:3, :3] = matrices(quaternion[None] / np.linalg.norm(quaternion))[0]
        pose[:3, 3] = SHIFT
        values = (500, 510, 250, 270) if lens == 1 else (400, 400, 150, 155)
        np.testing.assert_allclose(seen_at(each, POINT), expected(pose, *values))
    (note,) = path.notes
    assert note.code == "cameras.distortion"
    assert "1 of 3 cameras" in note
    assert len(read_cameras(tmp_path / place / f"cameras{suffix}").cameras) == 3


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin"])
def test_a_binary_model_that_is_cut_off_anywhere_is_refused(tmp_path, name):
    write_binary_model(tmp_path)
    whole = (tmp_path / name).read_bytes()
    for end in range(0, len(whole), 7):
        (tmp_path / name).write_bytes(whole[:end])
        assert refusal(read_cameras, tmp_path)[0] == "cameras.damaged"


def test_half_a_line_of_a_text_model_is_refused(tmp_path):
    write_text_model(tmp_path)
    text = (tmp_path / "images.txt").read_text()
    for lost in ("b.png", " 5.0 7 b.png"):
        (tmp_path / "images.txt").write_text(text[: text.index(lost)])
        assert refusal(read_cameras, tmp_path)[0] == "cameras.damaged"


@MODELS
def test_a_colmap_model_without_pictures_has_no_cameras(tmp_path, write, suffix):
    write(tmp_path)
    (tmp_path / f"images{suffix}").write_bytes(bytes(8) if suffix == ".bin" else b"# none\n")
    assert refusal(read_cameras, tmp_path)[0] == "cameras.none"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("PINHOLE 512", "PINHOLE 5120", "5120x520"),
        ("PINHOLE", "MIRROR", "MIRROR"),
        ("7 SIMPLE", "8 SIMPLE", "camera 7"),
        (" 250 270", " 250", "3 parameters, not 4"),
    ],
)
def test_lenses_that_colmap_does_not_have_are_refused(tmp_path, old, new, words):
    write_text_model(tmp_path)
    text = (tmp_path / "cameras.txt").read_text()
    (tmp_path / "cameras.txt").write_text(text.replace(old, new, 1))
    assert words in refusal(read_cameras, tmp_path)[1]


def test_half_a_colmap_model_names_the_file_that_is_missing(tmp_path):
    write_text_model(tmp_path)
    (tmp_path / "cameras.txt").unlink()
    assert refusal(read_cameras, tmp_path)[0] == "cameras.unopened"
