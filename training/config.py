"""What a training run can be told: one dataclass = the command line = `config.json` of a run."""

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from enhancer.degrade import PRESETS
from enhancer.errors import SettingsError
from training.flags import flag

TRACKERS = ("tensorboard", "trackio", "wandb")
# How the two published proofs of concept were trained. v2 is what the fields below say; v1 differs in these.
PRESET_SETTINGS: dict[str, dict[str, Any]] = {
    "v2": {},
    "v1": {
        "rank": 8, "vae_rank": 4, "max_train_steps": 5000, "adam_weight_decay": 1e-2, "lr_scheduler": "constant",
        "lr_warmup_steps": 0, "l1_weight": 2.0, "lpips_weight": 0.5, "gram_weight": 0.01, "clip_weight": 0.5,
    },
}  # fmt: skip


@dataclass(frozen=True)
class TrainConfig:
    """What a training run does. Field name = flag name = key in `config.json`; names are those of diffusers' scripts.

    Raises:
        SettingsError: A value cannot be used; found before anything is loaded.
    """

    preset_settings: ClassVar = PRESET_SETTINGS

    preset: str = flag("v2", "degradation, and the defaults of ranks, losses and optimizer: v2 or v1")
    train_data_dir: str = flag(
        "", "folders to train on, comma-separated: images/ with masks/, or ready pairs"
    )
    max_train_samples: int = flag(0, "train on the first this many pictures; 0: all")
    output_dir: str = flag(
        "runs/train", "run folder; a run found there is gone on with if its settings agree", free=True
    )

    checkpoint: str = flag("", "checkpoint to go on from: folder, pocket, or user/repo@revision")
    pretrained_model_name_or_path: str = flag(
        "stabilityai/sd-turbo", "base for new adapters: Hub id or folder"
    )
    revision: str = flag("", "revision of the base on the Hub")
    new_pocket: bool = flag(False, "train a new pocket base from scratch instead of adapting one")
    train_base: bool = flag(False, "train the whole base, not only LoRA, skips and conv_in", opposite="lora")
    rank: int = flag(16, "LoRA rank in the UNet, where the checkpoint has none yet")
    vae_rank: int = flag(8, "LoRA rank in the VAE, where the checkpoint has none yet")
    adapt_encoder: bool = flag(False, "LoRA on the VAE encoder too, as pix2pix-turbo has it")
    timestep: Literal[0, 999, 399, 249, 199] = flag(
        0,
        "diffusion step of the one UNet call; 0: as the checkpoint has it, 999 around a base, 199 in a new pocket",
    )
    prompt: str = flag(
        "a sharp, detailed photograph of a face", "prompt of new adapters, and of the CLIP term"
    )

    resolution: int = flag(512, "side of the square crop shown to the model, pixels, a multiple of 16")
    crops_per_image: int = flag(1, "crops taken from each degraded picture")
    full_severity_share: float = flag(0.5, "share of samples at severity 1; the rest draw it from 0 to 1.2")
    plain_background_share: float = flag(0.2, "share of samples composited on a plain colour by their labels")
    augment: bool = flag(True, "now and then more on the degraded side: training/augment.py")
    dataloader_num_workers: int = flag(0, "processes that prepare pictures ahead; 0: none", free=True)

    train_batch_size: int = flag(2, "crops per forward pass and process")
    gradient_accumulation_steps: int = flag(1, "forward passes per optimizer step")
    gradient_checkpointing: bool = flag(
        False, "recompute activations in the backward pass: less memory, more time", free=True
    )
    mixed_precision: Literal["auto", "no", "fp16", "bf16"] = flag(
        "auto",
        "autocast; frozen weights are kept in it, trained ones in float32. auto: fp16 on CUDA, else no",
    )
    max_train_steps: int = flag(20_000, "optimizer steps")
    stop_at_step: int = flag(0, "save and stop after this step, as Ctrl-C would; 0: go to the end", free=True)
    learning_rate: float = flag(5e-5, "AdamW learning rate after warm-up")
    lr_scheduler: Literal["linear", "constant"] = flag("linear", "after warm-up: fall linearly to 0, or stay")
    lr_warmup_steps: int = flag(500, "steps of linear warm-up")
    adam_beta1: float = flag(0.9, "AdamW beta 1")
    adam_beta2: float = flag(0.999, "AdamW beta 2")
    adam_weight_decay: float = flag(1e-4, "AdamW weight decay")
    adam_epsilon: float = flag(1e-8, "AdamW epsilon")
    max_grad_norm: float = flag(1.0, "gradient norm clip")
    ema_decay: float = flag(0.999, "decay of the averaged weights that are saved; 0 saves the last ones")

    l1_weight: float = flag(0.5, "weight of the L1 loss")
    lpips_weight: float = flag(1.0, "weight of LPIPS")
    lpips_net: Literal["vgg", "alex"] = flag("vgg", "network of the LPIPS loss; AlexNet's is embedded")
    lpips_trunk: str = flag(
        "",
        "VGG16's weights, the convolutions or all of it; empty: LPIPS_TRUNK, torch's cache, else a download (528 MB)",
        free=True,
    )
    lpips_ramp_steps: int = flag(0, "let the LPIPS weight grow linearly from 0 over this many steps")
    gram_weight: float = flag(0.07, "weight of the Gram loss, always in float32")
    gram_features: Literal["vgg19", "vgg16", "squeezenet"] = flag(
        "vgg19",
        "features of the Gram loss: VGG19 (downloaded once, 548 MB), LPIPS' own VGG16, or --perceptual_weights",
    )
    clip_weight: float = flag(0.0, "weight of 1 - CLIP similarity to the prompt (ViT-B/32)")
    perceptual_weight: float = flag(0.0, "weight of the SqueezeNet feature distance")
    perceptual_weights: str = flag(
        "", "SqueezeNet 1.1 features (.pth), in torchvision's names and Caffe's ranges"
    )
    gradient_variance_weight: float = flag(
        0.0, "weight of the gradient-variance loss (Abrahamyan et al. 2022)"
    )
    adversarial_weight: float = flag(0.0, "weight of a patch discriminator's hinge loss (Isola et al. 2017)")
    adversarial_start_step: int = flag(0, "step from which the discriminator takes part")

    validation_data_dir: str = flag(
        "", "folders to validate on, comma-separated; empty: no validation", free=True
    )
    validation_steps: int = flag(500, "validate every this many steps, and at the end", free=True)
    max_validation_samples: int = flag(64, "validate on the first this many pictures", free=True)
    num_validation_images: int = flag(4, "pictures on the validation sheet", free=True)
    report_to: str = flag("", "trackers, comma-separated: tensorboard, trackio, wandb, or all", free=True)
    tracker_project_name: str = flag("splat-enhancer", "name of the project in the trackers", free=True)

    checkpointing_steps: int = flag(500, "save a checkpoint-<step> every this many steps", free=True)
    checkpoints_total_limit: int = flag(
        3, "how many of the newest to keep, beside the best; 0: all", free=True
    )
    resume_from_checkpoint: str = flag(
        "latest", "state to go on from: latest, or a checkpoint-<step> folder", free=True
    )
    push_to_hub: bool = flag(False, "push the best checkpoint to the Hub at the end", free=True)
    hub_model_id: str = flag("", "repository to push to: user/name", free=True)
    hub_private_repo: bool = flag(False, "make a new repository private", free=True)
    push_steps: int = flag(
        0,
        "also push the newest checkpoint to the branch 'training' every this many steps; 0: never",
        free=True,
    )
    seed: int = flag(0, "address of every random stream")

    def __post_init__(self) -> None:
        """Check what can be checked before anything is loaded."""
        if not self.train_data_dir:
            raise SettingsError(
                "No pictures to train on: give --train_data_dir FOLDER (with images/ and masks/)."
            )
        if self.preset not in PRESETS:
            raise SettingsError(f"There is no preset {self.preset!r}. Choose one of {', '.join(PRESETS)}.")
        self._check_start()
        self._check_numbers()
        if self.push_to_hub and self.hub_model_id.count("/") != 1:
            raise SettingsError(f"--push_to_hub needs --hub_model_id user/name, got {self.hub_model_id!r}.")
        unknown = set(self.trackers) - set(TRACKERS)
        if unknown:
            raise SettingsError(
                f"--report_to knows {', '.join(TRACKERS)} and all, got {', '.join(sorted(unknown))}."
            )

    def _check_start(self) -> None:
        if self.new_pocket and self.checkpoint:
            raise SettingsError(f"Give --new_pocket or --checkpoint {self.checkpoint}, not both.")
        if self.new_pocket and not self.train_base:
            raise SettingsError("A new base has nothing to adapt yet: --new_pocket goes with --train_base.")

    def _check_numbers(self) -> None:
        if self.resolution % 16 or not 64 <= self.resolution <= 512:
            raise SettingsError(f"--resolution must be a multiple of 16 in 64 to 512, got {self.resolution}.")
        for name in (
            "train_batch_size", "max_train_steps", "checkpointing_steps", "crops_per_image",
            "gradient_accumulation_steps", "validation_steps", "num_validation_images", "max_validation_samples",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise SettingsError(f"--{name} must be at least 1, got {getattr(self, name)}.")
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int | float) and value < 0:
                raise SettingsError(f"--{item.name} must not be negative, got {value}.")
        for name in ("full_severity_share", "plain_background_share", "ema_decay"):
            if getattr(self, name) > 1:
                raise SettingsError(f"--{name} must lie in 0 to 1, got {getattr(self, name)}.")
        if self.train_batch_size % self.crops_per_image:
            raise SettingsError(
                f"--train_batch_size {self.train_batch_size} is no multiple of "
                f"--crops_per_image {self.crops_per_image}."
            )

    @property
    def trackers(self) -> tuple[str, ...]:
        """The trackers by name."""
        if self.report_to.strip() == "all":
            return TRACKERS
        return tuple(name.strip() for name in self.report_to.split(",") if name.strip())

    def to_json(self) -> dict[str, Any]:
        """Return the content of the run's `config.json`."""
        return asdict(self)

    def settled(self) -> dict[str, Any]:
        """Return the settings a run cannot change on its way: all but where it writes, reports and how it is fed."""
        return {item.name: getattr(self, item.name) for item in fields(self) if not item.metadata["free"]}
