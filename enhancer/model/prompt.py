"""The prompt, encoded once: afterwards it is a constant of the checkpoint and no text encoder is needed.

Not imported with the rest of `enhancer.model`: restoring needs none of this.
"""

from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from enhancer.errors import CheckpointError
from enhancer.hub import resolve_base
from enhancer.lfs import refuse_pointers
from enhancer.model.checkpoint import load_base
from enhancer.model.config import EnhancerConfig
from enhancer.model.enhancer import SplatEnhancer


@torch.inference_mode()
def encode_prompt(base: Path, prompt: str) -> Tensor:
    """Encode a prompt with the text encoder of a base folder in diffusers layout.

    Returns:
        (1, tokens, width) float32; 77 x 1024 for SD-Turbo.

    Raises:
        CheckpointError: The folder has no `tokenizer/` or `text_encoder/` that can be loaded.
    """
    refuse_pointers([*base.glob("tokenizer/*"), *base.glob("text_encoder/*")], CheckpointError)
    half = list(base.glob("text_encoder/*.fp16.safetensors"))
    try:
        tokenizer = CLIPTokenizer.from_pretrained(base / "tokenizer", local_files_only=True)
        encoder = CLIPTextModel.from_pretrained(
            base / "text_encoder",
            variant="fp16" if half else None,
            local_files_only=True,
            dtype=torch.float32,
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{base} cannot encode a prompt: its tokenizer/ or text_encoder/ is missing or does not load. They are "
            "needed once, to lay new adapters around a base."
        ) from error
    length = encoder.config.max_position_embeddings
    ids = tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids
    return encoder.eval()(ids).last_hidden_state.clone()


def adapt(base: str | Path, config: EnhancerConfig) -> SplatEnhancer:
    """Lay fresh adapters around a base: what training a new checkpoint starts from.

    Args:
        base: A folder, or a name on the Hub; the commit it means is written into the model's config.
        config: Of the model; its `base` is replaced by this one.

    Raises:
        CheckpointError: The base is incomplete or does not fit.
        HubError: It is not here and the Hub does not give it.
    """
    found = resolve_base(base, config.base_revision, text=True)
    unet, vae, scheduler = load_base(found.folder)
    config = config.on_base(found.repo or found.folder, found.sha)
    return SplatEnhancer(config, unet, vae, scheduler, encode_prompt(found.folder, config.prompt))
