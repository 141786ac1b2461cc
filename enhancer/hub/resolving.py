"""From a name to a folder: ask the Hub which commit is meant, once, and load that very commit."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypedDict, Unpack

from enhancer.errors import CheckpointError, HubError
from enhancer.hub.errors import UnreachableError, explain
from enhancer.hub.references import ARTIFACTS, BASE, BASE_REVISION, POCKET, TEXT_FILES, Kind, Reference
from enhancer.hub.runs import checkpoint_in
from enhancer.hub.timeouts import in_time, limit_silence
from enhancer.messages import Message
from enhancer.runtime.files import atomic_write


class Access(TypedDict, total=False):
    """How the Hub and its cache are come by, under the names that the Hub's own library has for it."""

    token: str | None  # None: HF_TOKEN, or what `hf auth login` keeps
    cache_dir: str | Path | None  # where what is fetched is kept; None: the library's cache
    local_files_only: bool  # take what is on this machine, and ask nobody


@dataclass(frozen=True)
class Resolved:
    """A folder to load from, and what it is."""

    folder: Path
    name: str  # "pocket", "user/repo@sha7", or the folder
    repo: str | None = None
    sha: str | None = None  # the whole commit id
    notice: Message | None = None  # for the user: something stands in for what was asked for

    def title(self, own: str) -> str:
        """Return what to call it: a repository by its name and commit, a folder as it calls itself."""
        return self.name if self.repo else own


def resolve(
    ref: str | Path,
    *,
    kind: str = "checkpoint",
    allow: Sequence[str] | None = None,
    revision: str | None = None,
    **access: Unpack[Access],
) -> Resolved:
    """Return the folder of a checkpoint, a parser or a base, downloaded if need be.

    Args:
        ref: ``"user/repo"``, ``"user/repo@tag-or-commit"``, a folder, or ``"pocket"`` for what is embedded. The folder of a
            training run means its best checkpoint, else its newest, with a `notice`.
        kind: What it is, a key of `ARTIFACTS`.
        allow: Patterns of the files to fetch; None: those of the kind.
        revision: Tag, branch or commit of a name without one; nothing to a folder.
        access: See `Access`.

    Returns:
        The folder. A commit that is on this machine asks nobody. Where the Hub cannot be reached, the commit that the
        name meant when it was last fetched stands in, with a `notice`.

    Raises:
        CheckpointError: `ref` is neither a name nor a folder, or names a revision where another is given.
        HubError: The Hub says no, or says nothing and no copy is here; within 30 seconds of the last byte.
    """
    what = ARTIFACTS[kind]
    if str(ref) == POCKET:
        if what.pocket is None:
            raise CheckpointError(f"No {what.word} is embedded. Give user/repo or a folder.")
        return Resolved(what.pocket, POCKET)
    if Path(ref).expanduser().is_dir():
        folder, notice = Path(ref).expanduser(), None
        if kind == "checkpoint":
            folder, notice = checkpoint_in(folder)
        return Resolved(folder, str(ref), notice=notice)
    if isinstance(ref, Path) or ref.startswith((".", "/", "~", "\\")):
        raise CheckpointError(f"There is no {what.word} folder {ref}. Check the path.")
    reference = Reference.parse(ref, what.word)
    if revision is not None:
        if reference.revision not in (None, revision):
            raise CheckpointError(f"{ref!r} names a revision, and {revision!r} is given as well. Give one of the two.")
        reference = Reference.parse(f"{reference.repo}@{revision}", what.word)
    return _from_hub(reference, what, tuple(allow or what.files), access)


