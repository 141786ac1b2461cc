"""What only a GPU can show: half precision, memory, CUDA graphs, a scaler that steps. Run by hand: `pytest -m gpu`."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import gc
from dataclasses import replace

import numpy as np
import pytest
import torch

from enhancer.imaging.io import composite
from enhancer.metrics.fidelity import psnr, squared_error
from enhancer.model import SplatEnhancer, restore
from enhancer.model.restorer import restore_in_tiles
from tests.runs import assert_same_weights, lines_of
from training import train
from training.loop import run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.usefixtures("fresh_accelerate"),
]


def decibels(ours: np.ndarray, theirs: np.ndarray) -> float:
    return psnr(float(squared_error(ours, theirs).mean()))


def pocket(device: str, dtype: torch.dtype, **options: bool) -> SplatEnhancer:
    return SplatEnhancer.from_pretrained("pocket").for_inference(device, dtype, **options)


@pytest.fixture
def picture(head) -> np.ndarray:
    return composite(head.image)


@pytest.fixture(scope="module")
def on_the_cpu(head) -> np.ndarray:
    """What the CPU makes of it in float32."""
    return restore(pocket("cpu", torch.float32), composite(head.image))


@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, 60), (torch.float16, 45)])
def test_a_gpu_restores_as_the_cpu_does(picture, on_the_cpu, dtype, least):
    restored = restore(pocket("cuda", dtype), picture)
    assert np.isfinite(restored).all()
    assert decibels(restored, on_the_cpu) > least


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_half_precision_stays_finite_on_flat_pictures(level):
    flat = np.full((256, 256, 3), level, np.float32)
    assert np.isfinite(restore(pocket("cuda", torch.float16), flat)).all()


def test_the_same_picture_gives_the_same_bytes(picture):
    model = pocket("cuda", torch.float16)
    np.testing.assert_array_equal(restore(model, picture), restore(model, picture))


def test_a_compiled_model_with_cuda_graphs_restores_alike(picture):
    compiled = pocket("cuda", torch.float16, compile=True)
    plain = restore(pocket("cuda", torch.float16), picture)
    for _ in range(3):  # warm-up, recording, replay
        assert decibels(restore(compiled, picture), plain) > 45


def test_tiles_are_cut_by_the_free_memory_and_leave_no_seam(picture, monkeypatch):
    model = pocket("cuda", torch.float32)
    whole = restore(model, picture)
    few = int(model.bytes_per_pixel * 320 * 320 / 0.5)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (few, few))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device=None: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device=None: 0)
    assert decibels(restore(model, picture), whole) > 35
    assert decibels(restore_in_tiles(model, picture, 320), whole) > 35


def test_memory_that_runs_out_is_met_by_tiles(picture, monkeypatch):
    model = pocket("cuda", torch.float32)
    whole = restore(model, picture)
    genuine = SplatEnhancer.forward

    def small_pictures_only(self, degraded):
        if degraded.shape[-1] > 400:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return genuine(self, degraded)

    monkeypatch.setattr(SplatEnhancer, "forward", small_pictures_only)
    assert decibels(restore(model, picture), whole) > 35


def test_a_model_that_is_let_go_gives_its_memory_back(picture):
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    model = pocket("cuda", torch.float16)
    restore(model, picture)
    assert torch.cuda.memory_allocated() > before
    del model
    gc.collect()
    torch.cuda.empty_cache()
    assert torch.cuda.memory_allocated() - before < 2**20


@pytest.mark.parametrize("precision", ["fp16", "bf16", "bf16_weights"])
def test_training_steps_in_half_precision(train_config, train_faces, precision):
    config = replace(
        train_config,
        mixed_precision=precision,
        train_base=True,
        lpips_net="alex",
        lpips_weight=1.0,
        adversarial_weight=0.3,
        discriminator="lpips",
        adversarial_balance=True,
        adversarial_start_step=2,
        validation_data_dir=str(train_faces),
    )
    training = run.Training(config)
    before = [weight.detach().clone() for weight in training.trainer.weights]
    training.steps()
    assert all(row["loss"] is not None for row in lines_of(config))
    assert any(not torch.equal(a, b) for a, b in zip(before, training.trainer.weights, strict=True))
    if precision == "fp16":
        assert training.accelerator.scaler.get_scale() > 1
    training.close()


def test_a_run_on_a_gpu_goes_on_where_it_stopped(train_config, tmp_path):
    config = replace(train_config, mixed_precision="fp16")
    train.main(config)
    stopped = replace(config, output_dir=str(tmp_path / "stopped"))
    train.main(replace(stopped, stop_at_step=4))
    train.main(stopped)
    assert_same_weights(tmp_path / "run/checkpoint-6", tmp_path / "stopped/checkpoint-6")
