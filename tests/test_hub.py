"""Checkpoints from the Hub and to it, over real HTTP: what comes back, what is said when nothing does, and how soon."""

import shutil
import time
from pathlib import Path

import pytest

from enhancer.errors import CheckpointError, HubError, SettingsError
from enhancer.hub import KINDS, Patience, publish, resolve, resolve_base
from enhancer.hub.words import scrubbed
from tests.hub_client import LocalHub, talking_to

# The library's own: it uploads by an argument that its HTTP client would rather have under another name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

LIMIT = 10.0  # s, of any failure
HURRIED = Patience(question=1.0, silence=1.5, first=6.0)  # a process has to start within `first`
FILES = ("config.json", "adapters.safetensors", "base/*", "README.md")
QUESTION = r"/revision/|/api/models/user/faces$"


def made(folder: Path, text: str = "one") -> Path:
    """Files with a checkpoint's names; nothing here loads them."""
    (folder / "base/unet").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(f'{{"name": "{text}"}}')
    (folder / "adapters.safetensors").write_bytes(text.encode() * 100_000)
    (folder / "base/unet/config.json").write_text("{}")
    (folder / "README.md").write_text("---\nlicense: other\n---\n# Faces\n")
    (folder / "training_state.pt").write_bytes(b"never sent")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pt"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def patch(hub, tmp_path):
    with talking_to(hub, tmp_path / "home") as patch:
        yield patch


@pytest.fixture
def hub(tmp_path):
    """A Hub that is running."""
    hub = LocalHub.start(tmp_path / "hub")
    yield hub
    hub.stop()


@pytest.fixture
def faces(hub, patch, tmp_path):
    """A checkpoint's folder, published as user/faces with the tag v1."""
    folder = made(tmp_path / "faces")
    publish(folder, "user/faces", files=FILES, message="first", tag="v1")
    return folder


def failure(call) -> str:
    """What a call says when it fails, which it must do in time."""
    start = time.monotonic()
    with pytest.raises(HubError) as caught:
        call()
    assert time.monotonic() - start < LIMIT
    assert "hf_" not in str(caught.value).replace("HF_", "")
    return str(caught.value)


def commits(hub) -> int:
    return len(hub.ask("/api/models/user/faces/commits/main")) - 1  # the Hub makes the first itself


def test_what_was_pushed_and_tagged_is_pulled_to_the_same_bytes(hub, faces):
    found = resolve("user/faces@v1")
    assert content(found.folder) == content(faces)
    assert found.name == f"user/faces@{found.sha[:7]}"
    assert found.notice is None
    requests = len(hub.log())
    assert resolve(f"user/faces@{found.sha}") == found
    assert len(hub.log()) == requests  # a commit that is here asks nobody


def test_the_same_content_makes_no_commit_and_a_new_one_is_one_commit(hub, faces):
    assert publish(faces, "user/faces", files=FILES, message="again").changed is False
    assert commits(hub) == 1
    made(faces, "two")
    shutil.rmtree(faces / "base")
    second = publish(faces, "user/faces", files=FILES, message="second", tag="v2")
    assert ([path for path, _ in second.sent], second.deleted) == (
        ["adapters.safetensors", "config.json"],
        ("base/unet/config.json",),
    )
    assert commits(hub) == 2
    assert content(resolve("user/faces@v2").folder) == content(faces)
    assert "base/unet/config.json" in content(resolve("user/faces@v1").folder)


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(hub, faces):
    made(faces, "two")
    told = str(publish(faces, "user/faces", files=FILES, message="x", tag="v2", dry_run=True))
    assert told.startswith("Would send")
    assert "adapters.safetensors  300,000 bytes" in told
    publish(faces, "user/other", files=FILES, message="x", dry_run=True)
    assert commits(hub) == 1
    assert "no user/other" in failure(lambda: resolve("user/other"))


def test_a_pull_request_and_a_branch_leave_main_alone(hub, faces):
    made(faces, "two")
    assert "discussions/1" in publish(faces, "user/faces", files=FILES, message="x", pull_request=True).url
    sent = publish(faces, "user/faces", files=FILES, message="x", branch="trial", tag="t1")
    assert resolve("user/faces@trial").sha == resolve("user/faces@t1").sha == sent.sha
    assert commits(hub) == 1


def test_a_tag_of_another_version_is_refused_before_anything_is_sent(hub, faces):
    made(faces, "two")
    said = failure(lambda: publish(faces, "user/faces", files=FILES, message="x", tag="v1"))
    assert "has a tag v1 already" in said
    assert commits(hub) == 1


@pytest.mark.parametrize("do", [503, "late 503", "drop", 412])
def test_a_commit_that_fails_once_is_made_once(hub, faces, do):
    made(faces, "two")
    hub.fault("POST", "/commit/", do, times=1)
    assert publish(faces, "user/faces", files=FILES, message="second").changed
    assert commits(hub) == 2


