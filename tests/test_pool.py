"""The pool crops are drawn from: addressed, bounded, the same after a resume, and what each setting shows of the data."""

import logging
from collections import Counter
from dataclasses import replace
from itertools import islice

import cv2
import numpy as np
import pytest
import torch

from enhancer.errors import ImageError, SettingsError
from enhancer.imaging.io import write_png
from training.config import TrainConfig
from training.data.dataset import Pairs
from training.data.folders import find_samples
from training.data.pool import Batch, Pool, batches, to_grey


def pairs_of(config: TrainConfig, **changes) -> Pairs:
    config = replace(config, **changes)
    return Pairs(find_samples(config.train_data_dir), config)


def assert_same(ours: list[Batch], theirs: list[Batch]) -> None:
    assert len(ours) == len(theirs) > 0
    for first, second in zip(ours, theirs, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.fixture
def pooled(train_config) -> TrainConfig:
    """Two crops a batch out of four pictures, each worth two; then a phase of larger crops."""
    return replace(
        train_config,
        train_batch_size=2,
        crops_per_image=2,
        pool_size=4,
        phases=("3:80:4",),
        max_train_steps=5,
        plain_background_share=0,
        augment=False,
    )


def test_a_step_gives_the_same_batch_whenever_it_begins(train_config, pooled):
    for config in (train_config, pooled):
        whole = list(batches(pairs_of(config), 0))
        assert_same(whole[2:], list(batches(pairs_of(config), 2)))
        assert_same(whole[4:], list(batches(pairs_of(config), 4)))
        assert not torch.equal(whole[0][1], whole[1][1])


def test_workers_prepare_the_same_batches(pooled):
    assert_same(list(batches(pairs_of(pooled), 0)), list(batches(pairs_of(pooled, dataloader_num_workers=1), 0)))


def test_workers_start_after_opencv_used_threads_here(pooled):
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((1024, 1024, 3), np.float32), (0, 0), 9.0)  # large enough to be shared out
    assert len(list(batches(pairs_of(pooled, dataloader_num_workers=1), 0))) == pooled.max_train_steps


def test_a_phase_changes_the_crops(pooled):
    shapes = [clean.shape for clean, _ in batches(pairs_of(pooled), 0)]
    assert shapes == [(2, 64, 64, 3)] * 3 + [(4, 80, 80, 3)] * 2


def test_two_processes_see_in_a_step_what_one_sees_with_twice_the_batch(train_config):
    config = replace(train_config, gradient_accumulation_steps=2, max_train_steps=3)
    alone = list(batches(pairs_of(config, train_batch_size=2), 1))
    halves = [list(batches(pairs_of(config), 1, place, 2)) for place in (0, 1)]
    assert_same(alone, [tuple(map(torch.cat, zip(*parts, strict=True))) for parts in zip(*halves, strict=True)])


