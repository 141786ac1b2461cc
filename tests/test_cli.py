"""The command line: what it writes, what it says, and its exit codes."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhancer.__main__ import main
from enhancer.degrade import STEP_NAMES
from enhancer.imaging.io import composite, read_image, write_png
from enhancer.imaging.provenance import Record, png_bytes, read_record
from enhancer.parts import Restorer
from enhancer.service import Service
from tests.stand_ins import KnownParser, mirrored


class PlainScorer:
    lpips_name = "LPIPS (fake)"
    lpips_missing = None

    def prepare(self):
        pass

    def score_each(self, pictures, reference, masks):
        return [self._scored(rgb, masks) for rgb in pictures]

    def _scored(self, rgb, masks):
        whole = {"psnr": 20.0 + float(rgb.mean()), "ssim": 0.5, "lpips": None}
        return whole | {"regions": dict.fromkeys(masks)}


@pytest.fixture
def calls():
    """Arguments with which the service was loaded, in order."""
    return []


@pytest.fixture
def run(small_head, calls, tmp_path, monkeypatch):
    """Run the command line on a stand-in service, in an empty folder."""

    def load(checkpoint, **options):
        calls.append((checkpoint, options))
        return Service(
            KnownParser(small_head.labels),
            Restorer(lambda rgb: rgb[:, ::-1].copy(), "mirror"),
            PlainScorer(),
        )

    monkeypatch.chdir(tmp_path)
    return partial(_run, load)


def _run(load, *argv):
    return main([str(argument) for argument in argv], load=load)


@pytest.fixture
def face(small_head, tmp_path):
    path = tmp_path / "face.png"
    wall = np.linspace(0.2, 0.9, 128, dtype=np.float32)[:, None, None] * np.ones((128, 128, 3), np.float32)
    write_png(composite(small_head.image, wall), path)  # a flat background would not be mirrored
    return path


@pytest.fixture
def folder(small_head, tmp_path):
    """Three good pictures, two of them of one stem, and a bad one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    image = composite(small_head.image)
    write_png(image, folder / "a.png")
    Image.open(folder / "a.png").save(folder / "a.bmp")
    write_png(1 - image, folder / "c.png")
    (folder / "b.png").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("no picture either")
    return folder


def test_restore_writes_a_picture_named_by_its_stem(run, face, capsys):
    assert run("restore", face) == 0
    np.testing.assert_array_equal(read_image("restored/face.png"), mirrored(read_image(face)))
    assert "face.png -> restored/face.png" in capsys.readouterr().out


def test_as_it_is_no_scorer_is_loaded(run, face, calls):
    run("restore", face)
    assert calls == [("pocket", {"parser": "pocket", "lpips_net": None})]


def test_degrade_first_writes_both_pictures_and_scores_them(run, face):
    assert run("restore", face, "--degrade", "--seed", 5, "-o", "out", "--json", "r/report.json") == 0
    report = json.loads(Path("r/report.json").read_text())
    (row,) = report["images"]
    assert report["schema"] == 1
    assert (row["file"], row["output"], row["degraded"]) == (
        str(face),
        "out/face.png",
        "out/face_degraded.png",
    )
    assert (row["seed"], row["preset"], row["checkpoint"], row["device"]) == (5, "v2", "mirror", "cpu")
    assert row["scores"]["degraded"].keys() == {"psnr", "ssim", "lpips", "regions"}
    assert row["scores"]["restored"]["lpips"] is None
    assert row["lpips_net"] == "LPIPS (fake)"
    np.testing.assert_array_equal(read_image("out/face.png"), read_image("out/face_degraded.png")[:, ::-1])


def test_degrade_and_restore_degrade_draw_the_same(run, face):
    run("degrade", face, "--seed", 5)
    run("restore", face, "--degrade", "--seed", 5)
    np.testing.assert_array_equal(read_image("degraded/face.png"), read_image("restored/face_degraded.png"))


@pytest.mark.parametrize("given", ["face.png", "pictures"])  # the second goes by way of a journal
def test_a_restored_picture_tells_how_it_was_made(run, face, folder, given):
    run("restore", given, "--degrade", "--seed", 5, "--strength", "eyes=0.5")
    name = {"face.png": "face", "pictures": "c"}[given]
    record = read_record(f"restored/{name}.png")
    assert record == Record("mirror", preset="v2", seed=5, strengths={"eyes": 0.5})
    assert read_record(f"restored/{name}_degraded.png") == record.of_degraded
    assert record.of_degraded == Record(preset="v2", seed=5, strengths={"eyes": 0.5})


