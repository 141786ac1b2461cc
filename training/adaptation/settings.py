"""The settings of `training.train` that suit so many pairs on this device. The figures behind them are in docs/training.md."""

from collections.abc import Mapping
from typing import Any

from training.config import CLEAN, PAIRS, TrainConfig

GENERAL_SHARES = {PAIRS: 0.65, "v2": 0.25, CLEAN: 0.1}  # so that what the checkpoint knew is not forgotten
FEW = 100  # pairs, up to which validation turns within some dozen steps


def choose(
    places: Mapping[str, Any], *, pairs: int, side: int, whole_base: bool, gpu: bool, bfloat16: bool, general: str
) -> TrainConfig:
    """Choose the settings of a run.

    Args:
        places: What does not depend on the pairs, as `TrainConfig` has it: folders, the start, the minutes.
        pairs: How many there are to train on.
        side: Shortest of their pictures, px.
        whole_base: Whether the base is small and the checkpoint's own, so that all of it is trained; else LoRA is.
        gpu: Whether there is one.
        bfloat16: Whether the CPU computes in it, which takes it little more than half of the time; weights stay in float32.
        general: Photographs with label maps that are mixed in, comma-separated; empty: none.
    """
    chosen: dict[str, Any] = {
        **places,
        "train_base": whole_base,
        "augment": False,
        "plain_background_share": 0.0,
        # Her own pairs say what is true, so pixels lead; with LPIPS at 1 the detail that is drawn costs PSNR.
        "l1_weight": 4.0,
        "lpips_weight": 0.2,
        "lpips_net": "alex",
        "gram_weight": 0.0,
        # Validation decides when it is enough, so the rate need not fall.
        "lr_scheduler": "constant",
        "lr_warmup_steps": 10,
        # At 4e-4 the same gain costs other faces far more: clean photographs lost 5 dB instead of 1.5.
        "learning_rate": 1e-4 if whole_base else 2e-4,
        "resolution": min(256 if whole_base else 512, side // 16 * 16),
        "train_batch_size": (16 if gpu else 4) if whole_base else (4 if gpu else 1),
        "gradient_checkpointing": not whole_base,
        "mixed_precision": "bf16" if bfloat16 and not gpu else "auto",
        "ema_decay": 0.95 if pairs <= FEW else 0.98,
        "max_train_steps": 2000 if gpu else 600,
        "validation_steps": 20 if pairs <= FEW else 50,
        "checkpointing_steps": 20 if pairs <= FEW else 50,
        "checkpoints_total_limit": 1,
        "early_stopping_patience": 5,
        "max_validation_samples": 12 if not gpu else 64,
    }
    if general:
        chosen["train_data_dir"] += f",{general}"
        chosen["mixture"] = tuple(f"{kind}={share:g}" for kind, share in GENERAL_SHARES.items())
    return TrainConfig(**chosen)
