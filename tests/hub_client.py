"""A local Hub for a test, and the environment in which this very process talks to it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from enhancer.errors import HubError

ROOT = Path(__file__).parents[1]
LIMIT = 30.0  # s, of any failure
FILES = ("config.json", "adapters.safetensors", "base/*", "README.md")


@dataclass
class LocalHub:
    """A stub Hub in a process of its own, so that down is really down."""

    root: Path
    process: "subprocess.Popen[str]"
    url: str

    @classmethod
    def start(cls, root: Path, port: int = 0) -> "LocalHub":
        command = [sys.executable, "-m", "tests.hub_stub", "--root", str(root), "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        return cls(root, process, process.stdout.readline().strip())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, path: str, content: Any = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data)) as answer:
            return json.load(answer)

    def fault(self, methods: str, path: str, do: int | str, times: int = 99, skip: int = 0) -> None:
        """Let what matches go wrong; several methods as in ``"GET|HEAD"``. Nothing else goes wrong then."""
        faults = [{"method": each, "path": path, "do": do, "times": times, "skip": skip} for each in methods.split("|")]
        self.ask("/_stub/faults", faults)

    def reset(self) -> None:
        """As new, so that tests may share one: a start takes half a second."""
        self.ask("/_stub/reset", {})

    def log(self) -> list[list[Any]]:
        return [each for each in self.ask("/_stub/log") if not each[1].startswith("/_stub/")]


@contextmanager
def talking_to(hub: LocalHub, home: Path) -> Iterator[pytest.MonkeyPatch]:
    """Point huggingface_hub, which reads its environment once, to a Hub and to an empty cache."""
    from huggingface_hub import close_session, constants

    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("ENDPOINT", hub.url),
            ("HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"),
            ("HF_HUB_CACHE", str(home / "hub")),
            ("HF_HUB_OFFLINE", False),
            ("HF_HUB_DISABLE_XET", True),
        ):
            patch.setattr(constants, name, value)
        patch.setitem(os.environ, "HF_HUB_OFFLINE", "0")
        patch.setitem(os.environ, "HF_HUB_DISABLE_XET", "1")
        patch.setitem(os.environ, "HF_TOKEN", "hf_local")
        patch.setitem(os.environ, "HF_HUB_DISABLE_PROGRESS_BARS", "1")
        yield patch
        close_session()


def made(folder: Path, text: str = "one") -> Path:
    """Files with a checkpoint's names; nothing here loads them."""
    (folder / "base/unet").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(f'{{"name": "{text}"}}')
    (folder / "adapters.safetensors").write_bytes(text.encode() * 100_000)
    (folder / "base/unet/config.json").write_text("{}")
    (folder / "README.md").write_text("---\nlicense: other\n---\n# Faces\n")
    (folder / "training_state.pt").write_bytes(b"never sent")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pt"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def failure(call) -> str:
    """What a call says when it fails, which it must do in time."""
    start = time.monotonic()
    with pytest.raises(HubError) as caught:
        call()
    assert time.monotonic() - start < LIMIT
    assert "hf_" not in str(caught.value).replace("HF_", "")
    return str(caught.value)
