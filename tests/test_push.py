"""Pushing a checkpoint and the app, to a Hub on this machine over real HTTP: what arrives there, and what never does."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import torch
from PIL import Image

from enhancer.errors import CheckpointError, SettingsError
from enhancer.model import SplatEnhancer
from tests.test_prompt import base  # noqa: F401  (a fixture)
from tests.tiny import tiny_model
from training import push as pushing
from training.push import PushOptions, find_checkpoint, gather
from training.records import fingerprint_of_files
from training.space import space_files

ROOT = Path(__file__).parents[1]
# A visitor of the app: waits until it answers, has a head degraded and restored, and prints the report.
VISIT = """
import sys, time
from gradio_client import Client, handle_file
for wait in range(90):
    try:
        client = Client(sys.argv[1], verbose=False)
        break
    except Exception:
        time.sleep(1)
restored, given, report = client.predict(image=handle_file(sys.argv[2]), degrade_first=True, api_name="/restore")
print(report)
"""


@pytest.fixture
def run(tmp_path):
    """A run's folder: the best checkpoint, one to resume from, settings, and an evaluation of the best."""
    folder = tmp_path / "run"
    tiny_model(licence="other").save_pretrained(folder / "best")
    tiny_model(1, licence="other").save_pretrained(folder / "checkpoint-20")
    torch.save({"optimizer": 1}, folder / "checkpoint-20" / "training_state.pt")
    (folder / "config.json").write_text(
        json.dumps({"train_data_dir": "/home/jordan/faces", "max_train_steps": 20})
    )
    evaluated(folder / "best", folder / "evaluation")
    return folder


def evaluated(checkpoint: Path, folder: Path) -> None:
    """Write the little of an evaluation that says whose it is."""
    files = [*checkpoint.rglob("*.safetensors"), *checkpoint.rglob("*.json")]
    spread = {"mean": 27.0, "median": 27.0, "std": 1.0, "count": 2}
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps({
        "checkpoint": {"fingerprint": fingerprint_of_files(files, contents=True)},
        "settings": {"preset": "v2", "seed": 0}, "data": {"folders": "faces/test", "scored": 2},
        "rows": {"degraded": {"psnr": spread}, "restored": {"psnr": spread}}, "gain": {"psnr": spread},
        "improved": {"psnr": 1.0}, "colour_error_levels": {"red": None}, "latency_seconds": {"p50": None}, "missing": {},
    }))  # fmt: skip


@pytest.fixture
def drawn(monkeypatch):
    """No heads are restored: it takes seconds."""
    monkeypatch.setattr(pushing, "before_after", lambda _: Image.new("RGB", (8, 8)))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def gathered(checkpoint: Path, tmp_path: Path, **options) -> Path:
    parcel = tmp_path / "parcel"
    parcel.mkdir()
    gather(checkpoint, "user/repo", PushOptions(**options), parcel)
    return parcel


def test_a_version_is_all_that_is_made_from_a_checkpoint_and_no_training_state(run, tmp_path, drawn):
    parcel = gathered(run / "checkpoint-20", tmp_path)
    assert names(parcel) == names(run / "best") | {
        "README.md",
        "before_after.png",
        "pytorch_lora_weights.safetensors",
    }
    assert "![" in (parcel / "README.md").read_text()
    SplatEnhancer.from_pretrained(parcel)


def test_the_card_has_the_run_and_the_evaluation_of_these_very_weights(run, tmp_path):
    card = (gathered(run / "best", tmp_path, picture=False) / "README.md").read_text()
    assert "| PSNR, dB | 27.00 | **27.00** |" in card
    assert "| Steps | 20 |" in card
    assert "jordan" not in card


def test_an_evaluation_of_other_weights_is_not_shown_and_not_taken(run, tmp_path):
    card = (gathered(run / "checkpoint-20", tmp_path, picture=False) / "README.md").read_text()
    assert "**Not evaluated.**" in card
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="is an evaluation of other weights"):
        gather(
            run / "checkpoint-20",
            "user/repo",
            PushOptions(evaluation=run / "evaluation"),
            tmp_path / "empty",
        )


