"""The settings of a training run: one dataclass = the command line = `config.json` of a run."""

import math
import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from enhancer.degrade import PRESETS
from enhancer.errors import SettingsError
from training import recipes
from training.cli import flag
from training.columns import NO_COLUMN, OURS, Columns

NEW_POCKET = "new_pocket"  # in place of a checkpoint
PAIRS, CLEAN = "pairs", "clean"  # of a mixture, beside the presets
# What a plain background may be when it is drawn; "grey" is any grey, "colour" any colour.
PLAIN_COLOURS = ("white", "black", "grey", "colour")
_SET = re.compile(r"([A-Za-z][\w-]*)=(.+)")  # of --validation_data_dir
TRACKERS = ("tensorboard", "trackio", "wandb")
# How the two published proofs of concept were trained. v2 is what the fields below say; v1 differs in these.
PRESET_SETTINGS: dict[str, dict[str, Any]] = {
    "v2": {},
    "v1": {
        "rank": 8,
        "vae_rank": 4,
        "max_train_steps": 5000,
        "adam_weight_decay": 1e-2,
        "lr_scheduler": "constant",
        "lr_warmup_steps": 0,
        "l1_weight": 2.0,
        "lpips_weight": 0.5,
        "gram_weight": 0.01,
        "clip_weight": 0.5,
    },
}


@dataclass(frozen=True)
class Phase:
    """A stretch of a run."""

    first_step: int
    resolution: int  # side of its crops, px
    batch_size: int  # crops per forward pass and process


def shares_of(texts: tuple[str, ...], known: tuple[str, ...], name: str) -> dict[str, float]:
    """Read shares such as ``("v2=0.7", "v1=0.3")``; of nothing there are none.

    Raises:
        SettingsError: One has an unknown name, or is no share, or they do not add up to 1.
    """
    shares: dict[str, float] = {}
    for text in texts:
        key, _, value = text.partition("=")
        try:
            shares[key] = float(value)
        except ValueError as error:
            raise SettingsError(f"{name} wants NAME=SHARE, such as {known[0]}=0.5, got {text!r}.") from error
        if key not in known or shares[key] < 0:
            raise SettingsError(f"{name} knows {', '.join(known)}, in shares of 0 to 1, got {text!r}.")
    if shares and not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise SettingsError(f"The shares of {name} must add up to 1, and add up to {sum(shares.values()):g}.")
    return {key: share for key, share in shares.items() if share}


