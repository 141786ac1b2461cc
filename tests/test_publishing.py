"""A new version on the Hub, over real HTTP: one commit or none, and an end to waiting when the Hub fails or says nothing."""

import shutil
import time

import pytest

from enhancer.errors import CheckpointError, SettingsError
from enhancer.hub import publish, resolve, timeouts
from enhancer.seeding import rng_for
from tests.hub_client import FILES, content, failure, made

# The library's own: it uploads by an argument that its HTTP client would rather have under another name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")


@pytest.fixture
def faces(hub, tmp_path):
    """A checkpoint's folder, published as user/faces with the tag v1."""
    folder = made(tmp_path / "faces")
    publish(folder, "user/faces", files=FILES, message="first", tag="v1")
    return folder


def commits(hub) -> int:
    return len(hub.ask("/api/models/user/faces/commits/main")) - 1  # the Hub makes the first itself


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


@pytest.mark.parametrize("path", ["/revision/", "/tree/", "/preupload/", "/lfs/objects/", r"/lfs/\w{64}", "/commit/"])
def test_a_hub_that_falls_silent_while_publishing_is_given_up(hub, faces, hurried, path):
    made(faces, "two")
    hub.fault("GET|POST|PUT", path, "silence")
    start = time.monotonic()
    said = failure(lambda: publish(faces, "user/faces", files=FILES, message="x"))
    assert "cannot be reached (silent for 1 s)" in said
    assert said.count("Publish again later") == 1
    assert time.monotonic() - start < 5  # the library itself would try again, for minutes
    hub.fault("GET", "never", 500)
    assert commits(hub) == 1


def test_a_commit_that_was_made_in_silence_is_found(hub, faces, hurried):
    made(faces, "two")
    hub.fault("POST", "/commit/", "late silence")
    published = publish(faces, "user/faces", files=FILES, message="x")
    assert published.sha in published.url
    assert published.sha == resolve("user/faces@main").sha
    assert commits(hub) == 2


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (503, "trouble of its own (503"),
        (429, "too many requests (429)"),  # and to wait for 300 s
        ("drop", "cannot be reached (Server disconnected"),
    ],
)
def test_failures_of_the_storage_are_explained(hub, faces, hurried, do, words):
    made(faces, "two")
    hub.fault("PUT", "/lfs/", do)
    assert words in failure(lambda: publish(faces, "user/faces", files=FILES, message="x"))
    assert commits(hub) == 1
    hub.fault("PUT", "/lfs/", do if do != 429 else 503, times=1)
    assert publish(faces, "user/faces", files=FILES, message="x").changed


@pytest.mark.slow
def test_a_slow_upload_that_goes_on_is_not_cut(hub, faces, monkeypatch):
    monkeypatch.setattr(timeouts, "SILENCE_TIMEOUT_S", 3.0)
    (faces / "adapters.safetensors").write_bytes(rng_for("slow").bytes(24 * 2**20))
    hub.fault("PUT", "/lfs/", "slowly", times=1)
    start = time.monotonic()
    assert publish(faces, "user/faces", files=FILES, message="x").changed
    assert time.monotonic() - start > 1.5 * timeouts.SILENCE_TIMEOUT_S  # it took longer than silence may


@pytest.mark.parametrize("checked_before", [True, False])
def test_a_card_that_the_hub_refuses_is_named_with_its_reasons_before_anything_is_sent(
    hub, faces, monkeypatch, checked_before
):
    made(faces, "two")
    (faces / "README.md").write_text("---\nlicense: other\nlicense_link: README.md\n---\n# Faces\n")
    if not checked_before:  # and where the commit itself fails for it
        monkeypatch.setattr("enhancer.hub.publishing.check_card", lambda *_, **__: None)
    for repo in ("user/faces", "user/new"):
        said = failure(lambda repo=repo: publish(faces, repo, files=FILES, message="x"))
        assert '"license_link" must be LICENSE, LICENSE.md or a URL; "license_name" is required' in said
        assert "again later" not in said
        if checked_before:
            assert said.endswith("Nothing was sent.")
    assert commits(hub) == 1
    assert ("models/user/new" in hub.ask("/_stub/repos")) == (not checked_before)


def test_who_is_not_logged_in_is_told_so_before_anything_is_asked(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "")
    said = failure(lambda: publish(made(tmp_path), "user/faces", files=FILES, message="x"))
    assert "not logged in to the Hub: set HF_TOKEN to a token with write access" in said
    assert hub.log() == []


def test_names_that_cannot_be_are_refused_before_publishing(tmp_path):
    for options in ({"repo": "x"}, {"tag": "a b"}, {"branch": ".."}, {"pull_request": True, "tag": "v1"}):
        with pytest.raises(SettingsError):
            publish(made(tmp_path), **{"repo": "user/faces", "files": FILES, "message": "x", **options})
    with pytest.raises(CheckpointError, match="holds nothing of"):
        publish(tmp_path, "user/faces", files=["*.onnx"], message="x")
