"""What people bring to the command line: any name, any suffix, several pictures, folders that are closed to us."""

import io
import json
import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhancer.__main__ import main
from enhancer.imaging.io import composite, read_image, write_png
from enhancer.parts import Restorer
from enhancer.service import Service
from tests.stand_ins import KnownParser, PlainScorer

MUELLER = "M\u00fcller"  # in NFC
NOT_UTF8 = os.fsdecode(b"M\xfcller")


@pytest.fixture
def image(small_head):
    return composite(small_head.image)


@pytest.fixture
def run(small_head, tmp_path, monkeypatch):
    """Run the command line on a stand-in service, in an empty folder."""

    def load(checkpoint, **options):
        return Service(KnownParser(small_head.labels), Restorer(lambda rgb: rgb, "same"), PlainScorer())

    monkeypatch.chdir(tmp_path)
    return lambda *argv: main([str(argument) for argument in argv], load=load)


def put(image, *paths):
    for path in map(Path, paths):
        path.parent.mkdir(exist_ok=True)
        write_png(image, path)


def written(folder):
    return {path.name for path in Path(folder).glob("*.png")}


def close(monkeypatch, closed, function):
    """Have a function of `Path` refuse one path, whoever runs the test."""
    real = getattr(Path, function)

    def call(path, *given, **options):
        if str(path) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return real(path, *given, **options)

    monkeypatch.setattr(Path, function, call)


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [["degrade"], ["degrade", "--steps"], ["restore", "--degrade", "--json", "r.json"]])
def test_the_longest_names_get_results_of_their_own(run, image, argv):
    stem = "x" * 251
    put(image, "in/short.png", f"in/{stem}.png")
    Image.open("in/short.png").save(f"in/{stem}.gif")
    sources = sorted(Path("in").iterdir())
    for source in sources:
        assert run(*argv, source, "-o", f"out_{source.suffix[1:]}") == 0
    (name,) = written("out_gif") - {path for path in written("out_gif") if path.endswith("_degraded.png")}
    assert len(name.encode()) <= 255
    assert name.startswith("x" * 200)
    assert run(*argv, "in", "-o", "out") == 0
    assert len(written("out")) == (6 if "--degrade" in argv else 3)


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name may be any bytes")
def test_a_name_that_is_not_utf8_is_worked_on_reported_and_found_again(run, image):
    put(image, f"in/{NOT_UTF8}.png", "in/b.png")
    assert run("restore", "in", "-o", "out", "--json", "r.json") == 0
    assert written("out") == {f"{NOT_UTF8}.png", "b.png"}
    rows = json.loads(Path("r.json").read_text(encoding="utf-8"))["images"]
    assert rows[0]["file"] == f"in/{NOT_UTF8}.png"
    before = Path(f"out/{NOT_UTF8}.png").stat().st_mtime_ns
    assert run("restore", "in", "-o", "out") == 0
    assert Path(f"out/{NOT_UTF8}.png").stat().st_mtime_ns == before


@pytest.mark.parametrize("command", ["restore", "degrade"])
@pytest.mark.parametrize(("encoding", "stem"), [("cp1252", "\u6f22\u5b57"), ("utf-8", NOT_UTF8), ("ascii", MUELLER)])
def test_a_name_that_the_console_lacks_is_written_as_an_escape(run, image, monkeypatch, command, encoding, stem):
    put(image, f"in/{stem}.png", "in/b.png")
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    assert run(command, "in", "-o", "out") == 0
    console.flush()
    told = console.buffer.getvalue().decode(encoding)
    assert stem.encode(encoding, "backslashreplace").decode(encoding) in told
    assert written("out") == {f"{stem}.png", "b.png"}


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_partners_are_found_in_either_unicode_form(run, image, small_head, forms):
    ours, theirs = (unicodedata.normalize(form, MUELLER) for form in forms)
    put(image, f"in/{ours}.png", f"clean/{theirs}.png")
    Image.fromarray(small_head.labels).save(f"clean/{theirs}_labels.png")
    assert run("restore", "in", "--reference", "clean", "--labels", "clean", "--json", "r.json") == 0
    (row,) = json.loads(Path("r.json").read_text())["images"]
    assert row["scores"]
    assert row["parser"] == "label map"
    assert run("degrade", "in", "--labels", "clean") == 0


