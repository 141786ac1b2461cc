"""Restoring a folder: reading ahead, writing behind, going on where a run stopped."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhancer.__main__ import main
from enhancer.commands.finished import FinishedPictures
from enhancer.commands.pipeline import IN_FLIGHT, Pipeline
from enhancer.errors import CheckpointError, ImageError
from enhancer.imaging.io import composite, read_image, write_png
from enhancer.imaging.provenance import png_bytes
from enhancer.parts import Restorer
from enhancer.service import Service
from tests.stand_ins import KnownParser, PlainScorer, mirrored

WAIT = 20  # seconds after which a test gives up on another thread


class Killed(BaseException):
    """Ends a run where it stands, as a signal would."""


def through(
    items,
    read=lambda item: item,
    work=lambda item, given: given,
    write=lambda item, made: made,
    weigh=lambda given: 1,
    heaviest=1,
):
    """Take items through a pipeline that does nothing much unless told otherwise; returns the outcomes."""
    outcomes = []
    with Pipeline(lambda *told: outcomes.append(told), 2, heaviest) as pipeline:
        for item, given in pipeline.read(items, read, weigh):
            with pipeline.failing(item):
                pipeline.write(item, write, work(item, given))
    return outcomes


def test_outcomes_come_in_order_and_errors_beside_them():
    def work(item, read):
        if item == 2:
            raise ImageError("no good")
        return 10 * read

    outcomes = through(range(5), work=work)
    assert [item for item, _ in outcomes if item != 2] == [0, 1, 3, 4]
    assert {item: outcome for item, outcome in outcomes if item != 2} == {0: 0, 1: 10, 3: 30, 4: 40}
    assert [str(outcome) for item, outcome in outcomes if item == 2] == ["no good"]


def test_the_next_is_read_and_the_last_is_written_during_the_work():
    read, written = [threading.Event() for _ in range(3)], [threading.Event() for _ in range(3)]

    def work(item, _):
        assert item == 2 or read[item + 1].wait(WAIT)
        assert item == 0 or written[item - 1].wait(WAIT)

    outcomes = through(
        range(3), read=lambda item: read[item].set(), work=work, write=lambda item, _: written[item].set()
    )
    assert len(outcomes) == 3


@pytest.mark.parametrize(("weight", "most"), [(1, 6), (IN_FLIGHT // 4, 4), (2 * IN_FLIGHT, 1)])
def test_pictures_do_not_pile_up(weight, most):
    held, peak, lock = set(), [0], threading.Lock()

    def read(item):
        with lock:
            held.add(item)
            peak[0] = max(peak[0], len(held))
        return item

    def write(item, made):
        time.sleep(0.002)  # slower than reading: they would pile up here
        held.remove(item)

    through(range(20), read=read, write=write, weigh=lambda read: weight, heaviest=weight)
    assert 1 <= peak[0] <= most


def test_what_would_fail_for_every_picture_ends_the_run_after_the_writing():
    written = []

    def work(item, read):
        if item == 3:
            raise CheckpointError("nothing to work with")

    def write(item, made):
        time.sleep(0.02)
        written.append(item)

    with pytest.raises(CheckpointError):
        through(range(9), work=work, write=write)
    assert sorted(written) == [0, 1, 2]


def test_what_cannot_be_read_or_written_is_told_and_the_rest_is_done():
    def failing_at(bad):
        def stage(item, *_):
            if item == bad:
                raise ImageError(f"{item} is no good")
            return item

        return stage

    outcomes = dict(through(range(4), read=failing_at(1), write=failing_at(2)))
    assert {item: str(outcome) for item, outcome in outcomes.items()} == {
        0: "0",
        1: "1 is no good",
        2: "2 is no good",
        3: "3",
    }


@pytest.fixture
def pictures(small_head, tmp_path, monkeypatch):
    """A folder of four pictures, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    image = composite(small_head.image)
    for number, name in enumerate("abcd"):
        write_png(np.roll(image, 9 * number, axis=1), tmp_path / "in" / f"{name}.png")
    return tmp_path / "in"


@pytest.fixture
def restored(small_head):
    """Run the command on a folder; returns how many pictures the model saw."""

    def run(*argv, sha="1"):
        seen = []

        def mirror(rgb):
            seen.append(rgb)
            return rgb[:, ::-1].copy()

        def load(checkpoint, **options):
            return Service(KnownParser(small_head.labels), Restorer(mirror, "mirror", sha), PlainScorer())

        assert main([str(word) for word in ("restore", "in", "-o", "out", "--json", "r.json", *argv)], load=load) == 0
        return len(seen)

    return run


