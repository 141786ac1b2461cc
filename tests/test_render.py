"""Clouds of Gaussians on the command line: rendered, and restored as pictures are."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import psutil
import pytest
import torch

from enhancer.__main__ import main
from enhancer.commands import frames as cloud_frames
from enhancer.imaging.io import read_image
from enhancer.parts import Restorer
from enhancer.service import Service
from enhancer.splats import rasterising
from enhancer.splats.camera_files import read_cameras
from enhancer.splats.files import write_ply
from tests.splat_files import columns_of, ply_bytes
from tests.splat_scene import balls, orbit, write_cameras
from tests.stand_ins import KnownParser, PlainScorer, mirrored

LENS = {"fl_x": 110.0, "fl_y": 110.0, "cx": 40.0, "cy": 32.0, "w": 80, "h": 64}
TURNED = ("--up", "y", "--front", "z")


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """A cloud in the working directory, `head.ply`, and cameras that look at it, `cameras.json`."""
    monkeypatch.chdir(tmp_path)
    write_ply(tmp_path / "head.ply", balls())
    write_cameras(tmp_path / "cameras.json", ["views/left.png", "views/right.png"], [-0.4, 0.4], LENS)
    return tmp_path / "head.ply"


@pytest.fixture
def render(cloud):
    return lambda *argv: main(["render", "head.ply", *map(str, argv)])


@pytest.fixture
def rendered(render, monkeypatch):
    """Renders `head.ply` into out, at 64 px unless told otherwise; returns how many frames that took."""
    real, seen = rasterising.render, []
    monkeypatch.setattr(rasterising, "render", lambda *args: (seen.append(1), real(*args))[1])

    def run(*argv, code=0):
        seen.clear()
        assert render("-o", "out", *([] if "--cameras" in argv else ["--size", 64, *TURNED]), *argv) == code
        return len(seen)

    return run


@pytest.fixture
def restored(cloud, small_head):
    """Restores into restored, by mirroring, what is named; returns how many pictures that were."""

    def run(*argv, code=0):
        seen = []
        restorer = Restorer(lambda rgb: (seen.append(1), mirrored(rgb))[1], "mirror", sha="1")
        parser = KnownParser(small_head.labels)
        argv = ["restore", *map(str, argv), "-o", "restored", "--json", "r.json"]
        assert main(argv, load=lambda *_, **__: Service(parser, restorer, PlainScorer())) == code
        return len(seen)

    return run


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".jsonl"
    }


def test_frames_have_alpha_and_are_called_after_the_cloud_and_their_number(rendered, tmp_path):
    assert rendered("--orbit", 3) == 3
    assert sorted(contents(tmp_path / "out")) == [*(f"head_00{k}.png" for k in range(3)), "transforms.json"]
    image = read_image(tmp_path / "out/head_000.png")
    assert image.shape == (64, 64, 4)
    assert image[0, 0, 3] == 0 < image[..., 3].max()


def test_frames_of_cameras_are_called_after_them(rendered, tmp_path):
    assert rendered("--cameras", "cameras.json") == 2
    assert read_image(tmp_path / "out/left.png").shape == (64, 80, 4)
    assert rendered("--cameras", "cameras.json", "--size", 160) == 2
    assert read_image(tmp_path / "out/right.png").shape == (128, 160, 4)


def test_the_cameras_that_are_written_take_the_same_frames(rendered, tmp_path):
    rendered("--orbit", 4, "--elevation", -20, "--arc", 120, "--background", "#204060")
    argv = ["render", "head.ply", "-o", "again", "--cameras", "out/transforms.json", "--background", "#204060"]
    assert main(argv) == 0
    for name in (f"head_00{k}.png" for k in range(4)):
        image, again = read_image(tmp_path / "out" / name), read_image(tmp_path / "again" / name)
        assert image.shape == (64, 64, 3)
        np.testing.assert_allclose(image[0, 0] * 255, [0x20, 0x40, 0x60], atol=0.01)
        np.testing.assert_allclose(image, again, atol=1.01 / 255)


def test_only_what_changed_is_rendered_again(rendered, tmp_path):
    assert rendered("--orbit", 3) == 3
    assert rendered("--orbit", 3) == 0
    (tmp_path / "out/head_001.png").unlink()
    assert rendered("--orbit", 3) == 1
    assert rendered("--orbit", 3, "--background", "white") == 3
    assert rendered("--orbit", 3, "--background", "white", "--elevation", 5) == 3
    assert rendered("--orbit", 3, "--background", "white", "--elevation", 5, "--overwrite") == 3
    write_ply(tmp_path / "head.ply", balls())  # another file
    assert rendered("--orbit", 3, "--background", "white", "--elevation", 5) == 3


def test_interrupted_and_repeated_a_run_leaves_the_same_bytes(rendered, render, tmp_path, monkeypatch):
    real, calls = cloud_frames.Frame.read, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(cloud_frames.Frame, "read", interrupted)
    assert rendered("--orbit", 5, "--flow", code=130) < 5
    kept = contents(tmp_path / "out")
    assert "head_000.png" in kept
    assert [each.name for each in read_cameras(tmp_path / "out").cameras] == [
        name[:-4] for name in sorted(kept) if name.endswith(".png")
    ]
    monkeypatch.setattr(cloud_frames.Frame, "read", real)
    assert rendered("--orbit", 5, "--flow") < 5
    assert render("-o", "whole", "--size", 64, *TURNED, "--orbit", 5, "--flow") == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_camera_that_sees_nothing_is_named_and_the_others_are_done(rendered, tmp_path, capsys):
    file = tmp_path / "cameras.json"
    scene = json.loads(file.read_text())
    away = orbit(0)
    away[:3, :3] = away[:3, :3] @ np.diag([-1, 1, -1])  # turned round
    scene["frames"].insert(1, {"file_path": "away.png", "transform_matrix": away.tolist()})
    file.write_text(json.dumps(scene))
    assert rendered("--cameras", "cameras.json", code=2) == 3
    assert "head.ply at away: The camera sees none of the 120 Gaussians" in capsys.readouterr().err
    assert sorted(contents(tmp_path / "out")) == ["left.png", "right.png", "transforms.json"]
    assert len(read_cameras(tmp_path / "out").cameras) == 2


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--orbit", 0], "at least 1 camera"),
        (["--size", 5000], "5000x5000"),
        (["--size", 32], "each side must be 64 to 4096"),
        (["--up", "up"], "up is no direction"),
        (["--up", "0,0,0"], "no direction"),
        (["--up", "-y", "--front", "-y"], "Up and front are the same direction"),
        (["--cameras", "cameras.json", "--arc", 90], "--arc is for an orbit"),
        (["--cameras", "nothing.json"], "nothing.json cannot be opened"),
        (["--cameras", "singular.json"], "pose of the camera left"),
        (["--background", "reddish"], "no colour"),
        (["-o", "."], "was given"),
        (["-o", "scene"], "Choose another folder"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_in_one_sentence_and_nothing_is_written(argv, said, render, tmp_path, capsys):
    (tmp_path / "cameras.json").rename(tmp_path / "transforms.json")
    write_cameras(tmp_path / "cameras.json", ["left.png"], [0], LENS)
    write_cameras(tmp_path / "scene/transforms.json", ["left.png"], [0], LENS)  # of somebody's own
    singular = {"file_path": "left.png", "transform_matrix": np.zeros((4, 4)).tolist()}
    (tmp_path / "singular.json").write_text(json.dumps(LENS | {"frames": [singular]}))
    if argv == ["-o", "."]:
        argv = [*argv, "--cameras", "transforms.json"]
    before = contents(tmp_path)
    assert render(*argv) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert contents(tmp_path) == before


def test_an_orbit_and_cameras_exclude_each_other(render, capsys):
    with pytest.raises(SystemExit) as ended:
        render("--orbit", 3, "--cameras", "cameras.json")
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_mesh_and_a_picture_are_refused(cloud, tmp_path, capsys):
    header = "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
    (tmp_path / "mesh.ply").write_text(
        header + "element face 1\nproperty list uchar int v\nend_header\n0 0 0\n3 0 0 0\n"
    )
    (tmp_path / "face.png").write_bytes(b"\x89PNG")
    for name in ("mesh.ply", "face.png", "missing.ply"):
        assert main(["render", name]) == 2
        said = capsys.readouterr().err
        assert name in said
        assert said.count("\n") == 1
    assert not (tmp_path / "frames").exists()


def test_a_frame_too_large_for_the_memory_is_refused(render, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**9))
    assert render("--size", 4096, "--orbit", 1, *TURNED) == 2
    assert "4096x4096 pixels of the 120 Gaussians" in capsys.readouterr().err
    assert not (tmp_path / "frames").exists()


def test_a_note_on_the_whole_cloud_is_printed_once(render, capsys):
    assert render("--orbit", 3, "--size", 64) == 0
    assert capsys.readouterr().out.count("Up was taken to be") == 1


def test_the_calling_thread_keeps_its_number_of_threads(render):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert render("--orbit", 3, "--size", 64, *TURNED) == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_flow_brings_the_next_frame_back(rendered, tmp_path):
    rendered("--orbit", 3, "--arc", 8, "--size", 96, "--background", "black", "--flow")
    assert sorted(path.name for path in (tmp_path / "out/flow").iterdir()) == ["head_000.npy", "head_001.npy"]
    columns, rows = np.meshgrid(np.arange(96, dtype=np.float32), np.arange(96, dtype=np.float32))
    for number in range(2):
        now, following = (read_image(tmp_path / f"out/head_00{k}.png") for k in (number, number + 1))
        flow = np.load(tmp_path / f"out/flow/head_00{number}.npy")
        assert flow.dtype == np.float32
        assert flow.shape == (96, 96, 2)
        back = cv2.remap(following, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
        assert np.square(back - now).mean() < 0.2 * np.square(following - now).mean()


def test_a_cloud_is_restored_frame_by_frame(restored, rendered, tmp_path):
    rendered("--cameras", "cameras.json")
    assert restored("head.ply", "--cameras", "cameras.json") == 2
    rows = json.loads((tmp_path / "r.json").read_text())["images"]
    assert [(row["file"], row["camera"], row["error"]) for row in rows] == [
        ("head.ply", "left", None),
        ("head.ply", "right", None),
    ]
    assert restored("out") == 2  # the same frames from files
    from_files = contents(tmp_path / "restored")
    assert restored("head.ply", "--cameras", "cameras.json") == 2
    for name in ("left", "right"):
        one, other = tmp_path / f"restored/{name}.png", tmp_path / f"out/{name}.png"
        assert one.read_bytes() == from_files[one.name]
        np.testing.assert_array_equal(read_image(one)[..., 3], read_image(other)[..., 3])
    assert restored("head.ply", "--cameras", "cameras.json") == 0
    assert restored("head.ply", "--cameras", "cameras.json", "--background", "white") == 2


def test_references_are_found_by_the_names_of_frames(rendered, restored, tmp_path, capsys):
    rendered("--orbit", 2)
    (tmp_path / "out/head_001.png").unlink()
    argv = ["head.ply", "--orbit", 2, "--size", 64, *TURNED, "--reference", "out"]
    restored(*argv, code=2)
    captured = capsys.readouterr()
    assert "head.ply at head_001: there is no reference in out" in captured.err
    assert "PSNR" in captured.out
    assert restored("head.ply", "--reference", "out/head_000.png", code=2) == 0
    assert "must be a folder" in capsys.readouterr().err


def test_clouds_and_pictures_go_one_way_and_their_results_are_told_apart(restored, rendered, tmp_path):
    rendered("--orbit", 1)
    write_ply(tmp_path / "other.ply", balls())
    assert restored("out", "head.ply", "other.ply", "--cameras", "cameras.json") == 5
    names = {"head_000.png", "head_left.png", "head_right.png", "other_left.png", "other_right.png"}
    assert set(contents(tmp_path / "restored")) == names


def test_clouds_in_a_folder_are_left_out_and_counted(restored, rendered, tmp_path, capsys):
    rendered("--orbit", 1)
    write_ply(tmp_path / "out/cloud.ply", balls())
    assert restored("out") == 1
    assert "2 left out: 1 .json, 1 .ply" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["restore", "head.ply", "--degrade"], "only clean pictures are degraded"),
        (["degrade", "head.ply"], "only clean pictures are degraded"),
        (["restore", "face.png", "--orbit", "3"], "--orbit is for clouds of Gaussians"),
        (["restore", "face.png", "--up", "-y"], "--up is for clouds of Gaussians"),
    ],
    ids=lambda argv: " ".join(argv) if isinstance(argv, list) else "",
)
def test_flags_that_do_not_go_with_the_input_are_refused(argv, said, cloud, tmp_path, capsys):
    assert main([*argv, "-o", "nothing"]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


# --- what people bring -------------------------------------------------------------------------------------------


def test_names_of_cameras_neither_leave_the_folder_nor_hide_in_it(render, tmp_path):
    names = ["../../up", "sub/a.png", "other/a", "", "..", "\ud800", ".hidden", "zero\0", "c:\\views\\b.jpg"]
    pose = {"position": [0, 0, -4], "rotation": np.eye(3).tolist()}
    entries = [{"img_name": name, "width": 64, "height": 64, "fx": 100, "fy": 100, **pose} for name in names]
    (tmp_path / "cameras.json").write_text(json.dumps(entries))
    before = {path for path in tmp_path.parent.rglob("*") if tmp_path not in path.parents}
    assert render("-o", "out", "--cameras", "cameras.json") == 0
    made = {name for name in contents(tmp_path / "out") if name.endswith(".png")}
    assert len(made) == len(names)
    assert {"up.png", "head_003.png", "head_004.png", "hidden.png", "zero.png", "b.png"} < made
    assert {path for path in tmp_path.parent.rglob("*") if tmp_path not in path.parents} == before


def test_of_several_a_cloud_that_cannot_be_read_is_named_and_the_rest_is_done(restored, tmp_path, capsys):
    (tmp_path / "broken.ply").write_text("ply\n")
    assert restored("broken.ply", "head.ply", "--cameras", "cameras.json", code=2) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if "broken.ply: " in line]
    assert len(error) == 1
    rows = json.loads((tmp_path / "r.json").read_text())["images"]
    assert [bool(row["error"]) for row in rows] == [True, False, False]
    assert restored("head.ply", "broken.ply", "--up", "up", code=2) == 0  # a flag is nobody's own mistake
    assert "up is no direction" in capsys.readouterr().err


def test_of_many_clouds_not_all_are_in_memory(restored, tmp_path, monkeypatch):
    names = [f"cloud_{number}.ply" for number in range(4)]
    for name in names:
        write_ply(tmp_path / name, balls())
    cloud_frames._kept.cache_clear()  # pyright: ignore[reportPrivateUsage]
    assert restored(*names, "--cameras", "cameras.json") == 8
    kept = cloud_frames._kept.cache_info()  # pyright: ignore[reportPrivateUsage]
    assert kept.currsize == 2
    assert kept.misses < len(names) + 8  # once for its cameras, and on a busy machine not for each frame either


def test_a_cloud_without_suffix_is_told_by_what_it_holds(restored, rendered, tmp_path):
    rendered("--orbit", 1)
    (tmp_path / "head.ply").rename(tmp_path / "head")
    (tmp_path / "out/head_000.png").rename(tmp_path / "face")
    assert restored("head", "face", "--cameras", "cameras.json") == 3
    assert set(contents(tmp_path / "restored")) == {"left.png", "right.png", "face.png"}


def test_what_a_file_cannot_say_of_itself_may_be_said(cloud, tmp_path, capsys):
    turned = np.tile(np.float32([0.8, 0.6, 0, 0]), (120, 1))
    columns = columns_of(replace(balls(), rotations=turned, scales=np.tile(np.float32([0.1, 0.02, 0.2]), (120, 1))))
    (tmp_path / "usual.ply").write_bytes(ply_bytes(columns))
    columns |= {f"rot_{index}": turned[:, (index + 1) % 4] for index in range(4)}  # xyzw
    (tmp_path / "odd.ply").write_bytes(ply_bytes(columns))

    def left(name, *argv):
        assert main(["render", name, "-o", "out", "--cameras", "cameras.json", *argv]) == 0
        return (tmp_path / "out/left.png").read_bytes()

    wanted = left("usual.ply")
    assert left("odd.ply") != wanted
    assert left("odd.ply", "--convention", "quaternions=xyzw") == wanted
    for argv, said in (("quaternions", "NAME=VALUE"), ("x=y", "NAME=VALUE"), ("scales=metric", "auto, log, linear")):
        assert main(["render", "odd.ply", "--convention", argv]) == 2
        assert said in capsys.readouterr().err


# --- processes and threads ---------------------------------------------------------------------------------------

HELD = """
import threading, torch
from enhancer.__main__ import main
from enhancer.parts import Restorer
from enhancer.service import Service
from enhancer.splats import rasterising

