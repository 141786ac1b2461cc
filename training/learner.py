"""One optimizer step: forward, loss, backward, clip, update, average. And the state that makes a resume exact."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from enhancer.model import SplatEnhancer
from enhancer.seeding import rng_for
from training.adversary import Adversary
from training.config import TrainConfig
from training.objective import Objective

HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}
Batch = tuple[Tensor, Tensor]  # clean and degraded, (B, 3, side, side) in [-1, 1]
Parts = dict[str, float]


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Return the factor at optimizer step `step`, from 0: linear warm-up, then linear decay to 0, or none."""
    warm = (step + 1) / max(1, config.lr_warmup_steps)
    if config.lr_scheduler == "constant":
        return min(1.0, warm)
    rest = (config.max_train_steps - step) / max(1, config.max_train_steps - config.lr_warmup_steps)
    return min(1.0, warm, rest)


class Ema:
    """Averaged weights: ``average += (1 - decay) (weight - average)``, with a warm-up of the decay."""

    def __init__(self, parameters: list[nn.Parameter], decay: float) -> None:
        """Start at the current weights."""
        self.parameters, self.decay = parameters, decay
        self.average = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average after optimizer step number `step`, from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, parameter in zip(self.average, self.parameters, strict=True):
            average.lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange weights and averages; call again to change back."""
        for average, parameter in zip(self.average, self.parameters, strict=True):
            kept = parameter.clone()
            parameter.copy_(average)
            average.copy_(kept)


class Learner:
    """A model in training: everything that changes from step to step.

    Attributes:
        model: The model itself, without what accelerate wraps round it.
        bad_steps: Steps in a row that were not finite.
    """

    def __init__(
        self, model: SplatEnhancer, objective: Objective, config: TrainConfig, accelerator: Accelerator
    ) -> None:
        """Place the model, frozen weights in half precision under autocast, trained ones in float32."""
        self.config, self.accelerator = config, accelerator
        self.model = model.train().to(accelerator.device)
        if accelerator.mixed_precision in HALF:
            for parameter in model.parameters():
                if not parameter.requires_grad:
                    parameter.data = parameter.data.to(HALF[accelerator.mixed_precision])
        self.names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        self.weights = model.trainable()
        self.objective = objective.to(accelerator.device)
        self.ema = Ema(self.weights, config.ema_decay)
        self.wrapped, self.optimizer = (
            accelerator.prepare(each) for each in (self.model, self._adamw(self.weights))
        )
        self.adversary: Any = None
        if config.adversarial_weight:
            self.adversary = Adversary(config.seed).to(accelerator.device)
            # Its gradients are averaged by hand: it is called in two ways, and DDP knows one
            self.adversary_optimizer: Any = accelerator.prepare(
                self._adamw(list(self.adversary.parameters()))
            )
        self.bad_steps = 0

    def _adamw(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        config = self.config
        return torch.optim.AdamW(
            weights, lr=config.learning_rate, betas=(config.adam_beta1, config.adam_beta2),
            eps=config.adam_epsilon, weight_decay=config.adam_weight_decay,
        )  # fmt: skip

    def step(self, number: int, batches: Iterator[Batch]) -> Parts:
        """Take optimizer step `number`, from 0, on the next batches; a step that is not finite changes nothing.

        Returns:
            loss, every term by name, grad_norm and lr, averaged over the processes.
        """
        rate = self.config.learning_rate * learning_rate_factor(number, self.config)
        rounds = self.config.gradient_accumulation_steps
        sums: dict[str, Tensor] = {}
        pictures = []
        for micro in range(rounds):
            clean, degraded = (each.to(self.accelerator.device) for each in next(batches))
            self._seed(number, micro)
            with self.accelerator.no_sync(self.wrapped) if micro + 1 < rounds else nullcontext():
                restored = self.wrapped(degraded)
                parts = self._loss(restored, clean, number)
                self.accelerator.backward(parts["loss"] / rounds)
            pictures.append((restored.detach(), clean))
            for name, part in parts.items():
                sums[name] = sums.get(name, 0) + part.detach().float() / rounds
        norm = self.accelerator.clip_grad_norm_(self.weights, self.config.max_grad_norm)
        values = self._averaged(sums | {"grad_norm": torch.as_tensor(norm, device=self.accelerator.device)})
        finite = self._finite(values)
        if finite or self.accelerator.scaler:  # the scaler does not step either, but has to learn of it
            self._update(self.optimizer, rate)
        if finite:
            self.ema.update(number + 1)
            if self._adversary_plays(number):
                values |= self._teach_adversary(pictures, rate)
        self.optimizer.zero_grad(set_to_none=True)
        return values | {"lr": rate}

    def _seed(self, number: int, micro: int) -> None:
        """Give dropout a stream of its own for every forward pass: a resume then has no generator to restore."""
        address = (self.config.seed, "dropout", number, micro, self.accelerator.process_index)
        torch.manual_seed(int(rng_for(*address).integers(2**63)))  # noqa: TID251

    def _loss(self, restored: Tensor, clean: Tensor, number: int) -> dict[str, Tensor]:
        """Return the loss, with gradients, and its terms."""
        with self.accelerator.autocast():
            loss, parts = self.objective(restored, clean, number)
            if self._adversary_plays(number):
                parts["adversarial"] = self.adversary.generator_loss(restored).mean()
                loss = loss + self.config.adversarial_weight * parts["adversarial"]
        return {"loss": loss} | parts

    def _adversary_plays(self, number: int) -> bool:
        return self.adversary is not None and number >= self.config.adversarial_start_step

    def _teach_adversary(self, pictures: list[Batch], rate: float) -> Parts:
        """Take the discriminator's own step, on the pictures the generator just made."""
        sums = {}
        for restored, clean in pictures:
            with self.accelerator.autocast():
                loss = self.adversary.discriminator_loss(restored, clean).mean() / len(pictures)
            self.accelerator.backward(loss)
            sums["discriminator"] = sums.get("discriminator", 0) + loss.detach()
        for parameter in self.adversary.parameters():
            if parameter.grad is not None:
                parameter.grad = self.accelerator.reduce(parameter.grad, "mean")
        self._update(self.adversary_optimizer, rate)
        self.adversary_optimizer.zero_grad(set_to_none=True)
        return self._averaged(sums)

    def _update(self, optimizer: Any, rate: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()

    def _averaged(self, values: dict[str, Tensor]) -> Parts:
        """Return numbers averaged over the processes, the same in each of them."""
        means: Any = self.accelerator.reduce(
            torch.stack([value.float() for value in values.values()]), "mean"
        )
        return dict(zip(values, means.tolist(), strict=True))

    def _finite(self, values: Parts) -> bool:
        """Say whether a step may change the weights, and count those in a row that may not."""
        finite = bool(torch.tensor([values["loss"], values["grad_norm"]]).isfinite().all())
        self.bad_steps = 0 if finite else self.bad_steps + 1
        return finite

    @contextmanager
    def averaged(self) -> Iterator[SplatEnhancer]:
        """Lend the model as it is saved and judged: with its averaged weights, training behaviour off."""
        self.ema.swap()
        self.model.eval()
        try:
            yield self.model
        finally:
            self.model.train()
            self.ema.swap()

    def state(self) -> dict[str, Any]:
        """Return everything a resume needs beside the settings."""
        state = {
            "weights": dict(zip(self.names, (weight.detach() for weight in self.weights), strict=True)),
            "average": dict(zip(self.names, self.ema.average, strict=True)),
            "optimizer": self.optimizer.state_dict(), "bad_steps": self.bad_steps,
        }  # fmt: skip
        if self.accelerator.scaler:
            state["scaler"] = self.accelerator.scaler.state_dict()
        if self.adversary is not None:
            state["adversary"] = self.adversary.state_dict()
            state["adversary_optimizer"] = self.adversary_optimizer.state_dict()
        return state

    @torch.no_grad()
    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        for own, key in ((self.weights, "weights"), (self.ema.average, "average")):
            for name, tensor in zip(self.names, own, strict=True):
                tensor.copy_(state[key][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.bad_steps = state["bad_steps"]
        if self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        if self.adversary is not None:
            self.adversary.load_state_dict(state["adversary"])
            self.adversary_optimizer.load_state_dict(state["adversary_optimizer"])
