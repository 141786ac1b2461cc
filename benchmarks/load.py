"""Many visitors at once: none lost, none given another's picture, memory flat.

    python -m benchmarks.load                      # a stand-in model: the queue, the files and the page's own work
    python -m benchmarks.load --checkpoint pocket  # the real thing, much slower

Each visitor sends a picture of their own, of one colour, and checks that the answer is made from it.
"""

import argparse
import json
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from enhancer.imaging.io import read_image
from enhancer.imaging.provenance import png_bytes
from enhancer.parts import Restorer
from enhancer.runtime.command_line import ArgumentParser
from enhancer.service import Service

SIDE = 128  # pixels
ANSWER_TIMEOUT_S = 600.0  # seconds


class Nothing:
    """A parser that finds no face, at once."""

    name = "none"
    notice = None

    def prepare(self) -> None:
        """There is nothing to load."""

    def regions(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) -> (H, W) zeros."""
        return np.zeros(rgb.shape[:2], np.uint8)


def invert(rgb: np.ndarray) -> np.ndarray:
    """Stand in for a model: what comes out tells what went in."""
    return 1 - rgb


def picture(number: int) -> np.ndarray:
    """Return a picture of a colour that no other number under 200,000 has."""
    colour = np.array([number % 61, number // 61 % 61, number // 3721 % 61], np.float32) * 4
    return np.broadcast_to(colour / 255, (SIDE, SIDE, 3)).astype(np.float32)


def visit(address: str, number: int, stand_in: bool) -> float:
    """Upload, restore, fetch, compare; return the seconds it took.

    Raises:
        AssertionError: The answer is an error, or made from another picture.
    """
    start = time.perf_counter()
    mine = picture(number)
    with httpx.Client(base_url=address, timeout=ANSWER_TIMEOUT_S) as client:
        sent = client.post("/gradio_api/upload", files={"files": ("mine.png", png_bytes(mine))}).json()[0]
        data = {"image": {"path": sent, "meta": {"_type": "gradio.FileData"}}}
        event = client.post("/gradio_api/call/v2/restore", json=data).json()["event_id"]
        told = client.get(f"/gradio_api/call/restore/{event}").text.strip().split("\n\n")[-1]
        kind, _, payload = told.partition("\ndata: ")
        assert kind == "event: complete", told[:300]
        restored, given, _ = (
            entry if isinstance(entry, dict) and "path" not in entry else fetched(client, entry)
            for entry in json.loads(payload)
        )
    assert np.abs(given - mine).max() < 0.5 / 255, f"visitor {number} was given another's picture"
    if stand_in:
        assert np.abs(restored - (1 - mine)).max() < 1.5 / 255, f"visitor {number} got another's result"
    return time.perf_counter() - start


def fetched(client: httpx.Client, entry: dict[str, Any]) -> np.ndarray:
    """Return the picture an answer points to."""
    return read_image(client.get("/gradio_api/file=" + entry["path"]).content)


def megabytes(process: int) -> float:
    """Return the memory a process holds now."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def serve(port: int, checkpoint: str | None) -> None:
    """Serve the page, with a stand-in unless a checkpoint is named."""
    import app
    from page import backend

    if checkpoint is None:
        parts = Service(Nothing(), Restorer(invert, "stand-in"), None)
    else:
        parts = Service.load(checkpoint, parser="pocket", lpips_net=None)
    backend.service = lambda checkpoint=None: parts  # noqa: ARG005  the name is the page's
    options = {**app.LAUNCH, "server_name": "127.0.0.1", "server_port": port}
    app.build_page().launch(quiet=True, **options)


@contextmanager
def served(checkpoint: str | None) -> Iterator[tuple[str, int]]:
    """Serve the page in a process of its own; give its address and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.load", "--serve", str(port)]
    server = subprocess.Popen([*command, *(["--checkpoint", checkpoint] if checkpoint else [])])
    try:
        address, start = f"http://127.0.0.1:{port}", time.monotonic()
        while True:
            try:
                httpx.get(address, timeout=ANSWER_TIMEOUT_S).raise_for_status()
                break
            except httpx.HTTPError:
                if server.poll() is not None or time.monotonic() - start > ANSWER_TIMEOUT_S:
                    raise
                time.sleep(0.5)
        yield address, server.pid
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Serve, or send the visitors."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=50, help="at once (50)")
    parser.add_argument("--requests", type=int, default=500, help="in all (500)")
    parser.add_argument("--checkpoint", help="a checkpoint in place of the stand-in")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)  # a port: be the server
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.checkpoint)
        return
    with served(args.checkpoint) as (address, server):
        attack(args, address, server)


def attack(args: argparse.Namespace, address: str, server: int) -> None:
    """Send the visitors and report."""
    with ThreadPoolExecutor(args.visitors) as visitors:  # what is made once, or once per thread, is made now
        list(visitors.map(partial(visit, address, stand_in=args.checkpoint is None), range(args.visitors)))
    memory, took, start = [megabytes(server)], [], time.perf_counter()
    lost: list[str] = []
    counting = threading.Lock()

    def one(number: int) -> None:
        try:
            seconds = visit(address, number, args.checkpoint is None)
        except (AssertionError, httpx.HTTPError, ValueError, KeyError) as error:
            lost.append(f"{number}: {error!r}"[:300])
            return
        with counting:
            took.append(seconds)
            if len(took) % max(1, args.requests // 10) == 0:
                memory.append(megabytes(server))

    with ThreadPoolExecutor(args.visitors) as visitors:
        list(visitors.map(one, range(args.visitors, args.visitors + args.requests)))
    whole = time.perf_counter() - start
    print(f"{len(took)} of {args.requests} answered rightly, {args.visitors} at once, in {whole:.1f} s")
    if took:
        print(f"seconds each: median {statistics.median(took):.2f}, longest {max(took):.2f}")
    print("memory, MB:", " ".join(f"{held:.0f}" for held in memory))
    for line in lost[:10]:
        print("lost", line)
    if lost:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
