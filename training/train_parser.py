"""Train the embedded face parser, a tiny Segformer, from scratch: `python -m training.train_parser`.

About an hour on one CPU core. Started again with the same flags it goes on from the last saved state, with the data it would
have seen had it never stopped. The finished parser lies in ``<output_dir>/export``, as transformers reads it.
"""

import argparse
import copy
import json
import math
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

import enhancer.torchvision_stub  # noqa: F401  must come before transformers

# isort: split
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from enhancer.imaging.regions import CELEBAMASK_LABELS, REGION_NAMES, region_map, region_of_label
from enhancer.parser import Parser, Preprocessing
from enhancer.seeding import rng_for
from training.parser.data import IGNORE, MEAN, STD, Faces, batch, joined, read_faces

SIDE = 320  # px, the network's input when the parser is used
# The network sees small pictures first, three times cheaper, and its working size only at the end.
SIDES = ((0.50, 192), (0.90, 256), (1.00, SIDE))  # (up to this share of the steps, px)
# Small parts count more in the loss than their few pixels would.
SMALL_PARTS, SMALL_PART_WEIGHT = ("l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip"), 2.0


def network() -> SegformerForSemanticSegmentation:
    """Return the untrained parser: about Segformer's smallest layout (B0) at half its width, 1.2 M parameters."""
    return SegformerForSemanticSegmentation(
        SegformerConfig(
            depths=[2, 2, 3, 2],
            hidden_sizes=[16, 32, 80, 160],
            num_attention_heads=[1, 1, 2, 5],
            sr_ratios=[8, 4, 2, 1],
            mlp_ratios=[4, 4, 4, 4],
            decoder_hidden_size=64,
            drop_path_rate=0.0,
            classifier_dropout_prob=0.0,
            semantic_loss_ignore_index=IGNORE,
            id2label=dict(enumerate(CELEBAMASK_LABELS)),
            label2id={name: k for k, name in enumerate(CELEBAMASK_LABELS)},
        )
    )


def initialise(model: nn.Module, seed: int) -> None:
    """Draw the starting weights, variance 1 / fan-in, from streams addressed by the weights' names."""
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                shape = tuple(module.weight.shape)
                drawn = rng_for(seed, "parser init", name).standard_normal(shape, np.float32)
                module.weight.copy_(torch.from_numpy(drawn / np.sqrt(np.prod(shape[1:]))))
                if module.bias is not None:
                    module.bias.zero_()


class Objective(nn.Module):
    """Cross-entropy over the 19 labels, plus one minus the soft IoU of each of the five regions."""

    weights: torch.Tensor  # (19,)
    sums: torch.Tensor  # (6, 19): sums label chances to those of outside and the five regions

    def __init__(self) -> None:
        super().__init__()
        weights = [SMALL_PART_WEIGHT if name in SMALL_PARTS else 1.0 for name in CELEBAMASK_LABELS]
        table = torch.from_numpy(region_of_label(CELEBAMASK_LABELS)).long()
        self.register_buffer("weights", torch.tensor(weights))
        self.register_buffer("sums", F.one_hot(table, len(REGION_NAMES) + 1).T.float())

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(B, 19, h, w) logits, (B, H, W) label ids -> loss."""
        logits = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
        known = labels != IGNORE
        entropy = F.cross_entropy(logits, labels, self.weights, ignore_index=IGNORE)
        found = torch.einsum("rl,blhw->rbhw", self.sums, logits.softmax(1))[1:] * known
        one_hot = F.one_hot(labels * known, len(CELEBAMASK_LABELS)).float()
        true = torch.einsum("rl,bhwl->rbhw", self.sums, one_hot)[1:] * known
        both, either = (found * true).sum((1, 2, 3)), (found + true - found * true).sum((1, 2, 3))
        return entropy + (1 - (both + 1) / (either + 1)).mean()  # + 1 px: a region may be absent


def region_iou(parser: Parser, faces: Faces) -> dict[str, float]:
    """Return the IoU of each region over all pixels of all faces, and their mean, at the faces' own size."""
    both, either = np.zeros(len(REGION_NAMES)), np.zeros(len(REGION_NAMES))
    for picture, labels in zip(faces.pictures, faces.labels, strict=True):
        found, true = parser.regions(picture.astype(np.float32) / 255), region_map(labels, CELEBAMASK_LABELS)
        for k in range(len(REGION_NAMES)):
            both[k] += np.count_nonzero((found == k + 1) & (true == k + 1))
            either[k] += np.count_nonzero((found == k + 1) | (true == k + 1))
    scores = dict(zip(REGION_NAMES, (both / np.maximum(either, 1)).tolist(), strict=True))
    return {"mean": float(np.mean(list(scores.values()))), **scores}


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


