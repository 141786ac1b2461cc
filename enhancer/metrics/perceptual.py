"""LPIPS (Zhang et al. 2018) by the ``lpips`` package, as one number and as a map. Tensors stay in this file."""

import pickle
import threading
import warnings
from typing import Any

import numpy as np
import torch

import enhancer.torchvision_stub  # noqa: F401  for lpips, which is imported when it is wanted
from enhancer.errors import UnavailableError
from enhancer.metrics.trunks import TRUNKS, ensure_trunk
from enhancer.tensors import to_model_range


class Perceptual:
    """A loaded LPIPS network. Threads may share it."""

    def __init__(self, network: torch.nn.Module, device: str | torch.device = "cpu") -> None:
        """Wrap an ``lpips.LPIPS(spatial=True)``."""
        self.network = network.eval().to(device)
        self.device = device
        self._one_at_a_time = threading.Lock()

    @classmethod
    def from_pretrained(cls, net: str, device: str | torch.device = "cpu") -> "Perceptual":
        """Load the network with the published weights.

        Args:
            net: A key of `TRUNKS`.
            device: Where it runs.

        Raises:
            UnavailableError: Its ImageNet trunk, or torchvision, cannot be had.
        """
        ensure_trunk(TRUNKS[net])
        try:
            import lpips
        except ImportError as error:
            raise UnavailableError(f"the package {error.name} is not installed.") from error
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings(
                    "ignore", category=UserWarning, module="torchvision"
                )  # lpips' old spelling
                network = lpips.LPIPS(net=net, spatial=True, verbose=False)
        except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise UnavailableError(
                f"the {TRUNKS[net].title} weights in {torch.hub.get_dir()} do not load "
                f"({str(error).splitlines()[0]}); delete them, and they are downloaded again."
            ) from error
        return cls(network, device)

    def distance(self, rgb: np.ndarray, reference: np.ndarray) -> tuple[float, np.ndarray]:
        """Compare two (H, W, 3) pictures in [0, 1].

        Returns:
            The LPIPS distance, and its (H, W) float32 map: the layers' distances, each enlarged to the picture. The
            number is the published one, each layer averaged at its own size; the map's mean is near it, not equal.
        """
        layers: list[torch.Tensor] = []

        def keep(_module: torch.nn.Module, _inputs: Any, output: torch.Tensor) -> None:
            layers.append(output)

        heads: Any = self.network.lins
        pair = [to_model_range(picture).to(self.device) for picture in (rgb, reference)]
        with self._one_at_a_time, torch.inference_mode():
            hooks = [head.register_forward_hook(keep) for head in heads]
            try:
                field = self.network(*pair)
            finally:
                for hook in hooks:
                    hook.remove()
            number = sum(layer.double().mean().item() for layer in layers)
        return number, field[0, 0].float().cpu().numpy()