def test_names_that_differ_in_their_unicode_form_alone_stay_apart(run, image):
    put(image, f"a/{MUELLER}.png", f"b/{unicodedata.normalize('NFD', MUELLER)}.png")
    assert run("restore", "a", "b", "-o", "out") == 0
    assert len({unicodedata.normalize("NFC", name) for name in written("out")}) == 2


# --- suffixes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def kinds(image, tmp_path):
    """One picture of each of the rarer kinds, and files that are none."""
    (tmp_path / "kinds").mkdir()
    picture = Image.fromarray((image * 255).astype(np.uint8))
    for name, kind in {"a.jfif": "JPEG", "b.tga": "TGA", "c.avif": "AVIF", "d.TGA": "TGA"}.items():
        picture.save(tmp_path / "kinds" / name, format=kind)
    for name in ("e.heic", "f.exr", "g.HEIC", "notes", ".hidden.exr"):
        (tmp_path / "kinds" / name).write_bytes(b"x")
    return tmp_path / "kinds"


@pytest.mark.parametrize("command", ["restore", "degrade"])
def test_rarer_kinds_are_read_and_what_is_left_out_is_counted(run, kinds, command, capsys):
    assert run(command, kinds, "-o", "out") == 0
    assert written("out") == {"a.png", "b.png", "c.png", "d.png"}
    assert capsys.readouterr().out.endswith("4 left out: 2 .heic, 1 .exr, 1 without a suffix.\n")


def test_a_lossless_tga_keeps_every_level(run, kinds, image):
    np.testing.assert_array_equal(read_image(kinds / "b.tga"), (image * 255).astype(np.uint8).astype(np.float32) / 255)


def test_a_folder_of_other_files_alone_says_what_they_are(run, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.heic").write_bytes(b"x")
    assert run("restore", "in") == 2
    assert capsys.readouterr().err.endswith(".hdr. 1 left out: 1 .heic.\n")


@pytest.mark.parametrize("other", ["x.json", "x.txt", "x_reference.json", "x_labels.json"])
def test_a_file_that_is_no_picture_is_nobodys_partner(run, image, small_head, other):
    put(image, "in/x.png", "clean/x.png")
    Image.fromarray(small_head.labels).save("clean/x_labels.png")
    Path("clean", other).write_text("{}")
    assert run("restore", "in", "--reference", "clean", "--labels", "clean") == 0


# --- several pictures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["restore", "degrade"])
def test_several_pictures_and_folders_are_done_at_once(run, image, command, capsys):
    put(image, "a.png", "b.png", "more/a.png", "more/c.png")
    assert run(command, "a.png", "b.png", "a.png", "more", "-o", "out") == 0
    assert len(written("out")) == 4
    assert {"b.png", "c.png"} < written("out")


def test_of_several_pictures_one_that_is_not_there_is_named(run, image, capsys):
    put(image, "a.png", "c.png")
    assert run("restore", "a.png", "gone.png", "c.png", "-o", "out", "--json", "r.json") == 2
    told = capsys.readouterr()
    assert "gone.png" in told.err
    assert "2 pictures restored." in told.out
    assert written("out") == {"a.png", "c.png"}
    assert [bool(row["error"]) for row in json.loads(Path("r.json").read_text())["images"]] == [False, True, False]


def test_several_pictures_have_their_partners_in_a_folder(run, image, capsys):
    put(image, "a.png", "b.png", "clean/a.png", "clean/b.png")
    assert run("restore", "a.png", "b.png", "--reference", "clean") == 0
    assert run("restore", "a.png", "b.png", "--reference", "clean/a.png") == 2
    assert "--reference must be a folder" in capsys.readouterr().err


# --- folders closed to us ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["restore", "closed"], "closed"),
        (["restore", "in", "--reference", "closed"], "closed"),
        (["degrade", "in", "--labels", "closed"], "closed"),
    ],
)
def test_a_folder_that_cannot_be_read_gets_a_sentence(run, image, monkeypatch, capsys, argv, named):
    put(image, "in/a.png", "closed/a.png")
    close(monkeypatch, "closed", "iterdir")
    assert run(*argv) == 2
    assert capsys.readouterr().err == (
        f"{named} cannot be used: Permission denied. Check the path, and who may read and write there.\n"
    )


