"""Clips restored by the command line and the job under it: stopped and gone on with, shared, scored, refused."""

import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from enhancer.__main__ import main
from enhancer.errors import VideoError
from enhancer.imaging.io import composite, read_image, to_bytes, write_png
from enhancer.metrics.scores import Scorer
from enhancer.parts import Restorer
from enhancer.seeding import rng_for
from enhancer.service import Service
from enhancer.video import job
from enhancer.video.job import KeptFrames, Share, Steadying, work_on
from enhancer.video.reading import Frame, MadeClip, open_clip
from tests.stand_ins import KnownParser

COUNT = 9
STEADY = Steadying(1.0)


@pytest.fixture(scope="module")
def frames(small_head):
    """A head with noise, moving to the right, at uneven times."""
    rgb = to_bytes(composite(small_head.image))
    noise = [rng_for(3, t).normal(0, 4, rgb.shape) for t in range(COUNT)]
    moved = [np.clip(np.roll(rgb, 2 * t, 1) + noise[t], 0, 255).astype(np.uint8) for t in range(COUNT)]
    return [Frame(3 * t + t % 2, picture) for t, picture in enumerate(moved)]


@pytest.fixture
def clip(frames):
    return MadeClip(lambda: iter(frames), frames[0].picture.shape[:2], COUNT, has_alpha=False)


def darker(number, image):
    return image * 0.9


def content(kept):
    return {path.name: path.read_bytes() for path in kept.folder.iterdir()}


# --- the job -------------------------------------------------------------------------------------------------------


def test_frames_are_kept_without_loss_at_their_times(clip, frames, tmp_path):
    kept = KeptFrames(tmp_path / "kept")
    assert work_on(clip, kept, lambda _, image: image) == COUNT
    for found, given in zip(kept.frames(), frames, strict=True):
        assert found.pts == given.pts
        np.testing.assert_array_equal(found.picture, given.picture)


@pytest.mark.parametrize("stop", [1, 4, 8])
def test_a_job_that_was_stopped_goes_on_and_ends_with_the_same_bytes(clip, tmp_path, stop):
    whole, kept = KeptFrames(tmp_path / "whole"), KeptFrames(tmp_path / "kept")
    work_on(clip, whole, darker, STEADY)
    worked = []

    def stopped(number, image):
        if len(worked) == stop:
            raise KeyboardInterrupt
        worked.append(number)
        return darker(number, image)

    with pytest.raises(KeyboardInterrupt):
        work_on(clip, kept, stopped, STEADY)
    assert len(kept.numbers()) == stop
    stop = COUNT + 1
    work_on(clip, kept, stopped, STEADY)
    assert worked == list(range(COUNT))  # none twice
    assert content(kept) == content(whole)


def test_two_processes_share_a_clip_and_end_with_the_same_bytes(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "BLOCK", 2)
    alone, shared = KeptFrames(tmp_path / "alone"), KeptFrames(tmp_path / "shared")
    work_on(clip, alone, darker, STEADY)
    work_on(clip, shared, darker, STEADY, Share(1, 2))
    assert shared.numbers() == {2, 3, 6, 7}
    work_on(clip, shared, darker, STEADY, Share(0, 2))
    assert content(shared) == content(alone)


def test_a_damaged_clip_keeps_what_came_before(frames, tmp_path):
    def cut_off():
        yield from frames[:6]
        raise VideoError("cut off")

    clip, kept = MadeClip(cut_off, frames[0].picture.shape[:2], None, has_alpha=False), KeptFrames(tmp_path / "kept")
    with pytest.raises(VideoError, match="cut off"):
        work_on(clip, kept, darker, STEADY)
    assert kept.numbers() == {0, 1, 2, 3}


def test_frames_are_read_as_they_are_needed(frames, tmp_path):
    read, ahead = 0, []

    def counted():
        nonlocal read
        for frame in frames:
            read += 1
            yield frame

    clip = MadeClip(counted, frames[0].picture.shape[:2], None, has_alpha=False)
    work_on(clip, KeptFrames(tmp_path), lambda number, image: ahead.append(read - number) or image, STEADY)
    assert max(ahead) == 3  # itself and two to come


# --- the command line ----------------------------------------------------------------------------------------------


@pytest.fixture
def run(small_head, tmp_path, monkeypatch):
    """Run the command line on a stand-in that darkens, in an empty folder."""

    def load(checkpoint, **options):
        scorer = Scorer() if options["lpips_net"] else None
        return Service(KnownParser(small_head.labels), Restorer(lambda rgb: rgb * 0.9, "darker"), scorer)

    monkeypatch.chdir(tmp_path)
    return partial(_run, load)


def _run(load, *argv):
    return main([str(argument) for argument in argv], load=load)


@pytest.fixture
def folder(frames, tmp_path):
    """The frames as pictures."""
    path = tmp_path / "frames"
    path.mkdir()
    for number, frame in enumerate(frames[:5]):
        write_png(frame.picture.astype(np.float32) / 255, path / f"{number}.png")
    return path


