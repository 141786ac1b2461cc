"""The VAE with skips: the encoder returns them, the decoder takes them. Nothing is parked on a module."""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

INITIAL_WEIGHT = 1e-5  # every skip weight at the start of training (pix2pix-turbo, Parmar et al. 2024)


def skip_convolutions(vae: AutoencoderKL) -> nn.ModuleList:
    """Return one bias-free 1x1 convolution per decoder up block, from the skip's channels to the block's input's."""
    channels = vae.config["block_out_channels"]
    entering_down = (channels[0], *channels[:-1])  # what enters each encoder down block
    entering_up = (channels[-1], *reversed(channels[1:]))  # what enters each decoder up block
    convolutions = nn.ModuleList(
        nn.Conv2d(given, wanted, kernel_size=1, bias=False)
        for given, wanted in zip(reversed(entering_down), entering_up, strict=True)
    )
    for convolution in convolutions:
        nn.init.constant_(convolution.get_parameter("weight"), INITIAL_WEIGHT)
    return convolutions


def encode(vae: AutoencoderKL, image: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Encode a (B, 3, H, W) picture in [-1, 1].

    Returns:
        The posterior's mean, scaled, (B, C, H/8, W/8): the mean and not a sample, so that the same picture always
        gives the same bytes. And the tensors entering each down block, from full size to the smallest.
    """
    encoder = vae.encoder
    x = encoder.conv_in(image)
    skips = []
    for block in encoder.down_blocks:
        skips.append(x)
        x = _run(encoder, block, x)
    x = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(_run(encoder, encoder.mid_block, x))))
    if vae.quant_conv is not None:
        x = vae.quant_conv(x)
    mean, _ = torch.chunk(x, 2, dim=1)
    return mean * vae.config["scaling_factor"], skips


def decode(
    vae: AutoencoderKL,
    latents: Tensor,
    skips: Sequence[Tensor],
    convolutions: nn.ModuleList,
    *,
    scale: float = 1.0,
    dropout: float = 0.0,
) -> Tensor:
    """Decode scaled latents with the encoder's skips into a (B, 3, H, W) picture, not clamped.

    Args:
        vae: The autoencoder whose decoder runs.
        latents: (B, C, H/8, W/8).
        skips: As returned by `encode`.
        convolutions: As returned by `skip_convolutions`.
        scale: Multiplies every skip.
        dropout: Probability of dropping a skip activation; 0 outside training.
    """
    decoder = vae.decoder
    x = (latents / vae.config["scaling_factor"]).to(decoder.conv_in.weight.dtype)
    if vae.post_quant_conv is not None:
        x = vae.post_quant_conv(x)
    x = _run(decoder, decoder.mid_block, decoder.conv_in(x))
    for block, skip, convolution in zip(decoder.up_blocks, reversed(skips), convolutions, strict=True):
        skip = convolution(skip if scale == 1 else skip * scale)
        skip = nn.functional.dropout(skip, dropout, training=dropout > 0)
        x = _run(decoder, block, x + skip)
    return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(x)))


def _run(side: Any, block: nn.Module, x: Tensor) -> Tensor:
    """Run a block, its activations recomputed in the backward pass where the VAE's side asks for it.

    diffusers asks for that in the sides' own forward passes, which the skips bypass.
    """
    if side.gradient_checkpointing and torch.is_grad_enabled():
        return checkpoint(block, x, use_reentrant=False)
    return block(x)
