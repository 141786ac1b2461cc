"""Preparing a data set: faces, splits and pairs as training and `datasets` read them."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from enhancer.degrade import degrade, face_render
from enhancer.errors import SettingsError
from enhancer.imaging.io import composite, read_image, read_labels, write_png
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.splats.artefacts import ARTEFACTS
from enhancer.splats.degradation import SplatPreset, degrade_as_splats
from tests.small_faces import put_face, rows, small_config, tree
from training import prepare
from training.data.folders import Sample, find_samples
from training.prepare import PrepareConfig, main

DRAW_FIGURES = prepare.draw_figures


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Figures take longer than all the rest of a small run: one test draws them."""
    monkeypatch.setattr(prepare, "draw_figures", lambda *_: [])


@pytest.fixture
def config(small_head, tmp_path) -> PrepareConfig:
    return small_config(small_head, tmp_path)


@pytest.fixture
def source(config) -> Path:
    return Path(config.photographs)


def test_photographs_become_faces_that_training_reads(config, source):
    assert main(config) == []
    out = Path(config.output_dir)
    assert len(find_samples(f"{out / 'train'},{out / 'test'}")) == 6
    row = rows(out)[0]
    here = out / row["split"]
    np.testing.assert_array_equal(read_image(here / row["file_name"]), read_image(source / "images" / row["source"]))
    np.testing.assert_array_equal(
        read_labels(here / row["mask_file_name"]), read_labels(source / "masks" / row["source"])
    )


@pytest.mark.parametrize("write_pairs", [False, True])
def test_many_pictures_lie_in_subfolders_and_stay_there(config, small_head, source, monkeypatch, write_pairs):
    monkeypatch.setattr("training.data.output.LARGEST_FOLDER", 5)
    config = replace(config, write_pairs=write_pairs)
    main(config)
    out = Path(config.output_dir)
    places = {row["name"]: row["file_name"] for row in rows(out)}
    assert all(re.fullmatch(r"images/0\d\d/[^/]+\.png", place) for place in places.values())
    samples = find_samples(f"{out / 'train'},{out / 'test'}")
    assert len(samples) == 6
    for sample in samples:
        assert sample.labels.parts[-3:] == ("masks", *sample.image.parts[-2:])
    put_face(small_head, source, "another")
    main(config)
    assert places.items() < {row["name"]: row["file_name"] for row in rows(out)}.items()


def test_the_first_face_explains_the_degradation_in_two_figures(config, monkeypatch):
    monkeypatch.setattr(prepare, "draw_figures", DRAW_FIGURES)
    main(config)
    for name in ("pipeline", "masks"):
        with Image.open(Path(config.output_dir) / "figures" / f"{name}.png") as figure:
            assert min(figure.size) > 1000


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
    assert all(sample.degraded is not None for sample in find_samples(str(out / "train")))


def test_pairs_fitted_by_gaussians_can_be_made_again_from_their_row(config, monkeypatch):
    config = replace(config, degradation="splat")
    monkeypatch.setattr(
        prepare, "drawn_preset", lambda rng: SplatPreset(int(rng.integers(50, 200)), 2, 1.5, tuple(ARTEFACTS))
    )
    assert main(config) == []
    out = Path(config.output_dir)
    assert len({row["splats"]["count"] for row in rows(out)}) > 1
    for row in rows(out):
        here = out / row["split"]
        clean, labels = read_image(here / row["file_name"]), read_labels(here / row["mask_file_name"])
        preset = SplatPreset(**row["splats"] | {"artefacts": tuple(row["splats"]["artefacts"])})
        again = degrade_as_splats(clean, preset, row["seed"], regions=region_map(labels), person=labels > 0)
        stored = read_image(here / row["degraded_file_name"])
        assert np.abs(composite(again) - composite(stored)).max() <= 1.01 / 255
    assert all(sample.degraded is not None for sample in find_samples(str(out / "train")))
    assert json.loads((out / "prepare.json").read_text())["degradation"] == "splat"


def test_splat_pairs_go_on_where_they_were(config, monkeypatch):
    monkeypatch.setitem(prepare.SPLAT_PRESETS, "splat-side", SplatPreset(100, 2, 1.5))
    config = replace(config, degradation="splat-side")
    main(config)
    out = Path(config.output_dir)
    assert json.loads((out / "prepare.json").read_text())["splats"]["side"] == 1.5
    whole = tree(out)
    removed = next(out.glob("*/degraded/*.png"))
    removed.unlink()
    fits = []
    monkeypatch.setattr(
        prepare, "degrade_as_splats", lambda *given, **more: fits.append(1) or degrade_as_splats(*given, **more)
    )
    main(config)
    assert (len(fits), tree(out)) == (1, whole)


def test_other_splats_do_not_go_into_the_same_folder(config, monkeypatch):
    monkeypatch.setitem(prepare.SPLAT_PRESETS, "splat-side", SplatPreset(100, 2, 1.5))
    main(replace(config, degradation="splat-side"))
    monkeypatch.setitem(prepare.SPLAT_PRESETS, "splat-side", SplatPreset(100, 3, 1.5))
    with pytest.raises(SettingsError, match="holds another prepared data set: splats was"):
        main(replace(config, degradation="splat-side"))


