"""The frozen networks that losses look through. Each takes (B, 3, H, W) pictures in [-1, 1] and lets gradients pass."""

# Must precede torchvision and transformers.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import pickle
import sys
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import squeezenet1_1, vgg19

from enhancer.errors import UnavailableError
from enhancer.hub import resolve
from enhancer.lfs import refuse_pointers
from enhancer.metrics.network import LpipsNetwork, published_heads
from enhancer.metrics.trunks import Trunk, ensure_trunk, read_trunk
from training.losses.terms import clip_distance, full_precision

# ReLU outputs of SqueezeNet 1.1's `features`: before each pooling and after every later fire module, as in LPIPS.
TAPS = (1, 4, 7, 9, 10, 11, 12)
# The Caffe weights want BGR in 0-255 minus these means.
CAFFE_MEAN = (103.939, 116.779, 123.68)

# From torchvision's VGG19_Weights.IMAGENET1K_V1, with ImageNet's mean and deviation of RGB in [0, 1].
VGG19 = Trunk("VGG19", "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", 548)
VGG19_TAPS = (1, 6, 11, 20)  # relu1_1, relu2_1, relu3_1, relu4_1 of its `features`
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

CLIP = "openai/clip-vit-base-patch32"
# CLIP's own preprocessing (Radford et al. 2021), for RGB in [0, 1].
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

# What torch raises over a file that is no state dict, or another network's.
_BROKEN = (RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError, pickle.UnpicklingError)


