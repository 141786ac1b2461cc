"""The pictures of a result are looked at closely, all of them together."""

from enhancer.imaging.provenance import png_bytes
from tests.browser.visitor import IN_A_BROWSER, drop

pytestmark = IN_A_BROWSER
# left, top and width of each picture, from the left and the top of its frame
PLACES = """kind => [...document.querySelectorAll(`#${kind}-slider img, #${kind}-truth img`)].map((it) => {
  const [box, frame] = [it.getBoundingClientRect(), it.parentElement.getBoundingClientRect()];
  return [box.left - frame.left, box.top - frame.top, box.width].map(Math.round);
})"""
# where the restored picture begins, in pixels from the left of its frame, and where the divider stands
CUT = """() => {
  const picture = document.querySelector("#try-slider img.fixed");
  const [box, frame] = [picture.getBoundingClientRect(), picture.parentElement.getBoundingClientRect()];
  const [, cut] = /inset\\(.* ([\\d.]+)%\\)/.exec(getComputedStyle(picture).clipPath);
  const line = document.querySelector("#try-slider [data-testid=slider]").getBoundingClientRect();
  return [box.left + (box.width * cut) / 100 - frame.left, (line.left + line.right) / 2 - frame.left];
}"""


def zoomed(page):
    return page.evaluate(PLACES, "try")


def test_a_picture_of_512_pixels_is_shown_pixel_by_pixel(visit):
    page = visit()
    page.locator("#try-scores table").wait_for()
    assert {width for _, _, width in zoomed(page)[:2]} == {512}


def test_a_button_shows_the_eyes_in_all_pictures_and_another_all_of_it(visit):
    page = visit(viewport={"width": 1920, "height": 900})
    page.locator("#try-scores table").wait_for()
    page.locator("#try-truth img").wait_for()
    page.wait_for_function(f"() => ({PLACES})('try').every(([, , width]) => width == 512)")
    whole = zoomed(page)
    assert len(whole) == 3
    page.locator("[data-view=eyes]:visible").click()
    page.locator("[data-view=eyes][aria-pressed=true]:visible").wait_for()
    first, *others = zoomed(page)
    assert first[2] > 700
    assert others == [first, first]
    begins, line = page.evaluate(CUT)
    assert abs(begins - line) < 2
    page.locator("#try-divider input[type=range]").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"line => ({CUT})()[1] > line + 60", arg=line)
    page.wait_for_function(f"() => {{ const [begins, line] = ({CUT})(); return Math.abs(begins - line) < 2; }}")
    page.locator("[data-view=whole]:visible").click()
    page.locator("[data-view=whole][aria-pressed=true]:visible").wait_for()
    assert zoomed(page) == whole


def test_the_wheel_scrolls_the_page_and_zooms_with_ctrl(visit):
    page = visit(viewport={"width": 1280, "height": 700})
    page.locator("#try-scores table").wait_for()
    whole = zoomed(page)
    box = page.locator("#try-slider").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 200)
    page.mouse.wheel(0, 120)
    page.wait_for_function("() => scrollY > 50")
    assert zoomed(page) == whole
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    page.wait_for_function(f"width => ({PLACES})('try')[0][2] > width", arg=whole[0][2])
    page.keyboard.up("Control")
    left, top, width = zoomed(page)[0]
    page.mouse.down()  # the picture is moved by hand
    page.mouse.move(box["x"] + 120, box["y"] + 190, steps=3)
    page.mouse.up()
    assert zoomed(page)[0] != [left, top, width]
    assert zoomed(page)[0][2] == width


def test_an_example_is_shown_once_and_a_picture_of_ones_own_is_shown(visit, head):
    page = visit()
    page.locator("#try-scores table").wait_for()
    assert page.locator("#try-examples .selected").count() == 1
    assert page.locator("#try-picture img").is_hidden()
    drop(page, "try", "mine.png", png_bytes(head.image[:256, :256]))
    page.locator("#try-examples .selected").wait_for(state="detached")
    page.locator("#try-picture img").wait_for()
