"""The training objective: named terms, one number per picture each, weighted and added up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from enhancer.errors import SettingsError, UnavailableError
from training.config import TrainConfig
from training.losses.networks import ClipSimilarity, Lpips, SqueezeFeatures, VggFeatures
from training.losses.terms import feature_distance, gradient_variance, gram_distance, l1
from training.missing import Missing

# Gram over SqueezeNet: Caffe-scaled activations give raw differences of 1 to 3; this brings them near L1's.
GRAM_UNIT = 1e-2
# Of SqueezeNet and VGG16: the early layers. VGG16's are relu1_2, 2_2, 3_3 and 4_3, as in Johnson et al. 2016.
GRAM_TAPS = 4


# Network -> what it sees in the restored and in the clean pictures; None: the pictures themselves.
Seen = dict[nn.Module | None, tuple[Any, Any]]


@dataclass(frozen=True)
class Term:
    """One loss by name."""

    name: str
    weight: float
    function: Callable[[Any, Any], Tensor]  # (restored, clean) -> (B,): pictures, or what `network` sees in them
    network: nn.Module | None = None  # pictures -> features; terms that share one share its features
    unit: float = 1.0  # the mean is multiplied by this before it is weighted and logged
    ramp_steps: int = 0  # the weight grows from 0 over this many steps

    def weight_at(self, step: int) -> float:
        """Return the weight at a step, from 0."""
        return self.weight * min(1.0, step / self.ramp_steps) if self.ramp_steps else self.weight


class Objective(nn.Module):
    """The weighted sum of terms. A module, so that `.to(device)` moves its networks; nothing in it trains or is saved."""

    def __init__(self, terms: tuple[Term, ...]) -> None:
        """Take the terms; those of weight 0 are left out.

        Raises:
            SettingsError: All have weight 0, or one a negative weight.
        """
        super().__init__()
        for term in terms:
            if not 0 <= term.weight < float("inf"):
                raise SettingsError(f"--{term.name}_weight must be 0 or more, got {term.weight}.")
        self.terms = tuple(term for term in terms if term.weight)
        if not self.terms:
            raise SettingsError(
                "Every loss has weight 0, so there is nothing to learn: give one a weight, such as --l1_weight 0.5."
            )
        # Registered for `.to`: CLIP's function is a network itself.
        parts = [part for term in self.terms for part in (term.network, term.function)]
        self.networks = nn.ModuleList({id(part): part for part in parts if isinstance(part, nn.Module)}.values())

    def look(self, restored: Tensor, clean: Tensor) -> Seen:
        """Return what every network sees in a batch, each asked once.

        Args:
            restored: (B, 3, H, W) in [-1, 1]; gradients reach it.
            clean: The same; no gradients.
        """
        restored, clean = restored.float(), clean.detach().float()
        seen: Seen = {None: (restored, clean)}
        for term in self.terms:
            if term.network is not None and term.network not in seen:
                with torch.no_grad():
                    theirs = term.network(clean)
                seen[term.network] = term.network(restored), theirs
        return seen

    def network_of(self, name: str) -> nn.Module | None:
        """Return what the term of that name looks through; None is the picture itself."""
        return next(term.network for term in self.terms if term.name == name)

    def forward(self, restored: Tensor, clean: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the losses of a batch: `look` at it, and `weigh` what is seen."""
        return self.weigh(self.look(restored, clean), step)

    def weigh(self, seen: Seen, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch.

        Args:
            seen: What `look` returned of it.
            step: Optimizer step, from 0, for the weights that grow.

        Returns:
            The loss, a scalar in float32, and the terms' means by name, not weighted and without gradients.
        """
        parts = {term.name: term.function(*seen[term.network]).mean() * term.unit for term in self.terms}
        loss = torch.stack([term.weight_at(step) * parts[term.name] for term in self.terms]).sum()
        return loss, {name: part.detach() for name, part in parts.items()}


def build_objective(config: TrainConfig) -> Objective:
    """Load the networks that the weights ask for; a term of weight 0 loads nothing.

    Raises:
        SettingsError: No term has a weight, one has a negative one, or a term lacks its --perceptual_weights.
        MissingError: Networks are missing; the message says which, why, and which flags do without them.
    """
    missing = Missing()
    terms = [
        Term("l1", config.l1_weight, l1),
        *_squeeze_terms(config, missing),
        *_network_terms(config, missing),
        Term("gradient_variance", config.gradient_variance_weight, gradient_variance),
    ]
    missing.raise_any()
    return Objective(tuple(terms))


def _squeeze_terms(config: TrainConfig, missing: Missing) -> Iterator[Term]:
    """Yield the terms over SqueezeNet, which share one network."""
    gram = bool(config.gram_weight) and config.gram_features == "squeezenet"
    if not (config.perceptual_weight or gram):
        return
    name = "perceptual" if config.perceptual_weight else "gram"
    if not config.perceptual_weights:
        raise SettingsError(
            f"The {name} loss looks through SqueezeNet 1.1: name its features by --perceptual_weights FILE, or train "
            f"without it by --{name}_weight 0."
        )
    without = {f"{each}_weight": 0.0 for each in ("perceptual", "gram") if each == "perceptual" or gram}
    with missing.noted(**without), _needed_by(name):
        network = SqueezeFeatures(Path(config.perceptual_weights))
        if config.perceptual_weight:
            yield Term("perceptual", config.perceptual_weight, feature_distance, network)
        if gram:
            yield Term("gram", config.gram_weight, early_gram_distance, network, unit=GRAM_UNIT)


def _network_terms(config: TrainConfig, missing: Missing) -> Iterator[Term]:
    """Yield the terms that have a network of their own."""
    lpips = None
    if config.lpips_weight:
        with (
            missing.noted(lpips_net="alex"),
            _needed_by("lpips", " or take AlexNet, which is embedded: --lpips_net alex"),
        ):
            lpips = Lpips.from_pretrained(config.lpips_net, config.lpips_trunk)
            # A perceptual term that comes in slowly is common practice rather than one paper's finding; Difix likewise
            # starts its Gram term only after 2000 steps.
            yield Term("lpips", config.lpips_weight, lpips.distance, lpips, ramp_steps=config.lpips_ramp_steps)
    other_network = " or take another network: --gram_features squeezenet"
    if config.gram_weight and config.gram_features == "vgg16":
        with missing.noted(gram_weight=0.0), _needed_by("gram", other_network):
            if lpips is None or config.lpips_net != "vgg":  # else the two look through one network, once
                lpips = Lpips.from_pretrained("vgg", config.lpips_trunk)
            yield Term("gram", config.gram_weight, early_gram_distance, lpips)
    if config.gram_weight and config.gram_features == "vgg19":
        with missing.noted(gram_weight=0.0), _needed_by("gram", other_network):
            yield Term("gram", config.gram_weight, gram_distance, VggFeatures.from_pretrained())
    if config.clip_weight:
        with missing.noted(clip_weight=0.0), _needed_by("clip"):
            yield Term("clip", config.clip_weight, ClipSimilarity.from_pretrained(config.prompt))


@contextmanager
def _needed_by(name: str, way_out: str = "") -> Iterator[None]:
    """Add to the sentence about a network which loss wanted it, and how to do without."""
    try:
        yield
    except UnavailableError as error:
        raise UnavailableError(f"No {name} loss: {error} Train without it by --{name}_weight 0{way_out}.") from error


def early_gram_distance(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Return `gram_distance` over the first `GRAM_TAPS` of a network's activations: (B,)."""
    return gram_distance(ours[:GRAM_TAPS], theirs[:GRAM_TAPS])
