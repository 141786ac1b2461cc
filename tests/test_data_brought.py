"""What people bring to training: names in any form, kinds of pictures, folders that are closed to us."""

import io
import json
import os
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhancer.errors import ImageError, LabelError
from enhancer.imaging.io import read_image, to_bytes, write_png
from tests.small_faces import rows
from training import prepare, preview
from training.config import TrainConfig
from training.data import photographs
from training.data.dataset import Pairs
from training.data.folders import find_samples
from training.data.photographs import find_pairs, read_photograph, read_window
from training.evaluation.results import ResultsFolder
from training.parser.data import read_faces
from training.prepare import PrepareConfig

MUELLER = "M\u00fcller"  # in NFC
NFD = unicodedata.normalize("NFD", MUELLER)
NOT_UTF8 = os.fsdecode(b"M\xfcller")
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only there a name may be any bytes")


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(prepare, "draw_figures", lambda *_: [])


@pytest.fixture
def put(small_head):
    """Return what writes a face, and beside it a label map, under any name."""

    def write(path, labels=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(small_head.image, path)
        if labels is not None:
            labels.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(small_head.labels).save(labels)

    return write


@pytest.fixture
def config(tmp_path):
    return PrepareConfig(
        photographs=str(tmp_path / "in"), output_dir=str(tmp_path / "out"), resolution=128, min_crop=64, parser="none"
    )


def train_config(folder):
    return TrainConfig(train_data_dir=str(folder), resolution=64)


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs"), [(MUELLER, NFD), (NFD, MUELLER)])
def test_label_maps_and_partners_are_found_in_either_unicode_form(put, config, tmp_path, ours, theirs):
    put(tmp_path / f"in/images/{ours}.png", tmp_path / f"in/masks/{theirs}.png")
    put(tmp_path / f"in/images/beside_{ours}.png", tmp_path / f"in/images/beside_{theirs}_labels.png")
    assert prepare.main(config) == []
    assert {row["name"] for row in rows(tmp_path / "out")} == {MUELLER, f"beside_{MUELLER}"}
    put(tmp_path / f"degraded/{theirs}.png")
    (pair,), _, _ = find_pairs(tmp_path / "in/images", tmp_path / "degraded")
    assert pair.degraded == tmp_path / f"degraded/{theirs}.png"


@pytest.mark.parametrize(("ours", "theirs"), [(MUELLER, NFD), (NFD, MUELLER)])
def test_training_finds_files_in_either_unicode_form(put, tmp_path, ours, theirs):
    put(tmp_path / f"a/images/{ours}.png", tmp_path / f"a/masks/{theirs}.png")
    put(tmp_path / f"b/images/{theirs}.png", tmp_path / f"b/masks/{theirs}.png")
    put(tmp_path / f"b/degraded/{theirs}.png")
    row = {"file_name": f"images/{ours}.png", "degraded_file_name": f"degraded/{ours}.png"}
    (tmp_path / "b/metadata.jsonl").write_text(json.dumps(row) + "\n")
    samples = find_samples(f"{tmp_path / 'a'},{tmp_path / 'b'}")
    assert [len(sample.files) for sample in samples] == [2, 3]
    assert all(file.is_file() for sample in samples for file in sample.files)


@only_linux
def test_a_name_that_is_not_utf8_becomes_one_that_is(put, config, tmp_path, capsys):
    put(tmp_path / f"in/images/{NOT_UTF8}.png", tmp_path / f"in/masks/{NOT_UTF8}.png")
    (tmp_path / f"in/images/{NOT_UTF8}2.png").write_bytes(b"no picture")
    assert len(prepare.main(config)) == 1
    (row,) = rows(tmp_path / "out")
    assert (row["name"], row["source"]) == ("M_fcller", "M_fcller.png")
    assert "M_fcller2.png" in (tmp_path / "out/problems.txt").read_text(encoding="utf-8")


@only_linux
def test_training_takes_a_name_that_is_not_utf8(put, tmp_path):
    put(tmp_path / f"a/images/{NOT_UTF8}.png", tmp_path / f"a/masks/{NOT_UTF8}.png")
    (sample,) = find_samples(str(tmp_path / "a"))
    assert sample.name == "M_fcller.png"
    assert sample.image.is_file()
    assert Pairs([sample], train_config(tmp_path / "a")).fingerprint()


def test_a_path_longer_than_a_name_may_be_is_cut_and_stays_apart(put, config, tmp_path):
    deep = tmp_path / "in" / ("a" * 120) / ("b" * 120)
    for name in ("c" * 60, "c" * 59 + "d"):
        put(deep / f"{name}.png", deep / f"{name}_labels.png")
    assert prepare.main(config) == []
    names = [row["name"] for row in rows(tmp_path / "out")]
    assert len(set(names)) == 2
    assert all(len(f"{name}.png") <= 255 for name in names)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    assert prepare.main(config) == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")} == before


def test_an_evaluation_keeps_pictures_of_long_names(small_head, tmp_path):
    records = ResultsFolder(tmp_path / "e", {})
    records.open()
    kept = dict.fromkeys(("degraded", "restored", "clean"), small_head.image[..., :3])
    records.keep("x" * 251 + ".png", kept)
    assert len(list((tmp_path / "e/pictures").glob("x*.png"))) == 3


@only_linux
def test_a_name_that_the_console_lacks_is_written_as_an_escape(put, tmp_path, monkeypatch):
    put(tmp_path / "in/\u6f22.png", tmp_path / "in/\u6f22_labels.png")
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", console)
    out = tmp_path / "\u5b57"
    argv = ["--photographs", str(tmp_path / "in"), "--output_dir", str(out), "--parser", "none", "--resolution", "128"]
    assert prepare.command([*argv, "--min_crop", "64"]) == 0
    console.flush()
    assert rb"\u5b57" in console.buffer.getvalue()


# --- kinds of pictures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [128, photographs.LOOKED_AT + 4])
def test_a_picture_is_what_it_holds_whatever_its_suffix(small_head, tmp_path, side):
    picture = Image.fromarray(to_bytes(small_head.image[..., :3])).resize((side, side))
    picture.save(tmp_path / "a.jpg", format="AVIF")
    picture.save(tmp_path / "b.jpg", format="PPM")  # which is not read here, large or small
    assert read_photograph(tmp_path / "a.jpg", "a").shape[-1] == 3
    with pytest.raises(ImageError, match="b is not a picture"):
        read_photograph(tmp_path / "b.jpg", "b")


def test_what_is_left_out_is_counted(put, config, tmp_path, capsys, caplog):
    put(tmp_path / "in/images/a.png", tmp_path / "in/masks/a.png")
    for name in ("b.heic", "sub.HEIC", "c.exr", ".hidden.exr"):
        (tmp_path / "in/images" / name).write_bytes(b"x")
    assert prepare.main(config) == []
    assert "3 left out: 2 .heic, 1 .exr.\n" in capsys.readouterr().out
    assert len(find_samples(str(tmp_path / "in"))) == 1
    assert "3 left out: 2 .heic, 1 .exr." in caplog.text


def test_the_parser_is_told_which_picture_cannot_be_read(put, small_head, tmp_path):
    put(tmp_path / "a/images/a.png", tmp_path / "a/masks/a.png")
    assert read_faces(tmp_path / "a", side=64).pictures.shape == (1, 64, 64, 3)
    Image.fromarray(small_head.labels[:64]).save(tmp_path / "a/masks/a.png")
    with pytest.raises(LabelError, match="differ in size"):
        read_faces(tmp_path / "a")
    (tmp_path / "a/images/a.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"a\.png is not a picture"):
        read_faces(tmp_path / "a")


# --- closed folders ----------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_read_is_named_and_the_rest_is_done(put, config, tmp_path, monkeypatch):
    put(tmp_path / "in/a.png", tmp_path / "in/a_labels.png")
    put(tmp_path / "in/closed/b.png")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert prepare.main(config) == [f"{tmp_path / 'in/closed'} cannot be read: Permission denied."]
    assert len(rows(tmp_path / "out")) == 1


def test_a_sheet_below_a_file_gets_a_sentence(put, tmp_path, capsys):
    put(tmp_path / "a/images/a.png", tmp_path / "a/masks/a.png")
    (tmp_path / "file").touch()
    argv = ["--train_data_dir", str(tmp_path / "a"), "--resolution", "64", "--rows", "1", "--train_batch_size", "1"]
    assert preview.command([*argv, "--sheet", str(tmp_path / "file/sheet.png")]) == 2
    assert "cannot be used: " in capsys.readouterr().err


@pytest.mark.parametrize("program", [prepare, preview])
def test_a_data_folder_that_cannot_be_read_gets_a_sentence(program, put, tmp_path, monkeypatch, capsys):
    put(tmp_path / "a/images/a.png", tmp_path / "a/masks/a.png")
    real = Path.is_dir

    def is_dir(path):
        if path.name in ("images", "masks"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "is_dir", is_dir)
    data = "--photographs" if program is prepare else "--train_data_dir"
    assert program.command([data, str(tmp_path / "a")]) == 2
    assert f"{tmp_path / 'a/images'} cannot be used: Permission denied." in capsys.readouterr().err


# --- premultiplied colours ---------------------------------------------------------------------------------------


@pytest.fixture
def soft(small_head):
    """A head with a soft edge, straight."""
    y, x = np.mgrid[: len(small_head.image), : len(small_head.image)] / len(small_head.image) - 0.5
    alpha = np.clip(4 * (0.5 - np.hypot(x, y)), 0, 1).astype(np.float32)
    return np.dstack([np.maximum(small_head.image[..., :3], 0.2), alpha])


def premultiplied(image):
    return np.dstack([image[..., :3] * image[..., 3:], image[..., 3]])


def test_premultiplied_photographs_get_a_hint_and_are_read_as_such_on_request(
    soft, small_head, config, tmp_path, capsys
):
    (tmp_path / "in").mkdir()
    write_png(premultiplied(soft), tmp_path / "in/a.png")
    Image.fromarray(small_head.labels).save(tmp_path / "in/a_labels.png")
    assert prepare.main(config) == []
    assert "In 1 no colour exceeds its alpha" in capsys.readouterr().out
    assert prepare.main(replace(config, premultiplied=True, output_dir=str(tmp_path / "straight"))) == []
    assert "exceeds its alpha" not in capsys.readouterr().out
    (row,) = rows(tmp_path / "straight")
    there = read_image(tmp_path / "straight" / row["split"] / row["file_name"])
    seen = soft[..., 3] > 0.5
    np.testing.assert_allclose(there[..., :3][seen], soft[..., :3][seen], atol=2.6 / 255)


def test_a_large_premultiplied_photograph_is_made_straight_before_it_is_scaled(soft, tmp_path, monkeypatch):
    monkeypatch.setattr(photographs, "LOOKED_AT", 64)
    for name, image in (("straight", soft), ("premultiplied", premultiplied(soft))):
        write_png(image, tmp_path / f"{name}.png")
    for read in (read_photograph, lambda *given, **options: read_window(*given, (0.25, 0.25, 0.75, 0.75), **options)):
        wanted = read(tmp_path / "straight.png", "a")
        there = read(tmp_path / "premultiplied.png", "a", premultiplied=True)
        seen = wanted[..., 3] > 0.5 if wanted.shape[-1] == 4 else slice(None)
        np.testing.assert_allclose(there[..., :3][seen], wanted[..., :3][seen], atol=3.1 / 255)
