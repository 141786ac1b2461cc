"""One optimizer step: forward, loss, backward, clip, update, average. And the state that makes a resume exact."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from enhancer.errors import CheckpointError
from enhancer.model import SplatEnhancer
from enhancer.seeding import rng_for
from enhancer.tensors import from_bytes
from training.config import TrainConfig
from training.data.pool import Batch
from training.loop.stopwatch import Stopwatch
from training.losses.discriminator import BETAS, Discriminator, FeatureDiscriminator, PatchDiscriminator
from training.losses.objective import Objective, Seen

HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}
# Of the adversarial loss's weight where it is balanced, as measured on an H200 with the recipe "pocket".
BALANCE_EVERY = 25  # steps: each time costs a backward pass to the picture
BALANCE_MEMORY = 0.8  # what of the former ratio is kept
BALANCE_LIMIT = 50.0  # when the discriminator's gradient vanishes
Parts = dict[str, float]


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Return the factor at optimizer step `step`, from 0: linear warm-up, then linear decay to 0, or none."""
    warm = (step + 1) / max(1, config.lr_warmup_steps)
    if config.lr_scheduler == "constant":
        return min(1.0, warm)
    if config.lr_scheduler == "cosine":
        return min(1.0, warm) * (1 + math.cos(math.pi * min(1.0, step / config.max_train_steps))) / 2
    rest = (config.max_train_steps - step) / max(1, config.max_train_steps - config.lr_warmup_steps)
    return min(1.0, warm, rest)


def check_state(state: dict[str, Any], model: SplatEnhancer) -> None:
    """Refuse the state of a run whose model had other weights.

    Raises:
        CheckpointError: It is one.
    """
    theirs = {name: tuple(tensor.shape) for name, tensor in state["weights"].items()}
    ours = {name: tuple(parameter.shape) for name, parameter in model.named_parameters() if parameter.requires_grad}
    differing = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    if differing:
        name = differing[0]
        raise CheckpointError(
            f"The state to go on from is of another architecture: {len(differing)} weights differ, such as {name}, "
            f"{theirs.get(name, 'not there')} in the state and {ours.get(name, 'not there')} in this run. Give --checkpoint and "
            "ranks as that run had them, or begin anew in another --output_dir."
        )


class Ema:
    """Averaged weights: ``average += (1 - decay) (weight - average)``, with a warm-up of the decay.

    `torch.optim.swa_utils.AveragedModel` would copy the frozen weights too, and takes the first step's weights unaveraged.
    """

    def __init__(self, parameters: list[nn.Parameter], decay: float) -> None:
        """Start at the current weights."""
        self.parameters, self.decay = list[Tensor](parameters), decay
        self.average = [p.detach().clone() for p in parameters]

    def update(self, step: int) -> None:
        """Move the average after optimizer step number `step`, from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(self.average, self.parameters, step)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange weights and averages; call again to change back."""
        for average, parameter in zip(self.average, self.parameters, strict=True):
            kept = parameter.clone()
            parameter.copy_(average)
            average.copy_(kept)


class Masters:
    """Float32 copies of bfloat16 weights, which the optimizer moves (Micikevicius et al. 2018, "Mixed Precision Training").

    A step of a thousandth of a weight is lost in bfloat16, which keeps eight bits of it.
    """

    def __init__(self, weights: list[nn.Parameter]) -> None:
        """Copy float32 weights, and turn them into bfloat16."""
        self.weights: list[Tensor] = list(weights)
        self.copies = [nn.Parameter(weight.detach().clone()) for weight in weights]
        self.become(torch.bfloat16)

    @torch.no_grad()
    def become(self, dtype: torch.dtype) -> None:
        """Turn the weights into another type, with the copies' values."""
        for weight, copy in zip(self.weights, self.copies, strict=True):
            weight.data = copy.detach().to(dtype, copy=True)

    @torch.no_grad()
    def write_back(self) -> None:
        """Give the weights the copies' values, in a few kernels for all of them."""
        torch._foreach_copy_(self.weights, list[Tensor](self.copies))  # pyright: ignore[reportPrivateUsage]

    def take_gradients(self) -> None:
        """Move the weights' gradients to the copies."""
        for weight, copy in zip(self.weights, self.copies, strict=True):
            copy.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None


