"""Everything a checkpoint says about itself: `config.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from enhancer.errors import CheckpointError

FORMAT = "splat-enhancer/1"
EMBEDDED = "base"  # value of `base` when the checkpoint carries its own base in the folder of that name

# pix2pix-turbo's own lists (Parmar et al. 2024), matched as suffixes of module names.
UNET_TARGETS = (
    "to_k", "to_q", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_shortcut", "conv_out",
    "proj_in", "proj_out", "ff.net.2", "ff.net.0.proj",
)  # fmt: skip
VAE_TARGETS = (
    "conv1", "conv2", "conv_in", "conv_shortcut", "conv", "conv_out", "to_k", "to_q", "to_v", "to_out.0",
)  # fmt: skip


@dataclass(frozen=True)
class EnhancerConfig:
    """How to build a `SplatEnhancer` around its base.

    Raises:
        CheckpointError: A value cannot be used; the message names it.
    """

    name: str = "unnamed"  # what people call this checkpoint
    base: str = "stabilityai/sd-turbo"  # Hub id, folder, or "base" for the base inside the checkpoint
    base_revision: str | None = None
    unet_rank: int = 16  # 0 means no LoRA on this part
    unet_alpha: float = 16.0  # the LoRA is scaled by alpha / rank
    unet_targets: tuple[str, ...] = UNET_TARGETS
    vae_rank: int = 8
    vae_alpha: float = 8.0
    vae_targets: tuple[str, ...] = VAE_TARGETS
    adapt_encoder: bool = False  # LoRA on the VAE encoder too, as pix2pix-turbo does
    skip_scale: float = 1.0
    skip_dropout: float = 0.3  # in training only
    timestep: int = 999
    prompt: str = "a sharp, detailed photograph of a face"
    image_size: int = 512  # short side it was trained for, pixels
    preset: str = "v2"  # degradation it was trained on
    licence: str = "stabilityai-ai-community"

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 <= self.timestep < 1000:
            raise CheckpointError(f"timestep must lie in 0 to 999, got {self.timestep}.")
        if self.unet_rank < 0 or self.vae_rank < 0:
            raise CheckpointError(f"LoRA ranks must be 0 or more, got {self.unet_rank} and {self.vae_rank}.")
        if not 0 <= self.skip_dropout < 1:
            raise CheckpointError(f"skip_dropout must lie in 0 to 1, got {self.skip_dropout}.")

    def to_json(self) -> dict[str, Any]:
        """Return the content of `config.json`."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, content: Any) -> "EnhancerConfig":
        """Read the content of a `config.json`, strictly: a foreign or misspelt file is refused by name."""
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, Mapping) else type(content).__name__
            raise CheckpointError(
                f"config.json is not a Splat Enhancer checkpoint's: its format is {found!r}, expected {FORMAT!r}."
            )
        values = {key: value for key, value in content.items() if key != "format"}
        known = {field.name: field for field in fields(cls)}
        unknown, missing = sorted(set(values) - set(known)), sorted(set(known) - set(values))
        if unknown or missing:
            raise CheckpointError(
                f"config.json does not fit: unknown keys [{', '.join(unknown)}], "
                f"missing keys [{', '.join(missing)}]."
            )
        for key, default in asdict(cls()).items():
            value = values[key]
            if isinstance(default, tuple):
                fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
                values[key] = tuple(value) if fits else value
            elif isinstance(default, float):
                fits = isinstance(value, int | float) and not isinstance(value, bool)
            elif default is None:
                fits = value is None or isinstance(value, str)
            else:
                fits = type(value) is type(default)
            if not fits:
                raise CheckpointError(f"config.json: {key} is {value!r}, which is of the wrong type.")
        return cls(**values)
