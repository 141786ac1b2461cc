"""Preparing a data set: goes on after a kill, names what it cannot use, and writes what training and `datasets` read."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhancer.degrade import degrade, face_render
from enhancer.errors import EnhancerError, ImageError, SettingsError
from enhancer.images import read_image, read_labels, write_png
from enhancer.masks import soft_masks
from enhancer.regions import region_map
from training import prepare, prepared
from training.data import ReadyPair, list_faces, list_samples
from training.prepare import PrepareConfig, command, main


def put_face(head, folder: Path, name: str) -> None:
    """Write an example head and its label map, mirrored for odd names so that pictures differ."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    step = -1 if sum(name.encode()) % 2 else 1
    write_png(head.image[:, ::step], folder / "images" / f"{name}.png")
    Image.fromarray(head.labels[:, ::step].copy()).save(folder / "masks" / f"{name}.png")


DRAW_FIGURES = prepare.draw_figures


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Figures take longer than all the rest of a small run: one test draws them."""
    monkeypatch.setattr(prepare, "draw_figures", lambda *_: [])


@pytest.fixture
def source(small_head, tmp_path) -> Path:
    """A folder of six small RGBA faces with label maps."""
    for name in "abcdef":
        put_face(small_head, tmp_path / "source", name)
    return tmp_path / "source"


@pytest.fixture
def config(source, tmp_path) -> PrepareConfig:
    return PrepareConfig(
        photographs=str(source), output_dir=str(tmp_path / "out"), resolution=128, min_crop=64, parser="none",
        test_share=0.4,
    )  # fmt: skip


def flags(config: PrepareConfig) -> list[str]:
    """The command line of a config."""
    words = []
    for name, value in vars(config).items():
        words += ([f"--{name}"] if value else []) if isinstance(value, bool) else [f"--{name}", str(value)]
    return words


def tree(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, but for the journal's and the settings', which hold order and paths."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    kept = [path for path in files if path.name not in ("done.jsonl", "prepare.json")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def rows(folder: Path) -> list[dict]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*/metadata.jsonl"))
        for line in path.read_text().splitlines()
    ]


def test_photographs_become_faces_that_training_reads(config, source):
    assert main(config) == []
    out = Path(config.output_dir)
    assert len(list_faces(f"{out / 'train'},{out / 'test'}")) == 6
    row = rows(out)[0]
    here = out / row["split"]
    np.testing.assert_array_equal(
        read_image(here / row["file_name"]), read_image(source / "images" / row["source"])
    )
    np.testing.assert_array_equal(
        read_labels(here / row["mask_file_name"]), read_labels(source / "masks" / row["source"])
    )


def test_the_first_face_explains_the_degradation_in_two_figures(config, monkeypatch):
    monkeypatch.setattr(prepare, "draw_figures", DRAW_FIGURES)
    main(config)
    for name in ("pipeline", "masks"):
        with Image.open(Path(config.output_dir) / "figures" / f"{name}.png") as figure:
            assert min(figure.size) > 1000


def test_a_run_that_was_killed_ends_as_one_that_was_not(small_head, config, source, tmp_path):
    for number in range(14):
        put_face(small_head, source, f"more_{number:02d}")
    config = replace(config, write_pairs=True, num_workers=1)
    process = subprocess.Popen(
        [sys.executable, "-m", "training.prepare", *flags(config)],
        cwd=Path(prepare.__file__).parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    journal = Path(config.output_dir) / "done.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with journal.open("a") as file:
        file.write('{"name": "more_13", "spl')  # as if cut off while it wrote
    (Path(config.output_dir) / "train/images/.0123.unfinished").write_bytes(b"half a picture")
    done_before = journal.read_bytes().count(b"\n")
    assert 3 <= done_before < 20

    assert main(config) == []
    whole = replace(config, output_dir=str(tmp_path / "whole"), num_workers=3)
    assert main(whole) == []
    assert tree(Path(config.output_dir)) == tree(Path(whole.output_dir))


def test_what_is_done_is_not_done_again_but_what_was_lost_is(config, monkeypatch):
    main(config)
    out, again = Path(config.output_dir), []
    lost = out / rows(out)[2]["split"] / rows(out)[2]["file_name"]
    lost.unlink()
    one = prepare.prepare_one
    monkeypatch.setattr(prepare, "prepare_one", lambda *a: (again.append(a[0].name), one(*a))[1])
    main(config)
    assert again == [lost.stem]
    assert lost.is_file()


def test_ctrl_c_keeps_what_is_done(config, capsys, monkeypatch):
    one, started = prepare.prepare_one, []

    def interrupted(*arguments):
        started.append(arguments[0].name)
        if len(started) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)  # the picture in work is finished all the same
        one(*arguments)

    monkeypatch.setattr(prepare, "prepare_one", interrupted)
    assert command(flags(replace(config, num_workers=1))) == 130
    assert "same command goes on" in capsys.readouterr().err
    kept = [
        json.loads(line)["name"] for line in (Path(config.output_dir) / "done.jsonl").read_text().splitlines()
    ]
    assert kept == started
    assert len(kept) == 3
    monkeypatch.undo()
    assert command(flags(config)) == 0
    assert len(rows(Path(config.output_dir))) == 6


def test_the_split_is_by_name_and_stays_when_pictures_are_added(small_head, config, source):
    main(config)
    out = Path(config.output_dir)
    before = {row["name"]: row["split"] for row in rows(out)}
    assert set(before.values()) == {"train", "test"}
    for name in "ghi":
        put_face(small_head, source, name)
    main(config)
    after = {row["name"]: row["split"] for row in rows(out)}
    assert len(after) == 9
    assert before.items() <= after.items()
    other = replace(config, seed=1, output_dir=config.output_dir + "_seed1")
    main(other)
    assert {row["name"]: row["split"] for row in rows(Path(other.output_dir))} != after


def test_written_pairs_can_be_made_again_from_their_row(config):
    main(replace(config, write_pairs=True))
    out = Path(config.output_dir)
    row = rows(out)[0]
    here = out / row["split"]
    clean, labels = read_image(here / row["file_name"]), read_labels(here / row["mask_file_name"])
    recipe = face_render(row["preset"], row["strengths"])
    again = degrade(clean, soft_masks(region_map(labels)), recipe, seed=row["seed"])
    stored = read_image(here / row["degraded_file_name"])
    assert np.abs(again - stored).max() <= 0.5001 / 255
    np.testing.assert_array_equal(stored[..., 3], clean[..., 3])
    assert all(isinstance(sample, ReadyPair) for sample in list_samples(str(out / "train")))


def test_the_clean_picture_is_the_first_column(config):
    main(replace(config, write_pairs=True))  # `datasets` gives `file_name` to the first picture column
    assert all(next(iter(row)) == "file_name" for row in rows(Path(config.output_dir)))


def test_datasets_reads_what_is_written(config, monkeypatch, tmp_path):
    datasets = pytest.importorskip("datasets")
    main(replace(config, write_pairs=True))
    table = datasets.load_dataset(
        "imagefolder", data_dir=config.output_dir, cache_dir=str(tmp_path / "cache")
    )
    out = Path(config.output_dir)
    assert {split: len(table[split]) for split in table} == {
        split: len(list((out / split / "images").iterdir())) for split in ("train", "test")
    }
    row = table["train"][0]
    for column, folder in (("image", "images"), ("degraded", "degraded"), ("mask", "masks")):
        with Image.open(out / "train" / folder / f"{row['name']}.png") as stored:
            np.testing.assert_array_equal(np.asarray(row[column]), np.asarray(stored))


def test_without_datasets_the_message_says_what_to_install(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SettingsError, match="pip install"):
        main(replace(config, photographs="", dataset_name="somebody/faces"))


def test_ready_pairs_are_matched_by_name_and_every_misfit_is_named_at_once(small_head, config, tmp_path):
    clean, renders = tmp_path / "clean", tmp_path / "renders"
    for folder in (clean, renders):
        folder.mkdir()
        for name in ("good", "narrow", "torn"):
            write_png(small_head.image[..., :3], folder / f"{name}.png")
    write_png(small_head.image, clean / "lonely.png")
    write_png(small_head.image, renders / "orphan.png")
    write_png(np.zeros((128, 160, 3), np.float32), renders / "narrow.png")
    (renders / "torn.png").write_bytes((clean / "torn.png").read_bytes()[:700])
    config = replace(config, photographs="", clean=str(clean), degraded=str(renders), test_share=0)
    problems = main(config)
    for name in ("lonely.png", "orphan.png", "narrow.png is 128x128 pixels", "torn.png is damaged"):
        assert sum(name in problem for problem in problems) == 1, problems
    assert len(problems) == 4
    out = Path(config.output_dir)
    assert (out / "problems.txt").read_text().splitlines() == problems
    assert [row["name"] for row in rows(out)] == ["good"]
    assert list_samples(str(out / "train")) == [
        ReadyPair(out / "train/images/good.png", out / "train/degraded/good.png")
    ]


def test_an_unreadable_picture_in_the_middle_is_named_and_the_rest_is_done(config, source, capsys):
    (source / "images/c.png").write_bytes((source / "images/c.png").read_bytes()[:900])
    (source / "images/d.jpg").write_text("no picture")  # comes before d.png, and takes its name
    assert command(flags(config)) == 2
    said = capsys.readouterr().err
    assert "c.png is damaged" in said
    assert "would be called d.png, as" in said
    assert len(rows(Path(config.output_dir))) == 4
    (source / "images/c.png").write_bytes((source / "images/a.png").read_bytes())
    (source / "images/d.jpg").unlink()
    assert command(flags(config)) == 0  # the next run tries what failed
    assert len(rows(Path(config.output_dir))) == 6
    assert not (Path(config.output_dir) / "problems.txt").exists()


def test_other_settings_in_the_same_folder_are_refused_by_name(config):
    main(config)
    with pytest.raises(SettingsError, match="preset was 'v2' and is now 'v1'"):
        main(replace(config, preset="v1", num_workers=1))


def test_a_folder_of_something_else_is_left_alone(config):
    out = Path(config.output_dir)
    out.mkdir()
    (out / "holiday.txt").write_text("mine")
    with pytest.raises(SettingsError, match="holds something else"):
        main(config)
    assert [path.name for path in out.iterdir()] == ["holiday.txt"]


def test_an_empty_folder_leaves_nothing_behind(config, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="no pictures in"):
        main(replace(config, photographs=str(tmp_path / "empty")))
    with pytest.raises(SettingsError, match="no folder"):
        main(replace(config, photographs=str(tmp_path / "nowhere")))
    assert not Path(config.output_dir).exists()


def test_a_full_disk_stops_the_run_and_costs_nothing(config, monkeypatch):
    write = prepared.write_png

    def full(picture, path):
        if path.parent.name == "images" and len(list(path.parent.glob("*.png"))) > 1:
            raise ImageError(f"{path} cannot be written: No space left on device.")
        write(picture, path)

    monkeypatch.setattr(prepared, "write_png", full)
    with pytest.raises(EnhancerError, match="No space left on device"):
        main(config)
    monkeypatch.undo()
    assert main(config) == []
    assert len(rows(Path(config.output_dir))) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "v3"}, "no preset 'v3'"),
        ({"clean": "x"}, "one source"),
        ({"photographs": "", "clean": "x"}, "--degraded and --clean together"),
        ({"photographs": ""}, "one source"),
        ({"photographs": "", "clean": "x", "degraded": "y", "write_pairs": True}, "are pairs already"),
        ({"resolution": 500}, "multiple of 16"),
        ({"test_share": 1.0}, "below 1"),
        ({"num_workers": 0}, "at least 1"),
    ],
)
def test_bad_settings_fail_before_anything_is_read(changes, message):
    with pytest.raises(SettingsError, match=message):
        PrepareConfig(**{"photographs": "x"} | changes)