class Frozen(nn.Module):
    """A network that never trains: no gradients on its weights, and evaluation mode whatever is asked for."""

    def freeze(self) -> Self:
        """Fix the weights; to be called when all parts are in place."""
        self.requires_grad_(False)
        return self.train(False)

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002  (a parent's .train() reaches here)
        """Stay in evaluation mode: dropout would change what is measured."""
        return super().train(False)


class SqueezeFeatures(Frozen):
    """SqueezeNet 1.1 activations (Iandola et al. 2016). A perceptual distance, but not LPIPS."""

    def __init__(self, weights: Path) -> None:
        """Load the feature layers from a torchvision-named state dict.

        Raises:
            UnavailableError: The file does not exist, or holds something else.
        """
        super().__init__()
        if not weights.is_file():
            raise UnavailableError(f"The SqueezeNet weights {weights} do not exist.")
        refuse_pointers([weights], UnavailableError)
        self.features = squeezenet1_1(weights=None).features
        try:
            state = torch.load(weights, weights_only=True, map_location="cpu")
            self.features.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
        except _BROKEN as error:
            raise UnavailableError(
                f"{weights} holds no SqueezeNet 1.1 features in torchvision's names "
                f"({str(error).splitlines()[0].rstrip(':')})."
            ) from error
        self.register_buffer("mean", torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1))
        self.freeze()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the activations at `TAPS` of a (B, 3, H, W) picture in [-1, 1]."""
        return activations(self.features, (image.flip(1) + 1) * 127.5 - self.get_buffer("mean"), TAPS)


class VggFeatures(Frozen):
    """VGG19 activations relu1_1, relu2_1, relu3_1 and relu4_1 (Simonyan & Zisserman 2015) of ImageNet-normalised pictures."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        """Take torchvision's state dict; the layers above relu4_1 are left out."""
        super().__init__()
        with torch.device("meta"):  # neither memory nor chance for weights that are replaced at once
            layers = list(vgg19(weights=None).features.children())
        self.features = nn.Sequential(*layers[: VGG19_TAPS[-1] + 1])
        wanted = self.features.state_dict().keys()
        self.features.load_state_dict(
            {key: state[f"features.{key}"].clone() for key in wanted}, strict=True, assign=True
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.freeze()

    @classmethod
    def from_pretrained(cls) -> "VggFeatures":
        """Load the ImageNet weights from torch's own cache, else download them (548 MB).

        Raises:
            UnavailableError: They are not here and cannot be downloaded.
        """
        path = ensure_trunk(VGG19)
        refuse_pointers([path], UnavailableError)
        try:
            return cls(torch.load(path, map_location="cpu", weights_only=True, mmap=True))
        except _BROKEN as error:
            raise UnavailableError(
                f"the VGG19 weights {path} do not load ({str(error).splitlines()[0]}); "
                "delete them, and they are downloaded again."
            ) from error

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the activations at `VGG19_TAPS`."""
        normalised = ((image + 1) / 2 - self.get_buffer("mean")) / self.get_buffer("deviation")
        return activations(self.features, normalised, VGG19_TAPS)


def activations(layers: nn.Module, x: Tensor, taps: tuple[int, ...]) -> list[Tensor]:
    """Return what comes out of the layers of a sequence that are numbered in `taps`."""
    out = []
    for number, layer in enumerate(layers.children()):
        x = layer(x)
        if number in taps:
            out.append(x)
    return out


class Lpips(Frozen):
    """LPIPS (Zhang et al. 2018): features of a picture, and the distance of two pictures' features.

    Other terms may look through the same features, which are then computed once.
    """

    def __init__(self, network: LpipsNetwork) -> None:
        """Take a loaded network."""
        super().__init__()
        self.network = network
        self.freeze()

    @classmethod
    def from_pretrained(cls, net: str = "vgg", trunk: str | None = None) -> "Lpips":
        """Load the published weights.

        Args:
            net: ``"alex"``, which is embedded, or ``"vgg"``.
            trunk: File with VGG16's weights; see `enhancer.metrics.trunks.read_trunk`.

        Raises:
            UnavailableError: It is not here and cannot be downloaded.
        """
        return cls(LpipsNetwork(net, read_trunk(net, trunk), published_heads(net)))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of (B, 3, H, W) pictures in [-1, 1]."""
        return self.network(image)

    def distance(self, ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
        """Return the distances: (B,). In float32: squares of half-precision features overflow."""
        with full_precision(ours[0]):
            layers = self.network.layer_distances([a.float() for a in ours], [b.float() for b in theirs])
            return torch.stack([layer.mean((1, 2, 3)) for layer in layers]).sum(0)


class ClipSimilarity(Frozen):
    """CLIP's distance (Radford et al. 2021) of pictures from one prompt, which is encoded once."""

    def __init__(self, model: Any, prompt: Tensor) -> None:
        """Take a transformers ``CLIPModel``, of which the picture's half is kept, and the prompt's embedding (1, D)."""
        super().__init__()
        self.vision, self.projection = model.vision_model, model.visual_projection
        self.side = int(model.config.vision_config.image_size)  # px
        self.register_buffer("prompt", prompt.detach().clone())
        self.register_buffer("mean", torch.tensor(CLIP_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(CLIP_STD).view(1, 3, 1, 1))
        self.freeze()

    @classmethod
    def from_pretrained(cls, prompt: str, ref: str = CLIP) -> "ClipSimilarity":
        """Load CLIP and encode the prompt, cut off at CLIP's 77 tokens.

        Args:
            prompt: What the pictures should be like.
            ref: Name on the Hub, fetched once (605 MB), or a folder.

        Raises:
            UnavailableError: It is not here and cannot be downloaded, or does not load.
        """
        from transformers import CLIPModel, CLIPTokenizer

        found = resolve(ref, kind="clip")
        if found.notice:
            print(found.notice, file=sys.stderr)
        try:
            model: Any = CLIPModel.from_pretrained(found.folder, local_files_only=True, dtype=torch.float32)
            tokenizer: Any = CLIPTokenizer.from_pretrained(found.folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise UnavailableError(f"the CLIP in {ref} does not load: {error}") from error
        length = model.config.text_config.max_position_embeddings
        tokens = tokenizer(prompt, truncation=True, max_length=length, return_tensors="pt")
        with torch.no_grad():
            return cls(model, model.get_text_features(**tokens).pooler_output)

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:  # noqa: ARG002  (every term is given both)
        """Return 1 - cosine of the restored pictures and the prompt: (B,). What is no square is squeezed into one."""
        with full_precision(restored):
            small = interpolate(restored.float(), (self.side, self.side), mode="bicubic", antialias=True)
            pixels = ((small + 1) / 2 - self.get_buffer("mean")) / self.get_buffer("deviation")
        embedding = self.projection(self.vision(pixel_values=pixels).pooler_output)
        return clip_distance(embedding, self.get_buffer("prompt"))
