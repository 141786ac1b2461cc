"""What an exported folder holds: three graphs and `config.json`, which says what the runner needs to know."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from enhancer.errors import CheckpointError, SettingsError, UnavailableError

FORMAT = "splat-enhancer-onnx/1"
CONFIG = "config.json"
GRAPHS = ("encoder", "unet", "decoder")


@dataclass(frozen=True)
class OnnxConfig:
    """Content of an export's `config.json`."""

    name: str  # what people call the checkpoint
    source: str  # "pocket", "user/repo@sha7", or a folder
    sha: str | None  # the checkpoint's commit, or the sha256 of its adapters
    licence: str  # the checkpoint's: the graphs hold its weights
    alpha_bar: float  # see `enhancer.model.one_step.predict_clean`
    size_multiple: int  # pixels; height and width are divisible by it
    dtype: str  # of weights, inputs and outputs, except the clean latents, which are float32
    bytes_per_pixel: int  # that a pass takes beside the weights, roughly
    attention_bytes: float  # likewise, per square of a picture's pixels: see `enhancer.onnx.memory`
    opset: int
    version: str  # of Splat Enhancer
    parity: float  # dB between onnxruntime's pictures and torch's: the worst batch after the export

    def write(self, folder: Path) -> None:
        """Write `config.json`."""
        (folder / CONFIG).write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "OnnxConfig":
        """Read `config.json`, strictly.

        Raises:
            CheckpointError: The folder is no export, or one of another version.
        """
        content = _content(folder)
        known, given = {field.name for field in fields(cls)}, set(content) - {"format"}
        if known != given:
            raise CheckpointError(
                f"{folder / CONFIG} does not fit: unknown keys [{', '.join(sorted(given - known))}], "
                f"missing keys [{', '.join(sorted(known - given))}]. Export again."
            )
        return cls(**{key: value for key, value in content.items() if key != "format"})


def _content(folder: Path) -> Mapping[str, Any]:
    """Return the content of the `config.json` of an export, of whatever version."""
    try:
        content = json.loads((folder / CONFIG).read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder} is not an ONNX export: {CONFIG} cannot be read ({error}).") from error
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, Mapping) else None
        raise CheckpointError(
            f"{folder} is not an ONNX export: the format in its {CONFIG} is {found!r}, expected {FORMAT!r}. "
            "Write one with `python -m enhancer export CHECKPOINT OUT`."
        )
    return content


def check_replaceable(folder: Path) -> None:
    """Refuse to write to a folder that holds something else than an export.

    Raises:
        SettingsError: It does, or it is a file.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        _content(folder)
    except CheckpointError:
        raise SettingsError(
            f"{folder} exists and is not an ONNX export, so it is not replaced. Name another folder."
        ) from None


def package(name: str) -> Any:
    """Import a package of the optional extra.

    Raises:
        UnavailableError: It is not installed; the message says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UnavailableError(
            f"The package {name} is not installed: pip install onnx onnxruntime (or 'splat-enhancer[onnx]')."
        ) from error
