"""Training pairs of a cloud and captured frames: the render where a camera stood, beside what it saw."""

import json

import cv2
import numpy as np
import pytest

from enhancer.errors import SettingsError, SplatError
from enhancer.imaging.io import composite, read_image, with_alpha, write_png
from enhancer.splats.camera_files import read_cameras
from enhancer.splats.files import write_ply
from enhancer.splats.rasterising import rasterise
from tests.splat_scene import balls, orbit, write_cameras, write_frames
from training import pairs, prepare
from training.data import beside
from training.data.folders import find_samples
from training.splats.captures import Avatar, avatars_of, chosen, find_captures
from training.splats.renders import CloudView
from training.splats.seen import RECORD, told_of

SIDE = 96  # px
LENS = {
    "fl_x": 170.0,
    "fl_y": 165.0,
    "cx": 44.0,
    "cy": 51.0,
    "w": SIDE,
    "h": SIDE,
}  # looks past the middle of its picture
NAMES = [f"images/view_{i}.png" for i in range(6)]
ANGLES = np.linspace(-1.0, 1.0, 6)


def scene_in(folder, change=lambda image: image, lens=LENS, scale=1, names=NAMES, angles=ANGLES, **more):
    """Write a scene that the balls were fitted to, and the balls; returns the cloud's file."""
    write_cameras(folder / "transforms.json", names, angles, lens, **more)
    write_frames(balls(), folder / "transforms.json", folder, change, scale)
    write_ply(folder / "balls.ply", balls())
    return folder / "balls.ply"


def record(cloud, unseen):
    names = {"seen": [name for name in NAMES if name not in unseen], "unseen": unseen}
    cloud.with_suffix(RECORD).write_text(json.dumps(names))


def make(folder, *more, splats="balls.ply", captures="images"):
    """Run the command on a scene; returns its exit code."""
    argv = ["--splats", str(folder / splats), "--captures", str(folder / captures), "--output_dir", str(folder / "out")]
    small = ["--resolution", str(SIDE), "--min_crop", "32", "--parser", "none", "--num_workers", "1"]
    return pairs.command([*argv, *small, *more])


def rows(folder, part="train"):
    lines = (folder / "out" / part / "metadata.jsonl").read_text().splitlines()
    return {row["source"]: row for row in map(json.loads, lines)}


def both(folder, row):
    """Clean and degraded of a row, over white."""
    part = folder / "out" / row["split"]
    return [composite(read_image(part / row[key])) for key in ("file_name", "degraded_file_name")]


# --- what comes out ----------------------------------------------------------------------------------------------


def test_unseen_views_become_pairs_that_training_takes(tmp_path, capsys):
    cloud = scene_in(tmp_path)
    record(cloud, [NAMES[1], NAMES[4]])
    assert make(tmp_path, "--test_share", "0") == 0
    said = capsys.readouterr().out
    assert "told by balls.views.json" in said
    assert "Pairs of 2 test views. Left out: 4 train views; --views all takes them too." in said
    found = rows(tmp_path)
    assert sorted(found) == ["view_1.png", "view_4.png"]
    camera = read_cameras(tmp_path / "transforms.json").cameras[4]
    rgb, _ = rasterise(balls(), camera.window(found["view_4.png"]["crop"], SIDE, SIDE))
    np.testing.assert_allclose(both(tmp_path, found["view_4.png"])[1], rgb, atol=2 / 255)
    row = found["view_4.png"]
    assert (row["view"], row["backdrop"], row["alpha"], row["linear"]) == ("test", "own", "both", "")
    assert row["cloud"]["gaussians"] == 120
    samples = find_samples(str(tmp_path / "out/train"))
    assert [(sample.name, sample.view) for sample in samples] == [
        ("balls_view_1.png", "test"),
        ("balls_view_4.png", "test"),
    ]


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("size", [(SIDE, SIDE), (144, SIDE)])
def test_render_and_frame_lie_on_each_other(tmp_path, capsys, scale, size):
    """The frames are renders of the cloud itself: what does not agree is a shift, or a scale."""
    lens = LENS | {"w": size[0], "h": size[1], "fl_x": 120.0, "fl_y": 115.0}
    scene_in(tmp_path, lens=lens, scale=scale)
    assert make(tmp_path) == 0
    assert "Renders agree with their frames to" in capsys.readouterr().out
    for row in rows(tmp_path).values():
        left, top, right, bottom = row["crop"]
        assert right - left < 0.9 or bottom - top < 0.9  # the balls are cut out
        assert row["psnr"] > 33  # both are scaled from one scene, but once as a picture and once as Gaussians