def test_sd_turbo_s_notice_goes_along(tmp_path):
    tiny_model(base="stabilityai/sd-turbo").save_pretrained(tmp_path / "turbo")
    parcel = gathered(tmp_path / "turbo", tmp_path, picture=False)
    assert names(parcel) == {
        "config.json", "adapters.safetensors", "README.md", "NOTICE", "pytorch_lora_weights.safetensors",
    }  # fmt: skip
    assert "Powered by Stability AI" in (parcel / "NOTICE").read_text()


def test_a_base_that_nobody_else_has_is_refused(tmp_path):
    tiny_model(base=str(tmp_path / "my-base")).save_pretrained(tmp_path / "mine")
    with pytest.raises(CheckpointError, match="a folder that nobody else has"):
        gathered(tmp_path / "mine", tmp_path)


def test_of_a_run_the_best_is_taken_else_the_newest(run):
    assert find_checkpoint(run) == run / "best"
    assert find_checkpoint(run / "best") == run / "best"
    (run / "best" / "adapters.safetensors").unlink()
    assert find_checkpoint(run) == run / "checkpoint-20"
    (run / "checkpoint-20" / "adapters.safetensors").unlink()
    with pytest.raises(CheckpointError, match="There is no checkpoint in"):
        find_checkpoint(run)
    with pytest.raises(CheckpointError, match="There is no folder"):
        find_checkpoint(run / "nowhere")


def test_a_space_gets_what_the_app_needs_and_nothing_else():
    files = space_files()
    assert {"README.md", "app.py", "app.css", "requirements.txt", "LICENSE"} <= set(files)
    assert {
        "enhancer/service.py",
        "enhancer/pocket/parser/model.safetensors",
        "examples/heads/head_02.png",
    } <= set(files)
    assert not [name for name in files if name.startswith(("tests", "training", "runs", ".", "pyproject"))]


def test_a_folder_that_is_no_checkout_makes_no_space(tmp_path):
    with pytest.raises(SettingsError, match="is no git checkout"):
        space_files(tmp_path)


@pytest.fixture
def hub(tmp_path):
    """The environment of a process that has a Hub on this machine."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hub_stub", "--root", str(tmp_path / "hub")],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield os.environ | {
        "HF_ENDPOINT": process.stdout.readline().strip(), "HF_TOKEN": "hf_local", "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    process.kill()
    process.communicate()


def call(env, *arguments: str, code: str | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, *(("-c", code) if code else ("-m", "training.push")), *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)


def test_push_tag_pull_restores_to_the_same_bytes_and_pushed_again_makes_no_commit(run, hub):
    code = """
import enhancer.torchvision_stub, hashlib, sys
from huggingface_hub import HfApi
from enhancer.model import SplatEnhancer, restore
from training.push import PushOptions, push
from tests.test_model import picture

def digest(ref):
    model = SplatEnhancer.from_pretrained(ref)
    return hashlib.sha1(restore(model.for_inference(), picture(64, 64)).tobytes()).hexdigest(), model.source

push(sys.argv[1], "tester/faces", PushOptions(dry_run=True, picture=False))
assert not HfApi().repo_exists("tester/faces"), "a dry run sent something"
options = PushOptions(tag="v1", picture=False)
first, again = (push(sys.argv[1], "tester/faces", options) for _ in range(2))
(ours, _), (theirs, source) = digest(sys.argv[1] + "/best"), digest("tester/faces@v1")
assert ours == theirs, "other bytes"
assert (first.changed, again.changed) == (True, False)
assert source.sha == first.sha == again.sha
SplatEnhancer.from_pretrained(sys.argv[1] + "/best").push_to_hub("tester/plain", tag="v0")
assert digest("tester/plain@v0")[0] == ours
print(source.name)
"""
    done = call(hub, str(run), code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tester/faces@")


def test_adapters_around_a_base_on_the_hub_are_pinned_to_its_commit(base, hub, tmp_path):  # noqa: F811
    for part in ("unet", "vae", "text_encoder"):
        (weights,) = (base / part).glob("*.safetensors")
        weights.rename(weights.with_name(f"{weights.stem}.fp16.safetensors"))
    code = """
