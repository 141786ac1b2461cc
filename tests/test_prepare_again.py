"""Preparing a data set goes on after a kill, keeps what is done, and names what it cannot use."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from enhancer.errors import EnhancerError, ImageError, SettingsError
from enhancer.runtime.files import STALE
from tests.small_faces import flags, put_face, rows, small_config, tree
from training import prepare
from training.data import output
from training.prepare import PrepareConfig, command, main


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Figures take longer than all the rest of a small run."""
    monkeypatch.setattr(prepare, "draw_figures", lambda *_: [])


@pytest.fixture
def config(small_head, tmp_path) -> PrepareConfig:
    return small_config(small_head, tmp_path)


@pytest.fixture
def source(config) -> Path:
    return Path(config.photographs)


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
    half = Path(config.output_dir) / "train/images/.0123.unfinished"
    half.write_bytes(b"half a picture")
    os.utime(half, (time.time() - STALE - 60,) * 2)
    done_before = journal.read_bytes().count(b"\n")
    assert 3 <= done_before < 20

    assert main(config) == []
    for unfinished in Path(config.output_dir).rglob(".*.unfinished"):  # of the killed one, and young
        unfinished.unlink()
    assert not half.exists()
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


@pytest.fixture
def listening():
    """Ctrl-C is an interrupt, also where the tests were started in the background of a shell, which ignores it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_keeps_what_is_done(config, capsys, monkeypatch):
    one, started = prepare.prepare_one, []

    def interrupted(*arguments):
        started.append(arguments[0].name)
        if len(started) == 3:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(1)  # the picture in work is finished all the same, also where the machine is busy
        one(*arguments)

    monkeypatch.setattr(prepare, "prepare_one", interrupted)
    assert command(flags(replace(config, num_workers=1))) == 130
    assert "same command goes on" in capsys.readouterr().err
    kept = [json.loads(line)["name"] for line in (Path(config.output_dir) / "done.jsonl").read_text().splitlines()]
    assert kept == started
    assert len(kept) == 3
    monkeypatch.undo()
    assert command(flags(config)) == 0
    assert len(rows(Path(config.output_dir))) == 6


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
    write = output.write_png

    def full(picture, path):
        if path.parent.name == "images" and len(list(path.parent.glob("*.png"))) > 1:
            raise ImageError(f"{path} cannot be written: No space left on device.")
        write(picture, path)

    monkeypatch.setattr(output, "write_png", full)
    with pytest.raises(EnhancerError, match="No space left on device"):
        main(config)
    monkeypatch.undo()
    assert main(config) == []
    assert len(rows(Path(config.output_dir))) == 6
