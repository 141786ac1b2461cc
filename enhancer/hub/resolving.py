"""From a name to a folder: ask the Hub which commit is meant, once, and load that very commit."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from enhancer.errors import CheckpointError, HubError
from enhancer.hub.download import download
from enhancer.hub.errors import UnreachableError, explain, offline
from enhancer.hub.references import ARTIFACTS, BASE, BASE_REVISION, POCKET, TEXT_FILES, Kind, Reference
from enhancer.messages import Message


@dataclass(frozen=True)
class Patience:
    """How long to wait for a Hub that says nothing, in seconds. A download that goes on may take as long as it does."""

    question: float = 5.0  # which commit a revision is
    silence: float = 6.0  # in the middle of a download
    first: float = 8.0  # question and first byte of a download together


@dataclass(frozen=True)
class Resolved:
    """A folder to load from, and what it is."""

    folder: Path
    name: str  # "pocket", "user/repo@sha7", or the folder
    repo: str | None = None
    sha: str | None = None  # the whole commit id
    notice: Message | None = None  # for the user: an older copy stands in


def resolve(
    ref: str | Path,
    *,
    kind: str = "checkpoint",
    allow: Sequence[str] | None = None,
    token: str | None = None,
    patience: Patience | None = None,
) -> Resolved:
    """Return the folder of a checkpoint, a parser or a base, downloaded if need be.

    Args:
        ref: ``"user/repo"``, ``"user/repo@tag-or-commit"``, a folder, or ``"pocket"`` for what is embedded.
        kind: What it is, a key of `ARTIFACTS`.
        allow: Patterns of the files to fetch; None: those of the kind.
        token: None: HF_TOKEN, or what `hf auth login` keeps.
        patience: Time limits.

    Returns:
        The folder. A commit that is on this machine asks nobody. Where the Hub cannot be reached, the commit that the
        name meant when it was last fetched stands in, with a `notice`.

    Raises:
        CheckpointError: `ref` is neither a name nor a folder.
        HubError: The Hub says no, or says nothing and no copy is here; after 10 seconds without progress at most.
    """
    what = ARTIFACTS[kind]
    if str(ref) == POCKET:
        if what.pocket is None:
            raise CheckpointError(f"No {what.word} is embedded. Give user/repo or a folder.")
        return Resolved(what.pocket, POCKET)
    if Path(ref).expanduser().is_dir():
        return Resolved(Path(ref).expanduser(), str(ref))
    if isinstance(ref, Path) or ref.startswith((".", "/", "~", "\\")):
        raise CheckpointError(f"There is no {what.word} folder {ref}. Check the path.")
    reference = Reference.parse(ref, what.word)
    return _from_hub(reference, what, tuple(allow or what.files), token, patience or Patience())


def resolve_base(
    ref: str | Path = BASE, revision: str | None = None, *, text: bool = False, token: str | None = None
) -> Resolved:
    """Return the folder of a base model: `unet/`, `vae/` and `scheduler/`, half precision, safetensors only.

    Args:
        ref: Name on the Hub, or a folder.
        revision: For a name without one; None: the pinned commit of SD-Turbo, the main branch of others.
        text: Fetch tokenizer and text encoder too, to encode a prompt.
        token: As in `resolve`.
    """
    if revision is None and str(ref) == BASE:
        revision = BASE_REVISION
    pinned = revision is not None and "@" not in str(ref) and not Path(ref).is_dir()
    allow = ARTIFACTS["base"].files + (TEXT_FILES if text else ())
    return resolve(f"{ref}@{revision}" if pinned else ref, kind="base", allow=allow, token=token)


def _from_hub(
    reference: Reference, what: Kind, allow: tuple[str, ...], token: str | None, patience: Patience
) -> Resolved:
    start = time.monotonic()
    repo = reference.repo

    def resolved(folder: Path, notice: Message | None = None) -> Resolved:
        return Resolved(folder, f"{repo}@{folder.name[:7]}", repo, folder.name, notice)

    if reference.is_commit and (folder := _copy_here(repo, str(reference.revision), allow, what)):
        return resolved(folder)
    try:
        commit = _commit_on_hub(reference, token, patience.question)
        folder = _copy_here(repo, commit, allow, what)
        if folder is None:
            left = max(1.0, patience.first - (time.monotonic() - start))
            folder = download(repo, commit, allow, token=token, silence=patience.silence, first=left)
            _check_complete(folder, reference, what)
        _remember(reference, commit)
        return resolved(folder)
    except UnreachableError as why:
        known = _last_known(reference)
        folder = _copy_here(repo, known, allow, what) if known else None
        if folder is None:
            stand_in = " Or use 'pocket', which is embedded." if what.pocket else ""
            raise HubError(f"The {what.word} {reference} is not on this machine. {why}{stand_in}") from why
        fetched = datetime.fromtimestamp(folder.stat().st_mtime).strftime("%d %b %Y")
        notice = Message(
            "note.older_copy",
            "{reason} The copy of {name} fetched on {date} is used: {commit}.",
            reason=why.message,
            name=str(reference),
            date=fetched,
            commit=folder.name[:7],
        )
        return resolved(folder, notice)


def _commit_on_hub(reference: Reference, token: str | None, patience: float) -> str:
    """Ask which commit a revision is, on a thread of its own: a name server can hang where no time-out reaches."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import RevisionNotFoundError

    if constants.is_offline_mode():
        raise offline()
    answer: list[str | Exception] = []
    tags: list[str] = []

    def ask() -> None:
        api = HfApi(token=token)
        try:
            answer.append(
                api.model_info(reference.repo, revision=reference.revision, timeout=patience).sha or ""
            )
        except Exception as error:  # shown below, whatever it is
            if isinstance(error, RevisionNotFoundError):
                tags.extend(tag.name for tag in api.list_repo_refs(reference.repo).tags)
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience + 0.2)
    match answer:
        case [str(commit)]:
            return commit
        case [Exception() as error]:
            raise explain(error, reference.repo, reference.revision, tags) from error
    raise UnreachableError(
        Message(
            "hub.slow",
            "{address} does not answer within {seconds:g} s.",
            address=constants.ENDPOINT,
            seconds=patience,
        )
    )


