"""What is shown belongs to what is chosen, whatever is clicked meanwhile."""

import io
import re

import numpy as np
import pytest

from enhancer.imaging.io import read_image
from enhancer.imaging.provenance import Record, png_bytes, read_record
from page.backend import HEADS
from tests.browser.visitor import IN_A_BROWSER, clear, drop, source_of_result, toast

pytestmark = IN_A_BROWSER
SHOWN = "kind => document.querySelector(`#${kind}-slider`).closest('[role=tabpanel]').dataset.shown"


def wait_for_all(page, kind="try"):
    page.wait_for_function(f"kind => ({SHOWN})(kind) == 'all'", arg=kind)


def file_of_result(page, kind="try"):
    return page.request.get(source_of_result(page, kind)).body()


def test_of_faces_clicked_quickly_the_last_one_wins(visit, pace):
    page = visit()
    page.locator("#try-scores table").wait_for()
    pace.seconds, before = 3, pace.calls  # longer than the clicks take, on a busy machine too
    for number in (1, 2, 3, 4):
        page.get_by_label(f"Thumbnail {number} of 6").first.click()
    wait_for_all(page)
    page.locator("#try-status", has_text=HEADS[3].name).wait_for()
    assert HEADS[3].name in page.locator("#try-picture img").get_attribute("src")
    shown = read_image(file_of_result(page))
    np.testing.assert_array_equal(shown[..., 3], read_image(HEADS[3])[..., 3])
    page.wait_for_timeout(4500)  # time for one more, if it were still to come
    assert pace.calls - before <= 2  # the one that ran when the others were clicked, and the last
    assert page.locator("#try-status", has_text=HEADS[3].name).is_visible()


def test_other_damage_twice_shows_the_seed_that_it_was_made_with(visit, pace):
    page = visit()
    page.locator("#try-scores table").wait_for()
    page.get_by_role("button", name=re.compile("^Degradation")).click()
    pace.seconds, before = 2, pace.calls
    page.locator("#try-reroll").click()
    page.wait_for_timeout(200)
    page.locator("#try-reroll").click()
    wait_for_all(page)
    seed = int(page.get_by_label("Seed").input_value())
    assert read_record(io.BytesIO(file_of_result(page))).seed == seed
    assert page.locator("#try-status", has_text=f"Seed {seed}").is_visible()
    assert pace.calls - before <= 2


def test_an_old_result_is_marked_at_once_and_until_the_new_one_is_there(visit, pace):
    page = visit()
    page.locator("#try-scores table").wait_for()
    pace.seconds = 1
    page.get_by_label("Thumbnail 2 of 6").first.click()
    assert page.evaluate(SHOWN, "try") == "nothing"
    hidden = "spot => getComputedStyle(document.querySelector(spot)).visibility"
    told = ("#try-status", "#try-scores")
    assert {page.evaluate(hidden, spot) for spot in told} == {"hidden"}
    faint = "() => getComputedStyle(document.querySelector('#try-slider img')).opacity"
    assert page.evaluate(faint) == "0.2"
    wait_for_all(page)
    assert {page.evaluate(hidden, spot) for spot in told} == {"visible"}
    assert page.evaluate(faint) == "1"


def test_beside_a_dropped_picture_no_score_of_another_stands(visit, head):
    page = visit()
    page.locator("#try-scores table").wait_for()
    drop(page, "try", "mine.png", png_bytes(head.image[:256, :256]))
    page.locator("#try-picture img").wait_for()
    assert page.evaluate(SHOWN, "try") == "nothing"
    page.locator("#try-restore").click()
    wait_for_all(page)
    page.locator("#try-status", has_text="mine.png").wait_for()


@pytest.mark.parametrize("moved", ["kind", "seed", "region", "set back"])
def test_a_setting_that_is_moved_leaves_an_earlier_result_until_it_is_asked_for(visit, moved):
    page = visit()
    page.locator("#try-scores table").wait_for()
    spot = "Restoration" if moved in ("region", "set back") else "Degradation"
    page.get_by_role("button", name=re.compile(f"^{spot}")).locator("visible=true").click()
    panel = page.locator("[role=tabpanel]:has(#try-slider)")
    skin = panel.locator(".settings .block:not(.strength)", has_text="Skin").last
    act = {
        "kind": lambda: page.get_by_label("v1", exact=False).first.check(),
        "seed": lambda: page.get_by_label("Seed").fill("7"),
        "region": lambda: skin.locator("input[type=range]").fill("0.5"),
        "set back": lambda: skin.locator("[data-testid=reset-button]").click(),
    }[moved]
    act()
    page.wait_for_function(f"kind => ({SHOWN})(kind) == 'earlier'", arg="try")
    assert page.locator("#try-status").is_visible()
    page.locator("#try-restore").click()
    wait_for_all(page)


def test_a_background_that_is_typed_leaves_an_earlier_result_too(visit):
    page = visit(tab="Splat render")
    page.locator("#render-scores table").wait_for()
    page.get_by_role("button", name=re.compile("^Restoration")).locator("visible=true").click()
    background = page.locator("[role=tabpanel]:has(#render-slider) .background")
    background.locator("button").first.click()
    background.locator("input[type=text]").fill("#3366aa")
    background.locator("input[type=text]").press("Enter")
    page.wait_for_function(f"kind => ({SHOWN})(kind) == 'earlier'", arg="render")
    page.locator("#render-restore").click()
    wait_for_all(page, "render")
    assert read_record(io.BytesIO(file_of_result(page, "render"))).background == "#3366aa"


