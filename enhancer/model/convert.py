"""Import of `.pkl` checkpoints of img2img-turbo and of the proof of concept made from it (Parmar et al. 2024).

Their layout, a `torch.save` of a dict: `rank_unet`, `rank_vae`, `unet_lora_target_modules`, `vae_lora_target_modules`,
`state_dict_unet` (LoRA under the adapter name `default`, and `conv_in`), `state_dict_vae` (LoRA of encoder, decoder and skip
convolutions under the adapter name `vae_skip`, and the skip convolutions `decoder.skip_conv_1` to `_4`).

What the file does not record: alpha (peft's default of the time, 8, holds), the timestep (999), the base, the prompt
and the range of the pictures its encoder saw. The last three are asked for.
"""

import pickle
import pickletools
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enhancer.errors import CheckpointError
from enhancer.finite import require_finite_tensors
from enhancer.lfs import refuse_pointers
from enhancer.model.checkpoint import load_adapters
from enhancer.model.config import EnhancerConfig
from enhancer.model.enhancer import SplatEnhancer
from enhancer.model.prompt import adapt

ALPHA = 8.0  # peft's default; none of these projects sets or saves another
TIMESTEP = 999
_CONTENT = {
    "rank_unet": int,
    "rank_vae": int,
    "unet_lora_target_modules": list,
    "vae_lora_target_modules": list,
    "state_dict_unet": Mapping,
    "state_dict_vae": Mapping,
}
_LORA = re.compile(r"\.lora_([AB])\.[^.]+\.weight$")
_SKIP = re.compile(r"^decoder\.skip_conv_(\d+)\.")


def convert(
    source: str | Path,
    out: str | Path,
    *,
    base: str,
    input_range: tuple[float, float],
    prompt: str = EnhancerConfig.prompt,
) -> SplatEnhancer:
    """Turn a `.pkl` checkpoint into a checkpoint folder, and return its model. Nothing in the pickle is executed.

    Args:
        source: The `.pkl` file.
        out: Folder to write; one that is there is replaced.
        base: What it was trained on: a Hub id such as ``"stabilityai/sd-turbo"`` (``@sha`` pins it) or a folder, with
            its tokenizer and text encoder, which encode the prompt once.
        input_range: Black and white as its encoder was shown them: (0, 1) in img2img-turbo, (-1, 1) in the proof of
            concept.
        prompt: The sentence it was trained with.

    Raises:
        CheckpointError: The file is another one, holds code, or does not fit the base; the message names what.
        HubError: The base is not here and the Hub does not give it.
    """
    content = read_pickle(Path(source))
    adapters = adapters_of(content)
    config = EnhancerConfig(
        name=Path(source).stem,
        unet_rank=content["rank_unet"],
        unet_alpha=ALPHA,
        unet_targets=tuple(content["unet_lora_target_modules"]),
        vae_rank=content["rank_vae"],
        vae_alpha=ALPHA,
        vae_targets=tuple(t for t in content["vae_lora_target_modules"] if not t.startswith("skip_conv_")),
        adapt_encoder=any(key.startswith("vae.encoder.") for key in adapters),
        adapt_skips=any(key.startswith("skips.") and ".lora_" in key for key in adapters),
        timestep=TIMESTEP,
        input_range=input_range,
        prompt=prompt,
    )
    model = adapt(base, config)
    load_adapters(model, adapters | {"prompt_embedding": model.prompt_embedding}, str(source))
    model.save_pretrained(out)
    return model.eval()


def adapters_of(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a `.pkl` under the names they have in our checkpoints.

    ``down_blocks.0.x.to_q.lora_A.default.weight`` becomes ``unet.down_blocks.0.x.to_q.lora_A.weight``, and
    ``decoder.skip_conv_1.base_layer.weight`` becomes ``skips.0.base_layer.weight``.
    """
    out = {"unet." + _LORA.sub(r".lora_\1.weight", key): value for key, value in content["state_dict_unet"].items()}
    for key, value in content["state_dict_vae"].items():
        name = _LORA.sub(r".lora_\1.weight", key)
        skip = _SKIP.match(name)
        out[f"skips.{int(skip[1]) - 1}.{name[skip.end() :]}" if skip else f"vae.{name}"] = value
    return out


def read_pickle(path: Path) -> dict[str, Any]:
    """Read the dict in a `.pkl` checkpoint: tensors, numbers, texts and lists, nothing else.

    Raises:
        CheckpointError: It is no such file; or it asks for code, which is named and not run.
    """
    refuse_pointers([path], CheckpointError)
    try:
        if not zipfile.is_zipfile(path):
            asked = _names_asked_for(path)
            raise CheckpointError(
                _refusal(path, asked) if asked else f"{path} is damaged, or was not written by torch.save."
            )
        asked = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        if asked:
            raise CheckpointError(_refusal(path, asked))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist. Give the .pkl file of a checkpoint.") from error
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path} cannot be read as a torch.save file: {first}") from error
    wrong = [
        key
        for key, kind in _CONTENT.items()
        if not isinstance(content, Mapping) or not isinstance(content.get(key), kind)
    ]
    if not wrong:
        states = {**content["state_dict_unet"], **content["state_dict_vae"]}
        wrong = [key for key, value in states.items() if not isinstance(value, Tensor)]
    if wrong:
        raise CheckpointError(
            f"{path} is no checkpoint of img2img-turbo's layout: {', '.join(wrong)} missing or of another type."
        )
    require_finite_tensors({**content["state_dict_unet"], **content["state_dict_vae"]}, str(path))
    return dict(content)


def _refusal(path: Path, asked: list[str]) -> str:
    return (
        f"{path} was refused: it asks to run {', '.join(asked)}, and a checkpoint of weights has no need to. "
        "Nothing was run. Do not open this file with other programs unless you trust whoever made it."
    )


def _names_asked_for(path: Path) -> list[str]:
    """Return what a bare pickle would import, read from its instructions without following them."""
    asked, texts = [], []
    try:
        for opcode, value, _ in pickletools.genops(path.read_bytes()):
            if opcode.name == "GLOBAL":
                asked.append(str(value).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL":
                asked.append(".".join(texts[-2:]))
            elif isinstance(value, str):
                texts.append(value)
    except ValueError:
        return asked  # up to where it is no pickle
    return asked
