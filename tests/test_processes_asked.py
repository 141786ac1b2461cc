"""How many processes a launcher was asked for: accelerate starts one without a word where it cannot start several."""

from types import SimpleNamespace

import pytest

from enhancer.runtime.processes import processes_asked_for


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("accelerate launch --num_processes 2 -m training.train", 2),
        ("accelerate launch --num-processes=4 -m training.train", 4),
        ("accelerate launch -m training.train", 1),
        ("accelerate launch --num_processes", 1),
    ],
)
def test_the_number_is_read_from_the_launchers_command_line(command, asked, monkeypatch):
    launcher = SimpleNamespace(cmdline=lambda: command.split())
    monkeypatch.setattr("psutil.Process", lambda: SimpleNamespace(parent=lambda: launcher))
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)
    assert processes_asked_for() == 1, "nobody was asked"
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    assert processes_asked_for() == asked
