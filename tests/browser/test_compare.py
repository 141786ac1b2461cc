"""Two pictures of one view in a slider, each as it is or restored first."""

import io

import numpy as np

from enhancer.imaging.io import read_image
from enhancer.imaging.provenance import png_bytes, read_record
from page.backend import FINER, RENDERS, TRUTH, beside
from tests.browser.visitor import IN_A_BROWSER, drag, drop, source_of_result, toast, wait_for_new

pytestmark = IN_A_BROWSER


def open_tab(visit, **options):
    page = visit(tab="Splat render", **options)
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-scores table").wait_for()
    return page


def shown_in(page):
    """Return the files to the left and to the right."""
    sources = [image.get_attribute("src") for image in page.locator("#compare-slider img").all()]
    return [page.request.get(source).body() for source in sources]


def test_two_pictures_are_compared_when_the_tab_is_looked_at(visit, pace):
    before = pace.calls
    page = open_tab(visit)
    left, right = shown_in(page)
    np.testing.assert_array_equal(read_image(left), read_image(FINER))
    assert read_record(io.BytesIO(left)) is None
    assert read_record(io.BytesIO(right)).checkpoint == "<stand-in>"
    said = page.locator("#compare-status")
    assert f"A: {FINER.name}, as it is" in said.inner_text()
    assert f"B: {RENDERS[0].name}, restored by <stand-in> (0123456)" in said.inner_text()
    assert said.get_by_text("PSNR").count() == 2
    assert "A → B" in page.locator("#compare-scores caption").inner_text()
    assert [image.get_attribute("alt") for image in page.locator("#compare-slider img").all()] == ["A", "B"]
    page.get_by_role("tab", name="Splat render").click()
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_timeout(1000)
    assert pace.calls - before <= 2  # once, beside what the page begins with


def test_another_checkpoint_is_asked_for_by_a_click(visit):
    page = open_tab(visit)
    old = source_of_result(page, "compare")
    page.locator("#compare-b-by").get_by_label("no", exact=True).check()
    wait_for_new(page, old, "compare")
    _, right = shown_in(page)
    np.testing.assert_array_equal(read_image(right), read_image(RENDERS[0]))


def test_a_restored_file_says_what_restored_it(visit):
    page = open_tab(visit)
    _, restored = shown_in(page)
    page.locator("#compare-b-by").get_by_label("no", exact=True).check()
    drop(page, "compare", "mine.png", restored, where="b")
    page.locator(
        "#compare-status", has_text="B: mine.png, as it is: restored before by <stand-in> (0123456)"
    ).wait_for()


def test_a_picture_alone_is_compared_with_what_is_made_of_it(visit, head):
    page = open_tab(visit)
    drop(page, "compare", "mine.png", png_bytes(head.image[:256, :256]), where="a")
    said = page.locator("#compare-status")
    said.get_by_text("A: mine.png, as it is").wait_for()
    said.get_by_text("B: mine.png, restored by <stand-in>").wait_for()
    assert page.locator("#compare-reference img, #compare-b img").count() == 0  # the examples are gone
    assert said.get_by_text("PSNR").count() == 0


def test_what_cannot_be_read_is_refused_and_taken_away(visit):
    page = open_tab(visit)
    drop(page, "compare", "notes.png", b"no picture", where="b")
    toast(page, "This file is not a picture")
    page.locator("#compare-b img").wait_for(state="detached")
    page.get_by_text("A: 12000", exact=False).wait_for(state="hidden")
    drop(page, "compare", "notes.png", b"no picture", where="reference")
    page.locator("#compare-reference img").wait_for(state="detached")


def test_pictures_of_two_sizes_are_refused_in_words(visit, head):
    page = open_tab(visit)
    drop(page, "compare", "large.png", png_bytes(head.image), where="b")
    page.get_by_text("B: large.png").wait_for()
    drop(page, "compare", "small.png", png_bytes(head.image[:256, :256]), where="a")
    toast(page, "The first picture is 256x256 pixels, the second 512x512.")


def test_a_file_dropped_on_the_second_picture_or_beside_it_goes_there(visit):
    for spot, name in (("#compare-b img", "on.png"), ("#compare-b-by", "beside.png")):
        page = open_tab(visit)
        drag(page, spot, (name, FINER.read_bytes()))
        page.locator("#compare-status", has_text=f"B: {name}").wait_for()
        assert [page.locator(f"#compare-{side} img").count() for side in "ab"] == [0, 1]  # A was an example


def test_of_three_files_dropped_each_picture_has_its_own_and_the_third_is_the_ground_truth(visit):
    page = open_tab(visit)
    truth = beside(RENDERS[0], TRUTH)
    files = zip(("one.png", "two.png", "three.png"), (FINER, RENDERS[0], truth), strict=True)
    drag(page, "#compare-scores", *((name, file.read_bytes()) for name, file in files))
    said = page.locator("#compare-status")
    said.get_by_text("A: one.png, as it is").wait_for()
    said.get_by_text("B: two.png, restored by <stand-in>").wait_for()
    names = [image.get_attribute("src").split("/")[-1] for image in page.locator("#compare-slider img").all()]
    assert names == ["a_one.png", "b_two_restored.png"]
    assert page.locator("#compare-reference img").get_attribute("src").endswith("three.png")
    said.get_by_text("PSNR").first.wait_for()
    assert said.get_by_text("PSNR").count() == 2
