"""A new version on the Hub: one commit, or none where nothing changed."""

import fnmatch
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhancer.errors import CheckpointError, HubError, SettingsError
from enhancer.hub.cards import check_card
from enhancer.hub.errors import UnreachableError, explain, has_token, require_login
from enhancer.hub.references import is_repo_id, is_revision
from enhancer.hub.timeouts import in_time, limit_silence

if TYPE_CHECKING:
    from huggingface_hub import HfApi

# What a version of a checkpoint may hold beside its card: of these, what a new version no longer has is deleted.
OWNED = (
    "config.json",
    "adapters.safetensors",
    "base/*",
    "NOTICE",
    "LICENSE",
    "before_after.png",
    "pytorch_lora_weights.safetensors",
)
CARD = "README.md"
ATTEMPTS = 2  # commits tried: others may push at the same time, and the Hub may falter; two silences are 20 s
PAUSE_S = 1.0  # between two attempts
_AGAIN = "Publish again later: what has arrived is not sent twice, and no commit is made twice."
_UNKNOWN = (
    "{why} Whether the pull request was opened is not known: look at the Community page of {repo} before trying again."
)


@dataclass(frozen=True)
class Published:
    """A version on the Hub, or what would be one."""

    url: str
    sha: str  # of the version; of a dry run, of what is there now; empty where nothing is
    changed: bool  # False: the same content was there already, and no commit was made
    sent: tuple[tuple[str, int], ...] = ()  # path and size in bytes, of what differs
    deleted: tuple[str, ...] = ()
    dry_run: bool = False
    tag: str | None = None

    def __str__(self) -> str:
        """Say what was sent, line by line."""
        lines = [f"  {path}  {size:,} bytes" for path, size in self.sent]
        lines += [f"  {path}  deleted" for path in self.deleted]
        if self.dry_run:
            head = "Would send" if self.changed else "Nothing to send: the same is there already"
        else:
            head = "Sent" if self.changed else "No commit: the same is there already"
        tag = f", tag {self.tag}" if self.tag else ""
        return "\n".join([f"{head}: {self.url}{f' at {self.sha[:7]}' if self.sha else ''}{tag}", *lines])


@dataclass(frozen=True)
class _Target:
    """Where a version goes."""

    api: "HfApi"
    token: str | None
    repo: str
    branch: str
    pull_request: bool
    message: str


@dataclass(frozen=True)
class _Plan:
    """What differs between the folder and a commit on the Hub."""

    parent: str  # empty: there is no repository yet
    add: dict[str, Path]
    delete: tuple[str, ...]


def publish(  # noqa: PLR0913  one call says it all
    folder: Path,
    repo: str,
    *,
    files: Sequence[str],
    message: str,
    tag: str | None = None,
    private: bool = False,
    pull_request: bool = False,
    branch: str | None = None,
    dry_run: bool = False,
    token: str | None = None,
) -> Published:
    """Send files as one commit; the same content makes none.

    Args:
        folder: Holds them.
        repo: ``"user/name"``; made if it does not exist.
        files: Their paths inside the folder, or patterns of them.
        message: Of the commit.
        tag: Name of the new version.
        private: For a repository that is made.
        pull_request: Open one instead of committing.
        branch: Commit to this branch, made from main where it does not exist; None: main.
        dry_run: Only ask what is there and say what would be sent.
        token: None: HF_TOKEN, or what `hf auth login` keeps.

    Raises:
        SettingsError: A name cannot be one, or the options do not go together.
        CheckpointError: The folder holds none of the files.
        HubError: The Hub says no, or says nothing, within 30 seconds of the last byte; sending takes as long as it
            does. Nothing was sent, or all of it: it is one commit.
    """
    from huggingface_hub import HfApi

    _check(repo, tag, branch, pull_request)
    local = {path: folder / path for path in _matching(folder, files)}
    if not local:
        raise CheckpointError(f"{folder} holds nothing of {', '.join(files)}. Check the folder.")
    require_login(token)  # a dry run says, too, what would be missing
    target = _Target(HfApi(token=token), token, repo, branch or "main", pull_request, message)
    limit_silence()
    try:
        return _publish(target, local, tag=tag, private=private, dry_run=dry_run)
    except Exception as error:  # whatever it is: the library lets several families of errors through
        explained = explain(error, repo, branch)
        if isinstance(explained, UnreachableError):
            explained = HubError(f"{explained} {_AGAIN}")
        raise explained from (None if explained is error else error)


