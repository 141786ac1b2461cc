"""What is constant at one timestep and one prompt, computed once and folded into weights and buffers."""

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class _NoTime(nn.Module):
    """Stands where the time embedding was: the blocks carry it in their biases."""

    def forward(self, *_: Any) -> None:
        """Return nothing, which the blocks take for nothing to add."""


class _KnownPrompt(nn.Module):
    """Attends to a prompt whose keys and values are known.

    Attributes:
        key: (1, heads, tokens, width of a head).
        value: Likewise.
    """

    key: Tensor
    value: Tensor

    def __init__(self, attention: Any, prompt: Tensor) -> None:
        super().__init__()
        for name, layer in (("key", attention.to_k), ("value", attention.to_v)):
            heads = layer(prompt).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
            self.register_buffer(name, heads.contiguous(), persistent=False)

    def forward(self, attention: Any, hidden_states: Tensor, **unused: Any) -> Tensor:  # noqa: ARG002
        """Return what (B, pixels, C) attends to, projected, same shape."""
        batch, pixels, _ = hidden_states.shape
        query = attention.to_q(hidden_states).reshape(batch, pixels, attention.heads, -1).transpose(1, 2)
        key, value = (known.expand(batch, -1, -1, -1) for known in (self.key, self.value))
        attended = scaled_dot_product_attention(query, key, value)
        # reshape and not flatten: exported, the latter leaves tensors whose rank TensorRT does not find out
        return attention.to_out[0](attended.transpose(1, 2).reshape(batch, pixels, -1))


@torch.no_grad()
def fold_time(unet: UNet2DConditionModel, timestep: int) -> None:
    """Add what every residual block makes of the timestep to the bias it is added to anyway.

    A UNet that uses the time in another way than SD's, by scaling, keeps computing it.
    """
    blocks = [module for module in unet.modules() if isinstance(module, ResnetBlock2D)]
    timed: Any = [block for block in blocks if block.time_emb_proj is not None]
    if unet.time_embed_act is not None or any(block.time_embedding_norm != "default" for block in timed):
        return
    weight = unet.conv_in.weight
    phases = unet.time_proj(torch.tensor([timestep], device=weight.device)).to(weight.dtype)
    embedding = unet.time_embedding(phases)
    for block in timed:
        block.conv1.bias += block.time_emb_proj(block.nonlinearity(embedding))[0]
        block.time_emb_proj = None
    unet.time_embedding = _NoTime()  # type: ignore[assignment]


@torch.no_grad()
def fold_prompt(unet: UNet2DConditionModel, prompt: Tensor) -> None:
    """Compute the keys and values of a (1, tokens, width) prompt in every cross-attention."""
    for block in unet.modules():
        attention: Any = getattr(block, "attn2", None)
        if isinstance(block, BasicTransformerBlock) and attention is not None:
            attention.set_processor(_KnownPrompt(attention, prompt))
            attention.to_k = attention.to_v = None


@torch.no_grad()
def fold_skip_scale(convolutions: nn.ModuleList, scale: float) -> None:
    """Scale the weights of the skip convolutions, which have no bias."""
    for convolution in convolutions:
        convolution.get_parameter("weight").mul_(scale)
