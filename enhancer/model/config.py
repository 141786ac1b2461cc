"""Everything a checkpoint says about itself: `config.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from enhancer.errors import CheckpointError

FORMAT = "splat-enhancer/1"
# Added after the first checkpoints were written: a config.json without them means their default.
LATER = frozenset({"adapt_skips", "input_range"})
EMBEDDED = "base"  # value of `base` when the checkpoint carries its own base in the folder of that name

# pix2pix-turbo's own lists (Parmar et al. 2024), matched as suffixes of module names.
UNET_TARGETS = (
    "to_k",
    "to_q",
    "to_v",
    "to_out.0",
    "conv",
    "conv1",
    "conv2",
    "conv_shortcut",
    "conv_out",
    "proj_in",
    "proj_out",
    "ff.net.2",
    "ff.net.0.proj",
)
VAE_TARGETS = (
    "conv1",
    "conv2",
    "conv_in",
    "conv_shortcut",
    "conv",
    "conv_out",
    "to_k",
    "to_q",
    "to_v",
    "to_out.0",
)


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
    adapt_skips: bool = False  # LoRA on the skip convolutions too (their own weight trains anyway), likewise
    skip_scale: float = 1.0
    skip_dropout: float = 0.3  # in training only
    timestep: int = 999
    input_range: tuple[float, float] = (
        -1.0,
        1.0,
    )  # what black and white are to its encoder; 0, 1 in img2img-turbo
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
        if len(self.input_range) != 2 or self.input_range[0] >= self.input_range[1]:
            raise CheckpointError(f"input_range must be black, white, such as -1, 1; got {self.input_range}.")
        if not 0 <= self.skip_dropout < 1:
            raise CheckpointError(f"skip_dropout must lie in 0 to 1, got {self.skip_dropout}.")

    def on_base(self, base: str | Path, revision: str | None = None) -> "EnhancerConfig":
        """Return this config around a base on the Hub, pinned to a commit, or around one in a folder."""
        if isinstance(base, Path):
            return replace(self, base=str(base.absolute()), base_revision=None)
        licence = EnhancerConfig.licence if base.startswith("stabilityai/") else "other"
        return replace(self, base=base, base_revision=revision, licence=licence)

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
        defaults = asdict(cls())
        values = {key: defaults[key] for key in LATER}
        values |= {key: value for key, value in content.items() if key != "format"}
        known = {field.name for field in fields(cls)}
        unknown, missing = sorted(set(values) - known), sorted(known - set(values))
        if unknown or missing:
            raise CheckpointError(
                f"config.json does not fit: unknown keys [{', '.join(unknown)}], missing keys [{', '.join(missing)}]."
            )
        for key, default in defaults.items():
            if not _fits(values[key], default):
                raise CheckpointError(f"config.json: {key} is {values[key]!r}, which is of the wrong type.")
            if isinstance(default, tuple):
                values[key] = tuple(values[key])
        return cls(**values)


def _fits(value: Any, default: Any) -> bool:
    """Tell whether a value read from JSON is of the kind of a default."""
    if isinstance(default, tuple):
        return isinstance(value, list | tuple) and all(_fits(item, default[0]) for item in value)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if default is None:
        return value is None or isinstance(value, str)
    return type(value) is type(default)
