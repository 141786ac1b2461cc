"""A checkpoint is a folder of plain files: `config.json`, `adapters.safetensors`, and `base/` when it brings its own.

Loading is strict both ways: what is missing, extra or of another shape is refused by name.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from enhancer.errors import CheckpointError
from enhancer.finite import require_finite_tensors
from enhancer.hub import Access, resolve_base
from enhancer.lfs import refuse_pointers
from enhancer.model.config import EMBEDDED, EnhancerConfig
from enhancer.runtime.files import atomic_folder

if TYPE_CHECKING:
    from enhancer.model.enhancer import SplatEnhancer

POCKET = Path(__file__).parent.parent / "pocket" / "enhancer"
CONFIG, ADAPTERS, SCHEDULER = "config.json", "adapters.safetensors", "scheduler/scheduler_config.json"
SHOWN = 8  # names listed in an error before the rest is counted


@dataclass(frozen=True)
class Parts:
    """What a checkpoint folder and its base hold."""

    config: EnhancerConfig
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    scheduler: dict[str, Any]
    adapters: dict[str, Tensor]  # with "prompt_embedding"


def read_checkpoint(folder: Path, **access: Unpack[Access]) -> Parts:
    """Read a checkpoint folder and the base it names, in float32; a base on the Hub is fetched.

    Raises:
        CheckpointError: The folder is not a checkpoint, or its base does not load.
        HubError: The base is not here and the Hub does not give it.
    """
    config, adapters = read_adapters(folder)
    embedded = config.base == EMBEDDED
    base = folder / EMBEDDED if embedded else resolve_base(config.base, config.base_revision, **access).folder
    return Parts(config, *load_base(base), adapters)


def read_adapters(folder: Path) -> tuple[EnhancerConfig, dict[str, Tensor]]:
    """Read what a checkpoint folder says about itself, and its tensors; its base is not touched.

    Raises:
        CheckpointError: The folder is not a checkpoint.
    """
    config = EnhancerConfig.from_json(_read_json(folder / CONFIG))
    adapters = _read_tensors(folder / ADAPTERS)
    require_finite_tensors(adapters, str(folder / ADAPTERS))
    if "prompt_embedding" not in adapters:
        raise CheckpointError(f"{folder / ADAPTERS} holds no prompt_embedding.")
    return config, adapters


def load_base(folder: Path) -> tuple[UNet2DConditionModel, AutoencoderKL, dict[str, Any]]:
    """Load `unet/`, `vae/` and the scheduler's config from a folder in diffusers layout, in float32.

    Raises:
        CheckpointError: Something is missing or does not fit; the message names it.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"The base {folder} is not a folder. Download the base in diffusers layout and name its folder in {CONFIG}."
        )
    scheduler = _read_json(folder / SCHEDULER)
    return (
        _load_part(UNet2DConditionModel, folder / "unet"),
        _load_part(AutoencoderKL, folder / "vae"),
        scheduler,
    )


def _load_part(kind: type, folder: Path) -> Any:
    refuse_pointers(folder.glob("*"), CheckpointError)
    half = list(folder.glob("*.fp16.safetensors"))
    try:
        part, info = kind.from_pretrained(
            folder,
            variant="fp16" if half else None,
            use_safetensors=True,
            output_loading_info=True,
            torch_dtype=torch.float32,
            local_files_only=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(f"{folder} cannot be loaded as {kind.__name__}: {first_line}") from error
    _refuse(info["missing_keys"], info["unexpected_keys"], info["mismatched_keys"], str(folder))
    require_finite_tensors(part.state_dict(), str(folder))
    return part


def load_adapters(model: "SplatEnhancer", adapters: dict[str, Tensor], source: str = "the given tensors") -> None:
    """Copy adapter tensors into a model, strictly.

    Raises:
        CheckpointError: Names or shapes differ from what the model's config says.
    """
    own = model.adapter_state()
    wrong = [
        f"{k} {tuple(adapters[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in adapters and adapters[k].shape != own[k].shape
    ]
    _refuse(own.keys() - adapters.keys(), adapters.keys() - own.keys(), wrong, source)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(adapters[name])


def write_checkpoint(model: "SplatEnhancer", folder: str | Path, card: str | None = None) -> None:
    """Write a checkpoint folder: whole or not at all; one that is there is replaced.

    Args:
        model: Not merged. Its base is written too, in float16, when the config calls it embedded.
        folder: Where to.
        card: Text of the model card, README.md.
    """
    with atomic_folder(Path(folder)) as fresh:
        (fresh / CONFIG).write_text(json.dumps(model.config.to_json(), indent=2) + "\n")
        adapters = {name: tensor.detach().cpu().contiguous() for name, tensor in model.adapter_state().items()}
        save_file(adapters, fresh / ADAPTERS, metadata={"format": "pt"})
        if model.config.base == EMBEDDED:
            for name, part in (("unet", model.unet), ("vae", model.vae)):
                _plain(part).save_pretrained(fresh / EMBEDDED / name, safe_serialization=True)
            scheduler = fresh / EMBEDDED / SCHEDULER
            scheduler.parent.mkdir()
            scheduler.write_text(json.dumps(model.scheduler_config, indent=2) + "\n")
        if card is not None:
            (fresh / "README.md").write_text(card)


def _plain(part: Any) -> Any:
    """Return a float16 copy of a base part without any LoRA in it."""
    state = {
        name.replace(".base_layer.", "."): tensor for name, tensor in part.state_dict().items() if ".lora_" not in name
    }
    copy = type(part).from_config(part.config)
    copy.load_state_dict(state)
    return copy.half()


def _read_json(path: Path) -> Any:
    refuse_pointers([path], CheckpointError)
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist: {path.parent} is not a complete checkpoint folder.") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}") from error


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist: {path.parent} is not a complete checkpoint folder.")
    refuse_pointers([path], CheckpointError)
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from error
    return tensors


def _refuse(missing: Iterable[str], extra: Iterable[str], wrong: Iterable[Any], source: str) -> None:
    """Raise a CheckpointError that lists names, if there are any."""
    found = []
    for what, names in (("missing", missing), ("extra", extra), ("wrongly shaped", wrong)):
        names = sorted(str(name) for name in names)
        if names:
            rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            found.append(f"{what}: {', '.join(names[:SHOWN])}{rest}")
    if found:
        raise CheckpointError(f"The tensors in {source} do not fit its config. {'; '.join(found)}.")
