"""LPIPS' networks (Zhang et al. 2018): ImageNet convolutions below, the linear heads of the ``lpips`` package above."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from enhancer.errors import UnavailableError
from enhancer.messages import Message

# LPIPS' own centre and scale of RGB in [-1, 1]: ImageNet's mean and deviation (0.485, 0.229, ...) moved to that range.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
VGG16_CHANNELS = (64, 64, "pool", 128, 128, "pool", *[256] * 3, "pool", *[512] * 3, "pool", *[512] * 3)


def alexnet() -> list[nn.Module]:
    """Return torchvision's AlexNet up to its fifth ReLU (Krizhevsky 2014)."""
    pool = nn.MaxPool2d(kernel_size=3, stride=2)
    return [
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), pool),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), pool),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    ]


def vgg16() -> list[nn.Module]:
    """Return torchvision's VGG16 up to relu5_3 (Simonyan & Zisserman 2015)."""
    layers: list[nn.Module] = []
    given = 3
    for wanted in VGG16_CHANNELS:
        if isinstance(wanted, str):
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(given, wanted, 3, padding=1), nn.ReLU()]
            given = wanted
    return layers


@dataclass(frozen=True)
class Architecture:
    """Which convolutions, and which of their outputs LPIPS compares."""

    layers: Callable[[], list[nn.Module]]
    taps: tuple[int, ...]  # numbers of the ReLUs

    def trunk(self) -> nn.Sequential:
        """Return the layers on the meta device: shapes, and neither memory nor chance for weights."""
        with torch.device("meta"):
            return nn.Sequential(*self.layers())


ARCHITECTURES = {
    "alex": Architecture(alexnet, (1, 4, 7, 9, 11)),
    "vgg": Architecture(vgg16, (3, 8, 15, 22, 29)),  # relu1_2, 2_2, 3_3, 4_3, 5_3
}


def unit(features: Tensor) -> Tensor:
    """Scale (B, C, H, W) features to length 1 along the channels; where all are 0 they stay 0, and so does the gradient."""
    # Without the clamp the gradient of the root at 0 is infinite, and the product with 0 no number. 1e-36 is far below
    # what 1e-8 lets through: the values are the same.
    return features / (features.square().sum(1, keepdim=True).clamp_min(1e-36).sqrt() + 1e-8)


def trunk_keys(net: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a network's convolutions, as torchvision has them (``features.0.weight``)."""
    state = ARCHITECTURES[net].trunk().state_dict()
    return {f"features.{key}": tuple(value.shape) for key, value in state.items()}


def published_heads(net: str) -> list[Tensor]:
    """Return the five linear heads, (1, C, 1, 1) each, of the installed ``lpips`` package (version 0.1 of its weights).

    The package itself is not imported: that takes seconds, and its weights are a file of 6 to 11 KB.

    Raises:
        UnavailableError: The package is not installed.
    """
    found = importlib.util.find_spec("lpips")
    if found is None or found.origin is None:
        raise UnavailableError(Message("lpips.package", "the package lpips is not installed."))
    state = torch.load(Path(found.origin).parent / "weights/v0.1" / f"{net}.pth", weights_only=True, map_location="cpu")
    return [state[f"lin{k}.model.1.weight"] for k in range(len(ARCHITECTURES[net].taps))]


class LpipsNetwork(nn.Module):
    """A frozen LPIPS network: pictures -> features -> distances. Its weights are float32, and gradients pass through."""

    def __init__(self, net: str, trunk: Mapping[str, Tensor], heads: Sequence[Tensor]) -> None:
        """Take the weights.

        Args:
            net: A key of `ARCHITECTURES`.
            trunk: Convolutions by torchvision's names, see `trunk_keys`; other entries are passed over.
            heads: One (1, C, 1, 1) weight per tap.
        """
        super().__init__()
        self.taps, self.features = ARCHITECTURES[net].taps, ARCHITECTURES[net].trunk()
        keys = self.features.state_dict()
        state = {key: trunk[f"features.{key}"].detach().float().clone() for key in keys}
        self.features.load_state_dict(state, strict=True, assign=True)
        self.heads = nn.ParameterList([nn.Parameter(head.detach().float().clone()) for head in heads])
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))
        self.requires_grad_(False)
        self.eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the five feature maps of (B, 3, H, W) pictures in [-1, 1], each (B, C, h, w) with its own size."""
        x, out = (image - self.get_buffer("shift")) / self.get_buffer("scale"), []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.taps:
                out.append(x)
        return out

    def layer_distances(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> list[Tensor]:
        """Compare two pictures' features: (B, 1, h, w) a layer. LPIPS is the sum of the layers' means."""
        return [
            ((unit(a) - unit(b)).square() * head).sum(1, keepdim=True)
            for a, b, head in zip(ours, theirs, self.heads, strict=True)
        ]
