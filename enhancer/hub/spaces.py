"""An app on the Hub: its files as one commit, and the variables it is started with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from enhancer.hub.errors import explain
from enhancer.hub.timeouts import in_time, limit_silence


def space_url(repo: str) -> str:
    """Return the address of a Space's page."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/spaces/{repo}"


def publish_space(
    repo: str,
    files: Mapping[str, Path],
    variables: Mapping[str, str],
    *,
    sdk: str,
    owned: Sequence[str] = (),
    private: bool = False,
) -> str:
    """Send an app to a Space and set its variables; return the commit's id.

    Args:
        repo: ``"user/name"``; made if it does not exist.
        files: Path in the Space -> file here.
        variables: Name -> value.
        sdk: What runs it, such as ``"gradio"``.
        owned: Folders in which everything else is deleted.
        private: For a Space that does not exist yet.

    Raises:
        HubError: The Hub says no, or says nothing, within 30 seconds of the last byte.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api, kind = HfApi(), "space"
    limit_silence()
    try:
        in_time(lambda: api.create_repo(repo, repo_type=kind, space_sdk=sdk, private=private, exist_ok=True))
        for name, value in variables.items():  # first: the app then starts with the right checkpoint
            api.add_space_variable(repo, name, value)
        there = [name for name in api.list_repo_files(repo, repo_type=kind) if name not in files]
        operations = [
            *(CommitOperationAdd(name, file) for name, file in files.items()),
            *(CommitOperationDelete(name) for name in there if name.split("/")[0] in owned),
        ]
        return api.create_commit(repo, operations, repo_type=kind, commit_message="The app").oid
    except Exception as error:  # the library's or the network's: explained in plain words
        raise explain(error, repo) from error
