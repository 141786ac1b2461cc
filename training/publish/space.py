"""The app as a Space: the files it needs, the hardware it runs on, and the variables that say what it loads."""

import re
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from enhancer.errors import SettingsError
from enhancer.hub.references import ARTIFACTS, PARSER, PARSER_REVISION, POCKET, Reference, is_repo_id
from enhancer.hub.spaces import SpaceKind, publish_space, space_url

ROOT = Path(__file__).parents[2]
# Of the files git tracks, those a Space needs: the page, the library with its embedded checkpoint, the examples, and what
# its README.md links to.
NEEDED = (
    "README.md",
    "LICENSE",
    "requirements.txt",
    "app.*",
    "page",
    "enhancer",
    "examples",
    "docs",
    "CONTRIBUTING.md",
)
FOLDERS = ("page", "enhancer", "examples", "docs")  # what is no longer in these is deleted there too
# Of the extras in pyproject.toml, which a Space does not read: those its page is better with. PyAV's wheel is 35 MB.
EXTRAS = ("video",)
SDK = "gradio"
HARDWARE = "zero-a10g"  # what a free account may have; on "cpu-basic" a gradio Space needs a paid plan since July 2026
_LINK = re.compile(r"(!?)(\[[^\]]*\]\()(?![a-z]+:|#)([^)#]+)")


@dataclass(frozen=True)
class Space:
    """What was sent, or would be.

    Attributes:
        url: Of the Space.
        files: Path in the Space -> size in bytes.
        variables: Name -> value.
        hardware: What it was made on, if it was not there before.
        sha: The commit; None where nothing was sent.
    """

    url: str
    files: dict[str, int]
    variables: dict[str, str]
    hardware: str
    sha: str | None = None

    def __str__(self) -> str:
        said = f"{self.url}: {len(self.files)} files, {sum(self.files.values()) / 1e6:.1f} MB"
        said += f", commit {self.sha[:7]}" if self.sha else ", not sent"
        return "\n".join(
            [
                said,
                f"  a new one runs on {self.hardware}",
                *(f"  {name}={value}" for name, value in self.variables.items()),
            ]
        )


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


@dataclass(frozen=True)
class SpaceOptions:
    """How the app is sent.

    Attributes:
        checkpoint: What it runs: ``"pocket"``, ``"user/repo"`` or ``"user/repo@tag"``.
        checkpoints: What its visitors may choose from; nothing else can be loaded.
        parser: Its face parser: ``"pocket"``, or a name on the Hub.
        hardware: The Hub's name for what a new Space runs on.
        private: For a Space that does not exist yet.
        dry_run: Send nothing.
    """

    checkpoint: str = POCKET
    checkpoints: Sequence[str] = ()
    parser: str = POCKET
    hardware: str = HARDWARE
    private: bool = False
    dry_run: bool = False

    @property
    def variables(self) -> dict[str, str]:
        """What the app is started with."""
        variables = {"CHECKPOINT": self.checkpoint}
        if self.checkpoints:
            variables["CHECKPOINTS"] = ",".join(self.checkpoints)
        return variables | ({"PARSER": self.parser} if self.parser != POCKET else {})

    @property
    def models(self) -> list[Reference]:
        """What it loads from the Hub."""
        named = dict.fromkeys((self.checkpoint, *self.checkpoints, self.parser))
        return [Reference.parse(ref) for ref in named if ref != POCKET]


def card(text: str, repo: str, options: SpaceOptions) -> str:
    """Return README.md as a Space has it: with the models it loads in its head, and links that lead somewhere from any page."""
    address = f"{space_url(repo)}/{{}}/main/{{}}"
    _, head, body = text.split("---\n", 2)
    if options.models:
        head += "".join(["models:\n", *(f"  - {name}\n" for name in sorted({each.repo for each in options.models}))])
    if options.parser == PARSER:  # at build time, lest the first visitor wait for it
        files = ",".join(ARTIFACTS["parser"].files)
        head += f"preload_from_hub:\n  - {PARSER} {files} {PARSER_REVISION}\n"
    body = _LINK.sub(
        lambda link: f"{link[1]}{link[2]}{address.format('resolve' if link[1] else 'blob', link[3])}", body
    )
    return f"---\n{head}---\n{body}"


def with_extras(requirements: str, project: str) -> str:
    """Return requirements.txt as a Space has it: pip reads that file there and nothing else.

    Args:
        requirements: The file.
        project: pyproject.toml, which declares the extras.
    """
    extras = tomllib.loads(project)["project"]["optional-dependencies"]
    lines = [f"{each}  # extra: {name}" for name in EXTRAS for each in extras[name]]
    return requirements + "".join(["\n# What a Space has besides\n", *(f"{line}\n" for line in lines)])


def push_space(repo: str, options: SpaceOptions | None = None, root: Path = ROOT) -> Space:
    """Send the app to a Space in one commit, and set its variables. Files of an earlier app are deleted there.

    Args:
        repo: ``"user/name"``; made if it does not exist.
        options: See `SpaceOptions`.
        root: The checkout.

    Raises:
        SettingsError: A name is none, or `root` lacks what a Space needs.
        CheckpointError: A checkpoint's name is none the Space could fetch.
        HubError: The Hub says no, or does not answer.
    """
    options = options or SpaceOptions()
    if not is_repo_id(repo):
        raise SettingsError(f"{repo!r} cannot be the name of a Space. Give user/name.")
    files: dict[str, Path | bytes] = {name: root / name for name in space_files(root)}
    files["README.md"] = card((root / "README.md").read_text(encoding="utf-8"), repo, options).encode()
    needed, project = ((root / name).read_text(encoding="utf-8") for name in ("requirements.txt", "pyproject.toml"))
    files["requirements.txt"] = with_extras(needed, project).encode()
    sizes = {name: len(file) if isinstance(file, bytes) else file.stat().st_size for name, file in files.items()}
    space = Space(space_url(repo), sizes, options.variables, options.hardware)
    if options.dry_run:
        return space
    kind = SpaceKind(SDK, options.hardware, options.private)
    return replace(space, sha=publish_space(repo, files, options.variables, kind, FOLDERS))