@dataclass(frozen=True)
class TrainConfig:
    """What a training run does. Field name = flag name = key in `config.json`; names are those of diffusers' scripts.

    Raises:
        SettingsError: A value cannot be used; found before anything is loaded.
    """

    recipe: str = flag(
        "",
        f"settings to start from: {', '.join(recipes.names())}, or a .toml file; flags win over them",
        free=True,
    )
    config: str = flag(
        "",
        "settings to start from: the config.json of a run; flags win over them, and they over recipe and preset",
        free=True,
    )
    preset: str = flag("v2", "degradation, and the defaults of ranks, losses and optimizer: v2 or v1")
    train_data_dir: str = flag("", "folders to train on, comma-separated: images/ with masks/, or ready pairs")
    image_column: str = flag(
        OURS.image, "column of the clean pictures in a metadata.jsonl of ready pairs; validation too", free=True
    )
    conditioning_image_column: str = flag(
        "", f"column of the degraded ones; empty: degraded; {NO_COLUMN}: photographs, degraded afresh", free=True
    )
    max_train_samples: int = flag(0, "train on the first this many pictures; 0: all")
    output_dir: str = flag(
        "runs/train", "run folder; a run found there is gone on with if its settings agree", free=True
    )

    checkpoint: str = flag(
        "",
        f"checkpoint to go on from: folder, run (its best), pocket, user/repo@revision; or {NEW_POCKET}: that base from scratch",
    )
    pretrained_model_name_or_path: str = flag("stabilityai/sd-turbo", "base for new adapters: Hub id or folder")
    revision: str = flag("", "revision of the base on the Hub")
    train_base: bool = flag(False, "train the whole base, not only LoRA, skips and conv_in", opposite="lora")
    rank: int = flag(16, "LoRA rank in the UNet, where the checkpoint has none yet")
    vae_rank: int = flag(8, "LoRA rank in the VAE, where the checkpoint has none yet")
    adapt_encoder: bool = flag(False, "LoRA on the VAE encoder too, as pix2pix-turbo has it")
    timestep: Literal[0, 999, 399, 249, 199] = flag(
        0,
        "diffusion step of the one UNet call; 0: as the checkpoint has it, 999 around a base, 199 in a new pocket",
    )
    prompt: str = flag("a sharp, detailed photograph of a face", "prompt of new adapters, and of the CLIP term")

    mixture: tuple[str, ...] = flag(
        (),
        "what is shown in which share, such as v2=0.6 v1=0.1 pairs=0.2 clean=0.1: photographs degraded by a preset, "
        "ready pairs, pictures to be left as they are; empty: every picture once an epoch, photographs by --preset",
        nargs="+",
        metavar="KIND=SHARE",
    )
    resolution: int = flag(512, "side of the square crop shown to the model, pixels, a multiple of 16")
    phases: tuple[str, ...] = flag(
        (),
        "from a step on, crops of another side and another batch size, such as 2400:512:8",
        nargs="+",
        metavar="STEP:SIDE:BATCH",
    )
    crops_per_image: int = flag(1, "crops taken from each degraded picture")
    pool_size: int = flag(
        1,
        "degraded pictures each process keeps, from which crops are drawn; 1: each picture serves its crops at once",
    )
    full_severity_share: float = flag(0.5, "share of samples at severity 1; the rest draw it from 0 to 1.2")
    plain_background_share: float = flag(0.2, "share of samples composited on a plain colour by their labels")
    plain_colours: tuple[str, ...] = flag(
        ("white=0.6", "colour=0.4"),
        "colours of plain backgrounds: white, black, grey (any), colour (any)",
        nargs="+",
        metavar="COLOUR=SHARE",
    )
    grey_share: float = flag(0.0, "share of crops in grey, clean and degraded, so that grey stays grey")
    augment: bool = flag(
        True, "now and then more on the degraded side of photographs (noise, blur): training/data/augment.py"
    )
    augment_pairs: bool = flag(False, "the same on ready pairs, whose degraded side is otherwise left as it is")
    dataloader_num_workers: int = flag(0, "processes that prepare pictures ahead; 0: none", free=True)

    train_batch_size: int = flag(2, "crops per forward pass and process")
    gradient_accumulation_steps: int = flag(1, "forward passes per optimizer step")
    gradient_checkpointing: bool = flag(
        False, "recompute activations in the backward pass: less memory, more time", free=True
    )
    mixed_precision: Literal["auto", "no", "fp16", "bf16", "bf16_weights"] = flag(
        "auto",
        "autocast; frozen weights are kept in it, trained ones in float32. auto: fp16 on CUDA, else no. bf16_weights: no "
        "autocast but bfloat16 weights, with float32 masters for the optimizer, faster for small networks",
    )
    max_train_steps: int = flag(20_000, "optimizer steps")
    early_stopping_patience: int = flag(
        0, "stop after this many validations in a row that were no better than the best; 0: go to the end", free=True
    )
    max_train_minutes: float = flag(
        0.0, "stop after this many minutes of training, those before a resume counted; 0: go to the end", free=True
    )
    num_train_epochs: int = flag(
        0, "passes over the pictures, in place of --max_train_steps; 0: that many steps", free=True
    )
    stop_at_step: int = flag(0, "save and stop after this step, as Ctrl-C would; 0: go to the end", free=True)
    learning_rate: float = flag(5e-5, "AdamW learning rate after warm-up")
    lr_scheduler: Literal["linear", "cosine", "constant"] = flag(
        "linear", "after warm-up: fall to 0 linearly or as a cosine does, or stay"
    )
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
    perceptual_weights: str = flag("", "SqueezeNet 1.1 features (.pth), in torchvision's names and Caffe's ranges")
    gradient_variance_weight: float = flag(0.0, "weight of the gradient-variance loss (Abrahamyan et al. 2022)")
    adversarial_weight: float = flag(0.0, "weight of a discriminator's hinge loss")
    discriminator: Literal["patch", "lpips"] = flag(
        "patch",
        "what it looks at: patches of the picture (Isola et al. 2017), or the features of the LPIPS network",
    )
    discriminator_learning_rate: float = flag(3e-4, "Adam learning rate of the discriminator, constant")
    adversarial_start_step: int = flag(0, "step from which the discriminator takes part")
    adversarial_ramp_steps: int = flag(0, "let its weight grow linearly from 0 over this many steps")
    adversarial_balance: bool = flag(
        False,
        "its weight is a share: of the other losses' gradient at the picture, whatever that is (Esser et al. 2021)",
    )

    validation_data_dir: str = flag(
        "",
        "folders to validate on, comma-separated; NAME=FOLDER makes sets with numbers of their own, of which the first decides "
        "what is best; empty: no validation",
        free=True,
    )
    best_metric: Literal["loss", "psnr", "lpips"] = flag(
        "loss", "what makes the best checkpoint: the lowest loss, the highest PSNR, or the lowest LPIPS (AlexNet)"
    )
    validation_steps: int = flag(500, "validate every this many steps, and at the end", free=True)
    max_validation_samples: int = flag(64, "validate on the first this many pictures", free=True)
    num_validation_images: int = flag(4, "pictures on the validation sheet", free=True)
    report_to: str = flag("", "trackers, comma-separated: tensorboard, trackio, wandb, or all", free=True)
    tracker_project_name: str = flag("splat-enhancer", "name of the project in the trackers", free=True)

    checkpointing_steps: int = flag(500, "save a checkpoint-<step> every this many steps", free=True)
    checkpoints_total_limit: int = flag(3, "how many of the newest to keep, beside the best; 0: all", free=True)
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
            raise SettingsError("No pictures to train on: give --train_data_dir FOLDER (with images/ and masks/).")
        if self.preset not in PRESETS:
            raise SettingsError(f"There is no preset {self.preset!r}. Choose one of {', '.join(PRESETS)}.")
        self._check_start()
        self._check_numbers()
        if self.early_stopping_patience and not self.validation_data_dir:
            raise SettingsError("--early_stopping_patience needs validations: give --validation_data_dir.")
        if self.push_to_hub and self.hub_model_id.count("/") != 1:
            raise SettingsError(f"--push_to_hub needs --hub_model_id user/name, got {self.hub_model_id!r}.")
        unknown = set(self.trackers) - set(TRACKERS)
        if unknown:
            raise SettingsError(f"--report_to knows {', '.join(TRACKERS)} and all, got {', '.join(sorted(unknown))}.")

    def _check_start(self) -> None:
        if self.checkpoint == NEW_POCKET and not self.train_base:
            raise SettingsError(
                f"A new base has nothing to adapt yet: --checkpoint {NEW_POCKET} goes with --train_base."
            )
        if self.mixed_precision == "bf16_weights" and not self.train_base:
            raise SettingsError("--mixed_precision bf16_weights goes with --train_base; LoRA trains with bf16.")
        if self.adversarial_weight and self.discriminator == "lpips" and not self.lpips_weight:
            raise SettingsError(
                "--discriminator lpips looks through the network of the LPIPS loss: give --lpips_weight a value above 0, "
                "or --discriminator patch."
            )

    def _check_numbers(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise SettingsError(f"--{name} must be finite, got {value}.")
        for name in (
            "train_batch_size",
            "max_train_steps",
            "checkpointing_steps",
            "crops_per_image",
            "pool_size",
            "gradient_accumulation_steps",
            "validation_steps",
            "num_validation_images",
            "max_validation_samples",
        ):
            if getattr(self, name) < 1:
                raise SettingsError(f"--{name} must be at least 1, got {getattr(self, name)}.")
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int | float) and value < 0:
                raise SettingsError(f"--{item.name} must not be negative, got {value}.")
        for name in ("full_severity_share", "plain_background_share", "grey_share", "ema_decay"):
            if getattr(self, name) > 1:
                raise SettingsError(f"--{name} must lie in 0 to 1, got {getattr(self, name)}.")
        _ = self.shares, self.colours, self.validation_sets  # what cannot be read is refused now
        for phase in self.schedule:
            self._check_phase(phase)

    def _check_phase(self, phase: "Phase") -> None:
        first = not phase.first_step
        if phase.resolution % 16 or not 64 <= phase.resolution <= 512:
            name = "--resolution" if first else "The side of a phase"
            raise SettingsError(f"{name} must be a multiple of 16 in 64 to 512, got {phase.resolution}.")
        if phase.batch_size < 1 or phase.batch_size % self.crops_per_image:
            name = "--train_batch_size" if first else f"The batch size of the phase at step {phase.first_step},"
            raise SettingsError(
                f"{name} {phase.batch_size} is no multiple of --crops_per_image {self.crops_per_image}."
            )
        if phase.first_step >= self.max_train_steps:
            raise SettingsError(
                f"The phase at step {phase.first_step} never begins: the run ends after --max_train_steps "
                f"{self.max_train_steps}."
            )

    @property
    def schedule(self) -> "tuple[Phase, ...]":
        """The phases of the run, the first one from step 0.

        Raises:
            SettingsError: --phases cannot be read, or its steps do not ascend.
        """
        found = [Phase(0, self.resolution, self.train_batch_size)]
        for text in self.phases:
            try:
                step, side, batch = map(int, text.split(":"))
            except ValueError as error:
                raise SettingsError(
                    f"--phases wants STEP:SIDE:BATCH, three whole numbers such as 2400:512:8, got {text!r}."
                ) from error
            if step <= found[-1].first_step:
                raise SettingsError(
                    f"The steps of --phases must ascend from above 0, got {step} after {found[-1].first_step}."
                )
            found.append(Phase(step, side, batch))
        return tuple(found)

    def phase_at(self, step: int) -> "Phase":
        """Return the phase that a step belongs to."""
        return [phase for phase in self.schedule if phase.first_step <= step][-1]

    def crops_before(self, step: int) -> int:
        """Return how many crops a process has been shown when `step` begins."""
        starts = [phase.first_step for phase in self.schedule[1:]] + [self.max_train_steps]
        counts = [
            phase.batch_size * max(0, min(step, end) - phase.first_step)
            for phase, end in zip(self.schedule, starts, strict=True)
        ]
        return self.gradient_accumulation_steps * sum(counts)

    def for_pictures(self, count: int, world_size: int) -> "TrainConfig":
        """Return the settings with the steps that `num_train_epochs` passes over the pictures take, if it is given.

        Args:
            count: How many pictures there are.
            world_size: How many processes share them.

        Raises:
            SettingsError: A phase would never begin.
        """
        if not self.num_train_epochs:
            return self
        left = self.num_train_epochs * count * self.crops_per_image  # crops
        ends = [phase.first_step for phase in self.schedule[1:]]
        for phase, end in zip(self.schedule, [*ends, None], strict=True):
            crops = phase.batch_size * self.gradient_accumulation_steps * world_size  # a step
            steps = math.ceil(left / crops)
            if end is None or phase.first_step + steps <= end:
                return replace(self, max_train_steps=phase.first_step + steps)
            left -= (end - phase.first_step) * crops
        raise AssertionError("the last phase has no end")

    @property
    def shares(self) -> dict[str, float]:
        """The mixture by kind; none: all pictures as they come.

        Raises:
            SettingsError: --mixture cannot be read, or does not add up to 1.
        """
        return shares_of(self.mixture, (*PRESETS, PAIRS, CLEAN), "--mixture")

    @property
    def colours(self) -> dict[str, float]:
        """The shares of the colours of plain backgrounds.

        Raises:
            SettingsError: --plain_colours cannot be read, or does not add up to 1.
        """
        return shares_of(self.plain_colours, PLAIN_COLOURS, "--plain_colours")

    @property
    def columns(self) -> Columns:
        """What columns of pictures are called in the folders."""
        return Columns(self.image_column, self.conditioning_image_column)

    @property
    def validation_sets(self) -> dict[str, str]:
        """The sets to validate on: name -> comma-separated folders. One that was given no name is called "".

        Raises:
            SettingsError: Some folders have a name and others do not.
        """
        parts = [part.strip() for part in self.validation_data_dir.split(",") if part.strip()]
        named = [_SET.fullmatch(part) for part in parts]
        if not any(named):
            return {"": ",".join(parts)} if parts else {}
        found: dict[str, list[str]] = {}
        for part, match in zip(parts, named, strict=True):
            if match is None:
                raise SettingsError(
                    f"--validation_data_dir wants NAME=FOLDER for all folders or for none, got {part!r}."
                )
            found.setdefault(match[1], []).append(match[2])
        return {name: ",".join(folders) for name, folders in found.items()}

    @property
    def trackers(self) -> tuple[str, ...]:
        """The trackers by name."""
        if self.report_to.strip() == "all":
            return TRACKERS
        return tuple(name.strip() for name in self.report_to.split(",") if name.strip())

    def to_json(self) -> dict[str, Any]:
        """Return the content of the run's `config.json`."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def free(self) -> set[str]:
        """Return the names of the settings a run can change on its way: where it writes, reports and how it is fed."""
        return {item.name for item in fields(self) if item.metadata["free"]}

    @classmethod
    def defaults_of(cls, preset: str | None, recipe: str | None, config: str | None) -> dict[str, Any]:
        """Return what preset, recipe and a run's settings set in place of the fields' own defaults; the latter ones win.

        Raises:
            SettingsError: One of the files cannot be used.
        """
        settings = {item.name: item for item in fields(cls)}
        given = recipes.read_config(Path(config), settings) if config else {}
        recipe = recipe or given.get("recipe")
        chosen = (recipes.read_recipe(recipe, settings) if recipe else {}) | given
        return PRESET_SETTINGS.get(preset or chosen.get("preset", ""), {}) | chosen
