"""Train the embedded face parser, a tiny Segformer, from scratch: `python -m training.train_parser`.

About an hour on one CPU core. Started again with the same flags it goes on from the last saved state, with the data it would
have seen had it never stopped. The finished parser lies in ``<output_dir>/export``, as transformers reads it.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from enhancer.errors import EnhancerError
from enhancer.runtime.command_line import BAD_INPUT, ArgumentParser, file_errors, print_every_name, say_error
from training.parser.data import Faces, batch, joined, read_faces
from training.parser.model import Objective, export
from training.parser.trainer import ParserTrainer, learning_rate, side_at


def flags_given() -> argparse.Namespace:
    """Read the command line."""
    data = Path("../shared/data")
    parser = ArgumentParser(description=__doc__)
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
    add("--val_dir", type=Path, default=data / "celebamask512/val", help="images/ and masks/ to validate on")
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
    """Train, validate, export."""
    flags = flags_given()
    torch.set_num_threads(flags.num_threads)
    cv2.setNumThreads(flags.num_threads)
    human, generated = read_faces(flags.human_dir), read_faces(flags.generated_dir)
    faces, val = joined(human, generated), read_faces(flags.val_dir, side=512)
    few = Faces(val.pictures[::4], val.labels[::4])  # for a look on the way
    # Labels drawn by people count twice.
    order = np.concatenate([np.arange(len(human)), np.arange(len(faces))])

    run, objective, losses = ParserTrainer(flags.output_dir, flags.seed), Objective(), []
    run.model.train()
    steps = flags.max_train_steps
    bar = tqdm(range(run.step, steps), initial=run.step, total=steps, unit="step", mininterval=10)
    for step in bar:
        rate, side = learning_rate(step, steps, flags.learning_rate), side_at(step, steps)
        pictures, labels = batch(faces, order, seed=flags.seed, step=step, size=flags.train_batch_size, side=side)
        loss = objective(run.model(torch.from_numpy(pictures)).logits, torch.from_numpy(labels).long())
        run.advance(loss, rate)
        losses = [*losses[-99:], loss.item()]
        bar.set_postfix(loss=f"{np.mean(losses):.3f}", px=side, lr=f"{rate:.1e}", refresh=False)
        if run.step % flags.checkpointing_steps == 0 or run.step == steps:
            run.save()
        if run.step % flags.validation_steps == 0 or run.step == steps:
            run.validate(val if run.step == steps else few, float(np.mean(losses)))
    export(run.average, flags.output_dir / "export")


if __name__ == "__main__":
    print_every_name()
    try:
        with file_errors():
            main()
    except EnhancerError as error:
        say_error(error)
        sys.exit(BAD_INPUT)
