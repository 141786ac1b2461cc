"""Train a checkpoint on photographs degraded on the fly.

    python -m training.train --train_data_dir FACES --train_base --perceptual_weights squeezenet.pth  # new pocket
    python -m training.train --train_data_dir FACES --checkpoint enhancer/pocket/enhancer             # adapt one

Stop it at any time and run the same command again: it goes on from the newest state.
"""

import sys
from pathlib import Path

import cv2
import torch
from torch import nn
from tqdm import tqdm

from enhancer.errors import EnhancerError, SettingsError
from enhancer.model import SplatEnhancer, load_checkpoint, new_pocket, save_checkpoint
from training.config import TrainConfig, from_flags
from training.data import Pairs, list_samples
from training.objective import Objective, SqueezeFeatures
from training.run import Ema, Run

MAX_BAD_STEPS = 10  # non-finite losses in a row before the run gives up


def build_model(config: TrainConfig) -> SplatEnhancer:
    """Load the checkpoint to start from, or lay out a new pocket."""
    if not config.checkpoint:
        if not config.train_base:
            raise SettingsError(
                "A new base has nothing to adapt yet: give --train_base, or --checkpoint FOLDER."
            )
        return new_pocket(config.preset)
    model = load_checkpoint(config.checkpoint)
    return model.train_base() if config.train_base else model


def build_objective(config: TrainConfig) -> Objective:
    """Load the frozen feature network and put the weights to the terms."""
    if not config.perceptual_weights:
        raise SettingsError(
            "Give --perceptual_weights FILE, the SqueezeNet 1.1 features the losses are made of."
        )
    features = SqueezeFeatures(Path(config.perceptual_weights))
    return Objective(features, config.l1_weight, config.perceptual_weight, config.gram_weight)


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Return the factor at optimizer step `step` (from 0): linear warm-up, then linear decay to 0."""
    warm = (step + 1) / max(1, config.lr_warmup_steps)
    rest = (config.max_train_steps - step) / max(1, config.max_train_steps - config.lr_warmup_steps)
    return min(1.0, warm, rest)


def main(config: TrainConfig) -> None:
    """Train from the newest state in the run folder to the last step; the averaged weights become the checkpoint."""
    torch.manual_seed(config.seed)  # noqa: TID251  (initial weights; everything else has an addressed stream)
    cv2.setNumThreads(1)  # the other cores are the model's
    pairs = Pairs(list_samples(config.train_data_dir), config)
    run = Run(config, pairs.fingerprint())
    objective = build_objective(config)
    model = build_model(config).train()
    weights = model.trainable()
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=config.adam_weight_decay)
    ema = Ema(weights, config.ema_decay)
    start = 0
    if state := run.resume():
        start = state["step"]
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        ema.average = state["ema"]
        torch.set_rng_state(state["rng"])  # skip dropout goes on where it was

    bad = 0
    progress = tqdm(
        range(start, config.max_train_steps), initial=start, total=config.max_train_steps, mininterval=5
    )
    for step in progress:
        clean, degraded = pairs.batch(step)
        rate = config.learning_rate * learning_rate_factor(step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, parts = objective(model(degraded), clean)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(weights, config.max_grad_norm)
        loss = loss.detach()
        if torch.isfinite(loss) and torch.isfinite(norm):
            bad = 0
            optimizer.step()
            ema.update(step + 1)
        else:
            bad += 1
            tqdm.write(
                f"Step {step}: the loss is {float(loss)}, the gradient norm {float(norm)}; step skipped."
            )
            if bad == MAX_BAD_STEPS:
                raise EnhancerError(
                    f"{bad} steps in a row were not finite; the last good state is in {run.folder}."
                )
        progress.set_postfix(
            {"loss": f"{float(loss):.4f}"} | {k: f"{float(v):.4f}" for k, v in parts.items()}
        )
        run.log(step, loss=loss, grad_norm=norm, lr=rate, **parts)
        if (step + 1) % config.checkpointing_steps == 0 or step + 1 == config.max_train_steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "ema": ema.average}
            run.save(step + 1, state | {"rng": torch.get_rng_state()})
            ema.swap()
            save_checkpoint(model, run.folder / "checkpoint")
            ema.swap()


if __name__ == "__main__":
    try:
        main(from_flags(TrainConfig, None, __doc__ or ""))
    except EnhancerError as error:
        sys.exit(f"error: {error}")
