"""Adapting to one person: pairs looked at and shared out, trained on, and what it brought told."""

import json

import numpy as np
import pytest
from PIL import Image

from enhancer.errors import SettingsError
from enhancer.imaging.io import composite, write_png
from training.adapt import command
from training.adaptation.parts import share_out
from training.adaptation.settings import choose
from training.cli import from_flags, to_flags
from training.config import TrainConfig
from training.data.folders import Sample, find_samples
from training.data.look import look_at

COUNT = 14


@pytest.fixture(scope="module")
def folders(small_head, tmp_path_factory):
    """Frames of a film, and what a render makes of them."""
    folder, clean = tmp_path_factory.mktemp("film"), composite(small_head.image)
    for number in range(COUNT):
        frame = np.roll(clean, 3 * number, axis=1)
        small = Image.fromarray((255 * frame).astype(np.uint8)).resize((40, 40)).resize(frame.shape[1::-1])
        for name, picture in (("frames", frame), ("renders", np.asarray(small, np.float32) / 255)):
            (folder / name).mkdir(exist_ok=True)
            write_png(picture, folder / name / f"{number:03d}.png")
    return folder


def samples_of(folder, clean="frames", degraded="renders"):
    names = sorted(path.name for path in (folder / clean).iterdir())
    return [Sample(name, folder / clean / name, folder / degraded / name) for name in names]


def test_the_blurrier_side_is_the_render_whichever_way_they_are_given(folders):
    right, wrong = look_at(samples_of(folders)), look_at(samples_of(folders, "renders", "frames"))
    assert (right.swapped, wrong.swapped) == (False, True)
    assert [(each.image, each.degraded) for each in wrong.samples] == [
        (each.image, each.degraded) for each in right.samples
    ]
    assert "the sides were swapped" in wrong.said[1]
    assert right.said[0] == f"{COUNT} pairs of {right.side}x{right.side} pixels, without alpha."


def test_a_tint_of_the_renders_is_told(folders, tmp_path):
    pairs = samples_of(folders)
    for pair in pairs:
        warm = np.asarray(Image.open(pair.degraded), np.float32) / 255
        write_png(np.clip(warm + np.array([0.1, 0, 0], np.float32), 0, 1), tmp_path / pair.degraded.name)
    said = look_at([Sample(pair.name, pair.image, tmp_path / pair.degraded.name) for pair in pairs]).said
    assert "differ from the frames in colour" in said[-1]


def test_what_is_no_pair_is_refused(folders):
    with pytest.raises(SettingsError, match="no degraded partner"):
        look_at([Sample("a.png", folders / "frames/000.png")])


def test_neighbours_are_never_on_both_sides_and_a_second_time_nothing_moves(folders, tmp_path):
    samples = samples_of(folders)
    counts = share_out(samples, tmp_path)
    places = {}
    for part in ("train", "validation", "test"):
        found = find_samples(str(tmp_path / part))
        assert len(found) == counts[part] > 0
        places |= {int(each.image.resolve().stem): part for each in found}
    assert len(places) == COUNT - counts[""]
    assert all(places[k] == places[k + 1] for k in range(COUNT - 1) if k in places and k + 1 in places)
    share_out(samples[:9], tmp_path)
    assert len(find_samples(str(tmp_path / "train"))) == counts["train"]


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("whole_base", [False, True])
def test_the_settings_can_be_used_and_crops_fit_the_pictures(gpu, whole_base):
    places = {"train_data_dir": "a", "validation_data_dir": "b", "output_dir": "c", "checkpoint": "pocket"}
    chosen = choose(places, pairs=40, side=300, whole_base=whole_base, gpu=gpu, bfloat16=True, general="faces")
    assert from_flags(TrainConfig, to_flags(chosen), "") == chosen
    assert chosen.resolution == (256 if whole_base else 288)


def test_from_pairs_to_a_judged_checkpoint_and_again(folders, tiny_checkpoint, tmp_path, capsys):
    rows = [{"file_name": f"frames/{k:03d}.png", "degraded_file_name": f"renders/{k:03d}.png"} for k in range(COUNT)]
    (folders / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = tmp_path / "anna"
    argv = [str(folders), "-o", str(made), "--checkpoint", str(tiny_checkpoint), "--minutes", "0.02"]
    assert command(argv) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    outcome = json.loads((made / "outcome/outcome.json").read_text())
    steps = (made / "run/log.jsonl").read_text()
    for told in ("python -m training.train", "95 % interval", "python -m training.push"):
        assert told in said
    gained = outcome["scores"]["psnr"]["over_start"]
    assert gained["interval"][0] <= gained["mean"] <= gained["interval"][1]
    assert set(outcome["elsewhere"]) == {"restored", "no_harm"}
    for name in ("best/config.json", "outcome/sheet.png", "outcome/comparison.html"):
        assert (made / name).is_file()
    assert command(argv) == 0
    assert (made / "run/log.jsonl").read_text() == steps  # finished is finished
    assert json.loads((made / "outcome/outcome.json").read_text()) == outcome


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "holds no pairs"),
        (["a", "b", "c"], "got 3 names"),
        (["head.ply"], "give --captures"),
        (["a", "b", "--captures", "c"], "goes with a splat file"),
        (["a", "--minutes", "0"], "must be above 0"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing_half_made(words, said, tmp_path, capsys):
    assert command([*words, "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
