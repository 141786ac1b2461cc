"""Checkpoints of img2img-turbo and the proof of concept: what comes out weighs what went in, tensor by tensor."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import os
import pickle
import re

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from peft import LoraConfig

from enhancer.errors import CheckpointError
from enhancer.model import EnhancerConfig, SplatEnhancer, load_base, restore
from enhancer.model.adapters import merge_lora
from enhancer.model.config import UNET_TARGETS, VAE_TARGETS
from enhancer.model.convert import adapters_of, convert, read_pickle
from enhancer.model.skips import skip_convolutions
from tests.test_model import batch, counts, picture
from tests.test_prompt import base  # noqa: F401  (a fixture)
from tests.tiny import SD_TURBO_UNET, SD_TURBO_VAE, sd_turbo_on_meta

SKIPS = tuple(f"skip_conv_{k}" for k in range(1, 5))


def reference(unet, vae, rank_unet: int, rank_vae: int) -> dict:
    """What img2img-turbo saves: peft on the whole UNet and the whole VAE, skip convolutions on the decoder."""
    for name, convolution in zip(SKIPS, skip_convolutions(vae), strict=True):
        setattr(vae.decoder, name, convolution)
    vae_targets = [*VAE_TARGETS, *SKIPS]
    unet.add_adapter(LoraConfig(r=rank_unet, init_lora_weights="gaussian", target_modules=list(UNET_TARGETS)))
    vae.add_adapter(
        LoraConfig(r=rank_vae, init_lora_weights="gaussian", target_modules=vae_targets),
        adapter_name="vae_skip",
    )
    return {
        "unet_lora_target_modules": list(UNET_TARGETS),
        "vae_lora_target_modules": vae_targets,
        "rank_unet": rank_unet,
        "rank_vae": rank_vae,
        "state_dict_unet": {k: v for k, v in unet.state_dict().items() if "lora" in k or "conv_in" in k},
        "state_dict_vae": {k: v for k, v in vae.state_dict().items() if "lora" in k or "skip" in k},
    }


@pytest.fixture
def content(base):  # noqa: F811
    """The layout around the tiny base, every tensor of it random."""
    unet, vae, _ = load_base(base)
    content = reference(unet, vae, rank_unet=4, rank_vae=2)
    generator = torch.Generator().manual_seed(0)
    for part in ("state_dict_unet", "state_dict_vae"):
        content[part] = {
            key: torch.randn(value.shape, generator=generator) * 0.05 for key, value in content[part].items()
        }
    return content


@pytest.fixture
def source(content, tmp_path):
    """That layout in a file."""
    torch.save(content, tmp_path / "model.pkl")
    return tmp_path / "model.pkl"


def delta(lora_a, lora_b, rank: int):
    """(8 / rank) B A, of a linear layer or a convolution, spelled out."""
    product = torch.einsum("or,r...->o...", lora_b.flatten(1), lora_a)
    return 8 / rank * product


def expected_weights(content, folder) -> dict[str, torch.Tensor]:
    """Every weight of base and skips with the LoRA of the file added by hand."""
    unet, vae, _ = load_base(folder)
    out = {f"unet.{name}": tensor for name, tensor in unet.state_dict().items()}
    out |= {f"vae.{name}": tensor for name, tensor in vae.state_dict().items()}
    parts = (
        ("unet", content["state_dict_unet"], content["rank_unet"], "default"),
        ("vae", content["state_dict_vae"], content["rank_vae"], "vae_skip"),
    )
    for part, state, rank, adapter in parts:
        whole = {name: tensor for name, tensor in state.items() if "lora" not in name}
        out |= {f"{part}.{name.replace('.base_layer', '')}": tensor for name, tensor in whole.items()}
        ending = f".lora_A.{adapter}.weight"
        for layer in {name.removesuffix(ending) for name in state if name.endswith(ending)}:
            a, b = (state[f"{layer}.lora_{letter}.{adapter}.weight"] for letter in "AB")
            name = f"{part}.{layer}.weight"
            out[name] = out[name] + delta(a, b, rank)
    return {
        re.sub(r"^vae\.decoder\.skip_conv_(\d)", lambda m: f"skips.{int(m[1]) - 1}", name): tensor
        for name, tensor in out.items()
    }


def test_merged_weights_are_base_plus_8_over_r_times_b_a(content, source, base, tmp_path):  # noqa: F811
    convert(source, tmp_path / "out", base=str(base), input_range=(-1, 1))
    model = SplatEnhancer.from_pretrained(tmp_path / "out")
    merge_lora(model)
    merged = model.state_dict()
    del merged["prompt_embedding"]
    expected = expected_weights(content, base)
    assert merged.keys() == expected.keys()
    untouched = SplatEnhancer.from_pretrained(base.parent).unet.state_dict()
    assert not torch.equal(expected["unet.conv_in.weight"], untouched["conv_in.weight"])
    for name, tensor in merged.items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-6, rtol=1e-6, msg=name)


def test_what_comes_out_says_what_it_is_and_restores(source, base, tmp_path):  # noqa: F811
    convert(source, tmp_path / "out", base=str(base), input_range=(0, 1), prompt="a face")
    model = SplatEnhancer.from_pretrained(tmp_path / "out")
    config = model.config
    assert (config.unet_rank, config.unet_alpha, config.vae_rank, config.vae_alpha) == (4, 8, 2, 8)
    assert (config.adapt_encoder, config.adapt_skips) == (True, True)
    assert (config.timestep, config.input_range, config.prompt) == (999, (0, 1), "a face")
    assert config.vae_targets == VAE_TARGETS
    assert sum(counts(model).values()) == sum(tensor.numel() for tensor in adapters_of(read_pickle(source)).values())
    assert restore(model.for_inference(), picture(64, 64)).shape == (64, 64, 3)


def test_an_encoder_trained_on_0_to_1_is_shown_0_to_1(source, base, tmp_path):  # noqa: F811
    wide = convert(source, tmp_path / "wide", base=str(base), input_range=(-1, 1))
    narrow = convert(source, tmp_path / "narrow", base=str(base), input_range=(0, 1))
    degraded = batch(64)
    with torch.inference_mode():
        assert torch.equal(narrow(degraded), wide((degraded + 1) / 2))
        assert not torch.equal(narrow(degraded), wide(degraded))


def test_a_file_without_lora_on_encoder_and_skips_converts_too(content, base, tmp_path):  # noqa: F811
    state = {k: v for k, v in content["state_dict_vae"].items() if k.startswith("decoder.")}
    plain = {k.replace(".base_layer", ""): v for k, v in state.items() if not ("skip_conv" in k and "lora" in k)}
    content |= {"state_dict_vae": plain, "vae_lora_target_modules": list(VAE_TARGETS)}
    torch.save(content, tmp_path / "old.pkl")
    model = convert(tmp_path / "old.pkl", tmp_path / "out", base=str(base), input_range=(-1, 1))
    assert (model.config.adapt_encoder, model.config.adapt_skips) == (False, False)
    assert torch.equal(model.skips[0].weight, plain["decoder.skip_conv_1.weight"])


def test_the_full_size_layout_is_our_adapter_list_to_the_last_shape():
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**SD_TURBO_UNET), AutoencoderKL(**SD_TURBO_VAE)
        content = reference(unet, vae, rank_unet=16, rank_vae=8)
    assert (len(content["state_dict_unet"]), len(content["state_dict_vae"])) == (516, 152)
    model = sd_turbo_on_meta(EnhancerConfig(adapt_encoder=True, adapt_skips=True))
    own = {name: tensor.shape for name, tensor in model.adapter_state().items()}
    theirs = {name: tensor.shape for name, tensor in adapters_of(content).items()}
    assert theirs | {"prompt_embedding": (1, 77, 1024)} == own
    assert sum(parameter.numel() for parameter in model.trainable()) == 18_506_960


class Runs:
    """Something that would run a command when unpickled."""

    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize("form", ["torch.save", "pickle 2", "pickle 4"])
def test_a_pickle_that_wants_to_execute_is_refused_by_what_it_wanted(content, form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content["rank_unet"] = Runs()
    path = tmp_path / "evil.pkl"
    if form == "torch.save":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(Runs(), protocol=int(form[-1])))
    with pytest.raises(CheckpointError, match=rf"it asks to run {os.name}\.system.*Nothing was run"):
        read_pickle(path)
    assert not (tmp_path / "executed").exists()


def test_other_files_are_refused_by_what_is_wrong(content, source, base, tmp_path):  # noqa: F811
    def refused(name, match, **where):
        with pytest.raises(CheckpointError, match=match):
            convert(tmp_path / name, tmp_path / "out", **{"base": str(base), "input_range": (-1, 1)} | where)
        assert not (tmp_path / "out").exists()

    refused("none.pkl", "does not exist")
    (tmp_path / "text.pkl").write_text("hello")
    refused("text.pkl", "damaged, or was not written by torch.save")
    (tmp_path / "cut.pkl").write_bytes(source.read_bytes()[:2000])
    refused("cut.pkl", "damaged")
    torch.save({key: content[key] for key in ("rank_vae", "state_dict_vae")}, tmp_path / "difix.pkl")
    refused("difix.pkl", "rank_unet, unet_lora_target_modules, vae_lora_target_modules, state_dict_unet missing")
    torch.save(content | {"state_dict_vae": {"skip": "text"}}, tmp_path / "text.pkl")
    refused("text.pkl", "layout: skip missing or of another type")
    torch.save(content | {"rank_unet": 3}, tmp_path / "rank.pkl")
    refused("rank.pkl", "wrongly shaped: unet")
    refused("model.pkl", "black, white", input_range=(1, 0))
