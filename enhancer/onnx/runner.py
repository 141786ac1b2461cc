"""OnnxEnhancer: an exported folder, run by onnxruntime, called as `SplatEnhancer` is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from enhancer.errors import CheckpointError, ImageError, UnavailableError
from enhancer.hub import Access, resolve
from enhancer.lfs import refuse_pointers
from enhancer.model.one_step import predict_clean
from enhancer.onnx.folder import GRAPHS, OnnxConfig, package
from enhancer.onnx.memory import check_free, running_out_of_memory

CPU = "CPUExecutionProvider"
ON_CUDA = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
ERRORS_ONLY = 3  # of onnxruntime's levels of logging

Provider = str | tuple[str, Mapping[str, Any]]  # a name, or a name and its options


class OnnxEnhancer:
    """Degraded picture in, restored picture out, without the model's own code; `enhancer.restore` takes it too.

    Attributes:
        config: What `config.json` says.
        size_multiple: Height and width must be divisible by it, pixels.
        device: Where batches come from and go to: the CPU, whichever provider computes.
        dtype: Of batches.
        bytes_per_pixel: Memory that a pass takes for each pixel of the picture, roughly, beside the weights and attention.
    """

    device = torch.device("cpu")

    def __init__(self, folder: Path, providers: Sequence[Provider] | None = None, threads: int | None = None) -> None:
        """Open the graphs of an exported folder; see `from_pretrained`."""
        refuse_pointers(folder.glob("*"), CheckpointError)
        self.config = OnnxConfig.read(folder)
        self.size_multiple, self.bytes_per_pixel = self.config.size_multiple, self.config.bytes_per_pixel
        self.dtype: torch.dtype = getattr(torch, self.config.dtype)
        chosen = _available(providers or [CPU])
        # what goes from graph to graph stays where the provider computes
        self._memory = "cuda" if _name(chosen[0]) in ON_CUDA else "cpu"
        self._encoder, self._unet, self._decoder = (
            _session(folder / f"{name}.onnx", chosen, threads or torch.get_num_threads()) for name in GRAPHS
        )
        self._skips = [output.name for output in self._encoder.get_outputs()[1:]]

    @classmethod
    def from_pretrained(
        cls,
        ref: str | Path,
        *,
        providers: Sequence[Provider] | None = None,
        threads: int | None = None,
        revision: str | None = None,
        **access: Unpack[Access],
    ) -> "OnnxEnhancer":
        """Load what `python -m enhancer export` wrote.

        Args:
            ref: A folder, ``"user/repo"`` or ``"user/repo@tag-or-sha"``.
            providers: onnxruntime's execution providers, the preferred one first, such as ``["CUDAExecutionProvider"]``
                (package onnxruntime-gpu); None: the CPU. What a provider cannot compute, the next one does.
            threads: On the CPU; None: as many as torch uses.
            revision: Tag, branch or commit of ``"user/repo"``.
            access: `token`, `cache_dir` and `local_files_only`; see `enhancer.hub.Access`.

        Raises:
            CheckpointError: It is no export, or damaged.
            UnavailableError: onnxruntime, or a provider, is not installed.
            HubError: The Hub does not give it.
        """
        return cls(resolve(ref, kind="onnx", revision=revision, **access).folder, providers, threads)

    def __call__(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: RGB in [-1, 1], (B, 3, H, W), H and W multiples of `size_multiple`.

        Returns:
            Restored RGB in [-1, 1], same shape, type and device.

        Raises:
            ImageError: Height or width do not divide.
            MemoryError: The batch would not fit, or did not; `enhancer.restore` takes tiles then.
        """
        height, width = degraded.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise ImageError(
                f"OnnxEnhancer needs height and width divisible by {self.size_multiple}, got {height}x{width}. "
                "Call enhancer.restore(model, rgb), which pads and crops for you."
            )
        if self._memory == "cpu":
            check_free(degraded, self.bytes_per_pixel, self.config.attention_bytes)
        latents, *skips = self._run(self._encoder, {"degraded": _array(degraded, self.dtype)})
        (noise,) = self._run(self._unet, {"latents": latents})
        z, epsilon = (torch.from_numpy(value.numpy()) for value in (latents, noise))
        clean = predict_clean(z, epsilon, self.config.alpha_bar)
        given = {"clean": _array(clean, torch.float32), **dict(zip(self._skips, skips, strict=True))}
        (restored,) = self._run(self._decoder, given)
        return torch.from_numpy(restored.numpy()).to(degraded).clamp(-1, 1)

    def _run(self, session: Any, given: Mapping[str, Any]) -> list[Any]:
        """Run a graph on arrays and values of onnxruntime; return values that lie where it computes."""
        binding = session.io_binding()
        for name, value in given.items():
            if isinstance(value, np.ndarray):
                binding.bind_cpu_input(name, value)
            else:
                binding.bind_ortvalue_input(name, value)
        for output in session.get_outputs():
            binding.bind_output(output.name, self._memory)
        with running_out_of_memory():
            session.run_with_iobinding(binding)
        return list(binding.get_outputs())


def _array(tensor: Tensor, dtype: torch.dtype) -> np.ndarray:
    return tensor.detach().to("cpu", dtype).contiguous().numpy()


def _name(provider: Provider) -> str:
    return provider if isinstance(provider, str) else provider[0]


def _available(providers: Sequence[Provider]) -> list[Provider]:
    """Return providers that are all there, the CPU last."""
    there = package("onnxruntime").get_available_providers()
    for provider in providers:
        if _name(provider) not in there:
            raise UnavailableError(
                f"onnxruntime has no {_name(provider)} here, only {', '.join(there)}. Name one of these, or install "
                "another build of onnxruntime, such as onnxruntime-gpu."
            )
    return [*providers, *([] if CPU in map(_name, providers) else [CPU])]


def _session(path: Path, providers: Sequence[Provider], threads: int) -> Any:
    """Open a graph."""
    runtime = package("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, ERRORS_ONLY
    try:
        return runtime.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:  # its own classes have no common base but this one
        first_line = str(error).strip().splitlines()[0]
        raise CheckpointError(f"{path} is missing or damaged, export again: {first_line}") from error
