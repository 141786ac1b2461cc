"""Downloading with a limit on silence: long is fine, no progress is not."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from enhancer.errors import HubError
from enhancer.hub.errors import UnreachableError, scrubbed
from enhancer.messages import Message

STARTING = 60.0  # s for the process to start: half a second, but on a machine that has much else to do


def download(
    repo: str, commit: str, allow: Sequence[str], *, token: str | None, silence: float, first: float
) -> Path:
    """Download the files of a commit into the library's cache and return their folder.

    Args:
        repo: Name on the Hub.
        commit: Whole commit id.
        allow: Patterns of the files.
        token: None for the one of the environment.
        silence: Longest time without a byte, seconds.
        first: Longest time until the first byte of a file, seconds. To start counts for neither: that is this machine.

    Raises:
        HubError: The Hub refused, or fell silent; the process that downloaded is gone by then.
    """
    from huggingface_hub import constants

    asked = {
        "repo": repo, "commit": commit, "allow": list(allow), "token": token,
        "cache": str(constants.HF_HUB_CACHE), "endpoint": constants.ENDPOINT,
    }  # fmt: skip
    arrived = False
    limit, until = STARTING, time.monotonic() + STARTING
    with _worker(asked, constants.ENDPOINT) as (lines, complaints), _bar(repo) as bar:
        while True:
            try:
                line = lines.get(timeout=limit)
            except queue.Empty:
                raise UnreachableError(
                    Message(
                        "hub.fell_silent",
                        "{address} fell silent while {repo} was downloaded{last}. What has arrived is kept; try again.",
                        address=constants.ENDPOINT,
                        repo=repo,
                        last=_last_word(complaints),
                    )
                ) from None
            if line is None:
                raise UnreachableError(
                    Message(
                        "hub.download_ended",
                        "The download of {repo} ended without a word{last}.",
                        repo=repo,
                        last=_last_word(complaints),
                    )
                )
            message = json.loads(line)
            if "folder" in message:
                return Path(message["folder"])
            if "error" in message:
                raise (UnreachableError if message["unreachable"] else HubError)(message["error"])
            if "ready" in message:
                until = time.monotonic() + first
            arrived = arrived or bool(message.get("bytes"))
            limit = (
                silence if arrived else max(0.0, until - time.monotonic())
            )  # answers alone are no progress
            if message.get("of"):
                bar.total = message["of"]
                bar.update(message["bytes"] - bar.n)


@contextmanager
def _worker(asked: dict[str, Any], endpoint: str) -> Iterator[tuple["queue.Queue[str | None]", list[str]]]:
    """Start the downloading process; yield its lines and its complaints as they come; end it."""
    root = str(Path(__file__).parents[2])  # the project may be run uninstalled, from anywhere
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", "enhancer.hub.fetch"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": path, "HF_ENDPOINT": endpoint},
    )  # fmt: skip
    lines: queue.Queue[str | None] = queue.Queue()
    complaints: list[str] = []
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    readers = (
        threading.Thread(target=_pass_on, args=(process.stdout, lines), daemon=True),
        threading.Thread(target=complaints.extend, args=(process.stderr,), daemon=True),
    )
    for reader in readers:
        reader.start()
    try:
        process.stdin.write(
            json.dumps(asked) + "\n"
        )  # not on its command line: others could read the token there
        process.stdin.close()
        yield lines, complaints
    finally:
        process.kill()
        process.wait()
        for reader in readers:
            reader.join(timeout=1)
        process.stdout.close()
        process.stderr.close()


def _pass_on(source: IO[str], lines: "queue.Queue[str | None]") -> None:
    for line in source:
        lines.put(line)
    lines.put(None)


def _last_word(complaints: list[str]) -> str:
    """Return the last thing the library warned of, such as a status it kept retrying."""
    time.sleep(0.05)  # what was written just now may still be on its way
    words = [line.strip() for line in complaints if line.strip() and not line.startswith("Retrying")]
    if not words:
        return ""
    return Message("hub.last_word", " (last: {words})", words=scrubbed(words[-1]).rstrip("."))


def _bar(repo: str) -> "tqdm[Any]":
    """Return a progress bar, drawn on terminals only, and only for what takes a while."""
    return tqdm(desc=repo, unit="B", unit_scale=True, delay=1, leave=False, disable=None)
