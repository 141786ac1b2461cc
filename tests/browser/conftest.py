"""The page on a local port, with a model that answers at once, and chromium to look at it."""

import contextlib
import os
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
PORTFOLIO = """<!doctype html><title>Work</title><h1>Somebody's work</h1>
<iframe src="{address}" width="1200" height="700" title="Splat Enhancer"></iframe>"""
HARMLESS = (
    "Method not implemented",  # chromium says this about a picture's clipboard button; nothing of the page's is missing
    "Failed to load resource: the server responded with a status of 503",  # the answer to whom the queue has no place for
)


ALL_IS_SHOWN = "document.querySelector('#try-slider')?.closest('[role=tabpanel]').dataset.shown == 'all'"

# that the stand-in takes for a picture, how many it was given, and at how many it works
PACE = SimpleNamespace(seconds=0.0, calls=0, working=0)


@pytest.fixture
def pace():
    """Set `seconds` for a slow model; afterwards it is as fast as before."""
    yield PACE
    PACE.seconds = 0.0


@pytest.fixture(scope="session")
def service(head):
    """Answers at once, or at the `pace` that is set."""
    from enhancer.parts import Restorer
    from enhancer.service import Service
    from tests.stand_ins import KnownParser, PlainScorer

    def brighten(rgb):
        PACE.calls += 1
        PACE.working += 1
        time.sleep(PACE.seconds)
        PACE.working -= 1
        return (rgb * 0.9 + 0.1).astype("float32")

    return Service(KnownParser(head.labels), Restorer(brighten, "<stand-in>", "0123456789"), PlainScorer())


@pytest.fixture(scope="session")
def address(service):
    """Serve the page."""
    from tests.stand_ins import served

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
def framed(address, browser, request):
    """Open a page of another origin that shows the app in a frame, and return the frame."""
    answer = PORTFOLIO.format(address=address).encode()

    class Portfolio(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Portfolio)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(90_000)

    def open_frame():
        page.goto(f"http://localhost:{server.server_port}/")  # to a browser another site than 127.0.0.1
        return page.frames[1]

    yield open_frame
    keep_picture(page, request)
    context.close()
    server.shutdown()
    server.server_close()


def keep_picture(page, request, number=""):
    """Keep a picture for people, if SCREENSHOTS names a folder; its lack fails no test."""
    if folder := os.environ.get("SCREENSHOTS"):
        with contextlib.suppress(Exception):
            page.screenshot(path=Path(folder) / f"{request.node.name}{number}.png".replace("/", "_"))


@pytest.fixture
def visit(address, browser, request):
    """Open the page; afterwards: no error on the console, no request off the machine, a picture if SCREENSHOTS says where."""
    complaints: list[str] = []
    pages = []

    def open_page(query="", tab="Clean picture", **options):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}, "locale": "en-US"} | options))
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(90_000)  # a checks' machine is slow, and busy
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on("request", lambda asked: complaints.append(asked.url) if is_elsewhere(asked.url) else None)
        page.goto(f"{address}/{query}")
        if tab == "Clean picture" and "example=" not in query:
            page.wait_for_selector("#render-slider img")  # what it opens with
            page.get_by_role("tab", name="Clean picture").or_(page.get_by_role("tab", name="Sauberes Bild")).click()
            page.wait_for_function(f"() => {ALL_IS_SHOWN}")  # what is chosen there is restored when it is looked at
        page.wait_for_selector("#try-slider img" if tab == "Clean picture" else "#render-slider img")
        return page

    def is_elsewhere(url):
        return not url.startswith((address, "data:", "blob:"))

    yield open_page
    for number, page in enumerate(pages):
        keep_picture(page, request, number or "")
        page.context.close()
    assert [said for said in complaints if not said.startswith(HARMLESS)] == []
