"""How long a user waits, and what a user reads, when the Hub fails: one Markdown table for each direction.

    python -m benchmarks.hub_failures                # five minutes: most of it is waiting

Over real HTTP, to a Hub on this machine that fails as it is told to. Time limits are those users get.
"""

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from enhancer.errors import HubError
from enhancer.hub import publish, resolve
from tests.hub_client import FILES, LocalHub, made, talking_to

REPO = "user/faces"
NOBODY, READER, EXPIRED = "", "hf_reader", "hf_expired"  # tokens
ANY = "GET|HEAD|POST|PUT"
LIMIT = 30.0  # s


@dataclass(frozen=True)
class Case:
    """One thing that goes wrong.

    Attributes:
        name: What it is.
        path: Of the requests that fail, a regular expression.
        do: What the local Hub does with them, see `tests.hub_stub`.
        times: How many of them.
        ref: What is asked for.
        token: Whose.
        known: An older version is on this machine already.
        down: There is no Hub at all.
        set: What is changed about the repository.
    """

    name: str
    path: str = ""
    do: int | str = 0
    times: int = 99
    ref: str = REPO
    token: str = "hf_local"
    known: bool = False
    down: bool = False
    set: dict[str, bool] | None = None


FETCHING = (
    Case("no such repository", ref="user/nothing"),
    Case("private, no token", token=NOBODY, set={"private": True}),
    Case("gated, licence not accepted", token=READER, set={"gated": True}),
    Case("no such tag", ref=f"{REPO}@v9"),
    Case("401: token has expired", token=EXPIRED),
    Case("503 to the question", r"/revision/|/models/user/faces$", 503),
    Case("503 to a file", "/resolve/", 503),
    Case("429 to a file, wait for 300 s", "/resolve/", 429),
    Case("Hub down", down=True),
    Case("Hub down, an older copy here", down=True, known=True),
    Case("silent: question", r"/revision/|/models/user/faces$", "silence"),
    Case("silent: list of files", "/tree/", "silence"),
    Case("silent: first byte of a file", "/resolve/", "silence"),
    Case("silent: middle of a file", "/lfs/", "stall"),
    Case("cut in the middle of a file, once", "/lfs/", "cut", 1),
    Case("cut in the middle of a file, always", "/lfs/", "cut"),
)
PUBLISHING = (
    Case("private, no token", token=NOBODY, set={"private": True}),
    Case("401: token has expired", token=EXPIRED),
    Case("403: token may only read", token=READER),
    Case("412: others were faster, once", "/commit/", 412, 1),
    Case("412: others were faster, always", "/commit/", 412),
    Case("503 to the upload, once", r"/lfs/\w{64}", 503, 1),
    Case("503 to the upload, always", r"/lfs/\w{64}", 503),
    Case("429 to the upload, wait for 300 s", r"/lfs/\w{64}", 429),
    Case("503 to the commit, once", "/commit/", 503, 1),
    Case("503 to the commit that was made", "/commit/", "late 503", 1),
    Case("503 to the commit, always", "/commit/", 503),
    Case("connection closed at the upload, always", r"/lfs/\w{64}", "drop"),
    Case("Hub down", down=True),
    Case("silent: question", "/revision/", "silence"),
    Case("silent: list of files", "/tree/", "silence"),
    Case("silent: what to upload (preupload)", "/preupload/", "silence"),
    Case("silent: where to upload (LFS batch)", "/lfs/objects/", "silence"),
    Case("silent: upload (LFS PUT)", r"/lfs/\w{64}", "silence"),
    Case("silent: commit", "/commit/", "silence"),
    Case("silent: commit that was made", "/commit/", "late silence"),
)


def fetched(case: Case, folder: Path) -> str:
    """Fetch, and return what the user is told."""
    del folder
    found = resolve(case.ref)
    return found.notice or f"(works: {found.name})"


def published(case: Case, folder: Path) -> str:
    """Publish another version, and return what the user is told."""
    del case
    return str(publish(made(folder, "two"), REPO, files=FILES, message="second")).splitlines()[0]


def measured(case: Case, call: Callable[[Case, Path], str], home: Path) -> tuple[float, str]:
    """Let a case go wrong; return the seconds it took and what the user reads."""
    hub = LocalHub.start(home / "store")
    try:
        with talking_to(hub, home) as patch:
            folder = made(home / "faces")
            publish(folder, REPO, files=FILES, message="first", tag="v1")
            if case.known:
                resolve(REPO)
            if case.set:
                hub.ask("/_stub/repo", {"id": REPO, **case.set})
            if case.path:
                hub.fault(ANY, case.path, case.do, case.times)
            if case.down:
                hub.stop()
            patch.setitem(os.environ, "HF_TOKEN", case.token)
            start = time.monotonic()
            try:
                said = call(case, folder)
            except HubError as error:
                said = str(error)
            return time.monotonic() - start, said
    finally:
        if not case.down:
            hub.stop()


def table(cases: tuple[Case, ...], call: Callable[[Case, Path], str]) -> float:
    """Print a table; return the longest wait for nothing, seconds."""
    print("| what fails | seconds | what the user reads |\n|---|---:|---|")
    longest = 0.0
    for case in cases:
        with tempfile.TemporaryDirectory() as home:
            seconds, said = measured(case, call, Path(home))
        longest = max(longest, seconds)
        print(f"| {case.name} | {seconds:.1f} | {said.replace('|', '/')} |", flush=True)
    return longest


def main() -> None:
    """Print both tables; the exit status is 1 if a failure took more than 30 seconds."""
    warnings.filterwarnings("ignore", message="Use 'content=<...>'")
    print("Fetching a checkpoint:\n")
    longest = table(FETCHING, fetched)
    print("\nPublishing one:\n")
    longest = max(longest, table(PUBLISHING, published))
    print(f"\nLongest wait for nothing: {longest:.1f} s.")
    sys.exit(longest > LIMIT)


if __name__ == "__main__":
    main()
