"""One dataclass = the command line = `config.json` of a run."""

import argparse
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, TypeVar, get_args, get_origin

from enhancer.degrade import PRESETS
from enhancer.errors import SettingsError

Config = TypeVar("Config")


def flag(default: Any, help: str, **options: Any) -> Any:
    """Return a dataclass field whose help text is the command line's; `options` are argparse's own, such as nargs."""
    return field(default=default, metadata={"help": help, "options": options})


@dataclass(frozen=True)
class TrainConfig:
    """What a training run does. Field name = flag name = key in `config.json`."""

    train_data_dir: str = flag("", "folders of faces with images/ and masks/ inside, comma-separated")
    output_dir: str = flag("runs/train", "run folder; a run found there is resumed if its settings agree")
    checkpoint: str = flag("", "checkpoint folder to start from; empty: a new pocket base from scratch")
    train_base: bool = flag(False, "train the whole base, not only LoRA, skips and conv_in")
    perceptual_weights: str = flag(
        "", "SqueezeNet 1.1 features (.pth), which the perceptual and Gram terms need"
    )
    preset: str = flag("v2", "degradation preset: v1 or v2")
    resolution: int = flag(512, "side of the square crop shown to the model, pixels, a multiple of 16")
    crops_per_image: int = flag(1, "crops taken from each degraded picture")
    full_severity_share: float = flag(0.5, "share of samples at severity 1; the rest draw it from 0 to 1.2")
    plain_background_share: float = flag(0.2, "share of samples composited on a plain colour by their labels")
    augment: bool = flag(False, "now and then more on the degraded side: training/augment.py")
    train_batch_size: int = flag(4, "crops per step")
    max_train_steps: int = flag(2000, "optimizer steps")
    learning_rate: float = flag(5e-5, "AdamW learning rate after warm-up")
    lr_warmup_steps: int = flag(100, "steps of linear warm-up; linear decay to 0 follows")
    adam_weight_decay: float = flag(1e-4, "AdamW weight decay")
    max_grad_norm: float = flag(1.0, "gradient norm clip")
    ema_decay: float = flag(0.999, "decay of the averaged weights that are saved; 0 saves the last ones")
    l1_weight: float = flag(0.5, "weight of the L1 loss")
    perceptual_weight: float = flag(1.0, "weight of the perceptual loss")
    gram_weight: float = flag(0.07, "weight of the Gram loss")
    checkpointing_steps: int = flag(200, "save state and checkpoint every this many steps")
    seed: int = flag(0, "address of every random stream")

    def __post_init__(self) -> None:
        """Check what can be checked before anything is loaded."""
        if not self.train_data_dir:
            raise SettingsError(
                "No pictures to train on: give --train_data_dir FOLDER (with images/ and masks/)."
            )
        if self.preset not in PRESETS:
            raise SettingsError(f"There is no preset {self.preset!r}. Choose one of {', '.join(PRESETS)}.")
        if self.resolution % 16 or not 64 <= self.resolution <= 512:
            raise SettingsError(f"--resolution must be a multiple of 16 in 64 to 512, got {self.resolution}.")
        if self.train_batch_size % self.crops_per_image:
            raise SettingsError(
                f"--train_batch_size {self.train_batch_size} is no multiple of "
                f"--crops_per_image {self.crops_per_image}."
            )
        for name in ("train_batch_size", "max_train_steps", "checkpointing_steps", "crops_per_image"):
            if getattr(self, name) < 1:
                raise SettingsError(f"--{name} must be at least 1, got {getattr(self, name)}.")

    def to_json(self) -> dict[str, Any]:
        """Return the content of the run's `config.json`."""
        return asdict(self)


def from_flags(cls: type[Config], argv: Sequence[str] | None, description: str) -> Config:
    """Read a config dataclass from the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for item in fields(cls):  # type: ignore[arg-type]
        kind: Any = item.type
        default = None if item.default is MISSING else item.default
        options: dict[str, Any] = {"default": default, "help": item.metadata["help"]}
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        elif get_origin(kind) is tuple:
            options |= {"type": str, "default": list(default or ())}
        elif get_args(kind):
            options["choices"] = get_args(kind)
        else:
            options["type"] = kind
        parser.add_argument(f"--{item.name}", **options | item.metadata.get("options", {}))
    given = vars(parser.parse_args(argv))
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
