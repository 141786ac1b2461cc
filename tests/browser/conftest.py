"""The page on a local port, with a model that answers at once, and chromium to look at it."""

import contextlib
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HARMLESS = (
    "Method not implemented",  # chromium says this about a picture's clipboard button; nothing of the page's is missing
    "Failed to load resource: the server responded with a status of 503",  # the answer to whom the queue has no place for
)


PACE = SimpleNamespace(seconds=0.0)  # that the stand-in takes for a picture


@pytest.fixture
def pace():
    """Set `seconds` for a slow model; afterwards it is as fast as before."""
    yield PACE
    PACE.seconds = 0.0


@pytest.fixture(scope="session")
def address(head):
    """Serve the page."""
    from enhancer.parts import Restorer
    from enhancer.service import Service
    from tests.stand_ins import KnownParser, PlainScorer, served

    def brighten(rgb):
        time.sleep(PACE.seconds)
        return (rgb * 0.9 + 0.1).astype("float32")

    service = Service(KnownParser(head.labels), Restorer(brighten, "<stand-in>", "0123456789"), PlainScorer())
    with served(service) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Chromium; skips where it or playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("needs chromium: apt-get install chromium, or name it in CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(address, browser, request):
    """Open the page; afterwards: no error on the console, no request off the machine, a picture if SCREENSHOTS says where."""
    complaints: list[str] = []
    pages = []

    def open_page(query="", **options):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}, "locale": "en-US"} | options))
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(90_000)  # a checks' machine is slow, and busy
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on("request", lambda asked: complaints.append(asked.url) if is_elsewhere(asked.url) else None)
        page.goto(f"{address}/{query}")
        page.wait_for_selector("#try-slider img")
        return page

    def is_elsewhere(url):
        return not url.startswith((address, "data:", "blob:"))

    yield open_page
    folder = os.environ.get("SCREENSHOTS")
    for number, page in enumerate(pages):
        if folder:
            with contextlib.suppress(Exception):  # a picture for people; its lack fails no test
                name = f"{request.node.name}{number or ''}.png".replace("/", "_")
                page.screenshot(path=Path(folder) / name)
        page.context.close()
    assert [said for said in complaints if not said.startswith(HARMLESS)] == []