def test_a_picture_restored_as_it_came_tells_of_no_degradation(run, face):
    run("restore", face)
    assert read_record("restored/face.png") == Record("mirror")


def test_the_file_is_the_one_that_the_page_gives(run, face):
    run("restore", face)
    record = read_record("restored/face.png")
    assert Path("restored/face.png").read_bytes() == png_bytes(mirrored(read_image(face)), record)


def test_a_degraded_picture_tells_how_it_was_made(run, face):
    run("degrade", face, "--seed", 5, "--preset", "v1")
    assert read_record("degraded/face.png") == Record(preset="v1", seed=5)


def test_without_a_reference_scores_seed_and_preset_are_null(run, face, tmp_path):
    run("restore", face, "--json", tmp_path / "r.json")
    (row,) = json.loads((tmp_path / "r.json").read_text())["images"]
    assert (row["scores"], row["seed"], row["preset"]) == (None, None, None)


def test_a_reference_is_scored_against(run, face, tmp_path, calls):
    run("degrade", face, "-o", "damaged")
    assert run("restore", "damaged/face.png", "--reference", face, "--json", tmp_path / "r.json") == 0
    assert json.loads((tmp_path / "r.json").read_text())["images"][0]["scores"]
    assert calls[-1] == ("pocket", {"parser": "pocket", "lpips_net": "alex"})


def test_folders_of_references_and_labels_are_matched_by_stem(run, small_head, tmp_path):
    image = composite(small_head.image)
    (tmp_path / "in").mkdir()
    (tmp_path / "clean").mkdir()
    write_png(image, tmp_path / "in" / "x.png")
    write_png(image, tmp_path / "clean" / "x.png")
    Image.fromarray(small_head.labels).save(tmp_path / "clean" / "x_labels.png")
    argv = ("restore", "in", "--reference", "clean", "--labels", "clean", "--json", "r.json")
    assert run(*argv) == 0
    (row,) = json.loads((tmp_path / "r.json").read_text())["images"]
    assert row["parser"] == "label map"
    assert row["scores"]


def test_one_bad_picture_is_named_and_the_rest_is_done(run, folder, tmp_path, capsys):
    assert run("restore", folder, "--json", tmp_path / "r.json") == 2
    complaint = [line for line in capsys.readouterr().err.splitlines() if "b.png:" in line]
    assert len(complaint) == 1
    assert "not a picture" in complaint[0]
    rows = json.loads((tmp_path / "r.json").read_text())["images"]
    assert [bool(row["error"]) for row in rows] == [False, False, True, False]
    assert {path.name for path in (tmp_path / "restored").glob("*.png")} == {
        "a_bmp.png",
        "a_png.png",
        "c.png",
    }


def test_label_maps_beside_the_pictures_are_not_taken_for_pictures(run, folder, small_head, tmp_path):
    Image.fromarray(small_head.labels).save(folder / "c_labels.png")
    run("degrade", folder)
    assert "c_labels.png" not in {path.name for path in (tmp_path / "degraded").iterdir()}


def test_names_stay_apart_even_when_they_meet_by_accident(run, small_head, tmp_path):
    image = composite(small_head.image)
    (tmp_path / "in").mkdir()
    for name in ("a.png", "A.gif", "a_png.tif", "a_degraded.png"):
        Image.fromarray((image * 255).astype(np.uint8)).save(tmp_path / "in" / name)
    assert run("restore", "in", "--degrade", "--json", "r.json") == 0
    rows = json.loads((tmp_path / "r.json").read_text())["images"]
    written = [row[key].casefold() for row in rows for key in ("output", "degraded")]
    assert len(set(written)) == 8
    assert {path.name.casefold() for path in (tmp_path / "restored").glob("*.png")} == {
        name.removeprefix("restored/") for name in written
    }


def test_the_report_may_go_to_standard_output(run, face, capfd):
    assert run("restore", face, "--json", "/dev/stdout") == 0
    line, report = capfd.readouterr().out.split("\n", 1)
    assert line.startswith(f"{face} -> ")
    assert json.loads(report)["images"][0]["file"] == str(face)
    assert Path("/dev/stdout").is_symlink()


