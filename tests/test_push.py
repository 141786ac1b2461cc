"""Pushing a checkpoint and the app, to a Hub on this machine over real HTTP: what arrives there, and what never does."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import HfApi
from packaging.requirements import Requirement
from PIL import Image

from enhancer.errors import CheckpointError, EnhancerError, HubError, SettingsError
from enhancer.hub import PARSER, PARSER_REVISION, publish
from enhancer.model import SplatEnhancer, restore
from enhancer.model.prompt import adapt
from tests.test_model import picture
from tests.test_prompt import base  # noqa: F401  (a fixture)
from tests.tiny import TINY_CONFIG, tiny_model
from training.evaluation.results import fingerprint_of_files
from training.publish import checkpoint as publishing
from training.publish.checkpoint import PushOptions, find_checkpoint, gather, push
from training.publish.space import HARDWARE, SpaceOptions, card, push_space, space_files, with_extras
from training.push import main

# The library's own: it uploads by an argument that its HTTP client would rather have under another name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

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


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run's folder: the best checkpoint, one to resume from, settings, and an evaluation of the best."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    tiny_model(licence="other").save_pretrained(folder / "best")
    tiny_model(1, licence="other").save_pretrained(folder / "checkpoint-20")
    torch.save({"optimizer": 1}, folder / "checkpoint-20" / "training_state.pt")
    (folder / "config.json").write_text(json.dumps({"train_data_dir": "/home/jordan/faces", "max_train_steps": 20}))
    evaluated(folder / "best", folder / "evaluation")
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it."""
    return shutil.copytree(finished, tmp_path / "run")


def evaluated(checkpoint: Path, folder: Path) -> None:
    """Write the little of an evaluation that says whose it is."""
    files = [*checkpoint.rglob("*.safetensors"), *checkpoint.rglob("*.json")]
    spread = {"mean": 27.0, "median": 27.0, "std": 1.0, "count": 2}
    folder.mkdir()
    (folder / "metrics.json").write_text(
        json.dumps(
            {
                "checkpoint": {"fingerprint": fingerprint_of_files(files, contents=True)},
                "settings": {"preset": "v2", "seed": 0},
                "data": {"folders": "faces/test", "scored": 2},
                "rows": {"degraded": {"psnr": spread}, "restored": {"psnr": spread}},
                "gain": {"psnr": spread},
                "improved": {"psnr": 1.0},
                "colour_error_levels": {"red": None},
                "latency_seconds": {"p50": None},
                "missing": {},
            }
        )
    )


@pytest.fixture
def drawn(monkeypatch):
    """No heads are restored: it takes seconds."""
    monkeypatch.setattr(publishing, "before_after", lambda _: Image.new("RGB", (8, 8)))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def gathered(checkpoint: Path, tmp_path: Path, **options) -> Path:
    parcel = tmp_path / "parcel"
    parcel.mkdir(parents=True)
    gather(checkpoint, "user/repo", PushOptions(**options), parcel)
    return parcel


def test_pictures_of_ones_own_are_those_of_an_adaptation(run, tmp_path):
    with pytest.raises(SettingsError, match=r"Give the folder of training\.adapt"):
        gathered(run / "checkpoint-20", tmp_path, picture="own")


