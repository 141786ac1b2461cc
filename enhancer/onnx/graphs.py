"""The model as three ONNX graphs: encoder, UNet and decoder, each for any batch, height and width.

Between UNet and decoder the clean latent is computed outside, in float32 (`enhancer.model.one_step.predict_clean`).

The tracing exporter is used although torch calls it the old one: on the same model both gave the same pictures (over 130
dB), but the new one took twenty times as long. What it takes for a warning, a traced size, is checked by the parity gate
at sizes and a batch other than the traced ones.
"""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from enhancer.model import SplatEnhancer
from enhancer.onnx.folder import package

OPSET = 18
# In size multiples, height and width: odd, so that the UNet's levels do not simply double.
TRACED = (9, 13)
INLINE = 1_500_000_000  # bytes of weights; a protobuf file cannot hold 2 GB
# With this many levels no picture is a multiple of the UNet's coarsest cell, and diffusers then asks for the size of
# every upsampling by name instead of doubling: right for every size, and the same where doubling would do.
MANY_LEVELS = 40


class _Encoder(nn.Module):
    def __init__(self, model: SplatEnhancer) -> None:
        super().__init__()
        self.model = model

    def forward(self, degraded: Tensor) -> tuple[Tensor, ...]:
        latents, skips = self.model.encode(degraded)
        return (latents, *skips)


class _Unet(nn.Module):
    def __init__(self, model: SplatEnhancer) -> None:
        super().__init__()
        self.model = model

    def forward(self, latents: Tensor) -> Tensor:
        return self.model.predict_noise(latents)


class _Decoder(nn.Module):
    def __init__(self, model: SplatEnhancer) -> None:
        super().__init__()
        self.model = model

    def forward(self, clean: Tensor, *skips: Tensor) -> Tensor:
        return self.model.decode(clean, skips)


@torch.no_grad()
def write_graphs(model: SplatEnhancer, folder: Path) -> None:
    """Write `encoder.onnx`, `unet.onnx` and `decoder.onnx`; weights over 1.5 GB go to `.onnx.data` beside them.

    The encoder takes `degraded` (B, 3, H, W) and gives `latents` and `skip_1` (full size) to `skip_4`; the UNet takes
    `latents` and gives `noise`; the decoder takes `clean` and the skips and gives `restored`, not clamped. All are of the
    model's type except `clean`, which is float32: what the one step amplifies is not rounded before it must be.

    Args:
        model: After `for_inference()`, on the CPU.
        folder: One that exists.

    Raises:
        UnavailableError: The package onnx is not installed.
    """
    package("onnx")
    height, width = (side * model.size_multiple for side in TRACED)
    degraded = torch.zeros(1, 3, height, width, dtype=model.dtype)
    latents, skips = model.encode(degraded)
    names = [f"skip_{place}" for place in range(1, len(skips) + 1)]
    with _any_size(model.unet), _silence():
        _write(_Encoder(model), (degraded,), folder / "encoder.onnx", ["degraded"], ["latents", *names])
        _write(_Unet(model), (latents,), folder / "unet.onnx", ["latents"], ["noise"])
        _write(
            _Decoder(model),
            (latents.float(), *skips),
            folder / "decoder.onnx",
            ["clean", *names],
            ["restored"],
        )


def _write(part: nn.Module, inputs: tuple[Tensor, ...], path: Path, given: Sequence[str], made: Sequence[str]) -> None:
    """Trace one part; `given` and `made` name what goes in and comes out."""
    axes = {name: {0: "batch", 2: f"{name}_height", 3: f"{name}_width"} for name in (*given, *made)}
    # into a folder of its own: above 2 GB the exporter writes a file for every weight
    with tempfile.TemporaryDirectory(prefix="graph-", dir=path.parent) as scratch:
        traced = Path(scratch) / path.name
        torch.onnx.export(
            part.eval(),
            inputs,
            str(traced),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(given),
            output_names=list(made),
            dynamic_axes=axes,
        )
        settle(traced, path)


def settle(traced: Path, path: Path) -> None:
    """Move a graph, alone in its folder but for its weights, to `path`; many weights into one file beside it."""
    if sum(file.stat().st_size for file in traced.parent.iterdir()) <= INLINE:
        traced.rename(path)
        return
    onnx = package("onnx")
    onnx.save_model(
        onnx.load(traced), path, save_as_external_data=True, all_tensors_to_one_file=True, location=f"{path.name}.data"
    )


@contextmanager
def _any_size(unet: Any) -> Iterator[None]:
    """Let diffusers' UNet name the size of every upsampling meanwhile; see `MANY_LEVELS`."""
    levels = unet.num_upsamplers
    unet.num_upsamplers = MANY_LEVELS
    try:
        yield
    finally:
        unet.num_upsamplers = levels


@contextmanager
def _silence() -> Iterator[None]:
    """Keep quiet meanwhile: the exporter warns of every `if` on a shape in diffusers, all of them checks that pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
