"""What a checkpoint may be called: `user/repo`, `user/repo@tag-or-sha`, a folder, or `pocket`."""

import re
from dataclasses import dataclass
from pathlib import Path

from enhancer.errors import CheckpointError

POCKET = "pocket"  # the name of what comes with the project
BASE = "stabilityai/sd-turbo"
BASE_REVISION = "b261bac6fd2cf515557d5d0707481eafa0485ec2"  # several public projects name it as the newest
# The large parser that may be chosen, 339 MB. The embedded one is the default: it is there at once, and where its regions take
# the place of label maps drawn by people (35 photographs of CelebAMask-HQ, preset v2), restoring gains as much, 5.40 dB.
PARSER = "jonathandinu/face-parsing"
# The commit of 18 Feb 2026. It could not be looked up on the Hub itself when this was written; several public projects
# name it, with a model.safetensors of 338,580,732 bytes.
PARSER_REVISION = "758b82e15a0178c9db39c1ff666a8b56e3a550c8"

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?"
_ID = re.compile(rf"({_NAME}/{_NAME})")
_REVISION = re.compile(r"[\w][\w./+-]{0,249}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True)
class Kind:
    """What is fetched: its word in messages, its files, and what comes embedded."""

    word: str
    files: tuple[str, ...]  # patterns; `*` matches `/` too
    needed: tuple[str, ...]  # without these it is nothing
    pocket: Path | None = None


_EMBEDDED = Path(__file__).parents[1] / "pocket"
_CLIP = (
    "config.json",
    "vocab.json",
    "merges.txt",
    "pytorch_model.bin",
)  # OpenAI's, 605 MB; no other runtimes' exports
_GRAPHS = ("encoder.onnx", "unet.onnx", "decoder.onnx")  # large weights lie beside: unet.onnx.data
ARTIFACTS = {
    "checkpoint": Kind(
        "checkpoint",
        ("config.json", "adapters.safetensors", "base/*.json", "base/*.safetensors", "README.md", "NOTICE", "LICENSE"),
        ("config.json", "adapters.safetensors"),
        _EMBEDDED / "enhancer",
    ),
    "parser": Kind(
        "parser",
        ("config.json", "preprocessor_config.json", "model.safetensors"),  # no pickles, no other runtimes
        ("config.json", "model.safetensors"),
        _EMBEDDED / "parser",
    ),
    "base": Kind(
        "base model",
        (
            "unet/config.json",
            "unet/*.fp16.safetensors",
            "vae/config.json",
            "vae/*.fp16.safetensors",
            "scheduler/*.json",
        ),
        ("unet/config.json", "vae/config.json", "scheduler/scheduler_config.json"),
    ),
    "clip": Kind("CLIP", _CLIP, _CLIP),
    "onnx": Kind("ONNX export", ("config.json", *(f"{graph}*" for graph in _GRAPHS)), ("config.json", *_GRAPHS)),
}
TEXT_FILES = ("tokenizer/*", "text_encoder/config.json", "text_encoder/*.fp16.safetensors")  # of a base


@dataclass(frozen=True)
class Reference:
    """A name on the Hub."""

    repo: str
    revision: str | None = None  # branch, tag or commit; None: the main branch

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision}"

    @property
    def is_commit(self) -> bool:
        """Whether the revision is a whole commit id, which never changes what it means."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None

    @property
    def may_be_short_commit(self) -> bool:
        """Whether the revision could be the beginning of a commit id."""
        return self.revision is not None and _SHORT_COMMIT.fullmatch(self.revision) is not None

    @classmethod
    def parse(cls, text: str, word: str = "checkpoint") -> "Reference":
        """Read a name.

        Raises:
            CheckpointError: It is no name; the message says what one looks like.
        """
        repo, at, revision = text.partition("@")
        if "://" in text or text.startswith(("www.", "hf.co/", "huggingface.co/")):
            raise CheckpointError(f"{text!r} is an address. Give only the name, such as user/repo or user/repo@v2.")
        if not is_repo_id(repo):
            raise CheckpointError(
                f"There is no {word} folder {text!r}, and it is no name on the Hub. "
                "Give user/repo, user/repo@tag-or-commit, a folder that exists, or 'pocket'."
            )
        if at and not is_revision(revision):
            raise CheckpointError(
                f"{revision!r} in {text!r} cannot be a tag, branch or commit. Give user/repo@v2, for example."
            )
        return cls(repo, revision or None)


def is_repo_id(text: str) -> bool:
    """Whether this can be the name of a repository, by the Hub's own rules."""
    plain = "--" not in text and ".." not in text and not text.endswith(".git")
    return plain and len(text) <= 96 and _ID.fullmatch(text) is not None


def is_revision(text: str) -> bool:
    """Whether this can be the name of a branch, a tag or a commit."""
    return _REVISION.fullmatch(text) is not None and ".." not in text and not text.endswith((".", "/", ".lock"))