def test_the_crop_is_the_square_round_the_person(tmp_path):
    scene_in(tmp_path, lens=LENS | {"w": 200, "h": 160, "fl_x": 120.0, "fl_y": 120.0, "cx": 140.0, "cy": 50.0})
    assert make(tmp_path) == 0
    for row in rows(tmp_path).values():
        part = tmp_path / "out" / row["split"]
        alpha = read_image(part / row["file_name"])[..., 3] > 0.5
        lines, columns = np.nonzero(alpha)
        assert max(np.ptp(lines), np.ptp(columns)) > 0.8 * SIDE
        assert min(lines.min(), columns.min()) > 0
        assert max(lines.max(), columns.max()) < SIDE - 1


def test_stopped_and_run_again_it_ends_the_same_and_then_has_nothing_to_do(tmp_path, monkeypatch):
    scene_in(tmp_path)
    render, calls = CloudView.render, []

    def killed(self, window, width, height):
        calls.append(1)
        if len(calls) > 6:
            raise KeyboardInterrupt
        return render(self, window, width, height)

    with monkeypatch.context() as patched:
        patched.setattr(CloudView, "render", killed)
        assert make(tmp_path) == 130
    assert make(tmp_path) == 0
    half = {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / "out").rglob("*.png")}
    (tmp_path / "out").rename(tmp_path / "first")
    assert make(tmp_path) == 0
    assert half == {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / "out").rglob("*.png")}
    with monkeypatch.context() as patched:
        patched.setattr(prepare, "prepare_one", None)
        assert make(tmp_path) == 0


def test_other_frames_or_another_cloud_are_other_pairs(tmp_path, capsys):
    scene_in(tmp_path)
    assert make(tmp_path) == 0
    (tmp_path / NAMES[0]).unlink()
    assert make(tmp_path) == 2
    assert "holds another prepared data set: pairs was" in capsys.readouterr().err


def test_several_avatars_at_once(tmp_path):
    for name in "ab":
        scene_in(tmp_path / name)
    clouds, frames = (",".join(str(tmp_path / name / end) for name in "ab") for end in ("balls.ply", "images"))
    small = ["--resolution", "96", "--min_crop", "32", "--parser", "none", "--test_share", "0"]
    out = tmp_path / "out"
    assert pairs.command(["--splats", clouds, "--captures", frames, "--output_dir", str(out), *small]) == 0
    names = [sample.name for sample in find_samples(str(out / "train"))]
    assert len(names) == 12
    assert names[0] == "1_balls_view_0.png"
    with pytest.raises(SettingsError, match="got 2, 1 and 0"):
        avatars_of("a.ply,b.ply", "frames", "")


