"""Checkpoints from the Hub and to it, over real HTTP: what comes back, what is said when nothing does, and how soon."""

import threading
import time

import pytest
from huggingface_hub import close_session

from enhancer.errors import CheckpointError
from enhancer.hub import ARTIFACTS, publish, resolve, resolve_base
from enhancer.hub.errors import scrubbed
from tests.hub_client import FILES, LocalHub, content, failure, made, talking_to

# The library's own: it uploads by an argument that its HTTP client would rather have under another name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

QUESTION = r"/revision/|/api/models/user/faces$"


@pytest.fixture
def faces(hub, tmp_path):
    """A checkpoint's folder, published as user/faces with the tag v1."""
    folder = made(tmp_path / "faces")
    publish(folder, "user/faces", files=FILES, message="first", tag="v1")
    return folder


def test_what_was_pushed_and_tagged_is_pulled_to_the_same_bytes(hub, faces):
    found = resolve("user/faces@v1")
    assert content(found.folder) == content(faces)
    assert found.name == f"user/faces@{found.sha[:7]}"
    assert found.notice is None
    requests = len(hub.log())
    assert resolve(f"user/faces@{found.sha}") == found
    assert len(hub.log()) == requests  # a commit that is here asks nobody


def test_revision_cache_and_local_files_only_are_as_in_the_hubs_own_library(hub, faces, tmp_path):
    shelf, requests = {"cache_dir": tmp_path / "shelf"}, len(hub.log())
    assert "local_files_only asks nobody" in failure(lambda: resolve("user/faces", local_files_only=True, **shelf))
    assert len(hub.log()) == requests
    found = resolve("user/faces", revision="v1", **shelf)
    assert found == resolve("user/faces@v1", **shelf)
    assert found.folder.is_relative_to(tmp_path / "shelf")
    requests = len(hub.log())
    assert resolve("user/faces", revision="v1", local_files_only=True, **shelf) == found
    assert len(hub.log()) == requests
    assert "is not on this machine" in failure(lambda: resolve("user/faces", revision="v1", local_files_only=True))
    with pytest.raises(CheckpointError, match="Give one of the two"):
        resolve("user/faces@v1", revision="v2")


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
def test_what_the_hub_refuses_is_said_in_plain_words(hub, faces, monkeypatch, ref, token, words):
    for name in ("private", "gated"):
        publish(faces, f"user/{name}", files=FILES, message="x", private=name == "private")
    hub.ask("/_stub/repo", {"id": "user/gated", "gated": True})
    publish(faces, "user/bare", files=["README.md"], message="x")
    monkeypatch.setenv("HF_TOKEN", token)
    assert words in failure(lambda: resolve(ref))


@pytest.mark.parametrize(
    ("path", "do", "words"),
    [
        (QUESTION, "silence", "cannot be reached (silent for 1 s)"),
        (QUESTION, 503, "trouble of its own (503"),
        ("/tree/", "stall", "cannot be reached (silent for 1 s)"),
        ("/resolve/", "silence", "cannot be reached (silent for 1 s)"),
        ("/resolve/", 503, "trouble of its own (503"),
        ("/resolve/", 429, "too many requests (429)"),  # and to wait for 300 s
        ("/lfs/", "stall", "cannot be reached (silent for 1 s)"),
        ("/lfs/", "cut", "cannot be reached (peer closed connection"),
    ],
)
def test_a_hub_that_fails_or_falls_silent_is_given_up_in_time(hub, faces, hurried, path, do, words):
    hub.fault("GET|HEAD", path, do)
    start = time.monotonic()
    said = failure(lambda: resolve("user/faces@v1"))
    assert time.monotonic() - start < (8 if do == "cut" else 4)  # the library tries five times more
    assert said.startswith("The checkpoint user/faces@v1 is not on this machine.")
    assert words in said
    assert said.endswith("Or use 'pocket', which is embedded.")


def test_a_dead_name_server_is_given_up(hub, hurried, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: released.wait(10) and [])
    close_session()
    for call in (
        lambda: resolve("user/faces"),
        lambda: publish(ARTIFACTS["checkpoint"].pocket, "user/faces", files=["*"], message="x"),
    ):
        start = time.monotonic()
        assert "silent for 1 s" in failure(call)
        assert time.monotonic() - start < 3
    released.set()


def test_a_download_that_is_cut_goes_on_where_it_was(hub, faces):
    hub.fault("GET", "/lfs/", "cut", times=1)
    assert content(resolve("user/faces@v1").folder) == content(faces)


def test_down_is_said_and_the_copy_on_this_machine_stands_in(tmp_path):
    hub = LocalHub.start(tmp_path / "hub")  # its own, since it is stopped
    with talking_to(hub, tmp_path / "home"):
        faces = made(tmp_path / "faces")
        publish(faces, "user/faces", files=FILES, message="first", tag="v1")
        known = resolve("user/faces")
        hub.stop()
        found = resolve("user/faces")
        assert (found.folder, found.sha) == (known.folder, known.sha)
        assert "cannot be reached" in found.notice
        assert f"is used: {known.sha[:7]}" in found.notice
        assert resolve(f"user/faces@{known.sha[:8]}").sha == known.sha
        assert "is not on this machine" in failure(lambda: resolve("user/faces@v1"))
        said = failure(lambda: publish(faces, "user/faces", files=FILES, message="x"))
        assert "cannot be reached" in said


def test_a_newer_version_that_cannot_be_had_leaves_the_one_before(hub, faces, hurried):
    first = resolve("user/faces")
    made(faces, "two")
    publish(faces, "user/faces", files=FILES, message="second")
    hub.fault("GET", "/lfs/", "stall")
    found = resolve("user/faces")
    assert found.sha == first.sha
    assert "silent for 1 s" in found.notice


def test_offline_is_taken_at_its_word_at_once(hub, faces, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    start = time.monotonic()
    assert "HF_HUB_OFFLINE" in failure(lambda: resolve("user/faces"))
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    "ref",
    [
        "https://huggingface.co/user/faces",
        "user/../faces",
        "user/a b",
        "faces",
        "user/faces@",
        "a/b/c",
        "u/r@a..b",
        "./no",
    ],
)
def test_what_is_no_name_is_refused_without_asking_anybody(ref):
    with pytest.raises(
        CheckpointError,
        match=r"is an address|no name on the Hub|cannot be a tag|There is no checkpoint folder",
    ):
        resolve(ref)


def test_what_comes_with_the_project_and_folders_ask_nobody(tmp_path):
    assert resolve("pocket").folder == ARTIFACTS["checkpoint"].pocket
    assert resolve(tmp_path).name == str(tmp_path)
    assert resolve_base(tmp_path).folder == tmp_path
    with pytest.raises(CheckpointError, match="No base model is embedded"):
        resolve_base("pocket")


def test_no_message_holds_a_token_or_a_signature(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret-of-another-form")
    text = "Bearer hf_abcdefgh at https://cdn/x?Signature=abc with secret-of-another-form"
    assert scrubbed(text) == "Bearer [token] at https://cdn/x with [token]"