class Trainer:
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
        self.weights, self.masters = model.trainable(), None
        if config.mixed_precision == "bf16_weights":
            self.masters = Masters(self.weights)
            self.weights = self.masters.copies
        self.objective = objective.to(accelerator.device)
        self.ema = Ema(self.weights, config.ema_decay)
        self.wrapped: Any = accelerator.prepare(self.model)
        self.optimizer: Any = accelerator.prepare(
            torch.optim.AdamW(
                self.weights,
                lr=config.learning_rate,
                betas=(config.adam_beta1, config.adam_beta2),
                eps=config.adam_epsilon,
                weight_decay=config.adam_weight_decay,
            )
        )
        self.discriminator: Discriminator | None = None
        self.balance = 0.0  # gradient of the other losses over that of the adversarial one; 0: not measured yet
        if config.adversarial_weight:
            self._prepare_discriminator()
        self.watch = Stopwatch(accelerator.device)
        self.bad_steps = 0

    def _prepare_discriminator(self) -> None:
        config = self.config
        if config.discriminator == "lpips":
            made: Discriminator = FeatureDiscriminator(config.lpips_net, config.seed)
            self.looked_through = self.objective.network_of("lpips")
        else:
            made, self.looked_through = PatchDiscriminator(config.seed), None
        # Its gradients are averaged by hand: it is called in two ways, and DDP knows one
        self.discriminator = made.to(self.accelerator.device)
        self.discriminator_optimizer: Any = self.accelerator.prepare(
            torch.optim.Adam(made.parameters(), lr=config.discriminator_learning_rate, betas=BETAS)
        )

    def step(self, number: int, batches: Iterator[Batch]) -> Parts:
        """Take optimizer step `number`, from 0, on the next batches; a step that is not finite changes nothing.

        Returns:
            loss, every term by name, grad_norm and lr, averaged over the processes.
        """
        rate = self.config.learning_rate * learning_rate_factor(number, self.config)
        rounds = self.config.gradient_accumulation_steps
        sums: dict[str, Tensor] = {}
        generated = []
        for micro in range(rounds):
            with self.watch.part("data", on_host=True):
                clean, degraded = (from_bytes(each.to(self.accelerator.device)) for each in next(batches))
            self._seed(number, micro)
            with self.accelerator.no_sync(self.wrapped) if micro + 1 < rounds else nullcontext():
                with self.watch.part("forward"):
                    restored = self.wrapped(degraded.to(self._dtype)).float()
                parts, seen = self._loss(restored, clean, number)
                with self.watch.part("backward"):
                    self.accelerator.backward(parts["loss"] / rounds)
            if self._adversary_plays(number):
                generated.append(_pictures(seen[self.looked_through]))
            for name, part in parts.items():
                sums[name] = sums.get(name, 0) + part.detach().float() / rounds
        if self.masters:
            self.masters.take_gradients()
        with self.watch.part("update"):
            norm = self.accelerator.clip_grad_norm_(self.weights, self.config.max_grad_norm)
            values = self._averaged(sums | {"grad_norm": torch.as_tensor(norm, device=self.accelerator.device)})
            finite = self._finite(values)
            if finite or self.accelerator.scaler:  # the scaler does not step either, but has to learn of it
                for group in self.optimizer.param_groups:
                    group["lr"] = rate
                self.optimizer.step()
            if finite:
                self.ema.update(number + 1)
            if self.masters:
                self.masters.write_back()
        if finite and generated:
            with self.watch.part("adversary"):
                values |= self._teach_discriminator(generated)
        self.optimizer.zero_grad(set_to_none=True)
        return values | {"lr": rate}

    @property
    def _dtype(self) -> torch.dtype:
        """What the model is given pictures in."""
        return torch.bfloat16 if self.masters else torch.float32

    def autocast(self) -> Any:
        """Return the context that losses are computed in, and a model outside of `step`."""
        if self.masters:
            return torch.autocast(self.accelerator.device.type, torch.bfloat16)
        return self.accelerator.autocast()

    def _seed(self, number: int, micro: int) -> None:
        """Give dropout a stream of its own for every forward pass: a resume then has no generator to restore."""
        address = (self.config.seed, "dropout", number, micro, self.accelerator.process_index)
        torch.manual_seed(int(rng_for(*address).integers(2**63)))  # noqa: TID251

    def _loss(self, restored: Tensor, clean: Tensor, number: int) -> tuple[dict[str, Tensor], Seen]:
        """Return the loss, with gradients, its terms, and what it looked at."""
        with self.autocast():
            with self.watch.part("perceptual"):
                seen = self.objective.look(restored, clean)
                loss, parts = self.objective.weigh(seen, number)
            weight = self._adversarial_weight(number)
            if self.discriminator is not None and weight:
                with self.watch.part("adversary"):
                    ours, _ = _pictures(seen[self.looked_through])
                    adversarial = self.discriminator.generator_loss(ours).mean()
                    if self.config.adversarial_balance:
                        weight *= self._balanced(number, loss, adversarial, restored)
                parts["adversarial"] = adversarial.detach()
                loss = loss + weight * adversarial
        return {"loss": loss} | parts, seen

    def _adversary_plays(self, number: int) -> bool:
        return self.discriminator is not None and number >= self.config.adversarial_start_step

    def _adversarial_weight(self, number: int) -> float:
        """Return the weight at a step, before it is balanced; the discriminator has learnt a little when it grows from 0."""
        if not self._adversary_plays(number):
            return 0.0
        ramp = self.config.adversarial_ramp_steps
        share = min(1.0, (number - self.config.adversarial_start_step) / ramp) if ramp else 1.0
        return self.config.adversarial_weight * share

    def _balanced(self, number: int, loss: Tensor, adversarial: Tensor, restored: Tensor) -> float:
        """Return the length of the other losses' gradient at the picture over that of the adversarial one, smoothed.

        After the adaptive weight of Esser et al. 2021, which takes the gradients at the last layer.
        """
        if not self.balance or number % BALANCE_EVERY == 0:
            lengths = [
                torch.autograd.grad(each, restored, retain_graph=True)[0].float().norm() for each in (loss, adversarial)
            ]
            measured = self._averaged({"ratio": lengths[0] / lengths[1].clamp_min(1e-12)})["ratio"]
            if math.isfinite(measured):
                kept = BALANCE_MEMORY if self.balance else 0.0
                self.balance = kept * self.balance + (1 - kept) * measured
        return min(self.balance, BALANCE_LIMIT)

    def _teach_discriminator(self, pictures: list[tuple[Any, Any]]) -> Parts:
        """Take the discriminator's own step, on what it saw of the pictures the generator just made."""
        assert self.discriminator is not None
        sums = {}
        for ours, theirs in pictures:
            with self.autocast():
                loss = self.discriminator.discriminator_loss(ours, theirs).mean() / len(pictures)
            self.accelerator.backward(loss)
            sums["discriminator"] = sums.get("discriminator", 0) + loss.detach()
        for parameter in self.discriminator.parameters():
            if parameter.grad is not None:
                gradient: Any = self.accelerator.reduce(parameter.grad, "mean")
                parameter.grad = gradient
        self.discriminator_optimizer.step()
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        return self._averaged(sums)

    def _averaged(self, values: dict[str, Tensor]) -> Parts:
        """Return numbers averaged over the processes, the same in each of them."""
        means: Any = self.accelerator.reduce(torch.stack([value.float() for value in values.values()]), "mean")
        return dict(zip(values, means.tolist(), strict=True))

    def _finite(self, values: Parts) -> bool:
        """Say whether a step may change the weights, and count those in a row that may not."""
        finite = bool(torch.tensor([values["loss"], values["grad_norm"]]).isfinite().all())
        self.bad_steps = 0 if finite else self.bad_steps + 1
        return finite

    @contextmanager
    def averaged(self) -> Iterator[SplatEnhancer]:
        """Lend the model as it is saved and validated: with its averaged weights, training behaviour off."""
        self.ema.swap()
        if self.masters:
            self.masters.become(torch.float32)
        self.model.eval()
        try:
            yield self.model
        finally:
            self.model.train()
            self.ema.swap()
            if self.masters:
                self.masters.become(torch.bfloat16)

    def state(self) -> dict[str, Any]:
        """Return everything a resume needs beside the settings."""
        state = {
            "weights": dict(zip(self.names, (weight.detach() for weight in self.weights), strict=True)),
            "average": dict(zip(self.names, self.ema.average, strict=True)),
            "optimizer": self.optimizer.state_dict(),
            "bad_steps": self.bad_steps,
        }
        if self.accelerator.scaler:
            state["scaler"] = self.accelerator.scaler.state_dict()
        if self.discriminator is not None:
            state["discriminator"] = self.discriminator.state_dict()
            state["discriminator_optimizer"] = self.discriminator_optimizer.state_dict()
            state["balance"] = self.balance
        return state

    @torch.no_grad()
    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a state.

        Raises:
            CheckpointError: It is a state of other weights.
        """
        try:
            for own, key in ((self.weights, "weights"), (self.ema.average, "average")):
                for name, tensor in zip(self.names, own, strict=True):
                    tensor.copy_(state[key][name])
            self.optimizer.load_state_dict(state["optimizer"])
            self.bad_steps = state["bad_steps"]
            if self.accelerator.scaler:
                self.accelerator.scaler.load_state_dict(state["scaler"])
            if self.discriminator is not None:
                self.discriminator.load_state_dict(state["discriminator"])
                self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
                self.balance = state["balance"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"The state to go on from is of a run with other settings ({error}). Repeat that run's own, or begin anew in "
                "another --output_dir."
            ) from error
        if self.masters:
            self.masters.write_back()


def _pictures(seen: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return what a discriminator looks at, of restored and clean pictures, as lists: pictures become lists of one."""
    ours, theirs = ([each] if isinstance(each, Tensor) else each for each in seen)
    return ours, theirs
