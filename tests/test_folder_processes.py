"""Restoring a folder with real processes on the CPU: one that is killed, two that share the work."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enhancer.__main__ import main
from enhancer.imaging.io import composite, write_png

pytestmark = pytest.mark.slow
NAMES = [f"{number:02d}" for number in range(8)]
LAUNCH = [
    "accelerate.commands.launch",
    "--multi_gpu",
    "--num_processes",
    "2",
    "--main_process_port",
    "0",
    "-m",
]


@pytest.fixture(scope="module")
def work(small_head, tmp_path_factory):
    """A folder with pictures, their label maps (so that no parser is loaded), and what the plain command makes of them."""
    folder = tmp_path_factory.mktemp("work")
    for name in ("in", "labels"):
        (folder / name).mkdir()
    for number, name in enumerate(NAMES):
        write_png(np.roll(composite(small_head.image), 5 * number, axis=1), folder / "in" / f"{name}.png")
        labels = np.roll(small_head.labels, 5 * number, axis=1)
        Image.fromarray(labels).save(folder / "labels" / f"{name}_labels.png")
    assert main(argv(folder, "plain")) == 0
    return folder


def argv(folder, output):
    words = ["restore", folder / "in", "--labels", folder / "labels", "-o", folder / output]
    return [str(word) for word in [*words, "--json", folder / f"{output}.json"]]


def start(module, *words, root):
    return subprocess.Popen(
        [sys.executable, "-m", *module, *words],
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"},
    )


def pictures(folder: Path):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def reported(file: Path):
    return [Path(row["file"]).stem for row in json.loads(file.read_text())["images"]]


def test_a_killed_run_goes_on_with_what_is_missing_and_ends_with_the_same_bytes(work, root, capsys):
    killed = work / "killed"
    process = start(["enhancer"], *argv(work, "killed"), root=root)
    while process.poll() is None and len(pictures(killed)) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finished = pictures(killed)
    assert 2 <= len(finished) < len(NAMES)
    times = {name: (killed / name).stat().st_mtime_ns for name in finished}
    assert main(argv(work, "killed")) == 0
    assert f"{len(finished)} were there already" in capsys.readouterr().out
    assert pictures(killed) == pictures(work / "plain")
    assert {name: (killed / name).stat().st_mtime_ns for name in finished} == times
    assert reported(work / "killed.json") == NAMES


def test_two_launched_processes_share_the_pictures_and_write_one_report(work, root):
    process = start(LAUNCH, "enhancer", *argv(work, "shared"), root=root)
    printed, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    assert f"{len(NAMES)} pictures restored" in printed
    assert pictures(work / "shared") == pictures(work / "plain")
    assert reported(work / "shared.json") == NAMES
    journals = (work / "shared").glob(".splat-enhancer-*.jsonl")
    assert [path.read_text().count('"outputs"') for path in journals] == [4, 4]  # each picture once