def export(model: SegformerForSemanticSegmentation, folder: Path) -> None:
    """Write the parser as transformers reads it, weights in half precision."""
    copy.deepcopy(model).half().save_pretrained(folder)
    settings = {
        "image_processor_type": "SegformerImageProcessor",
        "do_resize": True,
        "size": {"height": SIDE, "width": SIDE},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN,
        "image_std": STD,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2) + "\n")


class Run:
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
        torch.save(state, self.state.with_suffix(".tmp"))
        self.state.with_suffix(".tmp").replace(self.state)

    def judge(self, faces: Faces, loss: float) -> None:
        """Show and log how good the running average is."""
        parser = Parser(self.average, Preprocessing(SIDE, MEAN, STD), "in training")
        scores = region_iou(parser, faces)
        tqdm.write(f"step {self.step}: " + "  ".join(f"{k} {v:.3f}" for k, v in scores.items()))
        with self.log.open("a") as log:
            log.write(json.dumps({"step": self.step, "loss": loss, "iou": scores}) + "\n")


def flags_given() -> argparse.Namespace:
    """Read the command line."""
    data = Path("../shared/data")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add(
        "--human_dir",
        type=Path,
        default=data / "celebamask512/train",
        help="images/ and masks/ labelled by people",
    )
    add(
        "--generated_dir",
        type=Path,
        default=data / "generated512",
        help="images/ and masks/ labelled by a network",
    )
    add("--val_dir", type=Path, default=data / "celebamask512/val", help="images/ and masks/ to be judged on")
    add("--output_dir", type=Path, default=Path("runs/parser"))
    add("--seed", type=int, default=0)
    add("--max_train_steps", type=int, default=3600)
    add("--train_batch_size", type=int, default=8)
    add("--learning_rate", type=float, default=1.5e-3)
    add("--checkpointing_steps", type=int, default=250)
    add("--validation_steps", type=int, default=500)
    add("--num_threads", type=int, default=1, help="CPU threads")
    return parser.parse_args()


def main() -> None:
    """Train, judge, export."""
    flags = flags_given()
    torch.set_num_threads(flags.num_threads)
    cv2.setNumThreads(flags.num_threads)
    human, generated = read_faces(flags.human_dir), read_faces(flags.generated_dir)
    faces, val = joined(human, generated), read_faces(flags.val_dir, side=512)
    few = Faces(val.pictures[::4], val.labels[::4])  # for a look on the way
    # Labels drawn by people count twice.
    order = np.concatenate([np.arange(len(human)), np.arange(len(faces))])

    run, objective, losses = Run(flags.output_dir, flags.seed), Objective(), []
    run.model.train()
    steps = flags.max_train_steps
    bar = tqdm(range(run.step, steps), initial=run.step, total=steps, unit="step", mininterval=10)
    for step in bar:
        rate, side = learning_rate(step, steps, flags.learning_rate), side_at(step, steps)
        pictures, labels = batch(
            faces, order, seed=flags.seed, step=step, size=flags.train_batch_size, side=side
        )
        loss = objective(run.model(torch.from_numpy(pictures)).logits, torch.from_numpy(labels).long())
        run.advance(loss, rate)
        losses = [*losses[-99:], loss.item()]
        bar.set_postfix(loss=f"{np.mean(losses):.3f}", px=side, lr=f"{rate:.1e}", refresh=False)
        if run.step % flags.checkpointing_steps == 0 or run.step == steps:
            run.save()
        if run.step % flags.validation_steps == 0 or run.step == steps:
            run.judge(val if run.step == steps else few, float(np.mean(losses)))
    export(run.average, flags.output_dir / "export")


if __name__ == "__main__":
    main()
