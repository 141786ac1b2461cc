"""LPIPS (Zhang et al. 2018) of two pictures, as one number and as a map. Tensors stay in this file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from enhancer.metrics.network import LpipsNetwork, published_heads
from enhancer.metrics.trunks import read_trunk
from enhancer.tensors import to_model_range


@dataclass(frozen=True)
class Features:
    """What the network sees in one picture: worth keeping where several are compared with the same one."""

    layers: Sequence[Tensor]  # (1, C, h, w) each
    size: tuple[int, int]  # of the picture, height and width in px


class Perceptual:
    """A loaded LPIPS network. Threads may share it."""

    def __init__(self, network: LpipsNetwork, device: str | torch.device = "cpu") -> None:
        """Place a network."""
        self.network = network.to(device)
        self.device = device

    @classmethod
    def from_pretrained(
        cls, net: str, device: str | torch.device = "cpu", trunk: str | Path | None = None
    ) -> "Perceptual":
        """Load the network with the published weights.

        Args:
            net: ``"alex"``, which is embedded, or ``"vgg"``.
            device: Where it runs.
            trunk: File with VGG16's weights; see `enhancer.metrics.trunks.read_trunk`.

        Raises:
            UnavailableError: Its ImageNet trunk, or the lpips package, is missing.
        """
        return cls(LpipsNetwork(net, read_trunk(net, trunk), published_heads(net)), device)

    @torch.inference_mode()
    def features(self, rgb: np.ndarray) -> Features:
        """Look at an (H, W, 3) picture in [0, 1]."""
        layers = self.network(to_model_range(rgb).to(self.device))
        return Features(layers, (rgb.shape[0], rgb.shape[1]))

    @torch.inference_mode()
    def compare(self, ours: Features, theirs: Features) -> tuple[float, np.ndarray]:
        """Compare what was seen in two pictures of one size.

        Returns:
            The LPIPS distance, and its (H, W) float32 map: the layers' distances, each enlarged to the picture. The
            number is the published one, each layer averaged at its own size; the map's mean is near it, not equal.
        """
        layers = self.network.layer_distances(ours.layers, theirs.layers)
        number = sum(layer.double().mean().item() for layer in layers)
        enlarged = [interpolate(layer, ours.size, mode="bilinear", align_corners=False) for layer in layers]
        return number, torch.stack(enlarged).sum(0)[0, 0].float().cpu().numpy()

    def distance(self, rgb: np.ndarray, reference: np.ndarray) -> tuple[float, np.ndarray]:
        """Return `compare` of two (H, W, 3) pictures in [0, 1]."""
        return self.compare(self.features(rgb), self.features(reference))