@pytest.mark.parametrize(
    ("path", "do", "words"),
    [
        ("/commit/", 412, "at the same time"),
        ("/commit/", 503, r"(503: made up by the stub)"),
        ("/commit/", 403, "role 'write'"),
        ("/commit/", 401, "does not accept the token"),
        ("/lfs/objects/batch", 403, "role 'write'"),
        ("/preupload/", 404, "refused user/faces (404"),
    ],
)
def test_a_commit_that_keeps_failing_is_explained_and_sends_nothing(hub, faces, path, do, words):
    made(faces, "two")
    hub.fault("POST", path, do)
    assert words in failure(lambda: publish(faces, "user/faces", files=FILES, message="x"))
    assert commits(hub) == 1


@pytest.mark.parametrize(
    ("ref", "token", "words"),
    [
        ("user/nothing", "hf_local", "may not see it"),
        ("user/nothing", "", "HF_TOKEN must be set"),
        ("user/private", "", "the answer is the same for both"),
        ("user/gated", "hf_reader", "accept its licence on http://127.0.0.1"),
        ("user/faces@v9", "hf_local", "no revision 'v9'. It has the tags v1."),
        ("user/faces", "hf_expired", "does not accept the token (401)"),
        ("user/bare", "hf_local", "has no config.json and no adapters.safetensors"),
    ],
)
def test_what_the_hub_refuses_is_said_in_plain_words(hub, faces, patch, tmp_path, ref, token, words):
    for name in ("private", "gated"):
        publish(faces, f"user/{name}", files=FILES, message="x", private=name == "private")
    hub.ask("/_stub/repo", {"id": "user/gated", "gated": True})
    publish(faces, "user/bare", files=["README.md"], message="x")
    patch.setenv("HF_TOKEN", token)
    assert words in failure(lambda: resolve(ref, patience=HURRIED))


@pytest.mark.parametrize(
    ("path", "do"),
    [
        (QUESTION, "silence"),
        (QUESTION, 503),
        ("/tree/", "stall"),
        ("/resolve/", "silence"),
        ("/lfs/", "stall"),
    ],
)
def test_a_hub_that_falls_silent_is_given_up_in_time(hub, faces, path, do):
    hub.fault("GET|HEAD", path, do)
    said = failure(lambda: resolve("user/faces@v1", patience=HURRIED))
    assert said.startswith("The checkpoint user/faces@v1 is not on this machine.")
    assert "'pocket'" in said


def test_a_download_that_is_cut_goes_on_where_it_was(hub, faces):
    hub.fault("GET", "/lfs/", "cut", times=1)
    assert content(resolve("user/faces@v1").folder) == content(faces)


def test_down_is_said_and_the_copy_on_this_machine_stands_in(hub, faces):
    known = resolve("user/faces")
    hub.stop()
    found = resolve("user/faces", patience=HURRIED)
    assert (found.folder, found.sha) == (known.folder, known.sha)
    assert "cannot be reached" in found.notice
    assert f"is used: {known.sha[:7]}" in found.notice
    assert resolve(f"user/faces@{known.sha[:8]}", patience=HURRIED).sha == known.sha
    assert "is not on this machine" in failure(lambda: resolve("user/faces@v1", patience=HURRIED))


def test_a_newer_version_that_cannot_be_had_leaves_the_one_before(hub, faces):
    first = resolve("user/faces")
    made(faces, "two")
    publish(faces, "user/faces", files=FILES, message="second")
    hub.fault("GET", "/lfs/", "stall")
    found = resolve("user/faces", patience=HURRIED)
    assert found.sha == first.sha
    assert "fell silent" in found.notice


def test_offline_is_taken_at_its_word_at_once(hub, faces, patch):
    import huggingface_hub

    patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    start = time.monotonic()
    assert "HF_HUB_OFFLINE" in failure(lambda: resolve("user/faces"))
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    "ref",
    ["https://huggingface.co/user/faces", "user/../faces", "user/a b", "faces", "user/faces@", "a/b/c", "u/r@a..b", "./no"],
)  # fmt: skip
def test_what_is_no_name_is_refused_without_asking_anybody(ref):
    with pytest.raises(
        CheckpointError,
        match=r"is an address|no name on the Hub|cannot be a tag|There is no checkpoint folder",
    ):
        resolve(ref)


def test_what_comes_with_the_project_and_folders_ask_nobody(tmp_path):
    assert resolve("pocket").folder == KINDS["checkpoint"].pocket
    assert resolve(tmp_path).name == str(tmp_path)
    assert resolve_base(tmp_path).folder == tmp_path
    with pytest.raises(CheckpointError, match="No base model is embedded"):
        resolve_base("pocket")


def test_names_that_cannot_be_are_refused_before_publishing(tmp_path):
    for options in ({"repo": "x"}, {"tag": "a b"}, {"branch": ".."}, {"pull_request": True, "tag": "v1"}):
        with pytest.raises(SettingsError):
            publish(made(tmp_path), **{"repo": "user/faces", "files": FILES, "message": "x", **options})
    with pytest.raises(CheckpointError, match="holds nothing of"):
        publish(tmp_path, "user/faces", files=["*.onnx"], message="x")


def test_no_message_holds_a_token_or_a_signature(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret-of-another-form")
    text = "Bearer hf_abcdefgh at https://cdn/x?Signature=abc with secret-of-another-form"
    assert scrubbed(text) == "Bearer [token] at https://cdn/x with [token]"