@pytest.fixture
def video(run, folder):
    """The frames as a file, through the command itself."""
    pytest.importorskip("av", reason="needs pip install -e '.[video]'")
    assert run("restore", folder, "-o", "given.mp4", "--steady", 0) == 0
    return "given.mp4"


def test_a_folder_of_frames_becomes_a_clip(video):
    assert len(list(open_clip(Path(video)).frames())) == 5


def test_a_clip_becomes_a_clip_and_nothing_else_stays(run, video, tmp_path, capsys):
    assert run("restore", video, "-o", "out.mp4") == 0
    assert "given.mp4 -> out.mp4  darker  5 frames" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "given.mp4", "out.mp4"]


def test_a_clip_becomes_frames_frame_by_frame_as_pictures_do(run, video, folder, tmp_path):
    assert run("restore", video, "-o", "out", "--steady", 0) == 0
    given = [frame.picture for frame in open_clip(tmp_path / video).frames()]
    for number, picture in enumerate(given):
        write_png(picture.astype(np.float32) / 255, tmp_path / "one.png")
        assert run("restore", "one.png", "-o", "alone") == 0
        np.testing.assert_array_equal(read_image(f"out/{number:06d}.png"), read_image("alone/one.png"))


def test_scores_of_frames_and_of_flicker_are_reported(run, video):
    assert (
        run("restore", video, "-o", "out.mp4", "--reference", video, "--json", "report.json", "--strip", "strip.png")
        == 0
    )
    assert read_image("strip.png").shape[1] == 3 * 5 * 16 + 2 * 8
    (row,) = json.loads(Path("report.json").read_text())["clips"]
    assert row["frames"] == len(row["images"]) == 5
    assert row["scores"]["restored"]["psnr"] == pytest.approx(
        np.mean([each["scores"]["restored"]["psnr"] for each in row["images"]])
    )
    assert row["images"][2]["time"] == pytest.approx(2 / 25)
    assert row["flicker"]["restored"]["warping_error"] > 0
    assert row["flicker"]["restored"]["temporal_psnr"] > 20


def test_a_clean_clip_is_degraded_frame_by_frame_first(run, video):
    assert run("restore", video, "-o", "out.mp4", "--degrade", "--json", "report.json") == 0
    (row,) = json.loads(Path("report.json").read_text())["clips"]
    damage = [each["scores"]["degraded"]["psnr"] for each in row["images"]]
    assert len(set(damage)) == 5
    assert Path("out_degraded.mp4").is_file()


def test_a_cloud_becomes_a_turntable_with_alpha(run, root, tmp_path):
    pytest.importorskip("av", reason="needs pip install -e '.[video]'")
    cloud = root / "examples/splats/head_02.ply"
    assert run("restore", cloud, "-o", "turn.mov", "--orbit", 3, "--size", 64) == 0
    clip = open_clip(tmp_path / "turn.mov")
    assert (clip.size, clip.has_alpha, len(list(clip.frames()))) == ((64, 64), True, 3)


def test_an_interrupted_clip_goes_on(run, video, monkeypatch, tmp_path, capsys):
    assert run("restore", video, "-o", "whole", "--steady", 1) == 0
    calls = 0
    add = KeptFrames.add

    def interrupted(self, number, frame):
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        add(self, number, frame)

    monkeypatch.setattr(KeptFrames, "add", interrupted)
    assert run("restore", video, "-o", "out") == 130
    assert not (tmp_path / "out").exists()
    assert run("restore", video, "-o", "out") == 0
    assert calls == 3 + 3  # two were kept
    for number in range(5):
        name = f"{number:06d}.png"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("-o", "given.mp4"), "The result would replace given.mp4"),
        (("-o", "a.wmv"), "Clips are written as .mp4"),
        (("-o", "frames"), "need a folder that is empty or new"),
        (("-o", "a.mp4", "--steady", "2"), "--steady lies in 0 to 1, got 2"),
        (("-o", "a.mp4", "--bits", "16"), "--bits is for pictures"),
        (("-o", "a.mp4", "--motion", "frames"), "frames holds 0 .npy or .flo files that lead forward"),
        (("-o", "a.mp4", "--motion", "frames", "--steady", "0"), "Leave out one"),
        (("-o", "a.mp4", "--orbit", "3"), "--orbit is for clouds"),
        (("-o", "a.mp4", "--reference", "frames/0.png"), "another number of frames"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(run, video, tmp_path, capsys, flags, said):
    before = sorted(tmp_path.iterdir())
    capsys.readouterr()
    assert run("restore", video, *flags) == 2
    answer = capsys.readouterr()
    assert re.search(said, answer.err)
    assert len(answer.err.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_flags_of_clips_are_refused_for_pictures(run, folder, capsys):
    assert run("restore", folder, "--steady", "0.5") == 2
    assert "--steady is for clips" in capsys.readouterr().err


def test_a_text_is_no_clip(run, tmp_path, capsys):
    pytest.importorskip("av", reason="needs pip install -e '.[video]'")
    (tmp_path / "a.mp4").write_text("hello")
    assert run("restore", "a.mp4", "-o", "b.mp4") == 2
    assert capsys.readouterr().err.startswith("a.mp4 is no video that can be read here.")