def test_a_folder_whose_files_cannot_be_looked_at_gets_a_sentence(run, image, monkeypatch, capsys):
    put(image, "in/a.png")
    close(monkeypatch, "in/a.png", "stat")
    assert run("restore", "in") == 2
    assert "in/a.png cannot be used: Permission denied." in capsys.readouterr().err


def test_a_picture_that_goes_while_it_waits_is_named_and_the_rest_is_done(run, image, monkeypatch, capsys):
    from enhancer.commands import finished

    put(image, "in/a.png", "in/b.png", "in/c.png")
    real = finished.stamp

    def stamp(path):
        if path.name == "b.png":
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return real(path)

    monkeypatch.setattr(finished, "stamp", stamp)
    assert run("restore", "in", "-o", "out") == 2
    told = capsys.readouterr()
    assert "in/b.png cannot be used: No such file" in told.err
    assert "2 pictures restored." in told.out
    assert written("out") == {"a.png", "c.png"}


@pytest.mark.parametrize("command", ["restore", "degrade"])
@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_where_nothing_can_be_written_nothing_is_restored_first(run, image, capsys, command, folder):
    put(image, "in/a.png", "in/b.png")
    Path("file").touch()
    assert run(command, "in", "-o", folder) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"Nothing can be written to the folder {folder}: ")
    assert told.out == ""


def test_a_journal_that_cannot_be_read_gets_a_sentence(run, image, capsys):
    put(image, "in/a.png")
    Path("out/.splat-enhancer-0.jsonl").mkdir(parents=True)
    assert run("restore", "in", "-o", "out") == 2
    assert ".splat-enhancer-0.jsonl cannot be read: Is a directory." in capsys.readouterr().err


# --- premultiplied colours ---------------------------------------------------------------------------------------


@pytest.fixture
def soft(small_head):
    """A head with a soft edge, straight."""
    alpha = small_head.image[..., 3]
    y, x = np.mgrid[: len(alpha), : len(alpha)] / len(alpha) - 0.5
    rgba = small_head.image.copy()
    rgba[..., 3] = np.clip(4 * (0.5 - np.hypot(x, y)), 0, 1)
    rgba[..., :3] = np.maximum(rgba[..., :3], 0.2)
    return rgba


def premultiplied(image):
    return np.dstack([image[..., :3] * image[..., 3:], image[..., 3]])


@pytest.mark.parametrize("command", ["restore", "degrade"])
def test_a_premultiplied_picture_gets_a_hint_and_is_read_as_such_on_request(run, soft, command, capsys):
    put(premultiplied(soft), "a.png", "b.png")
    assert run(command, "a.png", "b.png", "-o", "out") == 0
    assert capsys.readouterr().out.count("give --premultiplied") == 1
    assert run(command, "a.png", "-o", "out", "--premultiplied") == 0
    assert "--premultiplied" not in capsys.readouterr().out


def test_with_the_flag_the_colours_are_the_straight_ones(run, soft):
    put(premultiplied(soft), "a.png")
    assert run("restore", "a.png", "-o", "out", "--premultiplied") == 0
    seen = soft[..., 3] > 0.5
    np.testing.assert_allclose(read_image("out/a.png")[..., :3][seen], soft[..., :3][seen], atol=2.6 / 255)


def test_a_straight_picture_gets_no_hint(run, soft, capsys):
    put(soft, "a.png")
    assert run("restore", "a.png") == 0
    assert "--premultiplied" not in capsys.readouterr().out
