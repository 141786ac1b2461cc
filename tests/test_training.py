"""Settings and data of a training run: the same batches whenever asked for, refusals that name the culprit."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from enhancer.degrade import PRESETS
from enhancer.errors import CheckpointError, ImageError, SettingsError
from training import recipes
from training.cli import from_flags, to_flags
from training.config import PRESET_SETTINGS, TrainConfig
from training.data.dataset import Pairs
from training.data.folders import find_samples
from training.loop.build import build_model
from training.loop.run import build_accelerator
from training.loop.trainer import learning_rate_factor
from training.train import command


def pairs_of(config: TrainConfig, **changes) -> Pairs:
    return Pairs(find_samples(config.train_data_dir), replace(config, **changes))


def test_an_epoch_shows_every_picture_once_freshly_degraded(train_config):
    pairs = pairs_of(train_config, plain_background_share=0)
    clean, degraded = pairs.pair(0, 0)
    clean_again, degraded_again = pairs.pair(1, 0)
    np.testing.assert_array_equal(clean, clean_again)
    assert (degraded != degraded_again).mean() > 0.5


def test_on_a_plain_background_the_background_stays_plain_and_equal(train_config):
    clean, degraded = pairs_of(train_config, plain_background_share=1.0, augment=False).pair(0, 0)
    np.testing.assert_array_equal(clean[:4, :4], degraded[:4, :4])
    assert np.ptp(clean[:4, :4], axis=(0, 1)).max() == 0


def test_a_picture_without_label_map_is_named(train_faces, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/lonely.png").write_bytes((train_faces / "images/a.png").read_bytes())
    with pytest.raises(ImageError, match=r"have no label map: .*lonely\.png"):
        find_samples(str(tmp_path))


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(ImageError, match="No pictures in"):
        find_samples(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_data_dir": ""}, "--train_data_dir"),
        ({"preset": "v9"}, "no preset 'v9'"),
        ({"resolution": 100}, "multiple of 16"),
        ({"crops_per_image": 3, "train_batch_size": 4}, "no multiple of"),
        ({"max_train_steps": 0}, "at least 1"),
        ({"learning_rate": -1.0}, "--learning_rate must not be negative"),
        ({"plain_background_share": 2.0}, "must lie in 0 to 1"),
        ({"checkpoint": "new_pocket"}, "--checkpoint new_pocket goes with --train_base"),
        ({"mixed_precision": "bf16_weights"}, "bf16_weights goes with --train_base"),
        (
            {"adversarial_weight": 1.0, "discriminator": "lpips", "lpips_weight": 0.0},
            "--discriminator lpips looks",
        ),
        ({"mixture": ("v2=0.5", "pairs=0.4")}, r"--mixture must add up to 1, and add up to 0\.9"),
        ({"mixture": ("v3=1",)}, "--mixture knows v1, v2, pairs, clean, in shares of 0 to 1, got 'v3=1'"),
        ({"mixture": ("v2=half",)}, "--mixture wants NAME=SHARE, .* got 'v2=half'"),
        ({"plain_colours": ("white=0.5", "pink=0.5")}, "--plain_colours knows white, black, grey, colour"),
        ({"phases": ("5:64",)}, "--phases wants STEP:SIDE:BATCH"),
        (
            {"phases": ("20000:64:2",)},
            r"phase at step 20000 never begins: the run ends after --max_train_steps 20000",
        ),
        ({"phases": ("9:64:2", "9:64:2")}, "must ascend from above 0, got 9 after 9"),
        ({"phases": ("9:100:2",)}, "side of a phase must be a multiple of 16"),
        ({"phases": ("9:64:3",), "crops_per_image": 2}, "phase at step 9, 3 is no multiple of"),
        ({"report_to": "tensorboard,papyrus"}, "got papyrus"),
    ],
)
def test_bad_settings_fail_before_anything_is_loaded(changes, message):
    with pytest.raises(SettingsError, match=message):
        TrainConfig(**{"train_data_dir": "x"} | changes)


def test_flags_are_the_fields_of_the_dataclass():
    argv = ["--train_data_dir", "faces", "--train_base", "--learning_rate", "0.1"]
    expected = TrainConfig(train_data_dir="faces", train_base=True, learning_rate=0.1)
    assert from_flags(TrainConfig, argv, "") == expected
    assert from_flags(TrainConfig, [*argv, "--lora"], "") == replace(expected, train_base=False)


def test_a_recipe_sets_the_defaults_and_a_flag_still_wins():
    config = from_flags(TrainConfig, ["--train_data_dir", "x", "--recipe", "pocket", "--learning_rate", "1"], "")
    assert (config.checkpoint, config.learning_rate, config.pool_size) == ("new_pocket", 1.0, 1024)
    assert [(phase.resolution, phase.batch_size) for phase in config.schedule] == [(256, 32), (512, 8)]
    assert config.shares == {"v2": 0.34, "v1": 0.22, "pairs": 0.37, "clean": 0.07}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rank = 2.5", "sets rank to 2.5, which must be int"),
        ('lr_scheduler = "steps"', "sets lr_scheduler to 'steps', which must be one of 'linear', 'cosine'"),
        ('mixture = "v2=1"', "must be a list of texts"),
        ("ranks = 2", "sets ranks, which is no flag"),
        ("rank", "cannot be read"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_named(text, message, tmp_path):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(SettingsError, match=f"mine.toml .*{message}"):
        from_flags(TrainConfig, ["--train_data_dir", "x", "--recipe", str(tmp_path / "mine.toml")], "")


def test_what_a_run_writes_is_accepted_back_and_a_flag_still_wins(tmp_path):
    flags = ["--train_data_dir", "x", "--preset", "v1", "--recipe", "pocket", "--rank", "3", "--no-augment"]
    config = from_flags(TrainConfig, flags, "")
    written = tmp_path / "config.json"
    written.write_text(json.dumps(config.to_json() | {"data": "0123"}))
    again = from_flags(TrainConfig, ["--config", str(written)], "")
    assert replace(again, config="") == config
    changed = from_flags(TrainConfig, ["--config", str(written), "--rank", "5", "--mixture", "v2=1"], "")
    assert replace(changed, config="") == replace(config, rank=5, mixture=("v2=1",))
    assert from_flags(TrainConfig, to_flags(changed), "") == replace(changed, config="")


def test_a_file_of_some_settings_is_filled_up_by_its_preset(tmp_path):
    (tmp_path / "some.json").write_text('{"train_data_dir": "x", "preset": "v1", "learning_rate": 1}')
    config = from_flags(TrainConfig, ["--config", str(tmp_path / "some.json")], "")
    assert (config.rank, config.learning_rate, config.train_data_dir) == (8, 1.0, "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1]", "cannot be read"), ('{"ranks": 2}', "sets ranks, which is no flag"), ('{"rank": "2"}', "must be int")],
)
def test_a_file_of_settings_that_cannot_be_used_is_named(text, message, tmp_path):
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(SettingsError, match=f"--config .*mine.json .*{message}"):
        from_flags(TrainConfig, ["--config", str(tmp_path / "mine.json")], "")


def test_a_recipe_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(SettingsError, match=r"no recipe 'stew'\. Give pocket, or the path"):
        from_flags(TrainConfig, ["--train_data_dir", "x", "--recipe", "stew"], "")


def test_every_recipe_of_the_package_fits_and_is_named_in_the_help(capsys):
    assert recipes.names()
    with pytest.raises(SystemExit):
        from_flags(TrainConfig, ["--help"], "")
    said = capsys.readouterr().out
    for name in recipes.names():
        assert name in said
        assert from_flags(TrainConfig, ["--train_data_dir", "x", "--recipe", name], "").recipe == name


@pytest.mark.parametrize(
    ("changes", "world_size", "steps"),
    [
        ({}, 1, 30),
        ({"train_batch_size": 4}, 1, 8),
        ({"train_batch_size": 2, "gradient_accumulation_steps": 2}, 2, 4),
        ({"train_batch_size": 2, "crops_per_image": 2}, 1, 30),
        ({"phases": ("10:64:5",)}, 1, 14),
        ({"phases": ("10:64:5", "12:64:10")}, 1, 13),
    ],
)
def test_epochs_are_turned_into_steps_that_show_every_picture_so_often(train_config, changes, world_size, steps):
    config = replace(train_config, max_train_steps=1000, num_train_epochs=3, **changes)
    found = config.for_pictures(10, world_size)
    assert found.max_train_steps == steps
    shown = world_size * found.crops_before(steps) / found.crops_per_image
    assert 30 <= shown < 30 + found.schedule[-1].batch_size * found.gradient_accumulation_steps * world_size


def test_a_phase_after_the_last_epoch_is_refused(train_config):
    config = replace(train_config, max_train_steps=1000, num_train_epochs=1, phases=("30:64:2",))
    with pytest.raises(SettingsError, match="phase at step 30 never begins: the run ends after --max_train_steps 10"):
        config.for_pictures(10, 1)
    assert replace(config, num_train_epochs=0).for_pictures(10, 1).max_train_steps == 1000


def test_phases_change_the_crops_and_count_them(train_config):
    config = replace(train_config, max_train_steps=6, phases=("2:80:2", "4:64:3"), gradient_accumulation_steps=2)
    assert [config.phase_at(step).resolution for step in range(6)] == [64, 64, 80, 80, 64, 64]
    assert [config.crops_before(step) for step in range(7)] == [0, 2, 4, 8, 12, 18, 24]


def test_a_preset_sets_the_defaults_of_the_other_flags_and_a_flag_still_wins():
    config = from_flags(TrainConfig, ["--train_data_dir", "x", "--preset", "v1", "--rank", "32"], "")
    assert (config.rank, config.vae_rank, config.l1_weight, config.clip_weight) == (32, 4, 2.0, 0.5)
    assert PRESET_SETTINGS.keys() == PRESETS.keys()
    assert all(settings.keys() <= vars(config).keys() for settings in PRESET_SETTINGS.values())


def test_a_tracker_that_is_not_installed_is_named(train_config, monkeypatch, capsys):
    monkeypatch.setattr("training.loop.trackers.find_spec", lambda name: None)
    argv = ["--train_data_dir", train_config.train_data_dir, "--report_to", "wandb"]
    assert command(argv) == 2
    assert "pip install wandb" in capsys.readouterr().err


def test_a_start_that_cannot_be_had_is_named(train_config):
    with pytest.raises(CheckpointError, match="nowhere"):
        build_model(replace(train_config, checkpoint="nowhere"))


@pytest.mark.usefixtures("fresh_accelerate")
def test_half_precision_that_the_device_does_not_have_is_refused(train_config):
    if torch.cuda.is_available():
        pytest.skip("a GPU has it")
    with pytest.raises(SettingsError, match="--mixed_precision fp16 needs a GPU"):
        build_accelerator(replace(train_config, mixed_precision="fp16"))


def test_two_runs_in_one_process_may_have_two_precisions(train_config, fresh_accelerate):
    for precision in ("bf16", "no", "bf16"):
        assert build_accelerator(replace(train_config, mixed_precision=precision)).mixed_precision == precision


def test_lora_around_the_embedded_checkpoint_starts_as_the_checkpoint_itself(train_config, root):
    pocket = str(root / "enhancer/pocket/enhancer")
    config = replace(train_config, checkpoint=pocket, rank=4, vae_rank=2, timestep=249)
    model, plain = build_model(config).eval(), build_model(replace(config, train_base=True)).eval()
    assert (model.config.unet_rank, model.config.vae_rank, model.config.timestep) == (4, 2, 249)
    assert plain.config.unet_rank == 0
    learning = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert all(".lora_" in name or name.startswith(("skips.", "unet.conv_in.")) for name in learning)
    assert any(name.startswith("vae.decoder") for name in learning)
    assert not any(name.startswith("vae.encoder") for name in learning)
    assert all(weight.requires_grad for weight in plain.parameters())
    picture = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(picture), plain(picture))


def test_gradient_checkpointing_gives_the_same_gradients(train_config):
    gradients = []
    for checkpointing in (False, True):
        with torch.random.fork_rng():
            torch.random.manual_seed(0)
            model = build_model(replace(train_config, gradient_checkpointing=checkpointing)).train()
            picture = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
            model(picture).square().mean().backward()
        gradients.append([weight.grad for weight in model.trainable()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_learning_rate_warms_up_and_falls_to_zero_or_stays(train_config):
    config = replace(train_config, max_train_steps=100, lr_warmup_steps=10)
    factors = [learning_rate_factor(step, config) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == 0
    assert learning_rate_factor(99, replace(config, lr_scheduler="constant")) == 1.0
    cosine = replace(config, lr_scheduler="cosine", lr_warmup_steps=0)
    assert [learning_rate_factor(step, cosine) for step in (0, 50, 100)] == pytest.approx([1, 0.5, 0])


def test_every_flag_says_what_it_is():
    assert all(item.metadata["help"] for item in dataclasses.fields(TrainConfig))
