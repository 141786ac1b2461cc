"""Files and folders as people have them: names of any kind, pictures of other formats, pointers, folders that cannot be used."""

import io
import json
import os
import shutil
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhancer import lfs
from enhancer.__main__ import main
from enhancer.errors import CheckpointError, ImageError
from enhancer.imaging.folders import by_stem, left_out
from enhancer.imaging.io import composite, read_image, to_pil, write_png
from enhancer.imaging.premultiplied import looks_premultiplied, straight
from enhancer.model import SplatEnhancer
from enhancer.parts import Restorer
from enhancer.service import Service
from tests.stand_ins import KnownParser, PlainScorer
from training.data.folders import find_samples
from training.data.photographs import find_pairs

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))


@pytest.fixture
def run(small_head, tmp_path, monkeypatch, capsys):
    """Run a command with a model that mirrors; returns the exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()

    def load(checkpoint, **options):
        mirror = Restorer(lambda rgb: rgb[:, ::-1].copy(), "mirror", "1")
        return Service(KnownParser(small_head.labels), mirror, PlainScorer())

    def run(*argv):
        code = main([str(word) for word in argv], load=load)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def face(small_head):
    return composite(small_head.image)


def save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(image, path)
    return path


# --- names -------------------------------------------------------------------------------------------------------


def test_a_long_name_is_cut_where_its_ending_needs_the_room(run, face):
    save(face, Path("in") / f"{'ü' * 122}.png")  # 244 bytes and a suffix
    code, _, _ = run("restore", "in", "-o", "out", "--degrade")
    made = sorted(path.name for path in Path("out").glob("*.png"))
    assert code == 0
    assert len(made) == 2
    assert all(name.startswith("ü" * 100) for name in made)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_no_utf_8_goes_all_the_way(run, face):
    save(face, Path("in") / os.fsdecode(b"caf\xe9.png"))
    code, _, _ = run("restore", "in", "-o", "out", "--json", "r.json")
    assert code == 0
    assert [os.fsencode(path.name) for path in Path("out").glob("*.png")] == [b"caf\xe9.png"]
    assert json.loads(Path("r.json").read_text())["images"][0]["file"].endswith("caf\udce9.png")
    assert run("restore", "in", "-o", "out")[1].count("1 were there already") == 1


def test_a_terminal_without_the_characters_of_a_name_is_no_reason_to_stop(run, face, monkeypatch):
    save(face, Path("in") / "猫.png")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", write_through=True)
    monkeypatch.setattr(sys, "stdout", terminal)
    code, _, _ = run("restore", "in", "-o", "out")
    assert code == 0
    assert b"\\u732b.png" in terminal.buffer.getvalue()


def test_a_partner_is_found_however_its_name_is_stored(run, face):
    save(face, Path("in") / f"{DECOMPOSED}.png")
    save(face, Path("clean") / f"{COMPOSED}.png")
    code, out, _ = run("restore", "in", "-o", "out", "--reference", "clean")
    assert code == 0
    assert "PSNR" in out


def test_pairs_and_label_maps_are_found_however_their_names_are_stored(face, small_head, tmp_path):
    save(face, tmp_path / f"a/{DECOMPOSED}.png")
    save(face, tmp_path / f"b/{COMPOSED}.jpg")
    pairs, problems, _ = find_pairs(tmp_path / "a", tmp_path / "b")
    assert [(pair.name, problems) for pair in pairs] == [(COMPOSED, [])]

    save(face, tmp_path / f"faces/images/{DECOMPOSED}.png")
    (tmp_path / "faces/masks").mkdir()
    Image.fromarray(small_head.labels).save(tmp_path / f"faces/masks/{COMPOSED}.png")
    (sample,) = find_samples(str(tmp_path / "faces"))
    assert sample.labels is not None
    assert sample.labels.is_file()


# --- what else lies in a folder ----------------------------------------------------------------------------------


def test_what_is_left_out_of_a_folder_is_counted(run, face):
    save(face, Path("in/a.png"))
    for name in ("b.heic", "c.HEIC", "d.exr", "noted"):
        (Path("in") / name).write_bytes(b"x")
    for command in ("restore", "degrade"):
        code, out, _ = run(command, "in", "-o", command)
        assert code == 0
        assert "4 left out: 2 .heic, 1 .exr, 1 without a suffix." in out


def test_a_folder_without_pictures_says_what_it_holds(run):
    Path("in/a.heic").write_bytes(b"x")
    code, _, err = run("restore", "in")
    assert code == 2
    assert "The folder in holds no pictures." in err
    assert "1 left out: 1 .heic." in err


def test_nothing_is_left_out_of_nothing():
    assert left_out({}) == ""


@pytest.mark.parametrize(
    ("suffix", "format"), [(".jfif", "JPEG"), (".tga", "TGA"), (".avif", "AVIF"), (".jpg", "AVIF")]
)
def test_these_pictures_are_read_too(face, tmp_path, suffix, format):
    path = tmp_path / f"a{suffix}"
    to_pil(face).save(path, format=format)
    assert np.abs(read_image(path) - face).mean() < 0.02


def test_text_called_tga_is_no_picture(tmp_path):
    path = tmp_path / "a.tga"
    path.write_text("hello, this is a text and no picture at all")
    with pytest.raises(ImageError, match="not a picture that can be read here"):
        read_image(path)


def test_a_note_beside_a_picture_is_not_its_reference(run, face):
    save(face, Path("in/a.png"))
    save(face, Path("clean/a.png"))
    Path("clean/a.json").write_text("{}")
    assert by_stem(Path("clean")) == {"a": Path("clean/a.png")}
    assert run("restore", "in", "-o", "out", "--reference", "clean")[0] == 0


# --- folders that cannot be used ---------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_read_is_said(run, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    code, _, err = run("restore", "in")
    assert code == 2
    assert err.startswith("in cannot be used: Permission denied.")


def test_pictures_that_could_not_be_written_are_not_counted(run, face, monkeypatch):
    save(face, Path("in/a.png"))
    save(face, Path("in/b.png"))

    def refuse(self, content):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    code, out, err = run("restore", "in", "-o", "out")
    assert code == 2
    assert out.startswith("0 pictures restored.")
    assert err.count("cannot be written: Permission denied.") == 2


# --- several pictures --------------------------------------------------------------------------------------------


def test_several_pictures_and_folders_go_into_one(run, face):
    for name in ("in/a.png", "b.png", "c.png"):
        save(face, Path(name))
    code, out, _ = run("restore", "b.png", "in", "c.png", "b.png", "-o", "out")
    assert code == 0
    assert sorted(path.name for path in Path("out").glob("*.png")) == ["a.png", "b.png", "c.png"]
    assert "3 pictures restored." in out


def test_several_pictures_want_a_folder_of_references(run, face):
    for name in ("b.png", "c.png"):
        save(face, Path(name))
    code, _, err = run("restore", "b.png", "c.png", "--reference", "b.png")
    assert (code, "With several pictures, --reference must be a folder, got b.png." in err) == (2, True)


# --- pointers ----------------------------------------------------------------------------------------------------

POINTER = lfs.START + b"v1\noid sha256:0\nsize 1\n"


def test_a_picture_that_git_lfs_has_not_fetched_is_said(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(POINTER)
    with pytest.raises(ImageError, match=r"a\.png is a Git LFS pointer.*git lfs pull"):
        read_image(path)


def test_weights_that_git_lfs_has_not_fetched_are_said(tiny_checkpoint, tmp_path):
    shutil.copytree(tiny_checkpoint, tmp_path, dirs_exist_ok=True)
    (tmp_path / "adapters.safetensors").write_bytes(POINTER)
    with pytest.raises(CheckpointError, match=r"adapters\.safetensors is a Git LFS pointer.*git lfs pull"):
        SplatEnhancer.from_pretrained(tmp_path)


# --- premultiplied -----------------------------------------------------------------------------------------------


def premultiplied(image):
    return np.concatenate([image[..., :3] * image[..., 3:], image[..., 3:]], -1)


def test_premultiplied_colours_are_told_from_straight_ones(small_head):
    assert looks_premultiplied(premultiplied(small_head.image))
    assert not looks_premultiplied(small_head.image)
    assert not looks_premultiplied(small_head.image[..., :3])


def test_straight_colours_come_back(small_head):
    back = straight(premultiplied(small_head.image))
    seen = small_head.image[..., 3] > 0.1
    np.testing.assert_allclose(back[seen], small_head.image[seen], atol=1e-5)


def test_a_premultiplied_picture_gets_a_hint_and_the_flag_undoes_it(run, small_head):
    save(premultiplied(small_head.image), Path("a.png"))
    save(small_head.image, Path("b.png"))
    assert "give --premultiplied" in run("restore", "a.png", "-o", "hinted")[1]
    assert "--premultiplied" not in run("restore", "a.png", "--premultiplied", "-o", "undone")[1]
    assert "--premultiplied" not in run("restore", "b.png", "-o", "straight")[1]
    undone, expected = (composite(read_image(f"{name}.png")) for name in ("undone/a", "straight/b"))
    assert np.abs(undone - expected).mean() < 1 / 255
