"""A training run's folder where a checkpoint is asked for: its best one is meant, else its newest."""

from pathlib import Path

from enhancer.hub.references import ARTIFACTS
from enhancer.messages import Message

BEST = "best"  # folder of a run's best checkpoint


def step_of(folder: Path) -> int:
    """Return the step in the name of a `checkpoint-<step>` folder, -1 if it has none."""
    number = folder.name.removeprefix("checkpoint-")
    return int(number) if number.isdecimal() and folder.name != number else -1


def is_checkpoint(folder: Path) -> bool:
    """Say whether a folder looks like a checkpoint; what is in its files nobody has read."""
    return all((folder / name).is_file() for name in ARTIFACTS["checkpoint"].needed)


def checkpoint_in(folder: Path) -> tuple[Path, Message | None]:
    """Return the checkpoint that a folder stands for, and what the user should know about the choice.

    A checkpoint stands for itself, a run for its best one, else for its newest; anything else for itself too: whoever
    reads it says what it lacks.
    """
    if is_checkpoint(folder):
        return folder, None
    if is_checkpoint(folder / BEST):
        return folder / BEST, None
    kept = [each for each in folder.glob("checkpoint-*") if step_of(each) >= 0 and is_checkpoint(each)]
    if not kept:
        return folder, None
    newest = max(kept, key=step_of)
    notice = Message(
        "note.newest_of_run",
        "{run} is a training run that has no best checkpoint yet; its newest is used: {name}.",
        run=str(folder),
        name=newest.name,
    )
    return newest, notice
