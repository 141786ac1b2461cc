"""A small patch discriminator, for an adversarial loss: does each 70 px patch look like a photograph's?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.nn.utils.parametrizations import spectral_norm

from enhancer.seeding import rng_for
from training.losses import full_precision

SLOPE = 0.2  # of the leaky ReLUs (Isola et al. 2017)


class Adversary(nn.Module):
    """PatchGAN (Isola et al. 2017) of 70 px receptive field, with spectral norm and hinge losses.

    Spectral norm (Miyato et al. 2018) in place of batch norm: each picture is judged by itself, so a batch split over
    processes gives the same losses. Hinge losses after Lim & Ye 2017. All in float32, also under autocast, since the
    norm is estimated by a power iteration. Its vectors are part of the state, so a run goes on exactly; they move once
    per `discriminator_loss` in training mode, and by nothing else.
    """

    def __init__(self, seed: int = 0, width: int = 64) -> None:
        """Draw the initial weights, the same for the same seed.

        Args:
            seed: Address of their stream.
            width: Channels of the first layer, doubled by each of the next three; 64 gives 2.76 M parameters.
        """
        super().__init__()
        channels = (3, width, 2 * width, 4 * width, 8 * width, 1)
        strides = (2, 2, 2, 1, 1)  # 4 px kernels: a receptive field of 4, 10, 22, 46, 70 px
        # torch's spectral norm draws its start vectors from the global generator: lent here, and put back.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(rng_for(seed, "adversary").integers(2**63)))
            convolutions = [
                spectral_norm(nn.Conv2d(given, wanted, kernel_size=4, stride=stride, padding=1))
                for given, wanted, stride in zip(channels[:-1], channels[1:], strides, strict=True)
            ]
        layers: list[nn.Module] = []
        for convolution in convolutions:
            layers += [convolution, nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, picture: Tensor) -> Tensor:
        """Judge the patches of (B, 3, H, W) pictures in [-1, 1], H and W at least 32 px.

        Returns:
            (B, 1, H / 8 - 2, W / 8 - 2) float32 logits, above 0 for a photograph.
        """
        with full_precision(picture):
            return self.layers(picture.float())

    def generator_loss(self, restored: Tensor) -> Tensor:
        """Return what the restored pictures lack to pass: (B,). Gradients reach them alone, and nothing here changes."""
        with self._looking_on():
            return -self(restored).mean((1, 2, 3))

    def discriminator_loss(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the hinge loss of telling restored from clean pictures: (B,). No gradient reaches the pictures."""
        # One pass, so one power iteration.
        fake, real = self(torch.cat([restored.detach().float(), clean.detach().float()])).chunk(2)
        return (relu(1 + fake) + relu(1 - real)).mean((1, 2, 3))

    @contextmanager
    def _looking_on(self) -> Iterator[None]:
        """Fix the weights and the power iteration for a while."""
        training = self.training
        self.requires_grad_(False).train(False)
        try:
            yield
        finally:
            self.requires_grad_(True).train(training)
