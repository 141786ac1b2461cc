"""What a visitor does, in a real browser: choose, drop, restore, read messages, without a mouse, in the dark, on a phone."""

import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from enhancer.imaging.io import MIN_SIDE, read_image
from enhancer.imaging.provenance import Record, png_bytes, read_record
from page.backend import RENDERS
from tests.browser.visitor import IN_A_BROWSER, clear, drag, drop, source_of_result, toast, wait_for_new
from tests.stand_ins import encoded

pytestmark = IN_A_BROWSER


def test_a_visitor_finds_a_result_without_scrolling(visit):
    page = visit()
    page.locator("#try-status", has_text="<stand-in> (0123456)").wait_for()
    for spot in ("#try-slider", "#try-restore", "#try-picture", "#try-divider", "#try-examples"):
        box = page.locator(spot).first.bounding_box()
        assert box["y"] + box["height"] <= 800, spot
    page.locator("#try-scores table").wait_for()  # scores are computed once the picture is shown


def test_an_example_is_restored_by_one_click(visit):
    page = visit()
    old = source_of_result(page)
    page.get_by_label("Thumbnail 3 of 6").first.click()
    wait_for_new(page, old)


def test_other_damage_is_another_picture_and_the_seed_is_shown(visit):
    page = visit()
    old = source_of_result(page)
    page.locator("#try-reroll").click()
    wait_for_new(page, old)
    page.get_by_role("button", name=re.compile("^Degradation")).click()
    assert int(page.get_by_label("Seed").input_value()) > 0


def test_a_seed_that_is_none_is_named_in_the_visitors_language(visit):
    page = visit(locale="de-DE")
    page.get_by_role("button", name="Degradation").click()
    page.locator("#try-remains", has_text="bleiben diese Schritte").wait_for()
    seed = page.get_by_label("Startwert")
    for typed, words in (("-3", "gegeben ist -3"), ("1.5", "gegeben ist 1,5"), ("", "gegeben ist nichts")):
        seed.focus()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(typed) if typed else page.keyboard.press("Backspace")
        page.locator("#try-restore").click()
        toast(page, words)


def test_a_render_is_dropped_restored_and_downloaded_with_its_settings(visit, head, tmp_path):
    page = visit()
    page.get_by_role("tab", name="Splat render").click()
    drop(page, "render", "mine.png", head.image_path.read_bytes())
    page.locator("#render-picture img").wait_for()
    page.locator("#render-restore").click()
    page.locator("#render-slider img").first.wait_for()
    with page.expect_download() as waiting:
        page.locator("#render-slider a[download]").click()
    waiting.value.save_as(tmp_path / "mine.png")
    assert read_record(tmp_path / "mine.png").checkpoint == "<stand-in>"
    np.testing.assert_array_equal(read_image(tmp_path / "mine.png")[..., 3], head.image[..., 3])


def test_a_dropped_result_sets_its_settings(visit, head):
    page = visit()
    drop(page, "try", "ours.png", png_bytes(head.image, Record("pocket", preset="v1", seed=77)))
    toast(page, "tells how it was made")
    page.get_by_role("button", name=re.compile("^Degradation")).click()
    assert page.get_by_label("Seed").input_value() == "77"