def test_a_picture_that_is_taken_away_leaves_an_earlier_result(visit, head):
    page = visit()
    for kind, tab in (("try", "Clean picture"), ("render", "Splat render"), ("compare", "Compare")):
        page.get_by_role("tab", name=tab).click()
        where = "a" if kind == "compare" else "picture"
        drop(page, kind, "mine.png", png_bytes(head.image), where)
        page.locator(f"#{kind}-status", has_text="mine.png").wait_for()
        wait_for_all(page, kind)
        clear(page, kind, where)
        page.wait_for_function(
            "kind => document.querySelector(`#${kind}-slider`).closest('[role=tabpanel]').dataset.shown == 'nothing'",
            arg=kind,
        )
        assert page.locator(f"#{kind}-status").is_hidden()


def test_a_ground_truth_is_scored_with_as_soon_as_it_is_there(visit, head):
    page = visit(tab="Splat render")
    drop(page, "render", "mine.png", png_bytes(head.image))
    said = page.locator("#render-status")
    said.get_by_text("mine.png").wait_for()
    wait_for_all(page, "render")
    assert said.get_by_text("PSNR").count() == 0
    page.get_by_role("button", name="Scores: give the ground truth too").click()
    drop(page, "render", "truth.png", png_bytes(head.image * 0.9), where="reference")
    said.get_by_text("PSNR").first.wait_for()
    said.get_by_text("mine.png, scored against truth.png").wait_for()
    clear(page, "render", "reference")
    said.get_by_text("PSNR").first.wait_for(state="detached")
    said.get_by_text("mine.png").wait_for()
    clear(page, "render")
    drop(page, "render", "truth.png", png_bytes(head.image * 0.9), where="reference")
    page.locator("#render-reference img").wait_for()
    clear(page, "render", "reference")
    page.locator("#render-reference img").wait_for(state="detached")
    page.wait_for_timeout(500)
    # who gives the ground truth first need not be told that a picture lacks
    assert page.locator(".toast-body").count() == 0


def test_beside_an_example_its_ground_truth_is_there_to_see_and_to_take_away(visit):
    page = visit(tab="Splat render")
    page.locator("#render-scores table").wait_for()
    page.get_by_role("button", name="Scores: give the ground truth too").click()
    page.locator("#render-reference img").wait_for()
    clear(page, "render", "reference")
    page.locator("#render-scores table").wait_for(state="detached")


def test_after_stop_nothing_that_was_kept_for_later_begins(visit, pace):
    page = visit()
    page.locator("#try-scores table").wait_for()
    pace.seconds = 3
    page.locator("#try-reroll").click()
    page.wait_for_function("() => getComputedStyle(document.querySelector('#try-stop')).opacity == '1'")
    page.locator("#try-reroll").click()
    page.locator("#try-stop").click()
    page.wait_for_timeout(500)
    begun = pace.calls
    page.wait_for_timeout(3500)
    assert pace.calls == begun
    pace.seconds = 0
    page.locator("#try-restore").click()
    wait_for_all(page)


def test_a_link_is_of_the_result_that_is_shown_and_copying_is_said(visit):
    page = visit("?example=head_03&preset=v1&seed=7", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#try-scores table").wait_for()
    page.get_by_role("button", name=re.compile("^Degradation")).click()
    page.get_by_label("Seed").fill("99")  # chosen, not shown
    page.get_by_role("tab", name="Pictures", exact=True).first.click()
    page.locator("#try-share").click()
    toast(page, "Copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith("/?example=head_03&preset=v1&seed=7")


def test_the_steps_are_those_of_the_result_that_is_shown(visit):
    page = visit("?example=head_03&preset=v1&seed=7")
    page.locator("#try-scores table").wait_for()
    page.get_by_label("Thumbnail 1 of 6").first.click()
    wait_for_all(page)
    page.get_by_role("tab", name="Step by step").click()
    page.locator("#try-film .caption", has_text="14. noise").wait_for()
    last = page.request.get(page.locator("#try-film .media-button img").get_attribute("src")).body()
    before = page.request.get(page.locator("#try-slider img").first.get_attribute("src")).body()
    np.testing.assert_array_equal(read_image(last), read_image(before))


def test_a_restored_picture_is_no_clean_one_and_is_offered_to_my_render(visit, head):
    page = visit()
    page.locator("#try-scores table").wait_for()
    assert page.locator("#try-as-render").is_hidden()
    drop(page, "try", "ours.png", png_bytes(head.image, Record("pocket", preset="v1", seed=77)))
    toast(page, "was restored before")
    page.locator("#try-restore").click()
    wait_for_all(page)
    # the drop asked for a restoration, too: of the two, either may be the last
    page.locator("#try-status li", has_text="was restored before").wait_for()
    page.locator("#try-as-render").click()
    page.locator("#render-picture img").wait_for()  # restored there by itself
    page.locator(
        "#render-status li", has_text="was restored before: what is shown is restored a second time"
    ).wait_for()
    page.get_by_role("tab", name="Clean picture").click()
    page.get_by_label("Thumbnail 2 of 6").first.click()
    page.locator("#try-as-render").wait_for(state="hidden")
