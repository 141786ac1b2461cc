"""A checkpoint folder comes back as it was, or is refused by name."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from enhancer.errors import CheckpointError
from enhancer.model import EnhancerConfig, SplatEnhancer, restore
from tests.test_model import picture
from tests.tiny import tiny_model


@pytest.fixture
def folder(tmp_path):
    """A saved tiny checkpoint with its own base."""
    tiny_model().save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def edit_tensors(path, change):
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_checkpoint_holds_plain_files_only(folder):
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "config.json",
        "adapters.safetensors",
        "base/scheduler/scheduler_config.json",
        "base/unet/config.json",
        "base/unet/diffusion_pytorch_model.safetensors",
        "base/vae/config.json",
        "base/vae/diffusion_pytorch_model.safetensors",
    }


def test_saved_and_loaded_restores_to_the_same_bytes(folder, tmp_path):
    first = SplatEnhancer.from_pretrained(folder)
    first.save_pretrained(tmp_path / "again")
    second = SplatEnhancer.from_pretrained(tmp_path / "again")
    assert second.config == tiny_model().config
    answers = [restore(model.for_inference(), picture(64, 64)) for model in (first, second)]
    assert answers[0].tobytes() == answers[1].tobytes()


def test_the_base_is_stored_in_half_precision_and_read_in_full(folder):
    stored = load_file(folder / "base/vae/diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert {parameter.dtype for parameter in SplatEnhancer.from_pretrained(folder).parameters()} == {torch.float32}


def test_saving_over_a_checkpoint_replaces_it_whole(folder):
    (folder / "stray.txt").write_text("from an older version")
    tiny_model(1).save_pretrained(folder)
    assert not (folder / "stray.txt").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_a_missing_an_extra_and_a_misshapen_tensor_are_named(folder):
    def change(tensors):
        del tensors["skips.0.weight"]
        tensors["skips.9.weight"] = torch.zeros(1)
        tensors["unet.conv_in.bias"] = torch.zeros(3)

    edit_tensors(folder / "adapters.safetensors", change)
    with pytest.raises(CheckpointError) as caught:
        SplatEnhancer.from_pretrained(folder)
    message = str(caught.value)
    assert "missing: skips.0.weight" in message
    assert "extra: skips.9.weight" in message
    assert "wrongly shaped: unet.conv_in.bias (3,) instead of (8,)" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("encoder.conv_in.bias"), "missing: encoder.conv_in.bias"),
        (lambda tensors: tensors.update({"foreign": torch.zeros(1)}), "extra: foreign"),
        (lambda tensors: tensors.update({"encoder.conv_in.bias": torch.zeros(3)}), "conv_in.bias"),
    ],
    ids=["missing", "extra", "misshapen"],
)
def test_a_base_that_does_not_fit_is_refused_by_name(folder, change, message):
    edit_tensors(folder / "base/vae/diffusion_pytorch_model.safetensors", change)
    with pytest.raises(CheckpointError, match=message):
        SplatEnhancer.from_pretrained(folder)


@pytest.mark.parametrize(
    "name",
    ["config.json", "adapters.safetensors", "base/scheduler/scheduler_config.json", "base/unet/config.json"],
)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name.rsplit("/", 1)[0].replace(".", r"\.")):
        SplatEnhancer.from_pretrained(folder)


def test_a_foreign_config_is_refused(folder):
    (folder / "config.json").write_text('{"_class_name": "UNet2DConditionModel"}')
    with pytest.raises(CheckpointError, match="not a Splat Enhancer checkpoint's: its format is None"):
        SplatEnhancer.from_pretrained(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "blue"}, r"unknown keys \[colour\]"),
        ({"timestep": "999"}, "timestep is '999', which is of the wrong type"),
        ({"timestep": 1000}, "timestep must lie in 0 to 999, got 1000"),
        ({"unet_targets": "to_q"}, "unet_targets is 'to_q', which is of the wrong type"),
        ({"skip_dropout": 1.0}, "skip_dropout must lie in 0 to 1"),
    ],
)
def test_a_misspelt_or_mistyped_setting_is_named(folder, changes, message):
    edit_config(folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        SplatEnhancer.from_pretrained(folder)


def test_a_missing_setting_is_named():
    with pytest.raises(CheckpointError, match=r"missing keys \[.*timestep.*\]"):
        EnhancerConfig.from_json({"format": "splat-enhancer/1", "name": "x"})


def test_damaged_tensors_are_refused(folder):
    path = folder / "adapters.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="damaged or no safetensors file"):
        SplatEnhancer.from_pretrained(folder)


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="not a complete checkpoint folder"):
        SplatEnhancer.from_pretrained(tmp_path)
