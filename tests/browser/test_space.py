"""The page with the variables that a Space sets, and inside somebody else's page."""

import re

import pytest

from tests.browser.visitor import IN_A_BROWSER, source_of_result, wait_for_new

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def address(service):
    """Serve the page as a Space does."""
    from page import first_result
    from tests.stand_ins import served

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SYSTEM": "spaces", "SPACE_ID": "user/demo", "GRADIO_SSR_MODE": "true"}.items():
            patch.setenv(name, value)
        for made in (first_result._first_pair, first_result._first_scored, first_result._first_look):  # pyright: ignore[reportPrivateUsage]
            made.cache_clear()  # a Space that wakes up has restored nothing
        with served(service) as address:
            yield address


def test_a_portfolio_page_shows_the_app_which_says_that_it_wakes_up_and_restores_an_example(framed, pace):
    pace.seconds = 5
    frame = framed()
    frame.locator("#render-status", has_text="Waking up").wait_for()
    pace.seconds = 0
    frame.locator("#render-slider img").first.wait_for()
    old = source_of_result(frame, "render")
    frame.get_by_label("Thumbnail 2 of 2").first.click()
    wait_for_new(frame, old, "render")


def test_on_a_space_the_page_looks_as_it_does_elsewhere(visit, address):
    page = visit()
    page.locator("#try-scores table").wait_for()
    assert page.locator("#try-stop").is_hidden()  # or it lies over the picture for good
    assert page.locator("#try-divider input[type=range]").is_visible()
    won = page.locator("#try-status .won").evaluate("element => getComputedStyle(element).color")
    assert re.findall(r"\d+", won) == ["20", "112", "76"]  # --better
    headers = page.request.get(address).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" not in headers
