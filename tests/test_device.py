"""A GPU that is there and cannot be used is not passed over in silence."""

from pathlib import Path

import pytest
import torch

from enhancer.runtime import device
from enhancer.runtime.device import best_device, cpu_has_bfloat16, cuda_trouble
from enhancer.service import Service

TOO_OLD = "The NVIDIA driver on your system is too old (found version 12090). Please update your GPU driver."


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """A folder like /dev of a machine with an NVIDIA GPU whose driver is too old for this torch."""

    def refuse():
        raise RuntimeError(TOO_OLD + "\nmore")

    (tmp_path / "nvidia0").touch()
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", refuse)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def test_a_gpu_that_cuda_does_not_start_on_is_named_with_reason_and_cure(gpu):
    said = cuda_trouble(gpu)
    assert "found version 12090" in said
    assert "docs/space.md" in said


def test_nothing_is_said_where_there_is_no_gpu_or_it_works_or_it_is_hidden_on_purpose(gpu, monkeypatch):
    (gpu / "empty").mkdir()
    assert cuda_trouble(gpu / "empty") is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cuda_trouble(gpu) is None
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert cuda_trouble(gpu) is None


def test_it_is_said_in_the_log_and_on_the_status_line(gpu, monkeypatch, caplog):
    monkeypatch.setattr(device, "cuda_trouble", lambda: cuda_trouble(gpu))
    assert best_device() in ("cpu", "mps")
    assert "found version 12090" in caplog.text
    restorer = Service.load("pocket", lpips_net=None).require_restorer()
    assert [note for note in restorer.notices if "found version 12090" in note]
    assert Service.load("pocket", lpips_net=None, device="cpu").require_restorer().notices == ()  # as was asked for


def test_what_it_sends_people_to_is_there(root: Path):
    assert "download.pytorch.org/whl/" in (root / "docs/space.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("capabilities", "has"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False), ({}, False)],
)
def test_only_a_cpu_that_multiplies_in_bfloat16_is_said_to(capabilities, has, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert cpu_has_bfloat16() is has
