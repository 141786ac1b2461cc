"""The app as a Space: the files it needs, and the variables that say which checkpoints it runs."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from enhancer.errors import SettingsError
from enhancer.hub.references import POCKET, Reference, is_repo_id
from enhancer.hub.spaces import publish_space, space_url

ROOT = Path(__file__).parents[2]
# Of the files git tracks, those a Space needs: the page, the library with its embedded checkpoint, the examples.
NEEDED = (
    "README.md",
    "LICENSE",
    "requirements.txt",
    "app.*",
    "page",
    "enhancer",
    "examples",
    "docs/before_after.png",
)
FOLDERS = ("page", "enhancer", "examples")  # what is no longer in these is deleted there too
SDK = "gradio"


@dataclass(frozen=True)
class Space:
    """What was sent, or would be.

    Attributes:
        url: Of the Space.
        files: Path in the Space -> size in bytes.
        variables: Name -> value.
        sha: The commit; None where nothing was sent.
    """

    url: str
    files: dict[str, int]
    variables: dict[str, str]
    sha: str | None = None

    def __str__(self) -> str:
        said = f"{self.url}: {len(self.files)} files, {sum(self.files.values()) / 1e6:.1f} MB"
        said += f", commit {self.sha[:7]}" if self.sha else ", not sent"
        return "\n".join([said, *(f"  {name}={value}" for name, value in self.variables.items())])


def space_files(root: Path = ROOT) -> list[str]:
    """Return the files a Space needs: in a git checkout those git tracks, else all that is no cache.

    Raises:
        SettingsError: `root` lacks one of them.
    """
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--", *NEEDED], cwd=root, check=True, capture_output=True, timeout=60
        ).stdout
        names = [name for name in listed.decode().split("\0") if name]
    except (OSError, subprocess.SubprocessError):  # a downloaded archive, or no git
        names = [path.relative_to(root).as_posix() for need in NEEDED for path in _files(root, need)]
    names = sorted(name for name in names if (root / name).is_file())
    if missing := [
        need for need in ("README.md", "requirements.txt", "app.py", "enhancer/__init__.py") if need not in names
    ]:
        raise SettingsError(
            f"There is no {', '.join(missing)} in {root}, and a Space cannot start without. Use a clone of the project."
        )
    return names


def _files(root: Path, need: str) -> list[Path]:
    """Return the files a pattern of `NEEDED` means, those of its folders included, without caches."""
    found = [path for top in root.glob(need) for path in (top.rglob("*") if top.is_dir() else [top])]
    return [path for path in found if not {"__pycache__", ".DS_Store"} & set(path.parts)]


def push_space(
    repo: str,
    *,
    checkpoint: str = POCKET,
    checkpoints: Sequence[str] = (),
    private: bool = False,
    dry_run: bool = False,
    root: Path = ROOT,
) -> Space:
    """Send the app to a Space in one commit, and set its variables. Files of an earlier app are deleted there.

    Args:
        repo: ``"user/name"``; made if it does not exist.
        checkpoint: What it runs: ``"pocket"``, ``"user/repo"`` or ``"user/repo@tag"``.
        checkpoints: What its visitors may choose from; nothing else can be loaded.
        private: For a Space that does not exist yet.
        dry_run: Send nothing.
        root: The checkout.

    Raises:
        SettingsError: A name is none, or `root` lacks what a Space needs.
        CheckpointError: A checkpoint's name is none the Space could fetch.
        HubError: The Hub says no, or does not answer.
    """
    if not is_repo_id(repo):
        raise SettingsError(f"{repo!r} cannot be the name of a Space. Give user/name.")
    for ref in (checkpoint, *checkpoints):
        if ref != POCKET:
            Reference.parse(ref)
    variables = {"CHECKPOINT": checkpoint} | ({"CHECKPOINTS": ",".join(checkpoints)} if checkpoints else {})
    files = {name: root / name for name in space_files(root)}
    space = Space(space_url(repo), {name: file.stat().st_size for name, file in files.items()}, variables)
    if dry_run:
        return space
    sha = publish_space(repo, files, variables, sdk=SDK, owned=FOLDERS, private=private)
    return replace(space, sha=sha)