def with_size(png, width, height):
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def bad_pictures():
    grey = encoded(Image.new("RGB", (128, 128), "grey"))
    return [
        (b"hello", "not a picture"),
        (encoded(Image.new("RGB", (40, 40))), f"each side must be {MIN_SIDE} to 2048"),
        (encoded(Image.new("L", (3000, 200))), "is 3000x200 pixels"),
        (with_size(grey, 20000, 20000), "far larger than 2048x2048"),
        (grey[: len(grey) // 2], "damaged or cut off"),
        (encoded(Image.new("RGBA", (128, 128))), "fully transparent"),
    ]


def test_a_bad_picture_is_named_in_one_sentence_as_it_is_dropped(visit):
    page = visit()
    for content, words in bad_pictures():
        drop(page, "try", "bad.png", content)
        toast(page, words)
        page.locator("#try-picture img").wait_for(state="detached")
    assert page.locator("#try-slider img").first.is_visible()  # what was there may still be looked at


def test_nothing_and_a_reference_of_another_size_are_named(visit, head):
    page = visit()
    page.get_by_role("tab", name="Splat render").click()
    drop(page, "render", "mine.png", head.image_path.read_bytes())
    clear(page, "render")
    page.locator("#render-picture img").wait_for(state="detached")
    page.locator("#render-restore").click()
    toast(page, "no picture yet")
    drop(page, "render", "mine.png", head.image_path.read_bytes())
    page.locator("#render-picture img").wait_for()
    page.get_by_role("button", name=re.compile("^Scores: give")).click()
    page.locator("#render-reference input[type=file]").wait_for(state="attached")  # the example's is gone
    other = [{"name": "other.png", "mimeType": "image/png", "buffer": encoded(Image.new("RGB", (200, 200), "red"))}]
    page.locator("#render-reference input[type=file]").set_input_files(other)
    page.locator("#render-reference img").wait_for()  # scored with by itself
    toast(page, "reference is 200x200 pixels")


def test_a_german_reads_german(visit):
    page = visit(locale="de-DE")
    page.get_by_role("button", name="Restaurieren").first.wait_for()
    page.get_by_role("tab", name="So funktioniert es").click()
    page.get_by_text("Wozu es dient").wait_for()
    page.get_by_role("tab", name="Stapel").click()
    tiny = encoded(Image.new("RGB", (128, 128), "grey"))
    page.locator("#batch-files input[type=file]").set_input_files(
        [{"name": f"{n}.png", "mimeType": "image/png", "buffer": tiny} for n in range(21)]
    )
    page.get_by_label("20.png").wait_for(state="attached")
    page.locator("#batch-restore").click()
    toast(page, "21 Bilder sind zu viele")
    assert page.locator(".toast-title").first.inner_text() == "Das ging nicht"
    page.get_by_role("tab", name="Splat-Rendering").click()
    drop(page, "render", "bad.png", b"hello")
    toast(page, "Diese Datei ist kein Bild")
    drag(page, "#render-picture", ("notes.txt", b"hello"))
    toast(page, "Diese Art Datei wird hier nicht genommen: notes.txt.")


def test_a_link_opens_the_same_example_with_the_same_settings(visit):
    page = visit("?example=head_03&preset=v1&seed=7&restore_hair=0.5")
    page.get_by_role("button", name=re.compile("^Degradation")).click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('input[type=number]')].some(input => input.value == '7')"
    )
    page.locator("#try-picture img[src*='head_03']").wait_for()
    assert page.locator("#try-examples .selected").count() == 0  # the first example is not what is shown
    page.get_by_role("tab", name="Pictures", exact=True).first.click()
    page.locator("#try-share").click()
    page.wait_for_function(
        "() => document.querySelector('#try-link textarea, #try-link input')?.value"
        ".endsWith('/?example=head_03&preset=v1&seed=7&restore_hair=0.5')"
    )


def test_who_finds_the_queue_full_is_told_so(visit):
    page = visit(locale="de-DE")
    # what the server says then is tested without a browser
    page.route("**/queue/join*", lambda route: route.fulfill(status=503, json={"detail": "Queue is full."}))
    page.locator("#try-restore").click()
    toast(page, "Gerade ist hier viel los")


def test_a_file_over_the_limit_is_refused_with_the_limit(visit, tmp_path):
    page = visit()
    huge = tmp_path / "huge.png"
    huge.write_bytes(bytes(33 * 1024 * 1024))
    page.get_by_role("tab", name="Splat render").click()
    page.locator("#render-picture input[type=file]").set_input_files(huge)
    toast(page, "has 33 MB; at most 32 MB")
    with huge.open("r+b") as file:
        file.truncate(129 * 1024 * 1024)
    page.get_by_role("tab", name="My splat").click()
    page.locator("#splat-file button[aria-label='Clear']").click()
    page.locator("#splat-file input[type=file]").set_input_files(huge)
    toast(page, "maximum allowed size of 128")


