"""From a checkpoint to a folder of graphs, proven to restore as it does: whole or not at all."""

import hashlib
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch

import enhancer
from enhancer.errors import CheckpointError, SettingsError
from enhancer.model import SplatEnhancer
from enhancer.model.checkpoint import ADAPTERS
from enhancer.onnx.folder import OnnxConfig, check_replaceable, package
from enhancer.onnx.graphs import OPSET, write_graphs
from enhancer.onnx.memory import attention_bytes
from enhancer.onnx.parity import LEAST, parity
from enhancer.onnx.runner import OnnxEnhancer
from enhancer.runtime.files import atomic_folder


def export(ref: str | Path, folder: str | Path, *, dtype: str = "float32", token: str | None = None) -> OnnxConfig:
    """Export a checkpoint: write the graphs, run them by onnxruntime on the CPU, and compare with the model.

    Args:
        ref: What `SplatEnhancer.from_pretrained` takes.
        folder: Where to. An export that is there is replaced, anything else is not.
        dtype: Of the graphs: float32, or float16, for runtimes on GPUs that take a graph's types as they are.
        token: For private and gated repositories; `HF_TOKEN` where it is not given.

    Returns:
        What was written to `config.json`.

    Raises:
        SettingsError: `folder` holds something else, or there is no such dtype.
        UnavailableError: onnx or onnxruntime is not installed.
        CheckpointError: It is no checkpoint, or its graphs do not restore as it does; nothing is written then.
    """
    folder = Path(folder).absolute()
    check_replaceable(folder)
    for name in ("onnx", "onnxruntime"):
        package(name)  # before anything is loaded or downloaded
    if dtype not in LEAST:
        raise SettingsError(f"dtype must be {' or '.join(LEAST)}, got {dtype!r}.")
    model = SplatEnhancer.from_pretrained(ref, token=token).for_inference()
    with atomic_folder(folder) as fresh:
        write_graphs(model if dtype == "float32" else deepcopy(model).to(getattr(torch, dtype)), fresh)
        config = _config(model, dtype)
        config.write(fresh)
        found = parity(model, OnnxEnhancer(fresh))
        if not found >= LEAST[dtype]:  # NaN neither
            raise CheckpointError(
                f"The exported graphs of {ref} restore only to {found:.1f} dB of the model ({LEAST[dtype]:g} dB are asked for), "
                "so nothing was written. Try the versions of torch, onnx and onnxruntime named in pyproject.toml."
            )
        config = replace(config, parity=round(found, 1))
        config.write(fresh)
    return config


def _config(model: SplatEnhancer, dtype: str) -> OnnxConfig:
    source = model.source
    assert source is not None  # it was loaded
    with (source.folder / ADAPTERS).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return OnnxConfig(
        name=source.title(model.config.name),
        source=source.name,
        sha=source.sha or digest,
        licence=model.config.licence,
        alpha_bar=model.alpha_bar,
        size_multiple=model.size_multiple,
        dtype=dtype,
        bytes_per_pixel=model.bytes_per_pixel,
        attention_bytes=attention_bytes(model, model.dtype.itemsize),
        opset=OPSET,
        version=enhancer.__version__,
        parity=0.0,
    )
