"""What fingers, a narrow screen and a screen reader find."""

import re

from tests.browser.visitor import IN_A_BROWSER

pytestmark = IN_A_BROWSER
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# but for radios and boxes, whose labels are pressed
SMALL = """() => [...document.querySelectorAll("button, a, select, input:not([type=radio], [type=checkbox])")]
  .filter((it) => it.getClientRects().length && getComputedStyle(it).visibility != "hidden")
  .filter((it) => !it.closest("p, .visually-hidden"))  // a link in a sentence; what gradio measures tabs by
  .map((it) => [it.outerHTML.slice(0, 200), it.getBoundingClientRect()])
  .filter(([, box]) => box.width < 23.5 || box.height < 23.5)
  .map(([html]) => html)"""
TEXT_SIZE = """(drawing) => drawing.querySelector(".small").getBoundingClientRect().height"""


def test_every_target_on_a_phone_has_24_pixels(visit):
    page = visit(**PHONE)
    page.locator("#try-scores table").wait_for()
    for button in page.locator(".settings > button:visible").all():
        button.click()
    assert page.evaluate(SMALL) == []
    page.get_by_role("tab", name="Splat render").click()
    page.locator("#render-restore").wait_for()
    assert page.evaluate(SMALL) == []


def test_close_ups_fill_a_phone_and_their_words_stand_below(visit):
    page = visit(**PHONE)
    page.locator("#try-scores table").wait_for()
    page.get_by_role("tab", name="Close-ups").click()
    first = page.locator("#try-close-ups .thumbnail-item").first
    first.locator("img").wait_for()
    page.wait_for_function("() => document.querySelector('#try-close-ups img').naturalHeight > 0")
    picture, words = first.locator("img").bounding_box(), first.locator(".caption-label").bounding_box()
    assert picture["width"] > 300
    assert words["y"] >= picture["y"] + picture["height"] - 1


def test_the_drawing_of_the_model_can_be_read_on_a_phone(visit):
    page = visit(**PHONE)
    page.get_by_role("tab", name="How it works").click()
    drawing = page.locator("#about .diagram:visible")
    drawing.wait_for()
    assert drawing.count() == 1
    assert drawing.evaluate(TEXT_SIZE) >= 12  # pixels


def test_an_example_is_told_by_what_it_shows(visit):
    page = visit()
    page.get_by_label("Thumbnail 3 of 6: long black hair across one eye").wait_for()
    german = visit(locale="de-DE")
    german.get_by_label("Vorschaubild 3 von 6: lange schwarze Haare über einem Auge").wait_for()


def test_a_download_is_one_stop_with_a_name(visit):
    page = visit()
    page.locator("#try-scores table").wait_for()
    page.get_by_role("link", name="Download: restored.png").first.wait_for()
    assert page.locator("#try-slider").get_by_role("button", name="Download").count() == 0
    with page.expect_download() as waiting:
        page.locator("#try-slider a.download-link").press("Enter")
    assert waiting.value.suggested_filename == "restored.png"


def test_the_divider_below_follows_the_one_in_the_picture(visit):
    page = visit()
    page.locator("#try-scores table").wait_for()
    divider = page.locator("#try-divider input[type=range]")
    box = page.locator("#try-slider [data-testid=slider]").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] - 100, box["y"] + 40, steps=5)
    page.mouse.up()
    page.wait_for_function("() => Math.abs(document.querySelector('#try-divider input[type=range]').value - 30) < 4")
    divider.focus()
    page.keyboard.press("ArrowRight")
    ring = page.locator("#try-slider .icon-wrap").evaluate("it => getComputedStyle(it).outlineWidth")
    assert ring == "3px"
    at = page.locator("#try-slider [data-testid=slider]").bounding_box()["x"]
    assert at < box["x"] - 60  # it went on from where it was dragged to


def test_german_numbers_have_a_comma(visit):
    page = visit(locale="de-DE")
    page.locator("#try-scores table").wait_for()
    said = page.locator("#try-scores table").inner_text() + page.locator("#try-status").inner_text()
    assert re.search(r"\d,\d", said)
    assert not re.search(r"\d\.\d", said)