COUNT_RULES = """css => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    const count = rules => [...rules].reduce((n, rule) => n + 1 + (rule.cssRules ? count(rule.cssRules) : 0), 0);
    return count(sheet.cssRules);
}"""


def test_no_rule_of_the_style_sheet_is_dropped_for_its_selector(visit, root):
    css = re.sub(r"/\*.*?\*/", "", (root / "app.css").read_text(encoding="utf-8"), flags=re.DOTALL)
    for_others = len(re.findall(r"::-moz-", css))  # Firefox's own
    assert visit().evaluate(COUNT_RULES, css) == css.count("{") - for_others


def test_a_copy_on_ones_own_machine_is_framed_by_nobody_else(framed):
    framed().wait_for_url("chrome-error:**", wait_until="commit")


def test_the_fourteen_steps_can_be_walked_with_a_slider(visit):
    page = visit()
    page.get_by_role("tab", name="Step by step").click()
    page.locator("#try-film .caption", has_text="14. noise").wait_for()
    page.locator("#try-scrubber input[type=range]").press("Home")
    page.locator("#try-film .caption", has_text="1. clean input").wait_for()


def test_all_of_it_works_without_a_mouse(visit):
    page = visit()
    old = source_of_result(page)
    page.locator("#try-restore").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "try-reroll"
    page.keyboard.press("Enter")
    wait_for_new(page, old)
    divider = page.locator("#try-divider input[type=range]")
    handle = page.locator("#try-slider .outer, #try-slider [class*=outer]").first
    before = handle.bounding_box()["x"]
    divider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('#try-slider [class*=outer]').getBoundingClientRect().x > before + 40",
        arg=before,
    )


def test_a_phone_shows_everything_without_sideways_scrolling(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.locator("#try-scores table").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for name in ("Batch", "Compare", "How it works", "Step by step", "Pictures"):  # none behind three dots
        assert page.get_by_role("tab", name=name, exact=True).first.is_visible()
    box = page.locator("#try-slider").bounding_box()
    assert box["y"] + box["height"] <= 844
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-scores table").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_found_by_axe(visit, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(f"?__theme={theme}", color_scheme=theme, reduced_motion="reduce")
    page.locator("#try-scores table").wait_for()
    assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
    found = {"Clean picture": broken(axe, page)}
    for button in page.locator(".settings > button:visible").all():
        button.click()
    for tab in (
        "Close-ups",
        "Difference",
        "Step by step",
        "Pictures",
        "Splat render",
        "Video",
        "My splat",
        "Batch",
        "Compare",
        "How it works",
    ):
        page.get_by_role("tab", name=tab, exact=True).first.click()
        page.get_by_role("tab", name=tab, exact=True, selected=True).first.wait_for()
        if tab in ("Video", "My splat"):
            page.locator("#video-player img" if tab == "Video" else "#splat-view img").first.wait_for()
        if tab == "Compare":
            page.locator("#compare-scores table").wait_for()
        if tab == "Step by step":
            page.locator("#try-film .caption", has_text="14. noise").wait_for()
        found[tab] = broken(axe, page)
    assert {tab: rules for tab, rules in found.items() if rules} == {}


def broken(axe, page):
    violations = axe.run(page).response["violations"]
    return {rule["id"]: [node["html"][:200] for node in rule["nodes"][:3]] for rule in violations}


def test_whoever_wants_no_motion_gets_none(visit):
    page = visit(reduced_motion="reduce")
    lasting = page.evaluate("getComputedStyle(document.querySelector('#try-restore')).transitionDuration")
    assert max(float(part.strip().removesuffix("s")) for part in lasting.split(",")) <= 0.0001


def test_the_page_opens_with_a_render_of_splats_beside_its_ground_truth(visit):
    page = visit(tab="Splat render")
    page.locator("#render-scores table").wait_for()
    page.locator("#render-status", has_text=RENDERS[0].name).wait_for()
    page.get_by_label("Thumbnail 2 of 2").first.click()
    page.locator("#render-status", has_text=RENDERS[1].name).wait_for()
    page.locator("#render-scores table").wait_for()
    assert RENDERS[1].name in page.locator("#render-picture img").get_attribute("src")