def test_the_clean_picture_is_the_first_column(config):
    main(replace(config, write_pairs=True))  # `datasets` gives `file_name` to the first picture column
    assert all(next(iter(row)) == "file_name" for row in rows(Path(config.output_dir)))


def test_datasets_reads_what_is_written(config, monkeypatch, tmp_path):
    datasets = pytest.importorskip("datasets")
    main(replace(config, write_pairs=True))
    table = datasets.load_dataset("imagefolder", data_dir=config.output_dir, cache_dir=str(tmp_path / "cache"))
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


def test_pairs_in_one_folder_are_told_apart_by_what_their_names_end_in(small_head, config, tmp_path, capsys):
    folder = tmp_path / "session"
    folder.mkdir()
    blurred = cv2.GaussianBlur(small_head.image, (0, 0), 3)
    for number in range(12):
        write_png(small_head.image, folder / f"{number:03d}_photo.png")
        write_png(blurred, folder / f"{number:03d}_render.png")
    write_png(small_head.image, folder / "cover.png")
    pairs = replace(config, photographs="", clean=str(folder), degraded=str(folder), clean_suffix="_photo")
    pairs = replace(pairs, degraded_suffix="_render", test_share=0.3, validation_share=0.3)
    assert main(pairs) == []
    found = {part: find_samples(f"{config.output_dir}/{part}") for part in ("train", "validation", "test")}
    assert sorted(each.name for part in found.values() for each in part) == [f"{k:03d}.png" for k in range(12)]
    assert all(found.values())
    assert "swapped" not in capsys.readouterr().out
    other = replace(pairs, clean_suffix="_render", degraded_suffix="_photo", output_dir=str(tmp_path / "other"))
    main(other)
    assert "seem to be swapped" in capsys.readouterr().out
    with pytest.raises(SettingsError, match="are one folder"):
        replace(pairs, clean_suffix="", degraded_suffix="")


def test_pairs_of_a_data_set_are_never_taken_for_photographs_in_silence(small_head, config, tmp_path):
    pytest.importorskip("datasets")
    source = tmp_path / "hub"
    for name, picture in (("images", small_head.image), ("conditioning", small_head.image[::-1])):
        (source / name).mkdir(parents=True)
        for number in range(3):
            write_png(picture, source / name / f"{number}.png")
    rows_of = [{"file_name": f"images/{k}.png", "conditioning_file_name": f"conditioning/{k}.png"} for k in range(3)]
    (source / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of))
    asked = replace(config, photographs="", dataset_name=str(source), test_share=0)
    with pytest.raises(SettingsError, match="several columns of pictures: image, conditioning"):
        main(asked)
    with pytest.raises(SettingsError, match="no column of pictures 'renders'"):
        main(replace(asked, conditioning_image_column="renders"))
    main(replace(asked, conditioning_image_column="conditioning"))
    assert all(each.degraded is not None for each in find_samples(f"{config.output_dir}/train"))


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
    assert find_samples(str(out / "train")) == [
        Sample("good.png", out / "train/images/good.png", out / "train/degraded/good.png")
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "v3"}, "no preset 'v3'"),
        ({"degradation": "splat-huge"}, "no splat preset 'splat-huge'"),
        ({"photographs": "", "clean": "x", "degraded": "y", "degradation": "splat"}, "are pairs already"),
        ({"clean": "x"}, "one source"),
        ({"photographs": "", "clean": "x"}, "--degraded and --clean together"),
        ({"photographs": ""}, "one source"),
        ({"photographs": "", "clean": "x", "degraded": "y", "write_pairs": True}, "are pairs already"),
        ({"resolution": 500}, "multiple of 16"),
        ({"test_share": 1.1}, "from 0 to 1"),
        ({"cameras": "x"}, "go with --splats"),
        ({"photographs": "", "splats": "x"}, "--captures together"),
        ({"num_workers": 0}, "at least 1"),
    ],
)
def test_bad_settings_fail_before_anything_is_read(changes, message):
    with pytest.raises(SettingsError, match=message):
        PrepareConfig(**{"photographs": "x"} | changes)


class FakeTable:
    """Rows as `datasets` hands them out undecoded."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.features = {"picture": {"decode": True}, "caption": "text"}

    def cast_column(self, column, kind):
        assert (column, kind) == ("picture", {"decode": False})
        return self

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        stored = {"bytes": self.files[index].read_bytes(), "path": None}
        return {"picture": stored if index else {"bytes": None, "path": str(self.files[index])}}


def test_a_data_set_by_name_is_prepared_by_row_number(config, source, monkeypatch):
    files = sorted((source / "images").iterdir())
    fake = SimpleNamespace(load_dataset=lambda name, split: FakeTable(files), Image=dict)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    (source / "numbered").mkdir()
    for number, file in enumerate(files[:-1]):
        (source / f"numbered/{number:06d}.png").write_bytes((source / "masks" / file.name).read_bytes())
    config = replace(config, photographs="", dataset_name="somebody/faces", image_column="picture")
    problems = main(replace(config, masks=str(source / "numbered")))
    assert [row["name"] for row in rows(Path(config.output_dir))]
    assert problems == ["000005 has no label map. Give --masks FOLDER, or a --parser."]
