"""What training sends to the Hub, and that a Hub in trouble costs it nothing."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
from dataclasses import replace
from pathlib import Path

import pytest

from enhancer.errors import HubError, SettingsError
from training import train
from training.publish import background as pushing

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


@pytest.fixture
def config(train_config, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_local")
    return replace(train_config, max_train_steps=4, push_to_hub=True, hub_model_id="me/faces", push_steps=2)


def test_the_best_goes_to_the_main_branch_at_the_end_and_the_newest_to_another_on_the_way(config, monkeypatch):
    sent = []

    def push(folder, repo, options):
        run = folder.parent
        files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
        sent.append((folder.name, repo, options.branch, files))

    monkeypatch.setattr(pushing, "push", push)
    train.main(config)
    assert sent[0][:3] == ("checkpoint-2", "me/faces", "training")
    assert sent[-1][:3] == ("best", "me/faces", None)
    assert {"config.json", "best/adapters.safetensors", "best/config.json"} <= sent[-1][3]
    assert not any(name.endswith(".pt") for *_, files in sent for name in files)


@pytest.mark.parametrize("error", [HubError("The Hub does not answer."), ValueError("a bug")])
def test_a_push_that_fails_is_said_with_the_command_to_repeat_it_and_is_no_success(config, monkeypatch, caplog, error):
    def push(*_):
        raise error

    monkeypatch.setattr(pushing, "push", push)
    with pytest.raises(HubError) as failed:
        train.main(config)
    best = Path(config.output_dir) / "best"
    assert best.is_dir()
    assert str(error) in str(failed.value)
    assert f"best was not pushed: {error}" in str(failed.value) or "ValueError" in str(failed.value)
    assert f"python -m training.push {best} me/faces" in str(failed.value)
    on_the_way = [message for message in caplog.messages if message.startswith("checkpoint-2 was not pushed")]
    assert len(on_the_way) == 1


def test_a_run_that_could_not_be_pushed_does_not_begin(config, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "")
    with pytest.raises(HubError, match="not logged in"):
        train.main(config)
    assert not Path(config.output_dir).exists()


def test_a_push_without_a_repository_is_refused_at_once(train_config):
    with pytest.raises(SettingsError, match="--hub_model_id user/name"):
        replace(train_config, push_to_hub=True)
