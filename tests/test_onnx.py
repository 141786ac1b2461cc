"""Export to ONNX: graphs that restore as the model does at every size, or no export at all."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import numpy as np
import pytest
import torch

from enhancer.__main__ import main
from enhancer.errors import CheckpointError, ImageError, SettingsError, UnavailableError
from enhancer.metrics.fidelity import psnr
from enhancer.model import SplatEnhancer, restore
from enhancer.onnx import OnnxConfig, OnnxEnhancer, export, exporting, folder, graphs, memory
from tests.tiny import tiny_model

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FILES = ["config.json", "decoder.onnx", "encoder.onnx", "unet.onnx"]


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(scope="module")
def exported(tiny_checkpoint, tmp_path_factory) -> Path:
    """The tiny model with its LoRA, skips and attention, exported by the command."""
    out = tmp_path_factory.mktemp("onnx") / "tiny"
    assert main(["export", str(tiny_checkpoint), str(out), "--format", "onnx"]) == 0
    return out


@pytest.fixture(scope="module")
def model(tiny_checkpoint) -> SplatEnhancer:
    return SplatEnhancer.from_pretrained(tiny_checkpoint).for_inference()


@pytest.fixture(scope="module")
def runner(exported) -> OnnxEnhancer:
    return OnnxEnhancer.from_pretrained(exported)


def test_an_export_is_three_graphs_and_what_the_runner_needs_to_know(exported, model):
    assert sorted(path.name for path in exported.iterdir()) == FILES
    config = OnnxConfig.read(exported)
    assert (config.name, config.alpha_bar, config.size_multiple) == ("tiny", model.alpha_bar, 8)
    assert (config.dtype, config.opset, config.licence) == ("float32", 18, model.config.licence)
    assert config.sha is not None
    assert config.parity >= 60


def test_inputs_and_outputs_have_names_and_free_sizes(exported):
    skips = ["skip_1", "skip_2", "skip_3", "skip_4"]
    expected = {
        "encoder": (["degraded"], ["latents", *skips]),
        "unet": (["latents"], ["noise"]),
        "decoder": (["clean", *skips], ["restored"]),
    }
    for name, (given, made) in expected.items():
        graph = onnx.load(exported / f"{name}.onnx").graph
        assert [value.name for value in graph.input] == given
        assert [value.name for value in graph.output] == made
        for value in graph.input:
            assert [bool(size.dim_param) for size in value.type.tensor_type.shape.dim] == [
                True,
                False,
                True,
                True,
            ]


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 3, 72, 200), (3, 3, 128, 96)])
def test_onnxruntime_restores_as_torch_does(model, runner, shape):
    with torch.inference_mode():
        difference = (runner(noise(*shape)) - model(noise(*shape))).abs().max()
    assert difference < 1e-4


def test_a_picture_of_any_size_goes_through_both_by_the_same_call(model, runner, small_head):
    rgb = np.ascontiguousarray(small_head.image[:101, :77, :3])
    ours, theirs = restore(runner, rgb), restore(model, rgb)
    assert ours.shape == rgb.shape
    assert psnr(float(np.mean((ours - theirs) ** 2))) > 60


def test_a_picture_too_large_for_the_free_memory_is_refused_before_it_is_run(runner, monkeypatch):
    pixels = 64 * 64
    tokens = 8 * 8  # of the latents, for the one head in the middle of the autoencoder
    assert runner.config.attention_bytes == 2 * tokens**2 * 4 / pixels**2
    needed = pixels * runner.bytes_per_pixel + runner.config.attention_bytes * pixels**2
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=2 * needed - 2))
    with pytest.raises(MemoryError):
        runner(noise(1, 3, 64, 64))


def test_a_batch_comes_back_as_it_was_given(runner):
    assert runner(noise(1, 3, 64, 64).double()).dtype == torch.float64


def test_a_size_that_does_not_fit_is_refused(runner):
    with pytest.raises(ImageError, match="divisible by 8, got 60x64"):
        runner(noise(1, 3, 60, 64))


def test_large_weights_lie_beside_the_graph(exported, runner, tmp_path, monkeypatch):
    apart = tmp_path / "apart"
    shutil.copytree(exported, apart)
    (tmp_path / "traced").mkdir()
    traced = (apart / "unet.onnx").rename(tmp_path / "traced/unet.onnx")
    monkeypatch.setattr(graphs, "INLINE", 50_000)
    graphs.settle(traced, apart / "unet.onnx")
    assert sorted(path.name for path in apart.iterdir()) == [*FILES, "unet.onnx.data"]
    assert (apart / "unet.onnx.data").stat().st_size > (apart / "unet.onnx").stat().st_size / 10
    torch.testing.assert_close(OnnxEnhancer.from_pretrained(apart)(noise(1, 3, 64, 64)), runner(noise(1, 3, 64, 64)))


def test_graphs_that_restore_otherwise_are_not_kept(exported, tmp_path, monkeypatch, capsys):
    tiny_model(seed=1).save_pretrained(tmp_path / "other")
    monkeypatch.setattr(exporting, "write_graphs", lambda _, out: shutil.copytree(exported, out, dirs_exist_ok=True))
    assert main(["export", str(tmp_path / "other"), str(tmp_path / "out")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert "nothing was written" in capsys.readouterr().err


def test_half_precision_is_another_type_of_the_same_graphs(tiny_checkpoint, model, tmp_path):
    config = export(tiny_checkpoint, tmp_path / "half", dtype="float16")
    assert config.dtype == "float16"
    assert 45 <= config.parity < 100
    inputs = onnx.load(tmp_path / "half/decoder.onnx").graph.input
    kinds = [onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type) for value in inputs]
    assert kinds == ["FLOAT", *["FLOAT16"] * 4]  # the clean latents are not rounded
    batch = noise(1, 3, 64, 64)
    restored = OnnxEnhancer.from_pretrained(tmp_path / "half")(batch)
    assert restored.dtype == torch.float32
    with torch.inference_mode():
        assert psnr(float(((restored - model(batch)) / 2).square().mean())) > 45


def test_what_is_no_export_is_not_replaced(tiny_checkpoint, tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(SettingsError, match="not replaced"):
        export(tiny_checkpoint, tmp_path)
    with pytest.raises(SettingsError, match="not replaced"):
        export(tiny_checkpoint, tmp_path / "holiday.jpg")
    with pytest.raises(SettingsError, match="not replaced"):
        export(tiny_checkpoint, tiny_checkpoint)


def test_an_export_is_replaced_also_one_of_an_earlier_version(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"format": folder.FORMAT, "name": "old"}))
    folder.check_replaceable(tmp_path)
    folder.check_replaceable(tmp_path / "not there")


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_the_packages_one_sentence_says_what_to_install(
    tiny_checkpoint, tmp_path, monkeypatch, capsys, missing
):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["export", str(tiny_checkpoint), str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"The package {missing} is not installed: pip install onnx onnxruntime")
    assert not (tmp_path / "out").exists()


def test_a_provider_that_is_not_there_is_named(exported):
    with pytest.raises(UnavailableError, match=r"no CUDAExecutionProvider here, only .*CPUExecutionProvider"):
        OnnxEnhancer.from_pretrained(exported, providers=["CUDAExecutionProvider"])


def test_a_checkpoint_is_not_taken_for_an_export(tiny_checkpoint):
    with pytest.raises(CheckpointError, match="not an ONNX export"):
        OnnxEnhancer.from_pretrained(tiny_checkpoint)


def test_a_damaged_export_is_refused(exported, tmp_path):
    config = json.loads((exported / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "encoder.onnx").write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"encoder\.onnx is missing or damaged"):
        OnnxEnhancer.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"colour": "blue"}))
    with pytest.raises(CheckpointError, match=r"unknown keys \[colour\]"):
        OnnxEnhancer.from_pretrained(tmp_path)


def test_every_tensor_has_a_known_number_of_axes_as_tensorrt_asks(exported):
    for name in folder.GRAPHS:
        graph = onnx.shape_inference.infer_shapes(onnx.load(exported / f"{name}.onnx"), data_prop=True).graph
        known = {value.name for value in (*graph.value_info, *graph.output) if value.type.tensor_type.HasField("shape")}
        assert {made for node in graph.node for made in node.output} <= known
