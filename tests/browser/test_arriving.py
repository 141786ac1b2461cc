"""What a visitor's browser fetches, and whether anything jumps, until the first result is there."""

import pytest

from benchmarks.page import MOST_SHIFT, SCREENS, visit
from tests.browser.visitor import IN_A_BROWSER

pytestmark = IN_A_BROWSER
OF_THE_RESULT = ("/before.png", "/restored.png", "/improved_lpips.png", "/improved_psnr.png")


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_jumps_and_little_is_fetched_until_the_first_result(address, browser, screen):
    visit(browser, address, screen)  # the first result is being made: later visitors find it
    visits = [
        visit(browser, address, screen) for _ in range(2)
    ]  # parts of a page arrive in any order on a busy machine
    cost = min(visits, key=lambda each: each.shift)
    assert cost.shift < MOST_SHIFT, cost.shifts
    page = {path: size for path, size in cost.files.items() if not path.endswith(OF_THE_RESULT)}
    assert sum(page.values()) < 1e6, sorted(page.items(), key=lambda entry: -entry[1])[:10]
    assert all(size < 1000 for path, size in page.items() if "/hls-" in path)
