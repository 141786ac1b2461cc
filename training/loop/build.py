"""What a training run starts from: a checkpoint, fresh adapters around a base, or a new pocket."""

import logging
from dataclasses import replace
from pathlib import Path

from enhancer.errors import SettingsError
from enhancer.model import EnhancerConfig, SplatEnhancer, new_pocket
from enhancer.model.enhancer import alpha_bar_at
from training.config import NEW_POCKET, TrainConfig

_log = logging.getLogger(__name__)


def build_model(config: TrainConfig) -> SplatEnhancer:
    """Lay out the model a run trains, on the CPU, in float32; `trainable()` says what it changes.

    It is called after the run's folder: what it starts from is another checkpoint.

    Raises:
        EnhancerError: What it starts from is missing, or does not fit the settings.
    """
    if config.checkpoint == NEW_POCKET:
        model = new_pocket(config.preset, config.timestep or 199)
    elif config.checkpoint:
        model = from_checkpoint(config)
    else:
        model = around_base(config)
    model.config = replace(model.config, name=name_of(config))
    if config.gradient_checkpointing:
        model.unet.enable_gradient_checkpointing()
        model.vae.enable_gradient_checkpointing()
    return model.train_base() if config.train_base else model


def name_of(config: TrainConfig) -> str:
    """Return what the checkpoints of a run are called: as its folder is."""
    return Path(config.output_dir).absolute().name


def from_checkpoint(config: TrainConfig) -> SplatEnhancer:
    """Load a checkpoint: LoRA that it has goes on with its own ranks, and one without gets a fresh one."""
    model = SplatEnhancer.from_pretrained(config.checkpoint)
    if model.source and model.source.notice:
        _log.warning("%s", model.source.notice)
    old = model.config
    new = replace(old, preset=config.preset, timestep=config.timestep or old.timestep)
    if old.unet_rank or old.vae_rank:
        if config.adapt_encoder and not old.adapt_encoder:
            raise SettingsError(
                f"{config.checkpoint} has LoRA already, and none on its encoder. --adapt_encoder goes with new adapters."
            )
        model.config, model.alpha_bar = new, alpha_bar_at(new.timestep, model.scheduler_config)
        return model
    if not config.train_base:
        new = replace(
            new,
            unet_rank=config.rank,
            unet_alpha=float(config.rank),
            vae_rank=config.vae_rank,
            vae_alpha=float(config.vae_rank),
            adapt_encoder=config.adapt_encoder,
        )
    fresh = SplatEnhancer(new, model.unet, model.vae, model.scheduler_config, model.prompt_embedding)
    fresh.skips.load_state_dict(model.skips.state_dict())
    return fresh


def around_base(config: TrainConfig) -> SplatEnhancer:
    """Lay fresh adapters around a base in diffusers layout."""
    from enhancer.model.prompt import adapt  # the one start that needs a text encoder

    settings = EnhancerConfig(
        name=name_of(config),
        base=config.pretrained_model_name_or_path,
        base_revision=config.revision or None,
        unet_rank=config.rank,
        unet_alpha=float(config.rank),
        vae_rank=config.vae_rank,
        vae_alpha=float(config.vae_rank),
        adapt_encoder=config.adapt_encoder,
        timestep=config.timestep or 999,
        prompt=config.prompt,
        image_size=config.resolution,
        preset=config.preset,
    )
    return adapt(config.pretrained_model_name_or_path, settings)