def _copy_here(repo: str, commit: str, allow: Sequence[str], what: Kind) -> Path | None:
    """Return the folder of a commit in the cache if all of it is there. Asks nobody."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(repo, revision=commit, allow_patterns=list(allow), local_files_only=True)
        )
    except OSError:
        return None
    return folder if all((folder / name).exists() for name in what.needed) else None


def _check_complete(folder: Path, reference: Reference, what: Kind) -> None:
    missing = [name for name in what.needed if not (folder / name).exists()]
    if missing:
        raise HubError(
            f"{reference} ({folder.name[:7]}) is no {what.word}: it has no {' and no '.join(missing)}. "
            "Check the name, or name a tag after an @."
        )


def _storage(repo: str) -> Path:
    """Return the repository's folder in the library's cache, whose layout is documented and stable."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")


def _remember(reference: Reference, commit: str) -> None:
    """Note what a branch or tag means now that its commit is here, where the library would note it too."""
    if reference.is_commit:
        return
    note = _storage(reference.repo) / "refs" / (reference.revision or "main")
    try:
        if not note.is_file() or note.read_text() != commit:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(commit)
    except OSError:
        pass  # a cache that cannot be written to serves all the same


def _last_known(reference: Reference) -> str | None:
    """Return the commit that the name meant when it was last fetched."""
    if reference.is_commit:
        return reference.revision
    storage = _storage(reference.repo)
    note = storage / "refs" / (reference.revision or "main")
    if note.is_file():
        return note.read_text().strip()
    if reference.may_be_short_commit:
        found = list((storage / "snapshots").glob(f"{reference.revision}*"))
        return found[0].name if len(found) == 1 else None
    return None
