"""A fit of 3D Gaussians to views: the Gaussians as parameters, and the steps that bring their pictures nearer."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from enhancer.errors import CheckpointError
from enhancer.runtime.files import atomic_write
from enhancer.seeding import rng_for
from enhancer.splats.cloud import SH_BASIS_0, GaussianCloud
from enhancer.splats.projection import GaussianTensors
from enhancer.splats.rasterising import rasterise_tensors
from training.splats.views import View

# Parameter: Adam's learning rate at the start, and what is left of it at the end. That of the means is a share of the
# scene's size. Tried on one head: with the 3D Gaussian Splatting rates 400 steps are far too few.
RATES = {
    "means": (3e-3, 0.1),
    "log_scales": (0.02, 0.3),
    "quaternions": (0.01, 0.3),
    "logits": (0.05, 0.3),
    "colours": (0.02, 0.3),
}
L1_WEIGHT, SQUARED_WEIGHT = 0.8, 4.0
BLACK = np.zeros(3)


class Fit:
    """Gaussians on their way. All chance is addressed by the seed and the step, so a fit goes on as if never stopped.

    Attributes:
        step: Steps taken.
    """

    def __init__(self, start: GaussianCloud, steps: int, seed: int) -> None:
        """Begin.

        Args:
            start: Round the scene's surface; colours without dependence on the view.
            steps: How many there will be; the learning rates fall with them.
            seed: Address of the order of views, and of backgrounds.
        """
        self.steps, self.seed, self.step = steps, seed, 0
        opacities = torch.from_numpy(start.opacities)
        values = {
            "means": torch.from_numpy(start.means.copy()),
            "log_scales": torch.from_numpy(start.scales).log(),
            "quaternions": torch.from_numpy(start.rotations.copy()),
            "logits": torch.logit(opacities, 1e-6),
            "colours": torch.from_numpy(start.colours).clamp(0, 1),
        }
        self.size = float(np.sqrt(start.means.var(0).sum()))
        self.parameters = {name: value.requires_grad_() for name, value in values.items()}
        self.optimizer = torch.optim.Adam([{"params": [value]} for value in self.parameters.values()], eps=1e-15)

    def gaussians(self) -> GaussianTensors:
        """Return the Gaussians as they are now, differentiable."""
        means, log_scales, quaternions, logits, colours = self.parameters.values()
        sh = ((colours - 0.5) / SH_BASIS_0)[:, None]
        return GaussianTensors(means, log_scales.exp(), quaternions, logits.sigmoid(), sh)

    def cloud(self) -> GaussianCloud:
        """Return the Gaussians as they are now."""
        means, scales, quaternions, opacities, sh = (part.detach() for part in self.gaussians())
        return GaussianCloud(
            *(part.numpy().copy() for part in (means, scales, F.normalize(quaternions, dim=1), opacities, sh))
        )

    def advance(self, views: list[View]) -> float:
        """Take one step towards one of the views, and return the loss before it."""
        self._set_rates()
        view = views[self._order(len(views))[self.step % len(views)]]
        # Over another colour each time, or what is transparent would be filled with one. Where nothing is, all are alike.
        background = rng_for(self.seed, self.step, "background").random(3) if view.alpha.min() < 1 else BLACK
        premultiplied, alpha = rasterise_tensors(self.gaussians(), view.camera)
        rgb = premultiplied + (1 - alpha[..., None]) * torch.from_numpy(background).float()
        error = rgb - torch.from_numpy(view.over(background))
        loss = L1_WEIGHT * error.abs().mean() + SQUARED_WEIGHT * error.square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.parameters["colours"].clamp_(0, 1)
        self.step += 1
        return loss.item()

    def save(self, path: Path) -> None:
        """Write the state."""
        parameters = {name: value.detach() for name, value in self.parameters.items()}
        with atomic_write(path) as temporary:
            torch.save(
                {"step": self.step, "parameters": parameters, "optimizer": self.optimizer.state_dict()}, temporary
            )

    def resume(self, path: Path) -> None:
        """Go on from a state.

        Raises:
            CheckpointError: It cannot be read.
        """
        try:
            state = torch.load(path, weights_only=True)
            with torch.no_grad():
                for name, value in self.parameters.items():
                    value.copy_(state["parameters"][name])
            self.optimizer.load_state_dict(state["optimizer"])
        except (OSError, RuntimeError, KeyError, ValueError, EOFError) as error:
            raise CheckpointError(f"{path} is no state of this fit ({error}). Delete it to begin again.") from error
        self.step = state["step"]

    def _order(self, count: int) -> list[int]:
        """Return this round's order of the views."""
        return rng_for(self.seed, self.step // count, "order").permutation(count).tolist()

    def _set_rates(self) -> None:
        done = self.step / self.steps
        for group, (name, (rate, left)) in zip(self.optimizer.param_groups, RATES.items(), strict=True):
            group["lr"] = rate * left**done * (self.size if name == "means" else 1)
