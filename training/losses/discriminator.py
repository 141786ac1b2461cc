"""Discriminators for an adversarial loss: does each spot look like a photograph's, in the picture or in its features?"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.nn.utils.parametrizations import spectral_norm

from enhancer.seeding import rng_for
from training.losses.terms import full_precision

SLOPE = 0.2  # of the leaky ReLUs (Isola et al. 2017)
BETAS = (0.5, 0.9)  # of its Adam: a short memory, since what it looks at changes
HEAD_WIDTH = 96  # channels
# Layers of the LPIPS networks that heads look at, the first of five, by (channels, mean activation). Measured on 20
# photographs of faces, 256 px crops: divided by twice that, all heads are given numbers of one size.
FEATURES = {
    "alex": ((64, 0.322), (192, 0.418), (384, 0.487), (256, 0.565)),
    "vgg": ((64, 0.478), (128, 0.647), (256, 0.719), (512, 0.301)),
}


class Discriminator(nn.Module):
    """Hinge losses (Lim & Ye 2017) over maps of logits, above 0 for a photograph.

    Spectral norm (Miyato et al. 2018) in place of batch norm: each picture gets its own answer, so a batch split over
    processes gives the same losses. The norm is estimated by a power iteration. Its vectors are part of the state, so a
    run goes on exactly; they move once per `discriminator_loss` in training mode, and by nothing else.

    The input is a list of (B, C, H, W) tensors: the picture alone, or a network's features of it.
    """

    def maps(self, seen: Sequence[Tensor]) -> list[Tensor]:
        """Return maps of logits, (B, 1, h, w) each."""
        raise NotImplementedError

    def generator_loss(self, restored: Sequence[Tensor]) -> Tensor:
        """Return what the restored pictures lack to pass: (B,). Gradients reach them alone, and nothing here changes."""
        with self._looking_on():
            return -_mean([logits.float() for logits in self.maps(restored)])

    def discriminator_loss(self, restored: Sequence[Tensor], clean: Sequence[Tensor]) -> Tensor:
        """Return the hinge loss of telling restored from clean pictures: (B,). No gradient reaches the pictures."""
        # One pass, so one power iteration.
        both = [torch.cat([a.detach(), b.detach()]) for a, b in zip(restored, clean, strict=True)]
        pairs = [logits.float().chunk(2) for logits in self.maps(both)]
        return _mean([relu(1 + fake) + relu(1 - real) for fake, real in pairs])

    @contextmanager
    def _looking_on(self) -> Iterator[None]:
        """Fix the weights and the power iteration for a while."""
        training = self.training
        self.requires_grad_(False).train(False)
        try:
            yield
        finally:
            self.requires_grad_(True).train(training)


class PatchDiscriminator(Discriminator):
    """PatchGAN (Isola et al. 2017) of 70 px receptive field, on the picture itself. All in float32, also under autocast."""

    def __init__(self, seed: int = 0, width: int = 64) -> None:
        """Draw the initial weights, the same for the same seed.

        Args:
            seed: Address of their stream.
            width: Channels of the first layer, doubled by each of the next three; 64 gives 2.76 M parameters.
        """
        super().__init__()
        channels = (3, width, 2 * width, 4 * width, 8 * width, 1)
        strides = (2, 2, 2, 1, 1)  # 4 px kernels: a receptive field of 4, 10, 22, 46, 70 px
        with _chance_for(seed):
            convolutions = [
                spectral_norm(nn.Conv2d(given, wanted, kernel_size=4, stride=stride, padding=1))
                for given, wanted, stride in zip(channels[:-1], channels[1:], strides, strict=True)
            ]
        self.layers = _with_slopes(convolutions)

    def maps(self, seen: Sequence[Tensor]) -> list[Tensor]:
        """Return logits for the patches of pictures in [-1, 1], H and W at least 32 px: one map of (B, 1, H / 8 - 2, W / 8 - 2)."""
        (picture,) = seen
        with full_precision(picture):
            return [self.layers(picture.float())]


class FeatureDiscriminator(Discriminator):
    """A small head on each of the first four feature maps of a frozen LPIPS network, which is not part of it.

    After the projected discriminators of Sauer et al. 2021: the features show textures that no distance asks for, and are
    computed for the LPIPS loss anyway. About 0.2 M parameters a head. Follows autocast, but for the spectral norm.
    """

    def __init__(self, net: str, seed: int = 0, width: int = HEAD_WIDTH) -> None:
        """Draw the initial weights, the same for the same seed.

        Args:
            net: Whose features: a key of `FEATURES`.
            seed: Address of their stream.
            width: Channels of a head.
        """
        super().__init__()
        with _chance_for(seed):
            self.heads = nn.ModuleList([_head(channels, width) for channels, _ in FEATURES[net]])
        self.units = [2 * activation for _, activation in FEATURES[net]]

    def maps(self, seen: Sequence[Tensor]) -> list[Tensor]:
        """Return logits for features, of which more may be given than there are heads: a map of half the size for each head."""
        return [head(features / unit) for head, features, unit in zip(self.heads, seen, self.units, strict=False)]


class _Convolution(nn.Conv2d):
    """A convolution that may run in half precision while its weight's spectral norm is estimated in float32."""

    def forward(self, input: Tensor) -> Tensor:
        with full_precision(input):
            weight = self.weight
        return self._conv_forward(input, weight, self.bias)


def _head(channels: int, width: int) -> nn.Sequential:
    return _with_slopes(
        [
            spectral_norm(_Convolution(channels, width, kernel_size=1)),
            spectral_norm(_Convolution(width, width, kernel_size=3, padding=1)),
            spectral_norm(_Convolution(width, width, kernel_size=3, padding=1, stride=2)),
            spectral_norm(_Convolution(width, 1, kernel_size=3, padding=1)),
        ]
    )


def _with_slopes(convolutions: Sequence[nn.Module]) -> nn.Sequential:
    """Put leaky ReLUs between convolutions."""
    layers: list[nn.Module] = []
    for convolution in convolutions:
        layers += [convolution, nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers[:-1])


@contextmanager
def _chance_for(seed: int) -> Iterator[None]:
    """Give initial weights a stream of their own: torch draws them from the global generator, lent here and put back."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(rng_for(seed, "discriminator").integers(2**63)))
        yield


def _mean(maps: Sequence[Tensor]) -> Tensor:
    """Return the mean of each picture's maps, every map with the same weight: (B,)."""
    return torch.stack([logits.mean((1, 2, 3)) for logits in maps]).mean(0)