import enhancer.torchvision_stub, sys
from dataclasses import replace
from pathlib import Path
from enhancer.hub import publish
from enhancer.model import SplatEnhancer, restore
from enhancer.model.prompt import adapt
from tests.test_model import picture
from tests.tiny import TINY_CONFIG

folder, out = Path(sys.argv[1]), sys.argv[2]
files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
first = publish(folder, "tester/base", files=files, message="base")
ours = adapt("tester/base", replace(TINY_CONFIG, prompt="a face")).eval()
assert (ours.config.base, ours.config.base_revision) == ("tester/base", first.sha)
ours.save_pretrained(out)
theirs = SplatEnhancer.from_pretrained(out)
assert restore(ours, picture(64, 64)).tobytes() == restore(theirs, picture(64, 64)).tobytes()
"""
    done = call(hub, str(base), str(tmp_path / "out"), code=code)
    assert done.returncode == 0, done.stderr


def test_what_goes_wrong_is_one_sentence(run, hub):
    code = """
import os, sys
from training.push import main
from enhancer.errors import EnhancerError

run = sys.argv[1]
os.environ["HF_TOKEN"] = ""
for arguments in (
    ["nowhere", "tester/faces"], [run, "not a repo"], [run, "tester/faces"], ["--space", "name"],
    ["--space", "tester/app", "--checkpoint", "/a/folder"], ["--space", "tester/app"],
):
    try:
        main([*arguments, *(() if "--space" in arguments else ("--no_picture",))])
    except EnhancerError as error:
        print(error)
"""
    done = call(hub, str(run), code=code)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    wanted = (
        "There is no folder nowhere", "not a repo", "HF_TOKEN", "cannot be the name of a Space", "no name on the Hub",
        "HF_TOKEN",
    )  # fmt: skip
    assert len(said) == len(wanted), said
    for sentence, words in zip(said, wanted, strict=True):
        assert words in sentence


@pytest.mark.slow
def test_the_app_starts_from_what_a_space_was_sent_and_restores_an_example(run, hub, tmp_path):
    assert call(hub, str(run), "tester/faces", "--tag", "v1", "--no_picture").returncode == 0
    done = call(hub, "--space", "tester/app", "--checkpoint", "tester/faces@v1")
    assert done.returncode == 0, done.stderr
    copy = tmp_path / "copy"
    fetch = "import sys, huggingface_hub as h; h.snapshot_download('tester/app', repo_type='space', local_dir=sys.argv[1])"
    call(hub, str(copy), code=fetch)
    assert (copy / "README.md").read_text().startswith("---\ntitle: Splat Enhancer")
    ask = urllib.request.Request(
        hub["HF_ENDPOINT"] + "/api/spaces/tester/app/variables", headers={"Authorization": "Bearer hf_local"}
    )
    variables = {name: each["value"] for name, each in json.load(urllib.request.urlopen(ask)).items()}
    assert variables == {"CHECKPOINT": "tester/faces@v1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in hub.items() if name != "PYTHONPATH"} | variables
    log = tmp_path / "app.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=copy, env=environment | {"GRADIO_SERVER_PORT": str(port)},
            stdout=file, stderr=file,
        )  # fmt: skip
    try:
        report = call(hub, f"http://127.0.0.1:{port}", str(ROOT / "examples/heads/head_02.png"), code=VISIT)
        assert report.returncode == 0, report.stderr + log.read_text()
        assert "tester/faces@" in report.stdout
    finally:
        process.kill()
        process.wait()
