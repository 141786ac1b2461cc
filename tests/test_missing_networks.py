"""Networks that cannot be had are all named at once, with the command that does without them."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import shlex
from dataclasses import replace

import pytest
import torch

from enhancer.metrics import trunks
from tests.runs import argv_of, folders
from training import train
from training.cli import from_flags, to_flags
from training.config import TrainConfig

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """No network, and nothing in torch's cache or the Hub's."""
    from enhancer.errors import UnavailableError

    def unreachable(*_):
        raise UnavailableError("download.pytorch.org cannot be reached.")

    monkeypatch.setattr(trunks, "download", unreachable)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "empty"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv(trunks.VARIABLE, raising=False)


@pytest.mark.usefixtures("bare_machine")
def test_all_missing_networks_are_named_at_once_and_the_command_given_works_in_the_same_folder(train_config, capsys):
    wanting = replace(
        train_config, checkpoint="", lpips_weight=1.0, gram_weight=0.07, clip_weight=0.1, max_train_steps=1
    )
    assert train.command(argv_of(wanting)) == 2
    said = capsys.readouterr().err
    for words in ("The base model stabilityai/sd-turbo", "No lpips loss:", "No gram loss:", "No clip loss:"):
        assert words in said
    command = shlex.split(said.splitlines()[-1])
    assert command[:3] == ["python", "-m", "training.train"]
    assert from_flags(TrainConfig, command[3:], "") == replace(
        wanting, checkpoint="pocket", lpips_net="alex", gram_weight=0.0, clip_weight=0.0
    )
    assert train.command(command[3:]) == 0
    assert "checkpoint-1" in folders(wanting)


@pytest.mark.usefixtures("bare_machine")
def test_one_missing_network_is_said_as_before_and_a_sound_start_is_kept(train_config, capsys):
    assert train.command(argv_of(replace(train_config, lpips_weight=1.0))) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: No lpips loss: the VGG16 weights")
    assert f"--checkpoint {train_config.checkpoint}" in said
    assert said.endswith("--lpips_net alex\n") or "--lpips_net alex " in said


@pytest.mark.parametrize(
    "flags",
    [
        ["--train_data_dir", "a b", "--no-augment", "--mixture", "v2=0.5", "pairs=0.5"],
        ["--train_data_dir", "x", "--preset", "v1", "--rank", "16"],
        ["--train_data_dir", "x", "--recipe", "pocket", "--pool_size", "1"],
    ],
)
def test_the_command_line_of_a_config_gives_the_config_again(flags):
    config = from_flags(TrainConfig, flags, "")
    assert from_flags(TrainConfig, to_flags(config), "") == config
    assert len(to_flags(config)) == len(flags)
