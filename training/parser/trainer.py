"""A run of the parser's training: its state, its steps, and how good it is on the way."""

import json
import math
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from enhancer.parser import Parser, Preprocessing
from enhancer.runtime.files import append_line, atomic_write
from training.parser.data import MEAN, STD, Faces
from training.parser.model import SIDE, initialise, network, region_iou

# The network sees small pictures first, three times cheaper, and its working size only at the end.
SIDES = ((0.50, 192), (0.90, 256), (1.00, SIDE))  # (up to this share of the steps, px)


def learning_rate(step: int, steps: int, peak: float, warm_up: int = 250) -> float:
    """Linear warm-up, then a cosine down to a hundredth of the peak."""
    if step < warm_up:
        return peak * (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def side_at(step: int, steps: int) -> int:
    """Return the network input, px, of a step."""
    return next(side for share, side in SIDES if step < share * steps or share == 1)


def move_average(average: Iterable[torch.Tensor], now: Iterable[torch.Tensor], keep: float) -> None:
    """Move running averages towards present values; counters are copied."""
    for a, b in zip(average, now, strict=True):
        if a.is_floating_point():
            a.lerp_(b.detach(), 1 - keep)
        else:
            a.copy_(b)


class ParserTrainer:
    """A training run in its folder: network, running average, optimiser and the step they have reached."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Begin in `folder`, or go on with what was saved there."""
        self.model, self.average, self.step = network(), network(), 0
        initialise(self.model, seed)
        self.average.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.AdamW(self.model.parameters(), weight_decay=0.01)
        self.state, self.log = folder / "state.pt", folder / "log.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        if self.state.exists():
            state = torch.load(self.state, weights_only=True)
            self.step = state["step"]
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["ema"])
            self.optimiser.load_state_dict(state["optimiser"])

    def advance(self, loss: torch.Tensor, rate: float) -> None:
        """Take one optimiser step."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        keep = min(0.998, (self.step + 1) / (self.step + 10))
        move_average(self.average.state_dict().values(), self.model.state_dict().values(), keep)
        self.step += 1

    def save(self) -> None:
        """Write the state whole or not at all."""
        parts = {"model": self.model, "ema": self.average, "optimiser": self.optimiser}
        state = {"step": self.step} | {name: part.state_dict() for name, part in parts.items()}
        with atomic_write(self.state) as temporary, temporary.open("wb") as file:
            torch.save(state, file)

    def validate(self, faces: Faces, loss: float) -> None:
        """Show and log how good the running average is."""
        parser = Parser(self.average, Preprocessing(SIDE, MEAN, STD), "in training")
        scores = region_iou(parser, faces)
        tqdm.write(f"step {self.step}: " + "  ".join(f"{k} {v:.3f}" for k, v in scores.items()))
        append_line(self.log, json.dumps({"step": self.step, "loss": loss, "iou": scores}))
