"""What takes its time on the page: several pictures at once, and stopping."""

import re
import zipfile

import pytest

from enhancer.imaging.provenance import png_bytes
from tests.browser.visitor import IN_A_BROWSER, drag, source_of_result, toast, wait_for_new

pytestmark = IN_A_BROWSER


def give_batch(page, files):
    page.get_by_role("tab", name="Batch").click()
    give(page, "files", files)


def give(page, kind, files):
    page.locator(f"#batch-{kind} input[type=file]").set_input_files(
        [{"name": name, "mimeType": "image/png", "buffer": content} for name, content in files]
    )


def test_several_pictures_become_a_zip_and_bad_ones_are_named(visit, head):
    page = visit()
    page.get_by_role("tab", name="Batch").click()
    page.locator("#batch-restore").click()
    toast(page, "no pictures yet")
    give_batch(page, [("good.png", head.image_path.read_bytes()), ("bad.png", b"hello")])
    page.locator("#batch-files", has_text="5.0 B").wait_for()
    page.locator("#batch-restore").click()
    page.locator("#batch-table", has_text="not a picture").wait_for()
    page.locator("#batch-slider img").first.wait_for()
    with page.expect_download() as waiting:
        page.locator("#batch-zip").click()
    assert waiting.value.suggested_filename == "splat-enhancer.zip"


def test_a_row_of_a_batch_is_looked_at_before_and_after(visit, head):
    page = visit()
    give_batch(page, [(f"{n}.png", head.image_path.read_bytes()) for n in range(2)])
    page.get_by_label("1.png").wait_for(state="attached")
    page.locator("#batch-restore").click()
    page.locator("#batch-zip").wait_for()
    page.locator("#batch-shown", has_text="0.png").wait_for()
    page.get_by_role("button", name="1.png: Input and restored").press("Enter")
    page.locator("#batch-shown", has_text="1.png").wait_for()
    page.locator("#batch-slider a[download='1.png'], #batch-slider a[download*='1']").first.wait_for(state="attached")
    page.wait_for_function("() => document.querySelectorAll('#batch-slider img').length == 2")


def test_renders_of_a_batch_are_scored_against_clean_pictures_of_the_same_names(visit, head):
    page = visit(locale="de-DE", viewport={"width": 390, "height": 844}, color_scheme="dark")
    content = head.image_path.read_bytes()
    page.get_by_role("tab", name="Stapel").click()
    give(page, "files", [("a.png", content), ("b.png", content), ("bad.png", b"hello"), ("c.png", content)])
    page.get_by_role("button", name="Bewertung: die sauberen Bilder dazugeben").click()
    give(page, "references", [("a.png", content), ("b_reference.png", content), ("d.png", content)])
    page.get_by_label("d.png", exact=True).wait_for(state="attached")
    page.locator("#batch-restore").click()
    page.locator("#batch-zip").wait_for()
    rows = page.locator("#batch-table tbody tr")
    assert rows.count() == 4
    assert "Nicht restauriert." in rows.nth(2).inner_text()
    assert "Kein sauberes Bild heißt c" in rows.nth(3).inner_text()
    assert "2 von 4" in page.locator("#batch-table tfoot").inner_text()
    page.locator("#batch-table", has_text="zu denen kein Rendering gehört: d.png").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    table = page.locator("#batch-table")
    assert table.evaluate("table => table.scrollWidth <= table.clientWidth")  # both scores are in sight
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # gradio's own button for more files, once there are some, holds a second one
    options = {"rules": {"nested-interactive": {"enabled": False}}}
    assert [rule["id"] for rule in axe.run(page, options=options).response["violations"]] == []


def test_what_a_batch_shows_is_earlier_once_other_files_are_chosen_and_it_may_be_asked_for_meanwhile(visit, head, pace):
    page = visit()
    page.get_by_role("tab", name="Batch").click()
    marked = "() => getComputedStyle(document.querySelector('#batch-status p'), '::before').content.includes('Earlier result')"
    content = head.image_path.read_bytes()
    give_batch(page, [(f"{n}.png", content) for n in range(3)])
    page.get_by_label("2.png").wait_for(state="attached")
    pace.seconds = 1
    page.locator("#batch-restore").click()
    page.locator("#batch-status", has_text="1 of 3 done").wait_for()
    assert not page.evaluate(marked)
    drag(page, "#batch-files", ("other.png", content))  # joins them
    page.get_by_label("other.png").wait_for(state="attached")
    page.wait_for_function(marked)
    page.locator("#batch-restore").click()  # the run of the three ends
    pace.seconds = 0
    page.locator("#batch-status", has_text="4 of 4 done").wait_for()
    page.locator("#batch-zip").wait_for()
    assert not page.evaluate(marked)
    page.locator("#batch-degrade input").check()
    page.wait_for_function(marked)


