"""Fitting Gaussians to views: toy scenes of 64 px."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from enhancer.errors import SettingsError, SplatError
from enhancer.splats.camera_files import read_cameras
from enhancer.splats.files import read_splats
from enhancer.splats.rasterising import rasterise
from tests.splat_scene import balls, write_cameras, write_frames
from training import fit
from training.fit import FitConfig, flags_given, main
from training.splats import fitting
from training.splats.points import read_points
from training.splats.start import common_ball, start_cloud
from training.splats.views import is_held_out, read_views

SIDE = 64  # px


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """A folder in nerfstudio's layout: ten views of the balls with alpha, and points on them."""
    folder = tmp_path_factory.mktemp("scene")
    lens = {"fl_x": 110.0, "fl_y": 110.0, "cx": 30.0, "cy": 33.0, "w": SIDE, "h": SIDE}
    names = [f"view_{i}.png" for i in range(10)]
    write_cameras(folder / "transforms.json", names, np.linspace(-1.2, 1.2, 10), lens)
    write_frames(balls(), folder / "transforms.json", folder)
    np.savez(folder / "points.npz", xyz=balls().means)
    return folder


@pytest.fixture
def config(scene, tmp_path):
    return FitConfig(views=scene, output=tmp_path / "cloud.ply", gaussians=150, steps=120, checkpointing_steps=20)


def test_a_fit_shows_views_it_has_not_seen(config, capsys):
    scores = main(config)
    assert scores["seen"] > 26
    assert scores["unseen"] > 25
    assert len(read_splats(config.output).cloud) == 150
    record = config.output.with_suffix(".views.json")
    assert sorted(config.output.parent.iterdir()) == [config.output, record]  # nothing else is left beside it
    told = json.loads(record.read_text())
    assert told["unseen"] == [f"view_{i}.png" for i in (2, 4, 7, 9)]
    assert len(told["seen"]) == 6
    said = capsys.readouterr().out
    assert "6 views to fit to, 4 held out" in said
    assert "dB on unseen views" in said


def test_killed_and_started_again_it_ends_with_the_same_file(config, tmp_path, monkeypatch):
    config = replace(config, steps=25, checkpointing_steps=10)
    main(config)
    advance = fitting.Fit.advance

    def killed(self, views):
        if self.step == 17:
            raise KeyboardInterrupt
        return advance(self, views)

    again = replace(config, output=tmp_path / "again.ply")
    monkeypatch.setattr(fitting.Fit, "advance", killed)
    with pytest.raises(KeyboardInterrupt):
        main(again)
    assert not again.output.exists()
    steps = []
    monkeypatch.setattr(fitting.Fit, "advance", lambda self, views: [steps.append(self.step), advance(self, views)][1])
    main(again)
    assert steps == list(range(10, 25))
    assert again.output.read_bytes() == config.output.read_bytes()


