"""Folders of work that is gone on with: whose they are, and what is done already."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from enhancer.errors import SettingsError
from enhancer.runtime.resumable import Journal, claim


def take(folder, settings, **options):
    claim(folder, "settings.json", settings, holds="evaluation", **options)


@pytest.mark.parametrize("exists", [False, True])
def test_a_new_or_empty_folder_is_taken_and_the_same_settings_go_on_with_it(exists, tmp_path):
    folder = tmp_path / "work"
    if exists:
        folder.mkdir()
        (folder / ".0123.unfinished").touch()  # all that a run left that was killed at once
    take(folder, {"seed": 1, "sizes": (1, 2)})
    assert (folder / "settings.json").read_text() == '{\n  "seed": 1,\n  "sizes": [\n    1,\n    2\n  ]\n}\n'
    (folder / "result").touch()
    take(folder, {"seed": 1, "sizes": (1, 2)})


def test_other_settings_are_refused_by_name_and_change_nothing(tmp_path):
    take(tmp_path / "work", {"seed": 1, "preset": "v1"})
    with pytest.raises(SettingsError, match=r"work holds another evaluation: seed was 1 and is now 2\. Choose"):
        take(tmp_path / "work", {"seed": 2, "preset": "v1"})
    take(tmp_path / "work", {"seed": 1, "preset": "v1"})


def test_free_settings_may_change_and_are_recorded(tmp_path):
    take(tmp_path / "work", {"seed": 1, "workers": 2}, free=["workers"])
    take(tmp_path / "work", {"seed": 1, "workers": 3}, free=["workers"])
    assert json.loads((tmp_path / "work/settings.json").read_text()) == {"seed": 1, "workers": 3}


def test_something_else_is_left_alone(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work/holiday.txt").touch()
    with pytest.raises(SettingsError, match="holds something else, no evaluation"):
        take(tmp_path / "work", {})
    with pytest.raises(SettingsError, match=r"holiday\.txt is a file"):
        take(tmp_path / "work/holiday.txt", {})
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["holiday.txt"]


@pytest.mark.parametrize("content", ["{half", "[1]", "3"])
def test_damaged_settings_are_named(content, tmp_path):
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(SettingsError, match=r"settings\.json cannot be read"):
        take(tmp_path, {})


def journal(folder, process=0):
    return Journal(folder, f"rows-{process}.jsonl" if process else "rows.jsonl", "rows*.jsonl", key="file")


def test_lines_of_all_processes_are_read_in_their_order(tmp_path):
    assert journal(tmp_path).rows() == []
    for process in (10, 2, 0):
        for name in "ba":
            journal(tmp_path, process).append({"file": f"{name}{process}"})
    read = [row["file"] for row in journal(tmp_path).rows()]
    assert read == ["b0", "a0", "b2", "a2", "b10", "a10"]


def test_what_is_no_whole_line_counts_for_nothing(tmp_path):
    ours = journal(tmp_path)
    ours.append({"file": "a"})
    with ours.path.open("ab") as file:
        file.write(b'[1]\n{"other": 1}\n\n\xff\n{"file": "b", "sco')
    ours.append({"file": "c"})
    assert [row["file"] for row in ours.rows()] == ["a", "c"]


def test_threads_may_append_at_once(tmp_path):
    ours = journal(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ours.append({"file": number, "more": "x" * 9000}), range(200)))
    assert sorted(row["file"] for row in ours.rows()) == list(range(200))
