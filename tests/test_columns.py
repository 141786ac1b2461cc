"""Folders of others: a `metadata.jsonl` whose columns have names of their own, wherever a folder is read."""

import json
import shutil

import cv2
import pytest

from enhancer.errors import ImageError
from enhancer.imaging.io import composite, write_png
from training import adapt, evaluate, prepare, preview
from training.columns import NO_COLUMN, Columns
from training.data.folders import find_samples

COUNT = 3
THEIRS = Columns("photo", "render")
FLAGS = ["--image_column", "photo", "--conditioning_image_column", "render"]


@pytest.fixture
def theirs(small_head, tmp_path):
    """An imagefolder with a column "photo" and a column "render"."""
    folder, clean = tmp_path / "theirs", composite(small_head.image)
    rows = []
    for number in range(COUNT):
        row = {f"{column}_file_name": f"{column}s/{number}.png" for column in ("photo", "render")}
        for name, picture in zip(row.values(), (clean, cv2.GaussianBlur(clean, (0, 0), 3)), strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_png(picture, folder / name)
        rows.append(row)
    write_rows(folder, rows)
    return folder


def write_rows(folder, rows):
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_columns_are_found_by_the_names_datasets_gives_them(theirs):
    samples = find_samples(str(theirs), THEIRS)
    assert [(each.image.parent.name, each.degraded.parent.name) for each in samples] == [("photos", "renders")] * COUNT
    rows = [{"file_name": f"photos/{k}.png", "render": f"renders/{k}.png"} for k in range(COUNT)]
    write_rows(theirs, rows)
    assert find_samples(str(theirs), Columns(conditioning="render")) == samples


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (Columns(), "several columns of pictures: photo, render. Name the clean ones by --image_column"),
        (Columns("photo", "rendr"), "no column of pictures 'rendr'; it has photo, render"),
        (Columns("foto", "render"), "no column of pictures 'foto'; it has photo, render"),
    ],
)
def test_pairs_are_never_taken_for_photographs_in_silence(theirs, columns, said):
    (theirs / "images").mkdir()
    with pytest.raises(ImageError, match=said):
        find_samples(str(theirs), columns)


def test_a_column_that_is_in_no_folder_is_refused_and_none_degrades_afresh(train_faces):
    with pytest.raises(ImageError, match="column of pictures 'render'"):
        find_samples(str(train_faces), Columns(conditioning="render"))
    assert find_samples(str(train_faces), Columns(conditioning=NO_COLUMN)) == find_samples(str(train_faces))


def test_folders_of_ours_go_beside_theirs(theirs, train_faces, tmp_path):
    ours = tmp_path / "ours"
    shutil.copytree(theirs, ours)
    write_rows(ours, [{"file_name": "photos/0.png", "degraded_file_name": "renders/0.png"}])
    samples = find_samples(f"{theirs},{ours},{train_faces}", THEIRS)
    assert len(samples) == COUNT + 1 + len(find_samples(str(train_faces)))
    assert [each.degraded is None for each in samples] == [False] * (COUNT + 1) + [True] * (len(samples) - COUNT - 1)


def test_what_is_left_out_is_counted_and_named(theirs, caplog):
    rows = [json.loads(line) for line in (theirs / "metadata.jsonl").read_text().splitlines()]
    write_rows(theirs, [rows[0], {"photo_file_name": "photos/1.png"}])
    assert len(find_samples(str(theirs), THEIRS)) == 1
    assert "line 2, has no render_file_name" in caplog.text
    assert "names no row for 4 pictures" in caplog.text
    assert "renders/2.png" in caplog.text


@pytest.mark.parametrize("program", [prepare, preview, evaluate, adapt])
def test_every_program_reads_them_and_none_without_being_told(program, theirs, tmp_path, tiny_checkpoint, capsys):
    out = str(tmp_path / "out")
    argv = {
        prepare: [
            "--photographs",
            str(theirs),
            "--output_dir",
            out,
            "--parser",
            "none",
            "--resolution",
            "128",
            "--min_crop",
            "64",
        ],
        preview: ["--train_data_dir", str(theirs), "--sheet", f"{out}/sheet.png", "--resolution", "64"],
        evaluate: [
            "--data_dir",
            str(theirs),
            "--output_dir",
            out,
            "--checkpoint",
            str(tiny_checkpoint),
            "--lpips_nets",
            "",
        ],
        adapt: [str(theirs), "-o", out],
    }[program]
    assert program.command(argv) == 2
    assert "several columns of pictures: photo, render" in capsys.readouterr().err
    code = program.command([*argv, *FLAGS])
    told = capsys.readouterr()
    if program is adapt:  # it has read them, and wants more
        assert f"{COUNT} pairs are too few" in told.err
    else:
        assert code == 0, told.err
    if program is prepare:
        assert all(each.degraded is not None for each in find_samples(f"{out}/train"))
        again = [*argv[4:], "--photographs", out, "--output_dir", f"{out}2", "--test_share", "0"]
        assert prepare.command(again) == 0  # what was prepared is shared out anew, and pairs stay pairs
        assert [each.degraded is not None for each in find_samples(f"{out}2/train")] == [True] * COUNT
