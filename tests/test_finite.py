"""Weights, configs and answers that are infinite or not a number are refused in one sentence."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from enhancer.__main__ import main
from enhancer.errors import CheckpointError, SettingsError, UnavailableError
from enhancer.metrics.trunks import EMBEDDED, read_weights
from enhancer.model import EnhancerConfig, SplatEnhancer
from enhancer.model.enhancer import alpha_bar_at
from enhancer.onnx.folder import OnnxConfig
from enhancer.parser import POCKET, Parser
from page.backend import HEADS
from training.config import TrainConfig


def poisoned(path, value=float("nan")):
    """Set one number among a file's weights; returns the tensor's name."""
    tensors = load_file(path)
    name = max(tensors, key=lambda name: tensors[name].numel())
    tensors[name].view(-1)[-1] = value
    save_file(tensors, path, metadata={"format": "pt"})
    return name


@pytest.fixture
def checkpoint(tiny_checkpoint, tmp_path):
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("file", ["adapters.safetensors", "base/unet", "base/vae"])
def test_one_bad_weight_of_a_checkpoint_is_named(checkpoint, file, value):
    path = checkpoint / file
    name = poisoned(path if path.is_file() else next(path.glob("*.safetensors")), value)
    with pytest.raises(CheckpointError, match=rf"damaged: {name} holds values that are infinite or not a number"):
        SplatEnhancer.from_pretrained(checkpoint)


def test_the_command_line_refuses_it_and_writes_nothing(checkpoint, tmp_path, capsys):
    poisoned(checkpoint / "adapters.safetensors")
    code = main(["restore", str(HEADS[0]), "--checkpoint", str(checkpoint), "-o", str(tmp_path / "out")])
    assert code != 0
    assert "infinite or not a number" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.png"))


@pytest.mark.parametrize("key", ["unet_alpha", "vae_alpha", "skip_scale"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_a_config_with_a_number_that_is_none_is_refused(checkpoint, key, value):
    path = checkpoint / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, key: "HERE"}).replace('"HERE"', value))
    with pytest.raises(CheckpointError, match=rf"{key} must be finite"):
        SplatEnhancer.from_pretrained(checkpoint)


def test_pairs_of_numbers_are_looked_into():
    with pytest.raises(CheckpointError, match="input_range must be finite"):
        EnhancerConfig(input_range=(-1.0, float("inf")))


def test_a_schedule_that_is_not_a_number_is_refused():
    with pytest.raises(CheckpointError, match="alpha_bar must be finite"):
        alpha_bar_at(999, {"beta_start": float("nan"), "beta_end": 0.012, "num_train_timesteps": 1000})


def test_an_export_with_a_number_that_is_none_is_refused(tmp_path):
    values = {"name": "x", "source": "x", "sha": None, "licence": "x", "alpha_bar": float("nan"), "size_multiple": 8}
    values |= {
        "dtype": "float32",
        "bytes_per_pixel": 1,
        "attention_bytes": 1.0,
        "opset": 18,
        "version": "0",
        "parity": 60.0,
    }
    OnnxConfig(**values).write(tmp_path)
    with pytest.raises(CheckpointError, match="alpha_bar must be finite"):
        OnnxConfig.read(tmp_path)


def test_a_parser_with_a_bad_weight_is_refused(tmp_path):
    folder = shutil.copytree(POCKET, tmp_path / "parser")
    poisoned(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"parser are damaged: .* infinite or not a number"):
        Parser.from_pretrained(folder)


def test_lpips_weights_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "alex.safetensors"
    shutil.copy(EMBEDDED, path)
    name = poisoned(path, torch.inf)
    with pytest.raises(UnavailableError, match=name):
        read_weights(path, "alex")


def test_a_run_does_not_start_with_a_number_that_is_none():
    with pytest.raises(SettingsError, match="--learning_rate must be finite, got nan"):
        TrainConfig(train_data_dir="x", learning_rate=float("nan"))
