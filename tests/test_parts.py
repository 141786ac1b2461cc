"""What the service is put together from: the precision of a device, and how long a checkpoint takes on it."""

import json
import shutil

import numpy as np
import pytest

from enhancer import parts
from enhancer.imaging.io import composite
from tests.tiny import tiny_model


def test_only_a_gpu_works_in_half_precision():
    assert parts.precision("cuda:0").itemsize == 2
    assert {parts.precision(device).itemsize for device in ("cpu", "mps")} == {4}


def test_half_precision_restores_the_same_picture(small_head, monkeypatch):
    rgb = composite(small_head.image)
    full = parts.load_restorer("pocket", "cpu")
    half = parts.precision("cuda")
    monkeypatch.setattr(parts, "precision", lambda device: half)
    np.testing.assert_allclose(parts.load_restorer("pocket", "cpu").run(rgb), full.run(rgb), atol=0.01)


def test_nobody_is_warned_of_the_embedded_checkpoint():
    assert parts.load_restorer("pocket", "cpu").seconds_per_pixel == 0


def test_a_large_checkpoint_on_a_cpu_tells_how_long_it_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "cpu_speed", lambda: 44.4e9)
    folder = tmp_path / "faces"
    tiny_model().save_pretrained(folder)
    shutil.move(folder / "base", tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"base": str(tmp_path / "base")}))
    assert 512**2 * parts.load_restorer(folder, "cpu").seconds_per_pixel == pytest.approx(100)


def test_the_speed_of_this_machine_is_a_sensible_number():
    assert 1e8 < parts.cpu_speed() < 1e14