def resolve_base(
    ref: str | Path = BASE, revision: str | None = None, *, text: bool = False, **access: Unpack[Access]
) -> Resolved:
    """Return the folder of a base model: `unet/`, `vae/` and `scheduler/`, half precision, safetensors only.

    Args:
        ref: Name on the Hub, or a folder.
        revision: For a name without one; None: the pinned commit of SD-Turbo, the main branch of others.
        text: Fetch tokenizer and text encoder too, to encode a prompt.
        access: As in `resolve`.
    """
    if revision is None and str(ref) == BASE:
        revision = BASE_REVISION
    if "@" in str(ref):
        revision = None
    allow = ARTIFACTS["base"].files + (TEXT_FILES if text else ())
    return resolve(ref, kind="base", allow=allow, revision=revision, **access)


def _from_hub(reference: Reference, what: Kind, allow: tuple[str, ...], access: Access) -> Resolved:
    repo, cache = reference.repo, _cache(access)

    def resolved(folder: Path, notice: Message | None = None) -> Resolved:
        return Resolved(folder, f"{repo}@{folder.name[:7]}", repo, folder.name, notice)

    def copy_here(commit: str | None) -> Path | None:
        return _copy_here(repo, commit, allow, what, cache) if commit else None

    if reference.is_commit and (folder := copy_here(reference.revision)):
        return resolved(folder)
    if access.get("local_files_only"):
        if folder := copy_here(_last_known(reference, cache)):
            return resolved(folder)
        raise HubError(f"The {what.word} {reference} is not on this machine, and local_files_only asks nobody for it.")
    limit_silence()
    try:
        commit = _commit_on_hub(reference, access.get("token"))
        folder = copy_here(commit)
        if folder is None:
            folder = _download(repo, commit, allow, access)
            _check_complete(folder, reference, what)
        _remember(reference, commit, cache)
        return resolved(folder)
    except UnreachableError as why:
        folder = copy_here(_last_known(reference, cache))
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


def _download(repo: str, commit: str, allow: Sequence[str], access: Access) -> Path:
    """Download a commit's files into the cache, with the library's progress bar, and return their folder."""
    from huggingface_hub import snapshot_download

    try:
        wanted = {"revision": commit, "allow_patterns": list(allow), "cache_dir": _cache(access)}
        return Path(snapshot_download(repo, **wanted, token=access.get("token")))
    except Exception as error:  # whatever it is, it is explained in plain words
        raise explain(error, repo, commit) from error


def _copy_here(repo: str, commit: str, allow: Sequence[str], what: Kind, cache: Path) -> Path | None:
    """Return the folder of a commit in the cache if all of it is there. Asks nobody."""
    from huggingface_hub import snapshot_download

    try:
        wanted = {"revision": commit, "allow_patterns": list(allow), "cache_dir": cache}
        folder = Path(snapshot_download(repo, **wanted, local_files_only=True))
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


def _cache(access: Access) -> Path:
    from huggingface_hub import constants

    return Path(access.get("cache_dir") or constants.HF_HUB_CACHE).expanduser()


def _storage(repo: str, cache: Path) -> Path:
    """Return the repository's folder in the cache, whose layout is documented and stable."""
    from huggingface_hub.file_download import repo_folder_name

    return cache / repo_folder_name(repo_id=repo, repo_type="model")


def _remember(reference: Reference, commit: str, cache: Path) -> None:
    """Note what a branch or tag means now that its commit is here, where the library would note it too."""
    if reference.is_commit:
        return
    note = _storage(reference.repo, cache) / "refs" / (reference.revision or "main")
    try:
        if not note.is_file() or note.read_text() != commit:
            note.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(note) as temporary:
                temporary.write_text(commit)
    except OSError:
        pass  # a cache that cannot be written to serves all the same


def _last_known(reference: Reference, cache: Path) -> str | None:
    """Return the commit that the name meant when it was last fetched."""
    if reference.is_commit:
        return reference.revision
    storage = _storage(reference.repo, cache)
    note = storage / "refs" / (reference.revision or "main")
    if note.is_file():
        return note.read_text().strip()
    if reference.may_be_short_commit:
        found = list((storage / "snapshots").glob(f"{reference.revision}*"))
        return found[0].name if len(found) == 1 else None
    return None
