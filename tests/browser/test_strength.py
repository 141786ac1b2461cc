"""Strength is a blend: the page mixes while it is moved, and the exact picture follows."""

import io
import re

from enhancer.imaging.provenance import read_record
from tests.browser.visitor import IN_A_BROWSER, source_of_result, wait_for_new

pytestmark = IN_A_BROWSER
OPACITY = "() => getComputedStyle(document.querySelector('#try-slider img.fixed')).opacity"
SHOWN = "() => document.querySelector('#try-slider').closest('[role=tabpanel]').dataset.shown"
MOVE = """(value) => {
  const range = document.querySelector("[role=tabpanel]:has(#try-slider) .strength input[type=range]");
  range.value = value;
  range.dispatchEvent(new Event("input", { bubbles: true }));
}"""
RELEASE = """() => document.querySelector("[role=tabpanel]:has(#try-slider) .strength input[type=range]").dispatchEvent(new PointerEvent("pointerup", { bubbles: true }))"""


def record_of_result(page):
    return read_record(io.BytesIO(page.request.get(source_of_result(page)).body()))


def test_strength_mixes_at_once_and_the_file_follows_on_release(visit, pace):
    page = visit()
    page.locator("#try-scores table").wait_for()
    page.get_by_role("button", name=re.compile("^Restoration")).locator("visible=true").click()
    page.locator("[role=tabpanel]:has(#try-slider) .strength input[type=range]").first.wait_for()
    old, before = source_of_result(page), pace.calls
    page.evaluate(MOVE, 0.4)
    assert page.evaluate(OPACITY) == "0.4"
    assert source_of_result(page) == old
    assert pace.calls == before  # nothing runs while it is moved
    page.evaluate(RELEASE)
    wait_for_new(page, old)
    page.wait_for_function(f"() => ({SHOWN})() == 'all' && ({OPACITY})() == '1'")
    assert record_of_result(page).strength == 0.4
    page.evaluate(MOVE, 0.8)  # more than what is shown was made with: mixed from the full one, which was there
    assert source_of_result(page) == old
    assert page.evaluate(OPACITY) == "0.8"
    weak = page.locator("#try-slider img.fixed").evaluate("it => it.dataset.own")
    page.evaluate(RELEASE)
    page.wait_for_function(f"() => ({SHOWN})() == 'all' && ({OPACITY})() == '1'")
    assert source_of_result(page) not in (old, weak)
    assert record_of_result(page).strength == 0.8


def test_strength_by_keyboard_is_followed_too(visit):
    page = visit()
    page.locator("#try-scores table").wait_for()
    page.get_by_role("button", name=re.compile("^Restoration")).locator("visible=true").click()
    old = source_of_result(page)
    page.locator("[role=tabpanel]:has(#try-slider) .strength input[type=range]").first.focus()
    number = page.locator("[role=tabpanel]:has(#try-slider) .strength input[type=number]").first
    while number.input_value() != "0":  # not while the page still sets the slider up
        page.keyboard.press("Home")
        page.wait_for_timeout(200)
    wait_for_new(page, old)
    page.wait_for_function("() => document.querySelector('#try-views .views')?.dataset.strength == 0")
    assert record_of_result(page).strength == 0