def test_a_version_is_all_that_is_made_from_a_checkpoint_and_no_training_state(run, tmp_path, drawn):
    parcel = gathered(run / "checkpoint-20", tmp_path)
    assert names(parcel) == names(run / "best") | {
        "README.md",
        "LICENSE",
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


def test_the_card_says_which_step_is_the_best_what_it_gains_and_what_the_start_allows(run, tmp_path):
    settings = {"train_data_dir": "/home/jordan/anna", "max_train_steps": 600, "checkpoint": "pocket"}
    (run / "config.json").write_text(json.dumps(settings))
    (run / "best.json").write_text(json.dumps({"step": 120, "loss": 0.2}))
    rows = [
        {"step": 0, "pictures": 6, "loss": 0.3, "psnr": 26.0, "psnr_gain": 0.1, "lpips_alex": 0.3},
        {"step": 120, "pictures": 6, "loss": 0.2, "psnr": 26.5, "psnr_gain": 0.6, "lpips_alex": 0.2},
    ]
    (run / "validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    parcel = gathered(run / "best", tmp_path, picture=False)
    card = (parcel / "README.md").read_text()
    assert "| Steps | 120 |" in card
    assert (
        "| Gained over its start | +0.50 dB, LPIPS (AlexNet) 0.300 → 0.200, on 6 pictures that it was chosen by |"
        in card
    )
    for text in (card, (parcel / "LICENSE").read_text()):
        assert "non-commercial research and education only" in text  # pocket's own terms
    other = gathered(run / "checkpoint-20", tmp_path / "other", picture=False)
    assert "| Steps | 20 |" in (other / "README.md").read_text()


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
        "config.json",
        "adapters.safetensors",
        "README.md",
        "NOTICE",
        "pytorch_lora_weights.safetensors",
    }
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


def test_a_space_installs_what_its_clips_need_besides():
    needed = with_extras((ROOT / "requirements.txt").read_text(), (ROOT / "pyproject.toml").read_text())
    lines = [line.partition("#")[0].strip() for line in needed.splitlines()]
    names = [Requirement(line).name for line in lines if line]
    assert "av" in names
    assert len(set(names)) == len(names)
    assert "gradio" in names


def test_without_git_a_space_gets_the_same_but_no_caches(tmp_path):
    with pytest.raises(SettingsError, match=r"There is no README\.md, requirements\.txt, app\.py"):
        space_files(tmp_path)
    for name in ("README.md", "requirements.txt", "app.py", "enhancer/__init__.py", "tests/test_it.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "enhancer/__pycache__").mkdir()
    (tmp_path / "enhancer/__pycache__/model.pyc").touch()
    assert space_files(tmp_path) == ["README.md", "app.py", "enhancer/__init__.py", "requirements.txt"]


def digest(ref) -> tuple[str, object]:
    """What a checkpoint makes of a picture, and where it is from."""
    model = SplatEnhancer.from_pretrained(ref)
    return hashlib.sha1(restore(model.for_inference(), picture(64, 64)).tobytes()).hexdigest(), model.source


def test_push_tag_pull_restores_to_the_same_bytes_and_pushed_again_makes_no_commit(run, hub):
    first, again = (push(run, "tester/faces", PushOptions(tag="v1", picture=False)) for _ in range(2))
    (ours, _), (theirs, source) = digest(run / "best"), digest("tester/faces@v1")
    assert ours == theirs
    assert (first.changed, again.changed) == (True, False)
    assert source.sha == first.sha == again.sha
    assert source.name == f"tester/faces@{first.sha[:7]}"


@pytest.mark.slow
def test_a_model_pushes_itself_and_a_dry_run_sends_nothing(run, hub):
    push(run, "tester/faces", PushOptions(dry_run=True, picture=False))
    assert not HfApi().repo_exists("tester/faces")
    SplatEnhancer.from_pretrained(run / "best").push_to_hub("tester/plain", tag="v0")
    assert digest("tester/plain@v0")[0] == digest(run / "best")[0]


def test_adapters_around_a_base_on_the_hub_are_pinned_to_its_commit(base, hub, tmp_path):  # noqa: F811
    for part in ("unet", "vae", "text_encoder"):
        (weights,) = (base / part).glob("*.safetensors")
        weights.rename(weights.with_name(f"{weights.stem}.fp16.safetensors"))
    files = [path.relative_to(base).as_posix() for path in base.rglob("*") if path.is_file()]
    first = publish(base, "tester/base", files=files, message="base")
    ours = adapt("tester/base", replace(TINY_CONFIG, prompt="a face")).eval()
    assert (ours.config.base, ours.config.base_revision) == ("tester/base", first.sha)
    ours.save_pretrained(tmp_path / "out")
    theirs = SplatEnhancer.from_pretrained(tmp_path / "out")
    assert restore(ours, picture(64, 64)).tobytes() == restore(theirs, picture(64, 64)).tobytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "tester/faces", "--picture", "none"], "There is no folder nowhere"),
        (["RUN", "not a repo", "--picture", "none"], "not a repo"),
        (["RUN", "tester/faces", "--picture", "none"], "not logged in .* set HF_TOKEN to a token with write access"),
        (["--space", "name"], "cannot be the name of a Space"),
        (["--space", "tester/app", "--checkpoint", "/a/folder"], "no name on the Hub"),
        (["--space", "tester/app"], "not logged in .* set HF_TOKEN to a token with write access"),
    ],
)
def test_what_goes_wrong_is_one_sentence(run, hub, monkeypatch, arguments, words):
    monkeypatch.setenv("HF_TOKEN", "")
    with pytest.raises(EnhancerError, match=words) as caught:
        main([str(run) if each == "RUN" else each for each in arguments])
    assert "\n" not in str(caught.value)