def test_a_fit_with_other_settings_is_not_gone_on_with(config, monkeypatch):
    monkeypatch.setattr(fitting.Fit, "advance", lambda self, views: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(config)
    with pytest.raises(SettingsError, match="steps was 120 and is now 121"):
        main(replace(config, steps=121))


def test_without_points_it_begins_in_the_space_that_the_views_show_filled(scene):
    views = read_views(scene)
    cloud = start_cloud(views, None, 400, np.random.default_rng(0))
    for view in views:
        points = np.c_[cloud.means, np.ones(400)] @ view.camera.world_to_camera.T
        pixels = points[:, :2] / points[:, 2:3] * 110 + [view.camera.cx, view.camera.cy]
        column, row = pixels[((pixels >= 0) & (pixels < SIDE)).all(1)].astype(int).T
        assert len(row) > 100
        assert view.alpha[row, column].min() >= 0.49
    assert len(cloud) == 400


def test_common_ball_of_an_orbit_is_round_its_middle(scene):
    middle, radius = common_ball([view.camera for view in read_views(scene)])
    np.testing.assert_allclose(middle, 0, atol=1e-6)
    assert radius == pytest.approx(4 * 32 / 110)


def test_of_two_fifths_the_third_and_the_fifth_of_five_are_held_out():
    assert [number for number in range(24) if is_held_out(number, 0.4)] == [2, 4, 7, 9, 12, 14, 17, 19, 22]
    assert not any(is_held_out(number, 0) for number in range(24))
    assert not any(is_held_out(n, 0.5) and is_held_out(n + 1, 0.5) for n in range(24))


def test_smaller_pictures_have_smaller_cameras(scene):
    views, halved = read_views(scene), read_views(scene, downscale=2)
    assert halved[3].picture.shape == (32, 32, 4)
    rgb, _ = rasterise(balls(), halved[3].camera, (1, 1, 1))
    assert np.abs(rgb - halved[3].over(np.ones(3))).mean() < 0.02
    assert views[3].camera.fx == 2 * halved[3].camera.fx


def test_a_long_fit_names_the_better_tool(config, monkeypatch, capsys):
    monkeypatch.setattr(fit, "LONG", 0)
    main(replace(config, steps=12))
    assert "gsplat" in capsys.readouterr().out


def as_colmap(scene, folder, binary):
    """The same scene as COLMAP leaves it."""
    model = folder / "sparse/0"
    model.mkdir(parents=True)
    (folder / "images").symlink_to(scene)
    views, points = read_views(scene), balls().means.tolist()
    (model / "cameras.txt").write_text(f"# lenses\n1 PINHOLE {SIDE} {SIDE} 110 110 30 33\n")
    poses = []
    for number, view in enumerate(views, 1):
        pose = view.camera.world_to_camera
        x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat()
        poses.append(f"{number} {w} {x} {y} {z} {pose[0, 3]} {pose[1, 3]} {pose[2, 3]} 1 {view.camera.name}.png\n\n")
    (model / "images.txt").write_text("".join(poses))
    if binary:
        parts = [struct.pack("<Q3d3BdQ2i", i, *xyz, 1, 2, 3, 0.5, 1, 4, 5) for i, xyz in enumerate(points)]
        (model / "points3D.bin").write_bytes(struct.pack("<Q", len(points)) + b"".join(parts))
    else:
        lines = [f"{i} {x} {y} {z} 1 2 3 0.5 4 5\n" for i, (x, y, z) in enumerate(points)]
        (model / "points3D.txt").write_text("# points\n" + "".join(lines))
    return folder


@pytest.mark.parametrize("binary", [False, True])
def test_colmap_s_scene_is_nerfstudio_s(scene, tmp_path, binary):
    colmap = as_colmap(scene, tmp_path / "colmap", binary)
    for ours, theirs in zip(read_views(colmap), read_views(scene), strict=True):
        np.testing.assert_allclose(ours.camera.world_to_camera, theirs.camera.world_to_camera, atol=1e-9)
        np.testing.assert_array_equal(ours.picture, theirs.picture)
    np.testing.assert_array_equal(read_points(colmap), read_points(scene))


def test_what_cannot_be_fitted_is_refused(scene, tmp_path):
    with pytest.raises(SplatError, match="no cameras"):
        read_views(tmp_path)
    said = json.loads((scene / "transforms.json").read_text())
    for name in ("a_transforms.json", "b_transforms.json"):
        (tmp_path / name).write_text(json.dumps(said | {"k1": 0.1}))
    with pytest.raises(SplatError, match=r"several scenes: a_transforms\.json, b_transforms\.json"):
        read_views(tmp_path)
    with pytest.raises(SplatError, match="Undistort"):
        read_views(tmp_path / "a_transforms.json")
    (tmp_path / "a_transforms.json").write_text(json.dumps(said))
    with pytest.raises(SplatError, match="no picture view_0"):
        read_views(tmp_path / "a_transforms.json")
    (tmp_path / "a_points.npz").write_bytes(b"nothing")
    with pytest.raises(SplatError, match="holds no points"):
        read_points(tmp_path / "a_transforms.json")
    for flags in (["--hold_out", "0.7"], ["--gaussians", "0"], ["-o", "head.splat"]):
        with pytest.raises(SettingsError):
            flags_given([str(scene), "-o", "head.ply", *flags])


def test_the_example_head_is_seen_by_its_cameras(root):
    file = read_splats(root / "examples/splats/head_02.ply")
    assert (len(file.cloud), file.notes) == (5000, ())
    for camera in read_cameras(root / "examples/splats/head_02_transforms.json").cameras:
        alpha = rasterise(file.cloud, camera)[1]
        assert 0.3 < alpha.mean() < 0.8
        assert alpha[256, 256] > 0.95
