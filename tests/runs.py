"""What tests of training runs share: a run's log and checkpoints, and its command line."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from training.config import TrainConfig


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint."""
    found = {}
    for path in sorted(folder.rglob("*.safetensors")):
        found |= {f"{path.relative_to(folder)}/{name}": tensor for name, tensor in load_file(path).items()}
    return found


def assert_same_weights(ours: Path, theirs: Path) -> None:
    """Checkpoints are equal to the last bit."""
    first, second = tensors(ours), tensors(theirs)
    assert first.keys() == second.keys()
    assert first
    assert all(torch.equal(first[name], second[name]) for name in first)


def argv_of(config: TrainConfig) -> list[str]:
    """The command line of a config."""
    argv = []
    for name, value in config.to_json().items():
        if isinstance(value, bool):
            argv.append(f"--{name}" if value else f"--no-{name}")
        elif isinstance(value, list):
            argv += [f"--{name}", *value] if value else []
        else:
            argv += [f"--{name}", str(value)]
    return argv


def lines_of(config: TrainConfig, name: str = "log.jsonl") -> list[dict]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (Path(config.output_dir) / name).read_text().splitlines()]


def folders(config: TrainConfig) -> list[str]:
    return sorted(path.name for path in Path(config.output_dir).iterdir() if path.is_dir())