def test_a_picture_serves_as_many_crops_as_it_is_worth_and_the_pool_stays_bounded(pooled, monkeypatch):
    made = []
    genuine = Pairs.__getitem__
    monkeypatch.setattr(Pairs, "__getitem__", lambda self, number: made.append(number) or genuine(self, number))
    pool = Pool(pairs_of(pooled), 0)
    for crop in range(10):
        pool.crop(crop, 64)
        assert len(pool.pictures) == 4
        assert made == list(range(4 + crop // 2))


def test_the_pool_is_drawn_from_evenly(pooled, monkeypatch):
    numbered = [torch.full((80, 80, 3), number, dtype=torch.uint8) for number in range(80)]
    monkeypatch.setattr(Pairs, "__getitem__", lambda self, number: (numbered[number], numbered[number]))
    pool = Pool(pairs_of(pooled, max_train_steps=100), 0)
    drawn = [int(pool.crop(crop, 64)[0][0, 0, 0]) for crop in range(120)]
    ages = Counter(number - crop // 2 for crop, number in enumerate(drawn))
    assert ages.keys() == {0, 1, 2, 3}
    assert min(ages.values()) > 15


def test_crops_are_cut_alike_from_both_pictures_rounded_to_bytes_and_mirrored_half_of_the_time(pooled):
    pairs = pairs_of(pooled, mixture=("clean=1",), max_train_samples=1, max_train_steps=20, phases=())
    picture = (pairs.pair(0, 0, "clean")[0] * 255 + 0.5).astype(np.uint8)
    found = []
    for clean, degraded in batches(pairs, 0):
        assert torch.equal(clean, degraded)
        for crop in clean.numpy():
            mirrored = [is_part(crop[:, ::step], picture) for step in (1, -1)]
            assert any(mirrored)
            found.append(mirrored.index(True))
    assert 5 < sum(found) < 35


def is_part(crop: np.ndarray, picture: np.ndarray) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(picture[..., 1], crop.shape[:2])
    return bool((windows == crop[..., 1]).all((2, 3)).any())


def test_grey_crops_are_grey_on_both_sides(pooled):
    for clean, degraded in islice(batches(pairs_of(pooled, grey_share=1.0), 0), 2):
        for batch in (clean, degraded):
            assert torch.equal(batch[..., 0], batch[..., 1])
            assert torch.equal(batch[..., 1], batch[..., 2])
    assert to_grey(torch.tensor([[[255, 0, 0]]], dtype=torch.uint8)).tolist() == [[[76, 76, 76]]]


def test_a_mixture_shows_each_kind_in_its_share(pooled, monkeypatch):
    kinds = []

    def noted(_self, _epoch, _index, kind):
        kinds.append(kind)
        return np.zeros((2, 80, 80, 3), np.float32)

    monkeypatch.setattr(Pairs, "pair", noted)
    pairs = pairs_of(pooled, mixture=("v1=0.5", "v2=0.3", "clean=0.2"))
    for number in range(400):
        pairs[number]
    counts = Counter(kinds)
    assert counts["v1"] == pytest.approx(200, abs=30)
    assert counts["v2"] == pytest.approx(120, abs=30)
    assert counts["clean"] == pytest.approx(80, abs=30)


def test_presets_of_a_mixture_degrade_differently_and_clean_pictures_are_left_alone(train_config):
    pairs = pairs_of(train_config, mixture=("v1=0.5", "v2=0.4", "clean=0.1"), full_severity_share=1.0)
    clean, left = pairs.pair(0, 0, "clean")
    np.testing.assert_array_equal(clean, left)
    first, second = (pairs.pair(0, 0, kind)[1] for kind in ("v1", "v2"))
    assert (first != second).mean() > 0.5


@pytest.mark.parametrize("kind", ["pairs", "v2"])
def test_a_mixture_that_asks_for_what_is_not_there_is_refused(kind, train_config, tmp_path):
    folder = train_config.train_data_dir
    if kind == "v2":
        folder = tmp_path
        write_png(np.zeros((64, 64, 3), np.float32), tmp_path / "a.png")
        (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "degraded_file_name": "a.png"}')
    with pytest.raises(SettingsError, match=f"gives '{kind}' a share of 1, and --train_data_dir {folder} holds no"):
        pairs_of(train_config, train_data_dir=str(folder), mixture=(f"{kind}=1",))


def test_a_picture_that_cannot_be_read_is_named_once_and_another_takes_its_place(train_config, broken_faces, caplog):
    pairs = pairs_of(train_config, train_data_dir=str(broken_faces))
    with caplog.at_level(logging.WARNING):
        assert len(list(batches(pairs, 0))) == train_config.max_train_steps
    assert len(caplog.messages) == 1
    assert "broken.png" in caplog.messages[0]
    assert "takes its place" in caplog.messages[0]


@pytest.mark.parametrize("workers", [0, 1])
def test_pictures_of_which_none_can_be_read_end_in_a_sentence_that_names_the_first(workers, train_config, broken_faces):
    for name in "ab":
        (broken_faces / f"images/{name}.png").write_bytes(b"no picture")
    config = replace(train_config, train_data_dir=str(broken_faces), dataloader_num_workers=workers)
    with pytest.raises(ImageError, match=r"^\w+\.png is not a picture"):
        next(batches(pairs_of(config), 0))
