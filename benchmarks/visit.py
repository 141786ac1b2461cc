"""Draw the pictures of `docs/visit.md`: a visitor's path through the page in five clicks.

    python -m benchmarks.visit [--url ADDRESS] [-o docs/visit]

Without an address the page of this checkout is served. Needs playwright and chromium (CHROMIUM names it). Look at what it draws.
"""

import argparse
import io
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.page import PATIENCE_S, ROOT, SCREENS, served
from enhancer.runtime.command_line import ArgumentParser
from enhancer.runtime.files import atomic_write

QUALITY = 82  # of JPEG: 60 to 100 kB a picture
SETTLED_MS = 1200  # for what fades in


class Album:
    """Where the pictures go."""

    def __init__(self, page: Any, folder: Path) -> None:
        """Take the browser's page and the folder."""
        self._page, self._folder = page, folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str) -> None:
        """Write what is seen now."""
        self._page.wait_for_timeout(SETTLED_MS)
        picture = Image.open(io.BytesIO(self._page.screenshot())).convert("RGB")
        with atomic_write(self._folder / f"{name}.jpg") as temporary:
            picture.save(temporary, "JPEG", quality=QUALITY, optimize=True)
        print(f"{name}.jpg")


def walk(page: Any, album: Album) -> None:
    """Go the way of `docs/visit.md`."""
    page.locator("#render-scores table").wait_for()
    album.take("1_opened")
    page.locator("#render-views button", has_text="Eyes").click()
    album.take("2_eyes")
    page.get_by_role("tab", name="My splat").click()
    page.locator("#splat-view img").wait_for()
    page.locator("#splat-restore").click()
    page.locator("#splat-slider img").nth(1).wait_for()
    album.take("3_splat")
    page.get_by_role("tab", name="Video").click()
    page.locator("#video-restore").click()
    page.locator("#video-player video").nth(1).wait_for()
    page.locator("#video-flicker table").wait_for()
    album.take("4_video")
    page.get_by_role("tab", name="Clean picture").click()
    page.locator("#try-scores table").wait_for()
    album.take("5_clean")


def main() -> None:
    """Walk and draw."""
    parser = ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of a page that is served already")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs/visit", help="folder (docs/visit)")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as driver, nullcontext(args.url) if args.url else served() as address:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(**SCREENS["desktop"], locale="en-US").new_page()
        page.set_default_timeout(1000 * PATIENCE_S)
        page.goto(address)
        walk(page, Album(page, args.output))
        browser.close()


if __name__ == "__main__":
    main()
