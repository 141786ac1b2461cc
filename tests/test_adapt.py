"""Adapting to one person: pairs looked at and shared out, trained on, and what it brought told."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from enhancer.errors import SettingsError
from enhancer.imaging.io import composite, write_png
from tests.runs import assert_same_weights
from tests.tiny import tiny_model
from training.adapt import command
from training.adaptation import interpolation
from training.adaptation.parts import share_out
from training.adaptation.settings import choose
from training.adaptation.settling import settle
from training.cli import from_flags, to_flags
from training.config import TrainConfig
from training.data.folders import Sample, find_samples
from training.data.look import look_at
from training.loop.run_folder import read_validations
from training.publish.checkpoint import PushOptions, gather

COUNT = 14


@pytest.fixture(scope="module")
def folders(small_head, tmp_path_factory):
    """Frames of a film, and what a render makes of them."""
    return film(tmp_path_factory.mktemp("film"), composite(small_head.image))


def film(folder, clean):
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
    argv = [str(folders), "-o", str(made), "--checkpoint", str(tiny_checkpoint), "--max_train_steps", "3"]
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
    (sent := tmp_path / "sent").mkdir()
    gather(made / "best", "user/repo", PushOptions(picture="own"), sent)
    card = (sent / "README.md").read_text()
    assert "(sheet.png)" in card
    assert (sent / "sheet.png").read_bytes() == (made / "outcome/sheet.png").read_bytes()
    assert card.count("anna") > 1
    assert f"on {outcome['pictures']} pairs that it never saw" in card
    assert "mean of" in card  # the scores on those pairs
    assert command([*argv[:-1], "4"]) == 0  # with more to do a finished one goes on
    assert len((made / "run/log.jsonl").read_text().splitlines()) == 4


# What is there when each part of the work has begun, in this order
MOMENTS = (
    "prepared/done.jsonl",
    "data/train",
    "general/done.jsonl",
    "run/best.json",
    "run/checkpoint-20",
    "run/checkpoint-40",
    "best",
    "outcome/start/rows.jsonl",
    "outcome/adapted/rows.jsonl",
    "outcome/elsewhere/start/rows.jsonl",
)


@pytest.mark.slow
def test_killed_at_any_moment_and_started_again_it_ends_the_same(head, tiny_checkpoint, tmp_path, root):
    folders = film(tmp_path, composite(head.image[::2, ::2]))

    def start(output):
        words = [str(folders / "renders"), str(folders / "frames"), "-o", str(output), "--checkpoint", tiny_checkpoint]
        words += ["--max_train_steps", "40", "--minutes", "60"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", "training.adapt", *words], cwd=root, env=environment, stdout=subprocess.DEVNULL
        )

    whole, killed = tmp_path / "whole/anna", tmp_path / "killed/anna"
    assert start(whole).wait() == 0
    for moment in MOMENTS:
        process = start(killed)
        while not (killed / moment).exists():
            assert process.poll() is None, moment
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert start(killed).wait() == 0
    for name in ("best", "run/best"):
        assert_same_weights(killed / name, whole / name)
    for name in ("best.json", "run/best.json", "outcome/outcome.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    # Step 0 may be there twice: it was killed before its first checkpoint
    assert read_validations(killed / "run") == read_validations(whole / "run")


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
    assert not (tmp_path / "out").exists()


def test_weights_go_back_towards_the_start_until_other_faces_keep_enough(monkeypatch):
    start, adapted = tiny_model(), tiny_model()
    with torch.no_grad():
        for each in adapted.parameters():
            each.add_(1)
    losses = {"restored": iter((0.9, 0.7, 0.2)), "clean": iter((0.9, 0.2, 0.1))}
    monkeypatch.setattr(
        interpolation,
        "_means",
        lambda model, pictures: {kind: 30.0 - (next(losses[kind]) if model is adapted else 0) for kind in losses},
    )
    mixed = interpolation.mix(start, adapted, [[]])
    assert mixed.share == interpolation.SHARES[2] == 0.6
    assert mixed.forgotten == pytest.approx({"restored": 0.2, "clean": 0.1})
    assert not mixed.is_much
    for first, last in zip(start.parameters(), adapted.parameters(), strict=True):
        torch.testing.assert_close(last - first, torch.full_like(first, 0.6))


def test_what_was_made_of_an_earlier_checkpoint_goes_with_it(tiny_checkpoint, tmp_path):
    run, output, outdated = tmp_path / "run", tmp_path / "anna", tmp_path / "outcome"

    def settled(step, seed):
        tiny_model(seed).save_pretrained(run / "best")
        (run / "best.json").write_text(json.dumps({"step": step}))
        outdated.mkdir(exist_ok=True)
        settle(tiny_checkpoint, run, output, [], [outdated])
        return outdated.exists()

    assert not settled(20, 1)
    assert json.loads((output / "best/config.json").read_text())["name"] == "anna"
    assert settled(20, 1)  # the same again: nothing is written, nothing lost
    assert not settled(40, 2)
    assert_same_weights(output / "best", run / "best")


def test_a_model_that_learnt_nothing_forgets_nothing(train_faces):
    pictures = interpolation.pictures_of(find_samples(str(train_faces)))
    assert {kind for kind, *_ in pictures} == {"restored", "clean"}
    mixed = interpolation.mix(tiny_model(), tiny_model(), [pictures, pictures])
    assert (mixed.share, mixed.forgotten) == (1.0, {"restored": 0.0, "clean": 0.0})