def test_what_is_near_a_test_view_is_in_neither_part(tmp_path, capsys):
    angles = np.radians([-40, -39, -38, 0, 1, 2, 40, 41, 42])
    names = [f"images/{i}.png" for i in range(9)]
    scene_in(tmp_path, names=names, angles=angles)
    assert make(tmp_path, "--test_share", "0.2") == 0
    groups = {part: {int(source[0]) // 3 for source in rows(tmp_path, part)} for part in ("train", "test")}
    assert groups["train"]
    assert groups["test"]
    assert not groups["train"] & groups["test"]
    assert "pairs are left out: they are seen from nearly where" in capsys.readouterr().out


# --- alpha and backgrounds ---------------------------------------------------------------------------------------

GREEN = np.float32([0.1, 0.7, 0.2])


def scenery(image):
    """Something behind the person that is not flat."""
    height, width = image.shape[:2]
    ramp = np.indices((height, width)).sum(0) / (height + width)
    return composite(image, np.dstack([ramp, 1 - ramp, np.full_like(ramp, 0.3)]).astype(np.float32))


def walled(cloud):
    """The cloud before a wall of Gaussians that fills every picture."""
    ball = np.random.default_rng(1).normal(size=(4000, 3))
    ball *= 9 / np.linalg.norm(ball, axis=1, keepdims=True)
    arrays = {
        "means": ball,
        "scales": np.full((4000, 3), 0.4),
        "rotations": np.tile([1.0, 0, 0, 0], (4000, 1)),
        "opacities": np.full(4000, 0.95),
        "sh": np.full((4000, 1, 3), -0.9),
    }
    parts = {key: np.concatenate([getattr(cloud, key), value.astype(np.float32)]) for key, value in arrays.items()}
    return type(cloud)(**parts)


def test_a_flat_background_is_put_behind_the_render(tmp_path, capsys):
    scene_in(tmp_path, change=lambda image: composite(image, GREEN))
    assert make(tmp_path) == 0
    assert "the render is laid over its colour" in capsys.readouterr().out
    row = rows(tmp_path)["view_1.png"]
    assert (row["backdrop"], row["alpha"]) == ("flat", "neither")
    clean, degraded = both(tmp_path, row)
    np.testing.assert_allclose(degraded[0, 0], GREEN, atol=1 / 255)
    assert np.abs(clean - degraded).mean() < 0.01


def test_a_frame_before_scenery_is_cut_out_by_the_render_whose_holes_it_does_not_get(tmp_path, monkeypatch, capsys):
    scene_in(tmp_path, change=scenery)
    render = CloudView.render

    def with_a_hole(self, window, width, height):
        image = render(self, window, width, height)
        rows_, columns = np.nonzero(image[..., 3] > 0.95)
        middle = len(rows_) // 2
        cv2.circle(image, (int(columns[middle]), int(rows_[middle])), 2, (0, 0, 0, 0), -1)
        return image

    monkeypatch.setattr(CloudView, "render", with_a_hole)
    assert make(tmp_path, "--num_workers", "1") == 0
    assert "cut out by the silhouette of the render" in capsys.readouterr().out
    row = rows(tmp_path)["view_1.png"]
    assert (row["backdrop"], row["alpha"]) == ("render", "both")
    part = tmp_path / "out" / row["split"]
    clean, degraded = (read_image(part / row[key])[..., 3] for key in ("file_name", "degraded_file_name"))
    hole = (degraded < 0.1) & (cv2.erode((clean > 0.9).astype(np.uint8), np.ones((3, 3))) > 0)
    assert hole.sum() >= 5
    assert clean[0, 0] == 0


def test_where_a_cloud_has_a_background_of_its_own_the_frames_alpha_cuts_out_both(tmp_path, capsys):
    cloud = scene_in(tmp_path)
    write_ply(cloud, walled(balls()))
    assert make(tmp_path) == 0
    assert "the frame's alpha cuts out both" in capsys.readouterr().out
    row = rows(tmp_path)["view_1.png"]
    part = tmp_path / "out" / row["split"]
    clean, degraded = (read_image(part / row[key]) for key in ("file_name", "degraded_file_name"))
    np.testing.assert_array_equal(clean[..., 3], degraded[..., 3])
    assert row["psnr"] > 25


def test_a_whole_room_stays_as_it_is(tmp_path, capsys):
    cloud = scene_in(tmp_path)
    write_ply(cloud, walled(balls()))
    write_frames(walled(balls()), tmp_path / "transforms.json", tmp_path, composite)
    assert make(tmp_path) == 0
    assert "both stay as they are" in capsys.readouterr().out
    row = rows(tmp_path)["view_1.png"]
    assert (row["backdrop"], row["alpha"], row["crop"]) == ("scene", "neither", [0.0, 0.0, 1.0, 1.0])
    assert row["psnr"] > 40


def test_frames_in_linear_light_and_pairs_that_do_not_agree_are_named(tmp_path, capsys):
    scene_in(tmp_path, change=lambda image: with_alpha(image[..., :3] ** 2.2, image[..., 3]))
    write_png(read_image(tmp_path / NAMES[5])[:, ::-1], tmp_path / NAMES[5])
    assert make(tmp_path) == 0
    said = capsys.readouterr().out
    assert "That is little, and they may not show the same, under 15 dB: view_5.png." in said
    assert "The capture seems to hold linear light where the render holds sRGB, in view_0.png" in said


def test_one_sided_alpha_of_ready_pairs_is_named(small_head, tmp_path, capsys):
    for folder, image in (("clean", small_head.image), ("degraded", composite(small_head.image))):
        (tmp_path / folder).mkdir()
        write_png(image, tmp_path / folder / "one.png")
    argv = ["--clean", str(tmp_path / "clean"), "--degraded", str(tmp_path / "degraded"), "--parser", "none"]
    out = ["--output_dir", str(tmp_path / "out"), "--resolution", "128", "--min_crop", "64"]
    assert prepare.command([*argv, *out]) == 0
    assert "Only the clean picture has alpha, which then holds for the degraded one too, in one.png." in (
        capsys.readouterr().out
    )


# --- which views -------------------------------------------------------------------------------------------------


def kinds_of(folder, **more):
    return [view.kind for view in find_captures(Avatar(folder / "balls.ply", folder / "images"), **more).captures]


def test_nerfstudio_lists_tell_and_what_is_on_none_is_unused(tmp_path):
    scene_in(tmp_path, train_filenames=NAMES[:3], val_filenames=NAMES[3:4], test_filenames=["images/view_4.png"])
    assert kinds_of(tmp_path) == ["train"] * 3 + ["val", "test", "unused"]
    views, line = chosen(find_captures(Avatar(tmp_path / "balls.ply", tmp_path / "images")).captures)
    assert [view.frame.name for view in views] == ["view_4"]
    assert "Left out: 3 train views and 1 val view and 1 unused view" in line


def test_files_for_each_kind_of_views_tell(tmp_path):
    scene_in(tmp_path)
    (tmp_path / "transforms.json").unlink()
    write_cameras(tmp_path / "transforms_train.json", NAMES[:4], ANGLES[:4], LENS)
    write_cameras(tmp_path / "transforms_test.json", NAMES[4:], ANGLES[4:], LENS)
    assert kinds_of(tmp_path) == ["train"] * 4 + ["test"] * 2
    only = find_captures(Avatar(tmp_path / "balls.ply", tmp_path / "images", tmp_path / "transforms_test.json"))
    assert [view.kind for view in only.captures] == ["test"] * 2


def test_every_eighth_is_held_out_if_said(tmp_path):
    scene_in(tmp_path)
    assert kinds_of(tmp_path) == ["unknown"] * 6
    assert kinds_of(tmp_path, every=4) == ["test", "train", "train", "train", "test", "train"]


def test_a_list_beside_a_colmap_model_tells(tmp_path):
    cameras = read_cameras_of(tmp_path)
    (tmp_path / "sparse").mkdir()
    (tmp_path / "sparse/test.txt").write_text("view_1.png\nview_3.png\n")
    told = told_of(tmp_path / "balls.ply", tmp_path / "sparse/images.bin", cameras)
    assert told.kinds == ("train", "test", "train", "test", "train", "train")
    assert told.source == "test.txt"


def read_cameras_of(folder):
    write_cameras(folder / "transforms.json", NAMES, ANGLES, LENS)
    return read_cameras(folder / "transforms.json").cameras


def test_a_record_of_another_scene_tells_nothing(tmp_path):
    cameras = read_cameras_of(tmp_path)
    (tmp_path / f"balls{RECORD}").write_text(json.dumps({"seen": ["x.png"], "unseen": ["y.png"]}))
    assert set(told_of(tmp_path / "balls.ply", tmp_path / "transforms.json", cameras).kinds) == {"unknown"}
    (tmp_path / f"balls{RECORD}").write_text("{}")
    with pytest.raises(SettingsError, match=r"balls.views.json cannot be read for the views"):
        told_of(tmp_path / "balls.ply", tmp_path / "transforms.json", cameras)


def test_all_views_are_taken_and_said_where_nothing_tells(tmp_path, capsys):
    scene_in(tmp_path)
    assert make(tmp_path, "--test_share", "0") == 0
    assert "Nothing says which views the cloud was fitted to" in capsys.readouterr().out
    assert {row["view"] for row in rows(tmp_path).values()} == {"unknown"}


def test_views_can_be_asked_for(tmp_path, capsys):
    cloud = scene_in(tmp_path)
    record(cloud, NAMES[:2])
    captures = find_captures(Avatar(cloud, tmp_path / "images")).captures
    assert len(chosen(captures, "all")[0]) == 6
    assert len(chosen(captures, "train")[0]) == 4
    with pytest.raises(SettingsError, match="no views called 'val', only 2 test views and 4 train views"):
        chosen(captures, "val")
    seen = [each for each in captures if each.kind == "train"]
    assert "was fitted to all of them" in chosen(seen)[1]


# --- names -------------------------------------------------------------------------------------------------------


def test_frames_are_told_apart_by_their_folders(tmp_path):
    names = [f"images/cam{camera}/{number}.png" for camera in (1, 2) for number in (0, 1)]
    scene_in(tmp_path, names=names, angles=ANGLES[:4])
    found = find_captures(Avatar(tmp_path / "balls.ply", tmp_path / "images"))
    assert [view.frame.name for view in found.captures] == ["cam1_0", "cam1_1", "cam2_0", "cam2_1"]
    assert [view.camera.picture for view in found.captures] == names
    assert found.problems == []
    one = find_captures(Avatar(tmp_path / "balls.ply", tmp_path / "images/cam2", tmp_path / "transforms.json"))
    assert [view.camera.picture for view in one.captures] == names[2:]


def test_frames_that_fit_one_camera_alike_are_named(tmp_path):
    scene_in(tmp_path, names=["a/0.png", "b/0.png", "c/1.png"], angles=ANGLES[:3])
    write_cameras(tmp_path / "transforms.json", ["0", "1"], ANGLES[:2], LENS)
    found = find_captures(Avatar(tmp_path / "balls.ply", tmp_path))
    assert [view.frame.name for view in found.captures] == ["c_1"]
    (problem,) = found.problems
    assert "Several frames are called as the camera 0 is" in problem


def test_frames_and_cameras_without_partner_are_counted_and_named(tmp_path, capsys):
    scene_in(tmp_path)
    (tmp_path / NAMES[0]).rename(tmp_path / "images/other.png")
    assert make(tmp_path) == 0
    said = capsys.readouterr().out
    assert "1 frames have no camera in transforms.json: other.png." in said
    assert "1 cameras of transforms.json have no frame in" in said
    assert "images/view_0.png." in said


# --- bad input ---------------------------------------------------------------------------------------------------


def mesh(folder):
    (folder / "balls.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    )


def blind(folder):
    frames = [
        {"file_path": name, "transform_matrix": turned_round(angle)} for name, angle in zip(NAMES, ANGLES, strict=True)
    ]
    (folder / "transforms.json").write_text(json.dumps(LENS | {"frames": frames}))


def turned_round(angle):
    return (orbit(angle) @ np.diag([-1.0, 1, -1, 1])).tolist()


def singular(folder):
    content = json.loads((folder / "transforms.json").read_text())
    content["frames"][0]["transform_matrix"] = np.zeros((4, 4)).tolist()
    (folder / "transforms.json").write_text(json.dumps(content))


def relens(**changes):
    def change(folder):
        content = json.loads((folder / "transforms.json").read_text())
        (folder / "transforms.json").write_text(json.dumps(content | changes))

    return change


def renamed(folder):
    for path in (folder / "images").iterdir():
        path.rename(path.with_name(f"frame_{path.name}"))


def emptied(folder):
    for path in (folder / "images").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (mesh, "mesh"),
        (blind, "None of the 6 cameras sees anything"),
        (singular, "The pose of the camera view_0"),
        (relens(k1=0.1), "Undistort the frames first"),
        (relens(w=5000), "5000x96 pixels"),
        (renamed, "None of the 6 frames in"),
        (emptied, "There are no pictures in"),
        (lambda folder: (folder / "transforms.json").unlink(), "Name it by --cameras"),
        (lambda folder: (folder / "balls.ply").unlink(), "cannot be opened"),
        (lambda folder: (folder / "balls.ply").write_bytes((folder / "balls.ply").read_bytes()[:-50]), "balls.ply"),
    ],
)
def test_what_makes_no_pairs_is_said_in_a_sentence_and_leaves_nothing(tmp_path, capsys, spoil, said):
    scene_in(tmp_path)
    spoil(tmp_path)
    assert make(tmp_path) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_frame_of_other_proportions_is_named_and_the_others_are_done(tmp_path, capsys):
    scene_in(tmp_path)
    write_png(read_image(tmp_path / NAMES[3])[:80], tmp_path / NAMES[3])
    assert make(tmp_path, "--test_share", "0") == 2
    assert "view_3.png is 96x80 pixels, and its camera's picture 96x96" in capsys.readouterr().err
    assert len(rows(tmp_path)) == 5


def test_a_camera_that_sees_nothing_is_named_and_the_others_are_done(tmp_path, capsys):
    scene_in(tmp_path)
    content = json.loads((tmp_path / "transforms.json").read_text())
    content["frames"][2]["transform_matrix"] = turned_round(ANGLES[2])
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    assert make(tmp_path, "--test_share", "0") == 2
    assert "view_2.png: The camera sees none of the 120 Gaussians" in capsys.readouterr().err
    assert len(rows(tmp_path)) == 5


def test_captures_and_cameras_go_with_a_cloud(capsys):
    assert pairs.command(["--splats", "x.ply"]) == 2
    assert "--splats and --captures together" in capsys.readouterr().err
    assert pairs.command(["--renders", "x", "--llffhold", "8"]) == 2
    assert "go with --splats" in capsys.readouterr().err


def test_a_window_outside_the_cloud_is_an_error_of_its_own():
    path = CloudView(balls(), window_camera())
    with pytest.raises(SplatError):
        path.render((0.0, 0.0, 0.02, 0.02), 64, 64)
    assert beside.overview(path, np.zeros((192, 192, 3), np.float32), "x").shape == (256, 256)


def window_camera():
    from enhancer.splats.cameras import Camera

    pose = np.eye(4)
    pose[2, 3] = 6
    return Camera(pose, 170, 170, 48, 48, SIDE, SIDE)
