"""Training reads ready pairs as it reads photographs: by step, repeatably, and a preview shows what it sees."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enhancer.errors import ImageError, SettingsError
from enhancer.imaging.io import composite, write_png
from training import preview
from training.config import TrainConfig
from training.data.dataset import Pairs
from training.data.folders import find_samples
from training.data.pool import batches
from training.prepare import PrepareConfig, main


@pytest.fixture(scope="module")
def faces(small_head, tmp_path_factory) -> Path:
    """A folder with two small RGBA pictures and their label maps."""
    folder = tmp_path_factory.mktemp("faces")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for name, step in (("a", 1), ("b", -1)):
        write_png(small_head.image[:, ::step], folder / "images" / f"{name}.png")
        Image.fromarray(small_head.labels[:, ::step].copy()).save(folder / "masks" / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def renders(faces, tmp_path_factory) -> Path:
    """The same pictures as written pairs."""
    out = tmp_path_factory.mktemp("pairs") / "out"
    settings = {"resolution": 128, "min_crop": 64, "parser": "none", "test_share": 0, "write_pairs": True}
    assert main(PrepareConfig(photographs=str(faces), output_dir=str(out), **settings)) == []
    return out / "train"


@pytest.fixture
def config(renders) -> TrainConfig:
    return TrainConfig(train_data_dir=str(renders), train_base=True, resolution=64, train_batch_size=2)


def test_batches_of_ready_pairs_are_addressed_by_step(config):
    first, again = (next(batches(Pairs(find_samples(config.train_data_dir), config), 3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[0].shape == (2, 64, 64, 3)
    assert not torch.equal(*first)


def test_a_ready_pair_is_shown_as_it_is(config, renders):
    pairs = Pairs(find_samples(config.train_data_dir), replace(config, plain_background_share=0))
    clean, degraded = pairs.pair(0, 0)
    for shown, folder in ((clean, "images"), (degraded, "degraded")):
        with Image.open(renders / folder / "a.png") as picture:
            stored = np.asarray(picture, np.float32) / 255
        np.testing.assert_allclose(shown, composite(stored), atol=1e-6)
    np.testing.assert_array_equal(pairs.pair(1, 0)[1], degraded)


def test_a_ready_pair_with_alpha_stands_on_plain_colours_too(config):
    pairs = Pairs(find_samples(config.train_data_dir), replace(config, plain_background_share=1.0))
    corners = []
    for epoch in range(12):
        clean, degraded = pairs.pair(epoch, 0)
        np.testing.assert_array_equal(clean[0, 0], degraded[0, 0])
        corners.append(tuple(clean[0, 0]))
    assert 2 < len(set(corners)) < 12  # white most often


@pytest.mark.parametrize("opaque", ["image", "degraded"])
def test_a_pair_with_one_alpha_teaches_no_other_background(config, small_head, tmp_path, opaque):
    write_png(small_head.image, tmp_path / "image.png")
    write_png(small_head.image, tmp_path / "degraded.png")
    write_png(composite(small_head.image, (0.0, 0.0, 0.0)), tmp_path / f"{opaque}.png")
    row = {"file_name": "image.png", "degraded_file_name": "degraded.png"}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row))
    for share in (0.0, 1.0):
        settings = replace(config, plain_background_share=share, augment=False)
        pairs = Pairs(find_samples(str(tmp_path)), settings)
        for epoch in range(4):
            clean, degraded = pairs.pair(epoch, 0)
            np.testing.assert_allclose(clean, degraded, atol=1.5 / 255)


def test_pairs_and_photographs_train_together(faces, renders):
    samples = find_samples(f"{faces}, {renders}")
    assert [sample.degraded is not None for sample in samples] == [False, False, True, True]
    assert samples[0].name == (faces / "images/a.png").as_posix(), "two samples are called a.png"


def test_a_pictures_own_alpha_cuts_it_out(config, faces, small_head):
    config = replace(config, train_data_dir=str(faces), plain_background_share=1.0)
    clean, _ = Pairs(find_samples(str(faces)), config).pair(0, 0)
    unseen = small_head.image[..., 3] == 0
    assert np.ptp(clean[unseen], axis=0).max() == 0


def test_extras_change_the_degraded_side_only_and_ready_pairs_not_unless_asked_to(config, faces, monkeypatch):
    monkeypatch.setattr("training.data.dataset.augment", lambda image, address: np.zeros_like(image))
    plain = replace(config, plain_background_share=0)

    def pair(folder, **flags):
        return Pairs(find_samples(str(folder)), replace(plain, **flags)).pair(0, 0)

    for folder, flag in ((config.train_data_dir, "augment_pairs"), (faces, "augment")):
        off, on = pair(folder, **{flag: False}), pair(folder, **{flag: True})
        np.testing.assert_array_equal(off[0], on[0])
        assert (off[1] != on[1]).mean() > 0.1
    np.testing.assert_array_equal(pair(config.train_data_dir)[1], pair(config.train_data_dir, augment=False)[1])


def test_what_is_trained_on_is_called_what_it_is(config, faces):
    def contents(folders, **flags):
        return Pairs(find_samples(folders), replace(config, **flags)).contents()

    pairs = config.train_data_dir
    assert contents(pairs) == "2 ready pairs"
    assert contents(pairs, augment_pairs=True) == "2 ready pairs with extras"
    assert contents(f"{faces},{pairs}") == "2 ready pairs; 2 photographs, preset v2, with extras"
    mixture = ("v1=0.5", "v2=0.2", "pairs=0.3")
    assert contents(f"{faces},{pairs}", mixture=mixture, augment=False).endswith("preset v1 and v2, without extras")


def test_pairs_of_two_sizes_are_named(config, tmp_path):
    for name, side in (("clean", 128), ("bad", 160)):
        write_png(np.zeros((side, 128, 3), np.float32), tmp_path / f"{name}.png")
    row = {"file_name": "clean.png", "degraded_file_name": "bad.png"}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row))
    with pytest.raises(ImageError, match=r"bad\.png are 128x128 and 128x160"):
        Pairs(find_samples(str(tmp_path)), config).pair(0, 0)


def test_missing_pictures_and_broken_lines_of_the_metadata_are_named(tmp_path):
    row = {"file_name": "gone.png", "degraded_file_name": "gone_too.png"}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row))
    with pytest.raises(ImageError, match=r"gone\.png, .*gone_too\.png"):
        find_samples(str(tmp_path))
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png"}\n{"file_n')
    with pytest.raises(ImageError, match="line 2"):
        find_samples(str(tmp_path))


def test_a_prepared_folder_given_whole_is_answered_with_its_split(renders):
    with pytest.raises(ImageError, match=f"such as {renders}"):
        find_samples(str(renders.parent))


def test_a_picture_smaller_than_the_crop_is_named(config):
    config = replace(config, resolution=256)
    with pytest.raises(ImageError, match=r"\.png is 128x128 pixels, smaller than the crops of 256"):
        next(batches(Pairs(find_samples(config.train_data_dir), config), 0))


def test_the_preview_shows_the_batches_training_sees_and_says_what_they_are(config, tmp_path, monkeypatch):
    titles, draw = [], preview.sheet

    def noted(title, subtitle, *rest, **options):
        titles.append(subtitle)
        return draw(title, subtitle, *rest, **options)

    monkeypatch.setattr(preview, "sheet", noted)
    sheet = tmp_path / "sheets/preview.png"
    flags = ["--train_data_dir", config.train_data_dir, "--resolution", "64", "--train_batch_size", "2"]
    assert preview.command([*flags, "--rows", "5", "--sheet", str(sheet)]) == 0
    assert titles == [f"{config.train_data_dir}, crops of 64 px: 2 ready pairs"]
    with Image.open(sheet) as picture:
        assert picture.width > 6 * preview.TILE
    shown = preview.rows_of(
        preview.PreviewConfig(train_data_dir=config.train_data_dir, resolution=64, train_batch_size=2, rows=3)
    )
    assert len(shown) == 3
    batch = next(batches(Pairs(find_samples(config.train_data_dir), config), 1))
    third = [tile.picture for tile in shown[2]]
    for picture, crops in zip(third, batch, strict=True):
        np.testing.assert_array_equal(picture, crops[0].numpy().astype(np.float32) / 255)


def test_the_preview_refuses_what_training_refuses(tmp_path, capsys):
    assert preview.command(["--train_data_dir", str(tmp_path)]) == 2
    assert "No pictures in" in capsys.readouterr().err
    with pytest.raises(SettingsError, match="--rows"):
        preview.PreviewConfig(train_data_dir="x", rows=0)