def report():
    return json.loads(Path("r.json").read_text())["images"]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_what_is_done_is_skipped_and_reported_as_it_was(restored, pictures, capsys):
    assert restored("--degrade") == 4
    first = report()
    assert "4 pictures restored" in capsys.readouterr().out
    assert restored("--degrade") == 0
    assert report() == first
    assert all(row["scores"] for row in first)
    assert "4 were there already (--overwrite" in capsys.readouterr().out
    assert restored("--degrade", "--overwrite") == 4


@pytest.mark.parametrize("argv", [["--degrade"], ["--reference", "in"], ["--labels", "in"]], ids=lambda argv: argv[0])
def test_other_settings_restore_anew_and_so_does_going_back(argv, restored, pictures, small_head):
    for name in "abcd":
        Image.fromarray(small_head.labels).save(pictures / f"{name}_labels.png")
    assert restored() == 4
    assert restored(*argv) == 4
    assert restored() == 4


def test_another_checkpoint_and_another_seed_restore_anew(restored, pictures):
    assert restored("--degrade") == 4
    assert restored("--degrade", sha="2") == 4
    assert restored("--degrade", "--seed", 1, sha="2") == 4
    assert restored("--degrade", "--seed", 1, sha="2") == 0


def test_only_what_changed_is_restored_again(restored, pictures, tmp_path):
    assert restored() == 4
    write_png(1 - read_image(pictures / "a.png"), pictures / "a.png")  # another source
    (tmp_path / "out/b.png").unlink()
    (tmp_path / "out/c.png").write_bytes(b"something else")
    assert restored() == 3
    assert restored() == 0
    np.testing.assert_array_equal(read_image("out/a.png"), mirrored(read_image(pictures / "a.png")))


def test_a_single_picture_is_always_restored(restored, pictures, tmp_path, small_head):
    for _ in range(2):
        assert (
            main(
                ["restore", "in/a.png", "-o", "one"],
                load=lambda *_, **__: Service(KnownParser(small_head.labels), Restorer(lambda rgb: rgb, "same"), None),
            )
            == 0
        )
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["a.png"]


@pytest.mark.parametrize("calls", range(1, 28, 3))
def test_killed_anywhere_and_repeated_nothing_is_lost_and_nothing_finished_is_done_twice(
    calls, restored, pictures, tmp_path, monkeypatch
):
    """Every way to the disk is cut after so many calls, as it is for a killed process: cleaning up included."""
    restored("--degrade", "-o", "whole")
    left, lock = [calls], threading.Lock()

    def mortal(real):
        def call(path, *given, **options):
            if path.parent.name == "out":
                with lock:
                    left[0] -= 1
                if left[0] < 0:
                    raise Killed
            return real(path, *given, **options)

        return call

    with monkeypatch.context() as patched:
        for name in ("replace", "open", "unlink"):
            patched.setattr(Path, name, mortal(getattr(Path, name)))
        with pytest.raises(Killed):
            restored("--degrade")
    finished = [name for name in files(tmp_path / "out") if "degraded" not in name]
    assert restored("--degrade") == 4 - len(finished)
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_a_picture_with_the_longest_name_is_restored(restored, pictures, tmp_path):
    (pictures / "a.png").rename(pictures / f"{'a' * 251}.png")  # 255 bytes
    assert restored() == 4
    assert (tmp_path / f"out/{'a' * 251}.png").is_file()
    assert restored() == 0


def test_two_runs_at_once_do_not_hinder_each_other(small_head, tmp_path):
    pictures = {tmp_path / name: png_bytes(small_head.image) for name in ("a_degraded.png", "a.png")}

    def run(_):
        finished = FinishedPictures(tmp_path)
        for _ in range(10):
            finished.add({"name": "a"}, pictures, {})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert {path.name for path in tmp_path.iterdir()} == {
        "a.png",
        "a_degraded.png",
        ".splat-enhancer-0.jsonl",
    }
    lines = (tmp_path / ".splat-enhancer-0.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [{}] * 40
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), read_image(tmp_path / "a_degraded.png"))


def test_a_line_that_was_cut_off_spoils_no_other(restored, pictures, tmp_path):
    assert restored() == 4
    journal = tmp_path / "out/.splat-enhancer-0.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20] + b"\xff")
    assert restored() == 1
    assert restored() == 0
