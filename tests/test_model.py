"""The one-step model: what trains, what it computes, and that it computes the same thing twice."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import threading

import pytest
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D

from enhancer.errors import CheckpointError, ImageError
from enhancer.metrics.fidelity import psnr
from enhancer.model import EnhancerConfig, new_pocket, predict_clean, restore
from enhancer.model.enhancer import alpha_bar_at
from enhancer.model.folding import fold_time
from enhancer.model.skips import encode
from enhancer.seeding import rng_for
from enhancer.tensors import to_unit_range
from tests.tiny import SD_TURBO_SCHEDULER, sd_turbo_on_meta, tiny_model


def picture(height: int, width: int, *address: int | str):
    return rng_for("picture", *address).random((height, width, 3), "float32")


def batch(size: int = 64, *address: int | str) -> torch.Tensor:
    return torch.from_numpy(picture(size, size, *address)).permute(2, 0, 1)[None] * 2 - 1


def counts(model):
    """Number of trainable parameters by part."""
    out = {"unet lora": 0, "conv_in": 0, "encoder lora": 0, "decoder lora": 0, "skips": 0, "other": 0}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = next(
                (
                    part
                    for part, found in {
                        "unet lora": name.startswith("unet.") and ".lora_" in name,
                        "conv_in": name.startswith("unet.conv_in."),
                        "encoder lora": name.startswith("vae.encoder.") and ".lora_" in name,
                        "decoder lora": name.startswith("vae.decoder.") and ".lora_" in name,
                        "skips": name.startswith("skips."),
                    }.items()
                    if found
                ),
                "other",
            )
            out[part] += parameter.numel()
    return out


def test_parameter_ledger_of_the_full_size_model():
    model = sd_turbo_on_meta(EnhancerConfig())
    assert counts(model) == {
        "unet lora": 16_217_152,
        "conv_in": 11_840,
        "encoder lora": 0,
        "decoder lora": 1_025_336,
        "skips": 491_520,
        "other": 0,
    }
    assert sum(p.numel() for p in model.trainable()) == 17_745_848


def test_adapting_the_encoder_adds_its_lora_and_nothing_else():
    model = sd_turbo_on_meta(EnhancerConfig(adapt_encoder=True))
    assert counts(model)["encoder lora"] == 738_584
    assert sum(p.numel() for p in model.trainable()) == 17_745_848 + 738_584


def test_skip_convolutions_of_the_full_size_model_have_the_published_shapes():
    model = sd_turbo_on_meta(EnhancerConfig())
    shapes = [tuple(convolution.weight.shape) for convolution in model.skips]
    assert shapes == [(512, 512, 1, 1), (512, 256, 1, 1), (512, 128, 1, 1), (256, 128, 1, 1)]
    assert all(convolution.bias is None for convolution in model.skips)


def test_what_a_checkpoint_stores_is_what_trains_and_the_prompt():
    model = tiny_model()
    trained = {name.replace(".default.", ".") for name, p in model.named_parameters() if p.requires_grad}
    assert set(model.adapter_state()) == trained | {"prompt_embedding"}


def test_pocket_is_a_few_million_parameters_that_all_train():
    model = new_pocket("v2")
    total = sum(p.numel() for p in model.parameters())
    assert total * 2 < 15_000_000  # bytes in half precision
    assert sum(p.numel() for p in model.trainable()) == total


def test_closed_form_inverts_the_forward_noising():
    clean, noise = batch(8, "clean"), batch(8, "noise")
    for alpha_bar in (0.00466, 0.755):
        noisy = alpha_bar**0.5 * clean + (1 - alpha_bar) ** 0.5 * noise
        torch.testing.assert_close(predict_clean(noisy, noise, alpha_bar), clean, atol=1e-5, rtol=0)


def test_closed_form_is_float32_even_for_half_precision_inputs():
    assert predict_clean(batch(8).half(), batch(8).half(), 0.00466).dtype == torch.float32


def test_closed_form_equals_a_scheduler_s_own_prediction_of_the_clean_sample():
    scheduler = DDPMScheduler.from_config(SD_TURBO_SCHEDULER, clip_sample=False)
    latents, noise = batch(8, "z"), batch(8, "eps")
    expected = scheduler.step(noise, 999, latents).pred_original_sample
    ours = predict_clean(latents, noise, alpha_bar_at(999, SD_TURBO_SCHEDULER))
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("timestep", "expected"), [(999, 0.00466), (399, 0.426), (249, 0.675), (199, 0.755)])
def test_alpha_bar_is_sd_turbo_s(timestep, expected):
    assert alpha_bar_at(timestep, SD_TURBO_SCHEDULER) == pytest.approx(expected, abs=6e-4)


def test_another_prediction_type_is_refused():
    with pytest.raises(CheckpointError, match="prediction_type 'v_prediction'; only 'epsilon'"):
        alpha_bar_at(999, SD_TURBO_SCHEDULER | {"prediction_type": "v_prediction"})


def test_encoder_returns_the_tensor_entering_each_down_block_and_the_mean():
    model = tiny_model()
    latents, skips = encode(model.vae, batch())
    assert latents.shape == (1, 4, 8, 8)
    assert [tuple(skip.shape[1:]) for skip in skips] == [(8, 64, 64), (8, 32, 32), (8, 16, 16), (16, 8, 8)]
    mean = model.vae.encode(batch()).latent_dist.mean * model.vae.config.scaling_factor
    torch.testing.assert_close(latents, mean)


def test_without_adapters_and_skips_the_model_is_its_base():
    model = tiny_model(skip_scale=0.0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.zero_()
        latents = model.vae.encode(batch()).latent_dist.mean * 0.18215
        noise = model.unet(latents, 999, model.prompt_embedding).sample
        expected = model.vae.decode(predict_clean(latents, noise, model.alpha_bar) / 0.18215).sample.clamp(-1, 1)
        torch.testing.assert_close(model(batch()), expected, atol=1e-4, rtol=1e-4)


def test_same_picture_gives_the_same_bytes():
    model = tiny_model().for_inference()
    first, second = (restore(model, picture(64, 64)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_merging_the_lora_leaves_the_answer_alone():
    model = tiny_model()
    before = restore(model, picture(64, 64))
    merged = model.for_inference()
    assert not any(".lora_" in name for name, _ in merged.named_parameters())
    assert abs(restore(merged, picture(64, 64)) - before).max() < 2e-4


@pytest.mark.parametrize("changes", [{}, {"skip_scale": 0.5}, {"timestep": 199}, {"input_range": (0.0, 1.0)}])
def test_what_is_folded_for_inference_leaves_the_answer_alone(changes):
    model = tiny_model(**changes)
    picture_batch = torch.cat([batch(64, 1), batch(64, 2)])
    plain = model(picture_batch).detach()
    folded = model.for_inference()
    difference = to_unit_range(folded(picture_batch)) - to_unit_range(plain)
    assert psnr(float(difference.square().mean())) > 60
    blocks = [module for module in folded.unet.modules() if isinstance(module, ResnetBlock2D)]
    assert all(block.time_emb_proj is None for block in blocks)
    assert all(".attn2.to_k" not in name and ".attn2.to_v" not in name for name, _ in folded.named_modules())


def test_a_base_that_scales_by_the_time_keeps_computing_it():
    unet = UNet2DConditionModel(
        sample_size=8,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        cross_attention_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2,
        resnet_time_scale_shift="scale_shift",
    )
    latents, prompt = torch.randn(1, 4, 8, 8), torch.randn(1, 3, 8)
    with torch.no_grad():
        before = unet(latents, 999, prompt).sample
        fold_time(unet, 999)
        torch.testing.assert_close(unet(latents, 999, prompt).sample, before)


def test_lora_scale_is_alpha_over_rank():
    once, twice = tiny_model(), tiny_model(unet_alpha=4)
    twice.load_state_dict(once.state_dict())
    name = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    base = once.unet.get_submodule(name).get_base_layer().weight.clone()
    deltas = [model.for_inference().unet.get_submodule(name).get_parameter("weight") - base for model in (once, twice)]
    torch.testing.assert_close(deltas[1], 2 * deltas[0], atol=1e-6, rtol=1e-4)


def test_two_threads_do_not_disturb_each_other():
    model = tiny_model().for_inference()
    pictures = [picture(64, 64, "a"), picture(128, 96, "b")]
    alone = [restore(model, rgb) for rgb in pictures]
    together: dict[int, list] = {0: [], 1: []}

    def work(k: int) -> None:
        for _ in range(5):
            together[k].append(restore(model, pictures[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, answers in together.items():
        assert all(answer.tobytes() == alone[k].tobytes() for answer in answers)


def test_training_mode_drops_skips_and_inference_does_not():
    model = tiny_model(skip_dropout=0.3)
    assert torch.equal(model(batch()), model(batch()))
    model.train()
    assert not torch.equal(model(batch()), model(batch()))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 130), (127, 71)])
def test_any_size_comes_back_at_its_size(height, width):
    out = restore(tiny_model().for_inference(), picture(height, width))
    assert out.shape == (height, width, 3)
    assert 0 <= out.min() <= out.max() <= 1


def test_a_size_that_does_not_divide_is_refused_with_what_to_do():
    with pytest.raises(ImageError, match=r"divisible by 8, got 65x64.*enhancer\.restore"):
        tiny_model()(torch.zeros(1, 3, 65, 64))


def test_lora_targets_that_fit_nothing_are_refused():
    with pytest.raises(CheckpointError, match="is called nowhere"):
        tiny_model(unet_targets=("nowhere",))
