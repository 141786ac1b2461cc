"""Training in two processes on the CPU, started as a launcher starts them."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from enhancer.model import SplatEnhancer
from tests.runs import argv_of, assert_same_weights, folders, lines_of, tensors
from tests.tiny import tiny_model
from training import train
from training.config import TrainConfig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fresh_accelerate")]
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]


@pytest.fixture
def config(train_config, train_faces, tmp_path) -> TrainConfig:
    """Without dropout, which is drawn for each process by itself; validated; everything else as it comes."""
    tiny_model(skip_dropout=0.0).save_pretrained(tmp_path / "start")
    return replace(
        train_config,
        checkpoint=str(tmp_path / "start"),
        max_train_steps=3,
        gradient_accumulation_steps=2,
        validation_data_dir=str(train_faces),
        validation_steps=3,
    )


def in_two_processes(config: TrainConfig, root: Path) -> subprocess.Popen:
    """Start training in two processes."""
    return subprocess.Popen(
        [*LAUNCH, "training.train", *argv_of(config)],
        cwd=root,
        env=os.environ | {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> None:
    _, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints


def test_two_processes_train_as_one_with_twice_the_batch(config, root, tmp_path):
    finish(in_two_processes(config, root))
    alone = replace(config, train_batch_size=2, output_dir=str(tmp_path / "alone"))
    train.main(alone)
    for name in ("log.jsonl", "validation.jsonl"):
        rows, expected = lines_of(config, name), lines_of(alone, name)
        assert len(rows) == len(expected) == (3 if name == "log.jsonl" else 2)
        for ours, theirs in zip(rows, expected, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-3)
    ours, theirs = (tensors(Path(each.output_dir) / "checkpoint-3") for each in (config, alone))
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-2, atol=1e-3)
    start = tensors(Path(config.checkpoint))
    assert any(not torch.equal(ours[name], start[name]) for name in ours), "nothing was learnt"


def test_two_processes_killed_and_resumed_end_with_the_same_weights(config, root, tmp_path):
    config = replace(config, max_train_steps=8, checkpointing_steps=2, adversarial_weight=0.1)
    finish(in_two_processes(config, root))
    killed = replace(config, output_dir=str(tmp_path / "killed"))
    process = in_two_processes(killed, root)
    log = Path(killed.output_dir) / "log.jsonl"
    while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) >= 4):
        time.sleep(0.01)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(workers) == 2
    for number in (process.pid, *map(int, workers)):
        os.kill(number, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert "checkpoint-8" not in folders(killed)
    finish(in_two_processes(killed, root))
    assert_same_weights(Path(config.output_dir) / "checkpoint-8", Path(killed.output_dir) / "checkpoint-8")
    assert SplatEnhancer.from_pretrained(Path(killed.output_dir) / "best").config.name == "killed"


def test_one_process_where_several_were_asked_for_is_said(train_config, root):
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"]
    told = subprocess.run(
        [*launch, "--cpu", "--num_processes", "2", "-m", "training.train", *argv_of(train_config)],
        cwd=root,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "was asked for 2 processes and started one" in told.stderr
    assert "torchrun --standalone --nproc_per_node 2" in told.stderr
