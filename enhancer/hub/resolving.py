"""From a name to a folder: ask the Hub which commit is meant, once, and load that very commit."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from enhancer.errors import CheckpointError, HubError
from enhancer.hub.errors import UnreachableError, explain
from enhancer.hub.references import ARTIFACTS, BASE, BASE_REVISION, POCKET, TEXT_FILES, Kind, Reference
from enhancer.hub.timeouts import in_time, limit_silence
from enhancer.messages import Message
from enhancer.runtime.files import atomic_write


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
) -> Resolved:
    """Return the folder of a checkpoint, a parser or a base, downloaded if need be.

    Args:
        ref: ``"user/repo"``, ``"user/repo@tag-or-commit"``, a folder, or ``"pocket"`` for what is embedded.
        kind: What it is, a key of `ARTIFACTS`.
        allow: Patterns of the files to fetch; None: those of the kind.
        token: None: HF_TOKEN, or what `hf auth login` keeps.

    Returns:
        The folder. A commit that is on this machine asks nobody. Where the Hub cannot be reached, the commit that the
        name meant when it was last fetched stands in, with a `notice`.

    Raises:
        CheckpointError: `ref` is neither a name nor a folder.
        HubError: The Hub says no, or says nothing and no copy is here; within 30 seconds of the last byte.
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
    return _from_hub(reference, what, tuple(allow or what.files), token)


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


def _from_hub(reference: Reference, what: Kind, allow: tuple[str, ...], token: str | None) -> Resolved:
    repo = reference.repo

    def resolved(folder: Path, notice: Message | None = None) -> Resolved:
        return Resolved(folder, f"{repo}@{folder.name[:7]}", repo, folder.name, notice)

    if reference.is_commit and (folder := _copy_here(repo, str(reference.revision), allow, what)):
        return resolved(folder)
    limit_silence()
    try:
        commit = _commit_on_hub(reference, token)
        folder = _copy_here(repo, commit, allow, what)
        if folder is None:
            folder = _download(repo, commit, allow, token)
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


def _commit_on_hub(reference: Reference, token: str | None) -> str:
    """Ask which commit a revision is."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RevisionNotFoundError

    api, repo = HfApi(token=token), reference.repo
    tags: list[str] = []
    try:
        return in_time(lambda: api.model_info(repo, revision=reference.revision)).sha or ""
    except Exception as error:  # whatever it is, it is explained in plain words
        if isinstance(error, RevisionNotFoundError):
            with suppress(Exception):  # the tags are only a hint
                tags = [tag.name for tag in api.list_repo_refs(repo).tags]
        raise explain(error, repo, reference.revision, tags) from error


def _download(repo: str, commit: str, allow: Sequence[str], token: str | None) -> Path:
    """Download a commit's files into the library's cache, with its progress bar, and return their folder."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repo, revision=commit, allow_patterns=list(allow), token=token))
    except Exception as error:  # whatever it is, it is explained in plain words
        raise explain(error, repo, commit) from error


def _copy_here(repo: str, commit: str, allow: Sequence[str], what: Kind) -> Path | None:
    """Return the folder of a commit in the cache if all of it is there. Asks nobody."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repo, revision=commit, allow_patterns=list(allow), local_files_only=True))
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
            with atomic_write(note) as temporary:
                temporary.write_text(commit)
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