def _publish(target: _Target, local: dict[str, Path], *, tag: str | None, private: bool, dry_run: bool) -> Published:
    """Do it, with errors as they come."""
    from huggingface_hub import constants

    url = f"{constants.ENDPOINT}/{target.repo}"
    plan = _plan(target, local)
    tagged = _tagged(target, tag, plan) if plan.parent else None
    changed = bool(plan.add or plan.delete)
    if CARD in plan.add:
        check_card(plan.add[CARD].read_text(encoding="utf-8"), target.repo, token=target.token)
    sizes = tuple((path, file.stat().st_size) for path, file in sorted(plan.add.items()))
    if dry_run:
        return Published(url, plan.parent, changed, sizes, plan.delete, dry_run=True, tag=tag)
    if not plan.parent:
        target.api.create_repo(target.repo, private=private, exist_ok=True)
    sha = plan.parent
    if changed:
        url, sha = _commit(target, local)
    if tag and not tagged:
        target.api.create_tag(target.repo, tag=tag, revision=sha, exist_ok=True)
    return Published(url, sha, changed, sizes, plan.delete, tag=tag)


def _check(repo: str, tag: str | None, branch: str | None, pull_request: bool) -> None:
    if not is_repo_id(repo):
        raise SettingsError(f"{repo!r} cannot be a repository on the Hub. Give user/name.")
    for what, name in (("tag", tag), ("branch", branch)):
        if name is not None and not is_revision(name):
            raise SettingsError(f"{name!r} cannot be a {what}. Use letters, digits, '.', '-' and '_', such as v2.")
    if pull_request and (tag or branch):
        raise SettingsError("A pull request is no version yet: leave out the tag and the branch, and tag once merged.")


def _matching(folder: Path, files: Sequence[str]) -> list[str]:
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in paths if any(fnmatch.fnmatch(path, pattern) for pattern in files))


def _plan(target: _Target, local: dict[str, Path]) -> _Plan:
    """Compare the folder with what is on the branch now."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.hf_api import RepoFile

    try:
        parent = _head(target, target.branch)
    except RevisionNotFoundError:
        parent = _head(target, "main")  # the branch will be made from there
    except RepositoryNotFoundError:
        if not target.token and not has_token():
            raise
        return _Plan("", dict(local), ())
    tree = target.api.list_repo_tree(target.repo, recursive=True, revision=parent)
    there = {file.path: file for file in tree if isinstance(file, RepoFile)}
    add = {path: file for path, file in local.items() if path not in there or _differs(file, there[path])}
    ours = [path for path in there if any(fnmatch.fnmatch(path, pattern) for pattern in OWNED)]
    gone = tuple(sorted(set(ours) - set(local))) if "adapters.safetensors" in local else ()
    return _Plan(parent, add, gone)


def _head(target: _Target, branch: str) -> str:
    return in_time(lambda: target.api.model_info(target.repo, revision=branch)).sha or ""


def _differs(file: Path, there: Any) -> bool:
    """Whether a file's content is another than the Hub's: SHA-256 of large ones, git's own id of others."""
    data = file.read_bytes()
    if there.lfs is not None:
        return hashlib.sha256(data).hexdigest() != there.lfs.sha256
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() != there.blob_id


def _tagged(target: _Target, tag: str | None, plan: _Plan) -> bool:
    """Whether the tag is there and right; asked before anything is sent.

    Raises:
        HubError: It names another version.
    """
    if tag is None:
        return False
    tags = {each.name: each.target_commit for each in target.api.list_repo_refs(target.repo).tags}
    if tag not in tags:
        return False
    if tags[tag] == plan.parent and not (plan.add or plan.delete):
        return True
    raise HubError(
        f"{target.repo} has a tag {tag} already, of another version ({tags[tag][:7]}). Choose another tag. Nothing was sent."
    )


def _commit(target: _Target, local: dict[str, Path]) -> tuple[str, str]:
    """Commit what differs, on whatever is the newest commit by then; return address and commit id.

    The library never repeats the request that makes the commit, and an answer may be lost when the commit was made. So
    every attempt looks anew what is there: if it is the content of the folder, the commit has landed.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, constants
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import httpx

    api, repo, branch = target.api, target.repo, target.branch
    if branch != "main":
        api.create_branch(repo, branch=branch, exist_ok=True)
    attempt = 0
    while True:
        attempt += 1
        plan = _plan(target, local)
        if not (plan.add or plan.delete):
            return f"{constants.ENDPOINT}/{repo}/commit/{plan.parent}", plan.parent
        added = [CommitOperationAdd(path, file) for path, file in plan.add.items()]
        deleted = [CommitOperationDelete(path, is_folder=False) for path in plan.delete]
        api.preupload_lfs_files(repo, added, revision=branch, create_pr=target.pull_request)
        try:
            made = api.create_commit(
                repo,
                [*added, *deleted],
                commit_message=target.message,
                revision=branch,
                create_pr=target.pull_request,
                parent_commit=plan.parent,
            )
            return made.pr_url or made.commit_url, made.oid
        except httpx.HTTPError as error:
            status = error.response.status_code if isinstance(error, HfHubHTTPError) else None  # None: no answer
            overtaken = status == 412
            if status is not None and status < 500 and not overtaken:
                raise
            if target.pull_request and not overtaken:
                raise HubError(_UNKNOWN.format(why=explain(error, repo), repo=repo)) from error
            if attempt == ATTEMPTS:
                raise
        time.sleep(PAUSE_S)
