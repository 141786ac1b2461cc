"""An app on the Hub: its files as one commit, the hardware it runs on and the variables it is started with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhancer.errors import HubError
from enhancer.hub.cards import check_card
from enhancer.hub.errors import explain, require_login
from enhancer.hub.timeouts import in_time, limit_silence

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"


@dataclass(frozen=True)
class SpaceKind:
    """What a Space is made as; one that is there already stays what it is.

    Attributes:
        sdk: What runs it, such as ``"gradio"``.
        hardware: The Hub's name for it, such as ``"zero-a10g"``. A free account can have it only when a Space is made.
        private: Whether only its owner sees it.
    """

    sdk: str
    hardware: str
    private: bool = False


def space_url(repo: str) -> str:
    """Return the address of a Space's page."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/spaces/{repo}"


def model_url(repo: str) -> str:
    """Return the address of a model's page."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repo}"


def publish_space(
    repo: str,
    files: Mapping[str, Path | bytes],
    variables: Mapping[str, str],
    kind: SpaceKind,
    owned: Sequence[str] = (),
) -> str:
    """Send an app to a Space and set its variables; return the commit's id.

    Args:
        repo: ``"user/name"``; made if it does not exist.
        files: Path in the Space -> file here, or its content.
        variables: Name -> value.
        kind: What is made.
        owned: Folders in which everything else is deleted.

    Raises:
        HubError: The Hub says no, or says nothing, within 30 seconds of the last byte.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api, space = HfApi(), "space"
    require_login()
    limit_silence()
    try:
        if CARD in files:
            check_card(_text(files[CARD]), repo, space)
        _make(api, repo, kind)
        for name, value in variables.items():  # first: the app then starts with the right checkpoint
            api.add_space_variable(repo, name, value)
        there = [name for name in api.list_repo_files(repo, repo_type=space) if name not in files]
        operations = [
            *(CommitOperationAdd(name, file) for name, file in files.items()),
            *(CommitOperationDelete(name) for name in there if name.split("/")[0] in owned),
        ]
        return api.create_commit(repo, operations, repo_type=space, commit_message="The app").oid
    except Exception as error:  # the library's or the network's: explained in plain words
        explained = explain(error, repo)
        raise explained from (None if explained is error else error)


def _make(api: "HfApi", repo: str, kind: SpaceKind) -> None:
    """Make the Space if there is none."""
    from huggingface_hub.errors import HfHubHTTPError

    made: dict[str, Any] = {"space_sdk": kind.sdk, "space_hardware": kind.hardware, "private": kind.private}
    try:
        in_time(lambda: api.create_repo(repo, repo_type="space", exist_ok=True, **made))
    except HfHubHTTPError as error:
        if error.response.status_code != 402:
            raise
        raise HubError(
            f"The Hub makes no {kind.sdk} Space on {kind.hardware} for this account without a paid plan (402). Two Spaces on "
            "zero-a10g are free for accounts older than a month: give --hardware zero-a10g. Or subscribe to PRO, or name "
            "hardware that is paid by the hour, such as t4-small."
        ) from error


def _text(file: Path | bytes) -> str:
    return (file if isinstance(file, bytes) else file.read_bytes()).decode("utf-8")