def test_a_stopped_batch_says_so_and_keeps_what_is_done(visit, head, pace):
    page = visit()
    pace.seconds = 0.2
    give_batch(page, [(f"{n}.png", head.image_path.read_bytes()) for n in range(20)])
    page.get_by_label("19.png").wait_for(state="attached")
    page.locator("#batch-restore").click()
    page.locator("#batch-table tbody tr").first.wait_for()
    page.locator("#batch-stop").click()
    page.locator("#batch-status", has_text="Stopped.").wait_for()
    done = page.locator("#batch-table tbody tr").count()
    assert 1 <= done < 20
    page.wait_for_timeout(1500)  # time for several more, if it did not stop
    assert page.locator("#batch-table tbody tr").count() == done
    assert page.locator("#batch-slider img").first.is_visible()
    with page.expect_download() as waiting:
        page.locator("#batch-zip").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert len(archive.namelist()) == done + 2
    page.locator("#batch-restore").click()
    page.locator("#batch-zip").wait_for(state="hidden")  # that of the run before does not belong to this one
    page.locator("#batch-stop").click()
    page.locator("#batch-status", has_text="Stopped.").wait_for()


def test_a_restoration_that_takes_its_time_can_be_stopped(visit, pace):
    page = visit()
    page.locator("#try-scores table").wait_for()
    old, below = source_of_result(page), page.locator("#try-status").bounding_box()["y"]
    stop = page.locator("#try-stop")
    assert stop.is_hidden()
    pace.seconds = 20
    page.locator("#try-reroll").click()
    page.wait_for_function("() => getComputedStyle(document.querySelector('#try-stop')).opacity == '1'")
    assert page.locator("#try-status").bounding_box()["y"] == below  # nothing moved for the button
    stop.click()
    stop.wait_for(state="hidden")
    assert source_of_result(page) == old
    page.locator("#try-stopped", has_text="Stopped.").wait_for()
    assert page.locator("#try-status").is_visible()  # of the picture that is still shown
    pace.seconds = 0
    page.locator("#try-restore").click()
    wait_for_new(page, old)
    assert page.locator("#try-stopped", has_text="Stopped.").count() == 0


def test_no_guess_of_gradios_stands_beside_the_time(visit, pace):
    page = visit(locale="de-DE")
    page.locator("#try-scores table").wait_for()
    pace.seconds = 2
    for _ in range(2):  # the second time gradio has a guess: how long the first took
        old = source_of_result(page)
        page.locator("#try-reroll").click()
        page.locator("#try-slider .progress-text", has_text=re.compile(r"läuft \|\s+\d+\.\d+s\s*$")).wait_for()
        wait_for_new(page, old)


def test_a_file_dropped_anywhere_in_the_tab_is_restored_by_itself(visit, head):
    page = visit()
    page.locator("#try-scores table").wait_for()
    content = png_bytes(head.image[:256, :256])
    drag(page, "#try-slider", ("dropped.png", content))
    page.locator("#try-status", has_text="dropped.png").wait_for()
    page.locator("#try-picture img").wait_for()
    assert page.locator("#try-examples .selected").count() == 0  # that is not what is shown
    page.get_by_label("Thumbnail 1 of 6").first.click()
    page.locator("#try-status", has_text="head_01").wait_for()
    assert page.locator("#try-examples .selected").count() == 1
    page.get_by_role("tab", name="Batch").click()
    for name in ("one.png", "two.png"):  # the second joins the first
        drag(page, "#batch-restore", (name, content))
        page.get_by_label(name).wait_for(state="attached")
    page.get_by_role("tab", name="Splat render").click()
    page.locator("#render-restore").wait_for()
    drag(page, "#render-scores", ("dropped.png", content))
    page.locator("#render-status", has_text="dropped.png").wait_for()
