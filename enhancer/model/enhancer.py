"""SplatEnhancer: one forward pass of an adapted one-step diffusion model (the pix2pix-turbo architecture)."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from enhancer.errors import CheckpointError, ImageError
from enhancer.finite import require_finite_numbers
from enhancer.hub import Access, Published, Resolved, publish, resolve
from enhancer.model.adapters import attach_lora, merge_lora
from enhancer.model.checkpoint import ADAPTERS, load_adapters, read_checkpoint, write_checkpoint
from enhancer.model.config import EnhancerConfig
from enhancer.model.folding import fold_prompt, fold_skip_scale, fold_time
from enhancer.model.one_step import predict_clean
from enhancer.model.skips import decode, encode, skip_convolutions

# Tensors like the decoder's widest at full size that a pass holds at its peak: measured, rounded up.
LIVE = 11


def alpha_bar_at(timestep: int, scheduler_config: Mapping[str, Any]) -> float:
    """Return the cumulative product of alphas at `timestep`, from a base's scheduler config.

    Raises:
        CheckpointError: The base predicts something else than the noise, or its config holds numbers that are none.
    """
    prediction = scheduler_config.get("prediction_type", "epsilon")
    if prediction != "epsilon":
        raise CheckpointError(
            f"The base's scheduler config says prediction_type {prediction!r}; only 'epsilon' is implemented. "
            "Use a base that predicts the noise, such as stabilityai/sd-turbo."
        )
    with torch.device("cpu"):  # also while a model is laid out on the meta device
        schedule: Any = DDPMScheduler.from_config(dict(scheduler_config))
    alpha_bar = float(schedule.alphas_cumprod[timestep])
    require_finite_numbers({"alpha_bar": alpha_bar}, "The base's scheduler config")
    return alpha_bar


class SplatEnhancer(nn.Module):
    """Degraded picture in, restored picture out.

    Attributes:
        config: How it was built.
        prompt_embedding: (1, tokens, width), constant: no text encoder is needed.
        source: Where it was loaded from: name, commit, and a notice where an older copy stands in; None if it was built.
    """

    prompt_embedding: Tensor
    timestep: Tensor

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
        self.source: Resolved | None = None
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
        if config.vae_rank and config.adapt_skips:
            names = [name for name, _ in self.skips.named_children()]
            attach_lora(self.skips, rank=config.vae_rank, alpha=config.vae_alpha, targets=names)
            self.skips.requires_grad_(True)  # the weights below their LoRA go on training
        self.skip_scale = config.skip_scale
        self.register_buffer("prompt_embedding", prompt_embedding)
        # a tensor on the model's own device: a number would be copied there anew for each picture
        self.register_buffer("timestep", torch.tensor(config.timestep), persistent=False)
        self.size_multiple = 2 ** (len(vae.config["block_out_channels"]) - 1)

    @classmethod
    def from_pretrained(
        cls, ref: str | Path = "pocket", *, revision: str | None = None, **access: Unpack[Access]
    ) -> "SplatEnhancer":
        """Load a checkpoint; the model is on the CPU, in float32, ready for training or `for_inference()`.

        Args:
            ref: A folder, ``"user/repo"``, ``"user/repo@tag-or-sha"``, or ``"pocket"``, the embedded one.
            revision: Tag, branch or commit of ``"user/repo"``.
            access: `token`, `cache_dir` and `local_files_only`, for its base too; see `enhancer.hub.Access`.

        Raises:
            CheckpointError: It is no checkpoint, or its tensors do not fit its config.
            HubError: The Hub does not give it, or its base.
        """
        source = resolve(ref, revision=revision, **access)
        parts = read_checkpoint(source.folder, **access)
        model = cls(parts.config, parts.unet, parts.vae, parts.scheduler, parts.adapters["prompt_embedding"].float())
        load_adapters(model, parts.adapters, str(source.folder / ADAPTERS))
        model.source = source
        return model.eval()

    def save_pretrained(self, folder: str | Path, card: str | None = None) -> None:
        """Write a checkpoint folder: whole or not at all; one that is there is replaced.

        Args:
            folder: Where to. The base goes there too, in float16, when the config calls it embedded.
            card: Text of the model card, README.md.
        """
        write_checkpoint(self, Path(folder), card)

    def push_to_hub(
        self,
        repo: str,
        *,
        message: str = "Checkpoint",
        card: str | None = None,
        tag: str | None = None,
        private: bool = False,
        token: str | None = None,
    ) -> Published:
        """Save to a repository on the Hub, in one commit; the same content makes none.

        `training.push` does this with a card made from the run, its evaluation and the licence's notice.

        Args:
            repo: ``"user/name"``; made if it does not exist.
            message: Of the commit.
            card: Text of the model card, README.md.
            tag: Tag of this version.
            private: For a repository that does not exist yet.
            token: `HF_TOKEN` where it is not given.

        Raises:
            HubError: The Hub says no, or does not answer.
        """
        with tempfile.TemporaryDirectory(prefix="push-") as scratch:
            folder = Path(scratch) / "checkpoint"
            self.save_pretrained(folder, card)
            files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
            return publish(folder, repo, files=files, message=message, tag=tag, private=private, token=token)

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
        latents, skips = self.encode(degraded)
        clean = predict_clean(latents, self.predict_noise(latents), self.alpha_bar)
        restored = self.decode(clean, skips)
        return restored if self.training else restored.clamp(-1, 1)

    def encode(self, degraded: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return scaled latents (B, C, H/8, W/8) of (B, 3, H, W) in [-1, 1], and the skips, full size first."""
        return encode(self.vae, self._as_encoded(degraded))

    def predict_noise(self, latents: Tensor) -> Tensor:
        """Return the UNet's prediction at the checkpoint's timestep and prompt, same shape."""
        prompt = self.prompt_embedding.expand(len(latents), -1, -1).to(latents.dtype)
        return self.unet(latents, self.timestep, prompt, return_dict=False)[0]

    def decode(self, clean: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """Return the picture (B, 3, H, W) of clean latents and the encoder's skips, not clamped."""
        dropout = self.config.skip_dropout if self.training else 0.0
        return decode(self.vae, clean, skips, self.skips, scale=self.skip_scale, dropout=dropout)

    def _as_encoded(self, degraded: Tensor) -> Tensor:
        """Move [-1, 1] to the range this checkpoint's encoder was trained to see; the one place that knows of it."""
        black, white = self.config.input_range
        if (black, white) == (-1.0, 1.0):
            return degraded
        return black + (degraded + 1) * ((white - black) / 2)

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

    def for_inference(
        self,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        *,
        compile: bool = False,
    ) -> "SplatEnhancer":
        """Turn the model into one that only restores, as fast as it can. Cannot be undone.

        The LoRA is merged, the timestep and the prompt are folded into weights and buffers (in float32, before the
        weights take their final type), and activations lie channels last. On a CPU that takes two thirds of the
        time; torch's group norm in this layout adds up less exactly there: 94 dB to the plain model at 512 px, 66 at 2048.

        Args:
            device: Where to; None stays where it is.
            dtype: float32, or float16 where that is faster; None leaves it.
            compile: Compile by `torch.compile`, on a GPU with CUDA graphs. The first picture of every size then takes
                minutes, so it pays for many pictures of few sizes.
        """
        merge_lora(self)
        fold_time(self.unet, self.config.timestep)
        fold_prompt(self.unet, self.prompt_embedding)
        fold_skip_scale(self.skips, self.skip_scale)
        self.skip_scale = 1.0
        self.requires_grad_(False).eval().to(device=device, dtype=dtype)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if compile:
            self.compile(mode="reduce-overhead" if self.device.type == "cuda" else "default")
        return self

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.prompt_embedding.device

    @property
    def bytes_per_pixel(self) -> int:
        """Memory that a pass takes for each pixel of the picture, roughly, beside the weights."""
        widest = self.vae.config["block_out_channels"][1]  # enters the decoder's last block, at full size
        return LIVE * widest * self.dtype.itemsize

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the weights."""
        return self.prompt_embedding.dtype
