"""Writing files and folders: whole or not there, whatever they are called and whoever else writes."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from enhancer.errors import SettingsError
from enhancer.runtime.files import STALE, append_line, atomic_folder, atomic_write, sweep, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fail_at(path, error):
    path.write_text("half")
    raise error


@pytest.fixture
def file(tmp_path):
    """A file that is there."""
    path = tmp_path / "file.txt"
    path.write_text("old")
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder that is there, called what `atomic_folder` might call its own."""
    path = tmp_path / "old"
    path.mkdir()
    (path / "file.txt").write_text("old")
    return path


def test_a_file_is_what_it_was_until_the_new_one_is_whole(file, tmp_path):
    with atomic_write(file) as temporary:
        assert temporary.parent == tmp_path
        temporary.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_and_ctrl_c_leave_the_old_file_and_nothing_else(error, file, tmp_path):
    with pytest.raises(error), atomic_write(file) as temporary:
        fail_at(temporary, error)
    assert file.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("name", ["a" * 244, "a" * 255, "ä" * 127])
def test_the_longest_names_can_be_written(name, tmp_path):
    write_text(tmp_path / name, "new")
    with atomic_folder(tmp_path / "folders" / name) as fresh:
        (fresh / name).touch()
    assert names(tmp_path) == sorted([name, "folders"])
    assert names(tmp_path / "folders") == [name]


def test_two_runs_at_once_do_not_collide(tmp_path):
    texts = [str(number) * 10_000 for number in range(8)]

    def write(text):
        for _ in range(50):
            write_text(tmp_path / "file.txt", text)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, texts))
    assert (tmp_path / "file.txt").read_text() in texts
    assert names(tmp_path) == ["file.txt"]


def test_permissions_are_what_the_umask_leaves(tmp_path):
    former = os.umask(0o027)
    try:
        write_text(tmp_path / "file.txt", "new")
        with atomic_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(former)
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match="folder cannot be written: Is a directory"):
        write_text(tmp_path / "folder", "new")
    assert names(tmp_path) == ["folder"]


def test_a_pipe_is_written_into_and_stays_one(tmp_path):
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "new")
    reader.join(20)
    assert heard == ["new"]
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]


def test_a_device_is_written_into_and_stays_one():
    write_text(Path(os.devnull), "new")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("name", ["/dev/stdout", "out.txt"])
def test_standard_output_is_written_on_with_wherever_it_goes(name, tmp_path):
    code = f"""
from pathlib import Path
from enhancer.runtime.files import write_text
print("before")
write_text(Path({name!r}), "report\\n")
print("after")
"""
    command = [sys.executable, "-c", code]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with (tmp_path / "out.txt").open("a") as out:  # a log that is written on with, as by >>
        out.write("log\n")
        out.flush()
        subprocess.run(command, check=True, stdout=out, env=env, cwd=tmp_path)
    assert (tmp_path / "out.txt").read_text() == "log\nbefore\nreport\nafter\n"
    with (tmp_path / "out.txt").open("w") as out:  # as by >
        subprocess.run(command, check=True, stdout=out, env=env, cwd=tmp_path)
    assert (tmp_path / "out.txt").read_text() == "before\nreport\nafter\n"
    piped = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env, cwd=tmp_path, text=True)
    assert piped.stdout == ("before\nreport\nafter\n" if name == "/dev/stdout" else "before\nafter\n")


def test_a_folder_takes_the_place_of_the_old_one(folder, tmp_path):
    with atomic_folder(folder) as fresh:
        assert fresh.name == folder.name
        (fresh / "new.txt").touch()
        assert names(folder) == ["file.txt"]
    assert names(folder) == ["new.txt"]
    assert names(tmp_path) == ["old"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_and_ctrl_c_leave_the_old_folder_and_nothing_else(error, folder, tmp_path):
    with pytest.raises(error), atomic_folder(folder) as fresh:
        fail_at(fresh / "half.txt", error)
    assert names(folder) == ["file.txt"]
    assert names(tmp_path) == ["old"]


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(folder, tmp_path, monkeypatch):
    rename = Path.rename

    def fails(path, target):
        if path.parent.name == "new":
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="no"), atomic_folder(folder):
        pass
    assert names(folder) == ["file.txt"]
    assert names(tmp_path) == ["old"]


def test_a_line_that_was_cut_off_stays_a_line_of_its_own(tmp_path):
    append_line(tmp_path / "log", "one")
    with (tmp_path / "log").open("a") as file:
        file.write("tw")
    append_line(tmp_path / "log", "three")
    append_line(tmp_path / "log", "four")
    assert (tmp_path / "log").read_text() == "one\ntw\nthree\nfour\n"


@pytest.mark.parametrize("below", [False, True])
def test_only_what_is_old_and_unfinished_is_swept_away(below, tmp_path):
    place = tmp_path / "folder" if below else tmp_path
    for name, age in (("old", STALE + 60), ("new", 0), ("deep", STALE + 60)):
        path = place / f".{name}.unfinished"
        path.mkdir(parents=True) if name == "deep" else path.parent.mkdir(exist_ok=True)
        (path / "file" if name == "deep" else path).touch()
        os.utime(path, (time.time() - age,) * 2)
    sweep(tmp_path)
    assert names(place) == (
        [".deep.unfinished", ".new.unfinished", ".old.unfinished"] if below else [".new.unfinished"]
    )
    sweep(tmp_path, below=True)
    assert names(place) == [".new.unfinished"]
