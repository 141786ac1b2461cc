"""What a restored picture is judged by: named terms, one number per picture each."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import squeezenet1_1

from enhancer.errors import UnavailableError

# ReLU outputs of SqueezeNet 1.1's `features`: before each pooling and after every later fire module, as in LPIPS.
TAPS = (1, 4, 7, 9, 10, 11, 12)
# The Caffe weights want BGR in 0-255 minus these means.
CAFFE_MEAN = (103.939, 116.779, 123.68)


class SqueezeFeatures(nn.Module):
    """Frozen SqueezeNet 1.1 activations (Iandola et al. 2016). A perceptual distance, but not LPIPS."""

    def __init__(self, weights: Path) -> None:
        """Load the feature layers from a torchvision-named state dict."""
        super().__init__()
        if not weights.is_file():
            raise UnavailableError(f"The SqueezeNet weights {weights} do not exist.")
        state = torch.load(weights, weights_only=True, map_location="cpu")
        self.features = squeezenet1_1(weights=None).features
        self.features.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
        self.requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the activations at `TAPS` of a (B, 3, H, W) picture in [-1, 1]."""
        x = (image.flip(1) + 1) * 127.5 - self.get_buffer("mean")
        out = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in TAPS:
                out.append(x)
        return out


def feature_distance(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Return the mean squared distance of channel-normalised features, averaged over the layers: (B,)."""

    def unit(x: Tensor) -> Tensor:
        return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-8)

    layers = [(unit(a) - unit(b)).square().sum(1).mean((1, 2)) for a, b in zip(ours, theirs, strict=True)]
    return torch.stack(layers).mean(0)


def gram_distance(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Return the mean absolute difference of Gram matrices F F^T / (C H W), averaged over the layers: (B,)."""

    def gram(x: Tensor) -> Tensor:
        flat = x.float().flatten(2)
        return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])

    layers = [(gram(a) - gram(b)).abs().mean((1, 2)) for a, b in zip(ours, theirs, strict=True)]
    return torch.stack(layers).mean(0)


@dataclass(frozen=True)
class Objective:
    """Weighted sum of L1, perceptual and Gram terms over one frozen feature network."""

    features: Callable[[Tensor], list[Tensor]]
    l1_weight: float
    perceptual_weight: float
    gram_weight: float
    gram_unit: float = (
        1e-2  # Caffe-scaled activations give raw differences of 1 to 3; this brings them near L1's
    )

    def __call__(self, restored: Tensor, clean: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss and its parts by name, unweighted, for (B, 3, H, W) pictures in [-1, 1]."""
        with torch.no_grad():
            theirs = self.features(clean)
        ours = self.features(restored)
        parts = {
            "l1": (restored - clean).abs().mean((1, 2, 3)).mean(),
            "perceptual": feature_distance(ours, theirs).mean(),
            "gram": gram_distance(ours[:4], theirs[:4]).mean() * self.gram_unit,
        }
        weights = {"l1": self.l1_weight, "perceptual": self.perceptual_weight, "gram": self.gram_weight}
        loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return loss, {name: part.detach() for name, part in parts.items()}
