"""Training pairs from what splat trainers leave behind."""

import json

import cv2
import numpy as np
import pytest

from enhancer.errors import SettingsError
from enhancer.imaging.io import composite, read_image, write_png
from training import pairs
from training.config import TrainConfig
from training.data.avatars import find_views
from training.data.contents import contents_shown, in_words
from training.data.dataset import Pairs
from training.data.folders import find_samples
from training.loop.run_folder import PICTURES, RunFolder


@pytest.fixture
def face(small_head):
    return composite(small_head.image)


@pytest.fixture
def blurred(face):
    return cv2.GaussianBlur(face, (0, 0), 3.0)


def save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(image, path)


@pytest.fixture
def avatar(face, blurred, tmp_path):
    """As INRIA's trainer and GaussianAvatars write it: two splits, two iterations."""
    for split, steps, count in (("train", 30000, 3), ("test", 7000, 2), ("test", 30000, 2)):
        for number in range(count):
            folder = tmp_path / "anna" / split / f"ours_{steps}"
            save(blurred, folder / f"renders/{number:05d}.png")
            save(face, folder / f"gt/{number:05d}.png")
    return tmp_path / "anna"


@pytest.fixture
def canvases(face, blurred, tmp_path):
    """As gsplat's simple_trainer writes them: truth to the left, render to the right."""
    for number in range(2):
        save(np.concatenate([face, blurred], 1), tmp_path / f"ben/renders/val_step29999_{number:04d}.png")
        save(np.concatenate([blurred, blurred], 1), tmp_path / f"ben/renders/val_step6999_{number:04d}.png")
    return tmp_path / "ben"


def test_the_last_unseen_views_are_taken(avatar):
    (views,) = find_views(str(avatar))
    assert (views.split, views.steps, len(views.pairs), views.problems) == ("test", 30000, 2, ())
    assert [pair.name for pair in views.pairs] == ["anna_test_ours_30000_00000", "anna_test_ours_30000_00001"]
    assert len(find_views(str(avatar), "train")[0].pairs) == 3


def test_training_views_are_taken_where_there_are_no_others(avatar, tmp_path):
    (avatar / "test").rename(tmp_path / "elsewhere")
    assert find_views(str(avatar))[0].split == "train"


def test_what_has_no_partner_is_named(avatar):
    (avatar / "test/ours_30000/gt/00001.png").unlink()
    (views,) = find_views(str(avatar))
    assert len(views.pairs) == 1
    assert [problem.rpartition("/")[2] for problem in views.problems] == ["gt."]
    assert "00001.png has no partner" in views.problems[0]


def test_pairs_of_several_avatars_become_a_data_set(avatar, canvases, face, blurred, tmp_path, capsys):
    out = tmp_path / "out"
    argv = ["--renders", f"{avatar},{canvases}", "--output_dir", str(out), "--parser", "none", "--test_share", "0"]
    small = ["--resolution", str(face.shape[0]), "--min_crop", "64"]
    assert pairs.command([*argv, *small]) == 0
    said = capsys.readouterr().out
    assert "2 pairs of test views after 30000 steps" in said
    assert "2 pairs of val views after 29999 steps" in said
    samples = find_samples(str(out / "train"))
    assert len(samples) == 4
    for sample in samples:
        assert sample.degraded is not None
        np.testing.assert_allclose(read_image(sample.image), face, atol=1 / 255)
        np.testing.assert_allclose(read_image(sample.degraded), blurred, atol=1 / 255)
    assert json.loads((out / "prepare.json").read_text())["renders"]
    assert pairs.command([*argv, *small]) == 0  # goes on, with nothing to do


@pytest.mark.parametrize(
    ("folders", "views", "said"),
    [
        ("nowhere", "", "There is no folder nowhere"),
        ("{avatar}", "val", "has no views called 'val', only test, train"),
        ("{avatar}/test/ours_7000/gt", "", "holds neither ours_ITERATION/renders with gt beside it, nor canvases"),
    ],
)
def test_what_holds_no_pairs_is_said(avatar, folders, views, said):
    with pytest.raises(SettingsError, match=said):
        find_views(folders.format(avatar=avatar), views)


def test_without_a_source_the_command_says_so(capsys):
    assert pairs.command(["--output_dir", "x"]) == 2
    assert "Give --renders" in capsys.readouterr().err


def test_every_kind_of_views_can_be_had_at_once(avatar):
    found = find_views(str(avatar), "all")
    assert [(views.split, views.steps, len(views.pairs)) for views in found] == [
        ("test", 30000, 2),
        ("train", 30000, 3),
    ]


def test_neighbours_are_never_on_both_sides_and_rows_say_which_views_they_show(face, blurred, tmp_path, capsys):
    for number in range(12):
        folder = tmp_path / "anna/test/ours_30000"
        save(blurred, folder / f"renders/{number:05d}.png")
        save(face, folder / f"gt/{number:05d}.png")
    out = tmp_path / "out"
    small = ["--resolution", str(face.shape[0]), "--min_crop", "64", "--parser", "none", "--test_share", "0.25"]
    assert pairs.command(["--renders", str(tmp_path / "anna"), "--output_dir", str(out), *small]) == 0
    numbers = {}
    for part in ("train", "test"):
        samples = find_samples(str(out / part))
        numbers[part] = [int(sample.name[-9:-4]) for sample in samples]
        assert {sample.view for sample in samples} == {"test"}
    assert len(numbers["test"]) == 3
    assert min(abs(one - other) for one in numbers["test"] for other in numbers["train"]) > 1
    assert "2 of them are left out" in capsys.readouterr().out


def test_a_run_notes_which_views_it_was_shown(avatar, face, tmp_path):
    """What the card says of a run comes from its config.json, since the pictures may be elsewhere by then."""
    out = tmp_path / "out"
    argv = ["--renders", str(avatar), "--output_dir", str(out), "--parser", "none", "--test_share", "0"]
    assert pairs.command([*argv, "--resolution", str(face.shape[0]), "--min_crop", "64"]) == 0
    config = TrainConfig(
        train_data_dir=str(out / "train"), output_dir=str(tmp_path / "run"), mixture=("pairs=0.9", "clean=0.1")
    )
    shown = contents_shown(Pairs(find_samples(config.train_data_dir), config).sources)
    assert shown == {"photographs": 0, "pairs": {"test": 2}}
    assert in_words(shown) == "2 ready pairs, rendered at views that the splats were not fitted to"
    RunFolder(config, {"data": "a", PICTURES: shown})
    RunFolder(config, {"data": "a", PICTURES: shown | {"photographs": 1}})  # words, which are no reason to refuse
    (tmp_path / "run/checkpoint-1").mkdir()
    (tmp_path / "run/checkpoint-1/training_state.pt").touch()  # it has begun
    with pytest.raises(SettingsError, match="data was 'a' and is now 'b'"):
        RunFolder(config, {"data": "b", PICTURES: shown})