def test_the_input_is_never_overwritten(run, face, tmp_path, capsys):
    before = face.read_bytes()
    assert run("restore", face, "-o", tmp_path) == 2
    assert "would replace" in capsys.readouterr().err
    assert run("degrade", face, "-o", ".") == 2
    assert run("restore", face, "--json", face) == 2
    assert face.read_bytes() == before


def test_degrade_writes_every_step(run, face, tmp_path):
    assert run("degrade", face, "--steps", "--preset", "v1", "--strength", "eyes=0", "--strength", "hair=1") == 0
    steps = sorted((tmp_path / "degraded/face_steps").iterdir())
    assert [step.stem[3:].replace("_", " ") for step in steps] == list(STEP_NAMES)
    np.testing.assert_array_equal(read_image(steps[-1]), read_image("degraded/face.png"))
    np.testing.assert_array_equal(read_image(steps[4]), read_image(steps[3]))  # eyes=0: no eye blur


def test_alpha_survives_the_command_line(run, small_head, tmp_path):
    write_png(small_head.image, tmp_path / "clear.png")
    assert run("degrade", "clear.png") == 0
    np.testing.assert_array_equal(read_image("degraded/clear.png")[..., 3], read_image("clear.png")[..., 3])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["restore", "nowhere.png"], "no file or folder nowhere.png"),
        (["restore", "empty"], "holds no pictures"),
        (["restore", "face.png", "--preset", "v9"], "'v9'"),
        (["degrade", "face.png", "--strength", "eyes"], "REGION=AMOUNT"),
        (["degrade", "face.png", "--strength", "ears=1"], "'ears'"),
        (["degrade", "face.png", "--strength", "eyes=nan"], "nan"),
        (["degrade", "face.png", "--labels", "nowhere.png"], "nowhere.png"),
        (["degrade", "folder", "--labels", "face.png"], "must be a folder"),
        (["restore", "folder", "--reference", "empty"], "no reference in empty"),
        (["restore", "face.png", "-o", "face.png"], "Nothing can be written to the folder face.png"),
        (["restore", "face.png", "--json", "empty"], "empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_arguments_get_one_sentence_and_exit_code_2(run, face, tmp_path, capsys, argv, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/one.png").write_bytes(face.read_bytes())
    assert run(*argv) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_what_is_wrong_with_the_checkpoint_ends_the_run(face, tmp_path, capsys):
    assert main(["restore", str(face), "--checkpoint", str(tmp_path / "nowhere")]) == 2
    assert "no checkpoint folder" in capsys.readouterr().err


def test_an_interrupted_run_keeps_what_is_done(folder, small_head, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    done = []

    def stop_at_the_second(rgb):
        if done:
            raise KeyboardInterrupt
        done.append(rgb)
        return rgb

    def load(checkpoint, **options):
        return Service(KnownParser(small_head.labels), Restorer(stop_at_the_second, "slow"), PlainScorer())

    assert main(["restore", str(folder), "--json", "r.json"], load=load) == 130
    assert [row["error"] for row in json.loads((tmp_path / "r.json").read_text())["images"]] == [None]
    assert [path.name for path in (tmp_path / "restored").glob("*.png")] == ["a_bmp.png"]
    assert "Interrupted" in capsys.readouterr().err


def test_help_is_quick_and_loads_nothing_heavy(root):
    code = "import sys, enhancer.__main__ as m\ntry: m.main(['restore', '--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert "--reference" in told.stdout
    for heavy in ("torch", "numpy", "cv2", "PIL", "transformers"):
        assert f"'{heavy}'" not in told.stdout


def test_a_bad_command_line_exits_with_2(root):
    told = subprocess.run(
        [sys.executable, "-m", "enhancer", "restore", "nowhere.png"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "There is no file or folder nowhere.png. Check the path.\n"


def test_convert_hands_on_what_was_asked(monkeypatch, tmp_path, capsys):
    import enhancer.model.convert as converting

    seen = []
    monkeypatch.setattr(converting, "convert", lambda *given, **options: seen.append((given, options)))
    assert main(["convert", "model.pkl", "out", "--base", "user/base@v1", "--input_range", "-1,1"]) == 0
    assert seen == [((Path("model.pkl"), Path("out")), {"base": "user/base@v1", "input_range": (-1.0, 1.0)})]
    assert main(["convert", "model.pkl", "out", "--input_range", "dark"]) == 2
    assert "two numbers, such as -1,1" in capsys.readouterr().err