def test_a_space_is_one_commit_and_its_variables(hub):
    hub_api = HfApi()
    options = SpaceOptions("tester/faces@v1", ["tester/faces@v1", "pocket"], parser="jonathandinu/face-parsing")
    sent = push_space("tester/app", options)
    assert set(hub_api.list_repo_files("tester/app", repo_type="space")) == {*sent.files, ".gitattributes"}
    variables = {name: each.value for name, each in hub_api.get_space_variables("tester/app").items()}
    assert variables == {
        "CHECKPOINT": "tester/faces@v1",
        "CHECKPOINTS": "tester/faces@v1,pocket",
        "PARSER": "jonathandinu/face-parsing",
    }
    assert sent.sha == hub_api.space_info("tester/app").sha


def test_a_space_is_made_on_hardware_that_a_free_account_may_have(hub):
    push_space("tester/app")
    assert hub.ask("/_stub/repos")["spaces/tester/app"]["hardware"] == HARDWARE == "zero-a10g"


def test_a_space_that_the_hub_wants_paid_for_is_explained(hub):
    with pytest.raises(HubError, match=r"on cpu-basic .* without a paid plan \(402\).* give --hardware zero-a10g"):
        push_space("tester/app", SpaceOptions(hardware="cpu-basic"))


def test_a_space_fetches_a_large_parser_while_it_is_built_and_names_its_models():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card(text, "u/app", SpaceOptions("u/faces@v1", parser=PARSER)).split("---\n", 2)[1])
    assert head["models"] == ["jonathandinu/face-parsing", "u/faces"]
    assert head["preload_from_hub"] == [
        f"{PARSER} config.json,preprocessor_config.json,model.safetensors {PARSER_REVISION}"
    ]
    plain = yaml.safe_load(card(text, "u/app", SpaceOptions()).split("---\n", 2)[1])
    assert not {"models", "preload_from_hub"} & set(plain)


def test_links_on_a_spaces_card_lead_to_files_that_are_there():
    text = card((ROOT / "README.md").read_text(encoding="utf-8"), "u/app", SpaceOptions())
    links = re.findall(r"\]\(([^)#]+)", text)
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []
    ours = [link.split("/main/")[1] for link in links if "/spaces/u/app/" in link]
    assert set(ours) <= set(space_files())


@pytest.fixture
def environment(hub, tmp_path):
    """The environment of a process that talks to the local Hub."""
    return os.environ | {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": "hf_local",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "PYTHONPATH": str(ROOT),
    }


def call(env, *arguments: str, code: str | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, *(("-c", code) if code else ("-m", "training.push")), *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_app_starts_from_what_a_space_was_sent_and_restores_an_example(run, environment, tmp_path):
    assert call(environment, str(run), "tester/faces", "--tag", "v1", "--picture", "none").returncode == 0
    done = call(environment, "--space", "tester/app", "--checkpoint", "tester/faces@v1")
    assert done.returncode == 0, done.stderr
    assert "a new one runs on zero-a10g" in done.stdout
    copy = tmp_path / "copy"
    fetch = (
        "import sys, huggingface_hub as h; h.snapshot_download('tester/app', repo_type='space', local_dir=sys.argv[1])"
    )
    call(environment, str(copy), code=fetch)
    assert (copy / "README.md").read_text().startswith("---\ntitle: Splat Enhancer")
    ask = urllib.request.Request(
        environment["HF_ENDPOINT"] + "/api/spaces/tester/app/variables",
        headers={"Authorization": "Bearer hf_local"},
    )
    variables = {name: each["value"] for name, each in json.load(urllib.request.urlopen(ask)).items()}
    assert variables == {"CHECKPOINT": "tester/faces@v1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    space = {name: value for name, value in environment.items() if name != "PYTHONPATH"} | variables
    log = tmp_path / "app.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=copy,
            env=space | {"GRADIO_SERVER_PORT": str(port)},
            stdout=file,
            stderr=file,
        )
    try:
        report = call(environment, f"http://127.0.0.1:{port}", str(ROOT / "examples/heads/head_02.png"), code=VISIT)
        assert report.returncode == 0, report.stderr + log.read_text()
        assert "tester/faces@" in report.stdout
    finally:
        process.kill()
        process.wait()
