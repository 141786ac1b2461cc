"""Strength is a blend: the page mixes while it is moved, and the exact picture follows."""

import io
import re

import pytest

from enhancer.imaging.provenance import read_record
from tests.browser.visitor import IN_A_BROWSER, source_of_result, wait_for_new

pytestmark = IN_A_BROWSER
STRENGTH = "[role=tabpanel]:has(#try-slider) .strength input"
OPACITY = "() => getComputedStyle(document.querySelector('#try-slider img.fixed')).opacity"
SHOWN = "() => document.querySelector('#try-slider').closest('[role=tabpanel]').dataset.shown"
MOVE = """(range, value) => {
  range.value = value;
  range.dispatchEvent(new Event("input", { bubbles: true }));
}"""
RELEASE = """(range) => range.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }))"""
A_MOMENT = 200  # ms


def record_of_result(page):
    return read_record(io.BytesIO(page.request.get(source_of_result(page)).body()))


def open_settings(page):
    """Open the settings of the restoration, and return the strength's slider."""
    page.locator("#try-scores table").wait_for()
    page.get_by_role("button", name=re.compile("^Restoration")).locator("visible=true").click()
    slider = page.locator(f"{STRENGTH}[type=range]").first
    slider.wait_for()
    return slider


def set_until_it_stays(page, act, value):
    """Set the strength. The page sets it once more itself, some moments after the settings are opened."""
    number = page.locator(f"{STRENGTH}[type=number]").first
    for _ in range(100):
        act()
        page.wait_for_timeout(A_MOMENT)
        if number.input_value() == value:
            return
    raise AssertionError(f"the strength is {number.input_value()}, not {value}")


def test_strength_mixes_at_once_and_the_file_follows_on_release(visit, pace):
    page = visit()
    slider = open_settings(page)
    old, before = source_of_result(page), pace.calls
    set_until_it_stays(page, lambda: slider.evaluate(MOVE, 0.4), "0.4")
    assert page.evaluate(OPACITY) == "0.4"
    assert source_of_result(page) == old
    assert pace.calls == before  # nothing runs while it is moved
    assert page.locator("#try-status").is_hidden()  # its scores are of another strength
    slider.evaluate(RELEASE)
    wait_for_new(page, old)
    page.wait_for_function(f"() => ({SHOWN})() == 'all' && ({OPACITY})() == '1'")
    assert record_of_result(page).strength == 0.4
    assert page.locator("#try-status").is_visible()
    slider.evaluate(MOVE, 0.8)  # more than what is shown was made with: mixed from the full one, which was there
    assert source_of_result(page) == f"{old}#borrowed"
    assert page.evaluate(OPACITY) == "0.8"
    weak = page.locator("#try-slider img.fixed").evaluate("it => it.dataset.own")
    slider.evaluate(RELEASE)
    page.wait_for_function(f"() => ({SHOWN})() == 'all' && ({OPACITY})() == '1'")
    assert source_of_result(page) not in (old, weak)
    assert record_of_result(page).strength == 0.8
    for back in (0.3, 1, 0.6, 1):  # the file of 1 is the one that was mixed from
        slider.evaluate(MOVE, back)
        slider.evaluate(RELEASE)
        page.wait_for_function(
            f"back => ({SHOWN})() == 'all' && document.querySelector('#try-views .views').dataset.strength == back",
            arg=back,
        )
        page.wait_for_timeout(A_MOMENT)
        assert record_of_result(page).strength == back


def test_strength_by_keyboard_is_followed_too(visit):
    page = visit()
    slider = open_settings(page)
    old = source_of_result(page)
    slider.focus()
    set_until_it_stays(page, lambda: page.keyboard.press("Home"), "0")
    wait_for_new(page, old)
    page.wait_for_function("() => document.querySelector('#try-views .views')?.dataset.strength == 0")
    assert record_of_result(page).strength == 0


def test_strength_given_as_a_number_is_followed_at_enter_and_set_back_by_its_button(visit):
    page = visit()
    open_settings(page)
    number = page.locator(f"{STRENGTH}[type=number]").first
    set_until_it_stays(page, lambda: number.fill("0.3"), "0.3")
    number.press("Enter")
    page.wait_for_function("() => document.querySelector('#try-views .views')?.dataset.strength == 0.3")
    page.locator("[role=tabpanel]:has(#try-slider) .strength [data-testid=reset-button]").click()
    page.wait_for_function("() => document.querySelector('#try-views .views')?.dataset.strength == 1")
    page.wait_for_function(f"() => ({SHOWN})() == 'all' && ({OPACITY})() == '1'")
    assert page.locator(".brought").count() == 0


@pytest.mark.parametrize("where", ["start", "center"])
@pytest.mark.parametrize(
    "size", [(1280, 800), (1280, 500), (390, 844), (844, 390)], ids=["desktop", "low", "phone", "phone on its side"]
)
def test_the_picture_is_in_sight_while_the_strength_is_moved(visit, size, where):
    page = visit(viewport=dict(zip(("width", "height"), size, strict=True)))
    slider = open_settings(page)
    slider.evaluate("(it, where) => it.scrollIntoView({ block: where })", where)
    set_until_it_stays(page, lambda: slider.evaluate(MOVE, 0.4), "0.4")
    picture, moved = page.locator("#try-slider").bounding_box(), slider.bounding_box()
    assert -1 <= picture["y"] < picture["y"] + picture["height"] <= size[1] + 1
    assert picture["height"] >= 100
    # beside the slider, above it or below it
    apart = moved["x"] + moved["width"] <= picture["x"], picture["y"] + picture["height"] <= moved["y"] + 1
    assert any((*apart, moved["y"] + moved["height"] <= picture["y"] + 1))
    slider.evaluate(RELEASE)
    page.wait_for_function(f"() => ({SHOWN})() == 'all'")
    assert page.locator(".brought").count() == 0
