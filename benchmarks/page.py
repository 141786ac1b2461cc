"""What opening the page costs a visitor: layout shift, bytes, and seconds on a slow phone, to the first result.

    python -m benchmarks.page [--url ADDRESS] [--files 12]

Without an address the page of this checkout is served, and opened once before anything is measured: how long a server takes to wake
is another question. Needs playwright and chromium (CHROMIUM names it). Shifts are added up until the scores are there, which is more
than what browsers report, their worst five seconds. Times hold for the machine: a busy one is a slower phone yet.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import httpx

from enhancer.runtime.command_line import ArgumentParser

ROOT = Path(__file__).parents[1]
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "wide": {"viewport": {"width": 1920, "height": 1080}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}
MOST_SHIFT, MOST_MEGABYTES, MOST_SECONDS = 0.1, 2.0, 12.0  # the bars
SLOW_CPU = 4  # times
SLOW_NETWORK = {"downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8, "latency": 150, "offline": False}
PATIENCE_S = 240.0
# Both pictures of a slider that can be seen are there to see.
FIRST_RESULT = """() => [...document.querySelectorAll(".slider")].some((slider) => {
  const images = [...slider.querySelectorAll("img")];
  return slider.offsetParent && images.length >= 2 && images.every((image) => image.complete && image.naturalWidth);
})"""
SCORED = """() => [...document.querySelectorAll("table.scores")].some((table) => table.offsetParent)"""
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const moved = entry.sources.map(({ node, previousRect, currentRect }) => {
      const element = node?.nodeType === 1 ? node : node?.parentElement;
      const name = element ? element.tagName.toLowerCase() + (element.id ? "#" + element.id : "") + "." + [...element.classList].join(".") : "gone";
      return `${name.slice(0, 60)} y ${Math.round(previousRect.y)} -> ${Math.round(currentRect.y)}`;
    });
    window.shifts.push([entry.value, Math.round(entry.startTime), moved]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@dataclass
class Visit:
    """What one visit cost."""

    seconds: float  # to the first result
    shifts: list[tuple[float, int, list[str]]]  # score, milliseconds since opening, what moved
    files: dict[str, int]  # path -> bytes sent over the network, to the first result

    @property
    def shift(self) -> float:
        """All shifts together."""
        return sum(score for score, _, _ in self.shifts)

    @property
    def megabytes(self) -> float:
        """All files together."""
        return sum(self.files.values()) / 1e6


@contextmanager
def served() -> Iterator[str]:
    """Serve this checkout's page in a process of its own, and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=os.environ | settings)
    try:
        address, start = f"http://127.0.0.1:{port}", time.monotonic()
        while True:
            try:
                httpx.get(address).raise_for_status()
                break
            except httpx.HTTPError:
                if server.poll() is not None or time.monotonic() - start > PATIENCE_S:
                    raise
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait()


def visit(browser: Any, address: str, screen: str, *, slow: bool = False) -> Visit:
    """Open the page as somebody who was never there, and wait for the first result."""
    context = browser.new_context(**SCREENS[screen], locale="en-US")
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.add_init_script(WATCH_SHIFTS)
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    paths: dict[str, str] = {}
    files: dict[str, int] = {}

    def finished(event: dict[str, Any]) -> None:
        path = paths.get(event["requestId"], "?")
        files[path] = files.get(path, 0) + int(event.get("encodedDataLength") or event.get("dataLength") or 0)

    tools.on("Network.requestWillBeSent", lambda event: paths.update({event["requestId"]: _path(event)}))
    tools.on("Network.loadingFinished", finished)
    if slow:
        tools.send("Network.emulateNetworkConditions", SLOW_NETWORK)
        tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOW_CPU})
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_function(FIRST_RESULT)
    seconds, by_then = time.perf_counter() - start, dict(files)
    page.wait_for_function(SCORED)
    page.wait_for_timeout(1000)  # what follows a table's arrival moves within a frame or two
    shifts = [(float(score), at, moved) for score, at, moved in page.evaluate("window.shifts")]
    context.close()
    return Visit(seconds, shifts, by_then)


def _path(event: dict[str, Any]) -> str:
    url = event["request"]["url"]
    return url[:40] if url.startswith("data:") else urlparse(url).path


def measure(browser: Any, address: str, files: int) -> bool:
    """Print what visits cost; say whether all bars are met."""
    visit(browser, address, "desktop")  # the server wakes
    seen = {screen: visit(browser, address, screen) for screen in SCREENS}
    for screen, cost in seen.items():
        print(f"{screen}: layout shift {cost.shift:.3f} (< {MOST_SHIFT}), {cost.megabytes:.2f} MB (< {MOST_MEGABYTES})")
        for score, at, moved in sorted(cost.shifts, reverse=True)[:4]:
            print(f"  {score:.3f} at {at} ms: {'; '.join(moved[:3])}")
    heaviest = sorted(seen["desktop"].files.items(), key=lambda entry: -entry[1])
    print(f"{len(heaviest)} files; the heaviest, kB:")
    for path, size in heaviest[:files]:
        print(f"  {size / 1000:7.1f} {path}")
    slow = visit(browser, address, "phone", slow=True)
    print(f"slow phone: first result after {slow.seconds:.1f} s (< {MOST_SECONDS:.0f})")
    light = all(cost.shift < MOST_SHIFT and cost.megabytes < MOST_MEGABYTES for cost in seen.values())
    return light and slow.seconds < MOST_SECONDS


def main() -> None:
    """Measure and print; exit code 1 where a bar is missed."""
    parser = ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of a page that is served already, such as a Space's own address")
    parser.add_argument("--files", type=int, default=12, help="how many of the heaviest files to name (12)")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        if args.url:
            is_fine = measure(browser, args.url, args.files)
        else:
            with served() as address:
                is_fine = measure(browser, address, args.files)
        browser.close()
    raise SystemExit(0 if is_fine else 1)


if __name__ == "__main__":
    main()
