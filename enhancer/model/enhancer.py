"""SplatEnhancer: one forward pass of an adapted one-step diffusion model (the pix2pix-turbo architecture)."""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from enhancer.errors import CheckpointError, ImageError
from enhancer.model.adapters import attach_lora, merge_lora
from enhancer.model.config import EnhancerConfig
from enhancer.model.one_step import predict_clean
from enhancer.model.skips import decode, encode, skip_convolutions


def alpha_bar_at(timestep: int, scheduler_config: Mapping[str, Any]) -> float:
    """Return the cumulative product of alphas at `timestep`, from a base's scheduler config.

    Raises:
        CheckpointError: The base predicts something else than the noise.
    """
    prediction = scheduler_config.get("prediction_type", "epsilon")
    if prediction != "epsilon":
        raise CheckpointError(
            f"The base's scheduler config says prediction_type {prediction!r}; only 'epsilon' is implemented. "
            "Use a base that predicts the noise, such as stabilityai/sd-turbo."
        )
    with torch.device("cpu"):  # also while a model is laid out on the meta device
        schedule: Any = DDPMScheduler.from_config(dict(scheduler_config))
    return float(schedule.alphas_cumprod[timestep])


class SplatEnhancer(nn.Module):
    """Degraded picture in, restored picture out.

    Attributes:
        config: How it was built.
        prompt_embedding: (1, tokens, width), constant: no text encoder is needed.
    """

    prompt_embedding: Tensor

    def __init__(
        self,
        config: EnhancerConfig,
        unet: UNet2DConditionModel,
        vae: AutoencoderKL,
        scheduler_config: Mapping[str, Any],
        prompt_embedding: Tensor,
    ) -> None:
        """Wrap a base; its weights are frozen and LoRA, skips and `conv_in` are put beside them."""
        super().__init__()
        self.config = config
        self.unet, self.vae = unet, vae
        self.scheduler_config = dict(scheduler_config)
        self.alpha_bar = alpha_bar_at(config.timestep, scheduler_config)
        self.requires_grad_(False)
        if config.unet_rank:
            attach_lora(unet, rank=config.unet_rank, alpha=config.unet_alpha, targets=config.unet_targets)
        if config.vae_rank:
            sides = (vae.encoder, vae.decoder) if config.adapt_encoder else (vae.decoder,)
            for side in sides:
                attach_lora(side, rank=config.vae_rank, alpha=config.vae_alpha, targets=config.vae_targets)
        unet.conv_in.requires_grad_(True)
        self.skips = skip_convolutions(vae)
        self.register_buffer("prompt_embedding", prompt_embedding)
        self.size_multiple = 2 ** (len(vae.config["block_out_channels"]) - 1)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch with one UNet call.

        Args:
            degraded: RGB in [-1, 1], (B, 3, H, W), H and W multiples of `size_multiple`.

        Returns:
            Restored RGB, same shape; in [-1, 1] outside training, not clamped within.
        """
        height, width = degraded.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise ImageError(
                f"SplatEnhancer needs height and width divisible by {self.size_multiple}, got {height}x{width}. "
                "Call enhancer.restore(model, rgb), which pads and crops for you."
            )
        latents, skips = encode(self.vae, degraded)
        prompt = self.prompt_embedding.expand(len(degraded), -1, -1).to(latents.dtype)
        noise = self.unet(latents, self.config.timestep, prompt, return_dict=False)[0]
        clean = predict_clean(latents, noise, self.alpha_bar)
        dropout = self.config.skip_dropout if self.training else 0.0
        restored = decode(self.vae, clean, skips, self.skips, scale=self.config.skip_scale, dropout=dropout)
        return restored if self.training else restored.clamp(-1, 1)

    def adapter_state(self) -> dict[str, Tensor]:
        """Return what a checkpoint stores beside the base: LoRA, `conv_in`, skips, prompt embedding.

        The one list of what is adapted: the optimizer trains its parameters, the checkpoint holds its tensors.
        """
        state = {
            name: tensor
            for name, tensor in self.state_dict().items()
            if ".lora_" in name or name.startswith(("unet.conv_in.", "skips.")) or name == "prompt_embedding"
        }
        return {name.replace(".default.", "."): tensor for name, tensor in state.items()}

    def trainable(self) -> list[nn.Parameter]:
        """Return the parameters that training changes."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def train_base(self) -> "SplatEnhancer":
        """Let the whole base train too, for small bases that learn from scratch."""
        return self.requires_grad_(True)

    def for_inference(self) -> "SplatEnhancer":
        """Merge the LoRA, freeze everything and switch training behaviour off. Cannot be undone."""
        merge_lora(self)
        return self.requires_grad_(False).eval()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.prompt_embedding.device