rendering, called, calls, seen = threading.Event(), threading.Event(), [], []
real = rasterising.rasterise_tensors

def held(*given):  # all but the first frame wait until the model has been called
    calls.append(given)
    if len(calls) == 3:  # on a thread that has rendered one: the number that it sets now is the last one set
        rendering.set()
    if len(calls) > 1:
        called.wait(20)
    return real(*given)

def model(rgb):
    assert rendering.wait(20)
    seen.append(torch.get_num_threads())
    called.set()
    return rgb

rasterising.rasterise_tensors = held
service = Service(None, Restorer(model, "counting"), None)
assert main(["restore", "head.ply", "--orbit", "5", "--size", "64"], load=lambda *_, **__: service) == 0
print("threads", seen)
"""


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="frames are rendered side by side only with two cores")
def test_the_model_has_its_threads_though_frames_are_rendered_before_it_is_loaded(cloud, tmp_path, root):
    environment = os.environ | {"OMP_NUM_THREADS": "2", "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", HELD]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.endswith("threads [2, 2, 2, 2, 2]\n")


@pytest.mark.slow
def test_two_launched_processes_share_the_frames(render, tmp_path, root):
    argv = ["--orbit", "5", "--size", "64", "--flow"]
    assert render(*argv, "-o", "whole") == 0
    launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0", "-m"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", *launch, "enhancer", "render", "head.ply", *argv, "-o", "shared"]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert "5 frames rendered." in told
    assert contents(tmp_path / "shared") == contents(tmp_path / "whole")
