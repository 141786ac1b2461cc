"""Clips and clouds of Gaussians in a browser: restored, played in step by one control, stopped, turned and looked at."""

from fractions import Fraction

import numpy as np
import pytest

from enhancer.imaging.io import composite, to_bytes
from enhancer.video.reading import Frame
from page.clips import EXAMPLE as EXAMPLE_CLIP
from page.clouds import EXAMPLE
from tests.browser.visitor import IN_A_BROWSER, drag, toast, wait_for_work, wait_until_idle

pytestmark = IN_A_BROWSER
pytest.importorskip("av", reason="needs pip install -e '.[video]'")
COUNT = 6
CLOCKS = "() => [...document.querySelectorAll('#{}-player video')].map((video) => video.currentTime)"


@pytest.fixture(scope="module")
def clip(small_head, tmp_path_factory):
    """A small head that moves to the right."""
    from enhancer.video.writing import H264, clip_writer

    path = tmp_path_factory.mktemp("clips") / "mine.mp4"
    rgb = to_bytes(composite(small_head.image))
    with clip_writer(path, rgb.shape[:2], Fraction(1, 5), H264) as put:
        for number in range(COUNT):
            put(Frame(number, np.roll(rgb, 2 * number, 1)))
    return path


@pytest.fixture
def give(visit, clip):
    """Open the tab of clips and put the clip there."""

    def give(**options):
        page = visit(**({"reduced_motion": "reduce"} | options))  # or the clips play by themselves
        page.get_by_role("tab", name="Video", exact=True).click()
        page.locator("#video-player img").first.wait_for()  # the example
        put(page, "video", clip)
        page.locator("#video-status", has_text="128x128").wait_for()
        return page

    return give


def put(page, kind, path):
    page.locator(f"#{kind}-file button[aria-label='Clear'], #{kind}-file button[aria-label='Löschen']").first.click()
    page.locator(f"#{kind}-file input[type=file]").set_input_files(path)


def test_a_clip_or_a_cloud_dropped_anywhere_in_its_tab_takes_the_examples_place(visit, clip):
    page = visit(reduced_motion="reduce")
    page.get_by_role("tab", name="Video", exact=True).click()
    page.locator("#video-player img").first.wait_for()
    drag(page, "#video-player", ("mine.mp4", clip.read_bytes()))
    page.locator("#video-status", has_text="128x128").wait_for()
    page.get_by_role("tab", name="My splat", exact=True).click()
    view = page.locator("#splat-view img")
    view.wait_for()
    old = view.get_attribute("src")
    drag(page, "#splat-turntable", ("mine.ply", EXAMPLE.read_bytes()))
    page.locator("#splat-file", has_text="mine").wait_for()
    # as it is framed at first
    page.wait_for_function("old => (document.querySelector('#splat-view img')?.src ?? old) != old", arg=old)
    page.get_by_role("tab", name="How it works").click()
    page.locator("#about").first.wait_for()
    drag(page, "#about", ("mine.mp4", b""), places=0)  # refused: the browser does not leave the page for it


def in_step(page, kind="video"):
    """Wait until both clips stand at the same, later place."""
    page.wait_for_function(
        f"() => {{ const [one, other] = ({CLOCKS.format(kind)})(); return one > 0.5 && Math.abs(one - other) < 0.01 }}"
    )


def test_a_clip_is_restored_and_both_play_in_step_by_one_control(give):
    page = give()
    page.locator("#video-restore").click()
    page.locator("#video-player video").nth(1).wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('#video-player video')].every((video) => video.readyState > 2)"
    )
    play = page.locator("#video-player button")
    assert play.get_attribute("aria-label") == "Play"
    play.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#video-player button').ariaLabel == 'Pause'")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#video-player button').ariaLabel == 'Play'")
    place = page.locator("#video-player input[type=range]")
    place.focus()
    page.keyboard.press("End")
    in_step(page)
    assert page.locator("#video-player output").inner_text() == f"{COUNT} / {COUNT}"
    page.locator("#video-flicker table").wait_for()
    for button, name in (("mp4", "mine_restored.mp4"), ("master", "mine_frames.zip")):
        with page.expect_download() as waiting:
            page.locator(f"#video-{button}").click()
        assert waiting.value.suggested_filename == name


def test_a_stopped_clip_offers_what_is_done_and_nothing_is_no_clip(give, pace, tmp_path):
    page = give()
    pace.seconds = 1
    page.locator("#video-restore").click()
    page.locator("#video-status", has_text="frame 2 of 6").wait_for()
    page.locator("#video-stop").click()
    page.locator("#video-status", has_text="Stopped. What is done is here.").wait_for()
    assert page.locator("#video-player video").count() == 2
    pace.seconds = 0
    (tmp_path / "no.mp4").write_bytes(b"hello")
    put(page, "video", tmp_path / "no.mp4")
    toast(page, "is no video")


def test_a_clip_that_comes_while_another_is_worked_on_takes_its_place(give, pace):
    page = give()
    pace.seconds = 1
    page.locator("#video-restore").click()
    page.locator("#video-status", has_text="frame 2 of 6").wait_for()
    drag(page, "#video-player", ("example.mp4", EXAMPLE_CLIP.read_bytes()))
    told = page.locator("#video-status", has_text="512x512")
    told.wait_for()
    wait_until_idle(page, pace)
    assert told.count() == 1
    assert page.locator("#video-player img").count() == 1
    assert page.locator("#video-mp4").is_hidden()


def test_what_is_no_clip_and_no_cloud_is_refused_and_taken_away(visit, tmp_path):
    page = visit(reduced_motion="reduce", locale="de-DE")
    for tab, kind, place, file, words in (
        ("Video", "video", "player", "no.mp4", "ist kein Video"),
        ("Mein Splat", "splat", "view", "no.ply", "ist keine Datei mit Gauß-Splats"),
    ):
        page.get_by_role("tab", name=tab, exact=True).click()
        page.locator(f"#{kind}-{place} img").first.wait_for()
        drag(page, f"#{kind}-file", (file, b"hello"))
        toast(page, words)
        page.locator(f"#{kind}-file input[type=file]").wait_for(state="attached")
        page.locator(f"#{kind}-{place}", has_text="Noch kein").wait_for()


def test_a_good_cloud_stays_though_it_cannot_be_seen_as_the_controls_say(visit):
    page = visit()
    page.get_by_role("tab", name="My splat", exact=True).click()
    page.locator("#splat-view img").wait_for()
    page.get_by_role("button", name="How the file is read").click()
    for part in ("up", "front"):
        page.locator(f"#splat-{part} input").click()
        page.get_by_role("option", name="x", exact=True).last.click()
    said = page.locator("#splat-view", has_text="Up and front are the same direction")  # no other view in its place
    said.wait_for()
    drag(page, "#splat-file", ("mine.ply", EXAMPLE.read_bytes()))
    page.locator("#splat-file", has_text="mine").wait_for()
    page.wait_for_timeout(1000)
    assert said.count() == 1
    assert page.locator(".toast-body").count() == 0
    assert page.locator("#splat-file", has_text="mine").count() == 1
    page.locator("#splat-front input").click()
    page.get_by_role("option", name="y", exact=True).last.click()
    page.locator("#splat-view img").wait_for()


def test_a_view_follows_a_slider_that_is_set_back_or_given_a_number(visit):
    page = visit()
    page.get_by_role("tab", name="My splat", exact=True).click()
    view = page.locator("#splat-view img")
    view.wait_for()
    front, turn = view.get_attribute("src"), page.locator("#splat-yaw input[type=number]")
    shown = "(src) => document.querySelector('#splat-view img').src {} src"
    turn.fill("500")  # no such turn
    turn.press("Enter")
    page.wait_for_function(shown.format("!="), arg=front)
    back = view.get_attribute("src")
    assert turn.input_value() == "180"
    turn.fill("")
    page.locator("#splat-pitch input[type=number]").focus()
    assert turn.input_value() == "180"
    page.wait_for_timeout(500)
    assert view.get_attribute("src") == back
    page.locator("#splat-yaw [data-testid=reset-button]").click()
    page.wait_for_function(shown.format("=="), arg=front)
    assert page.locator(".toast-body").count() == 0


def test_what_waits_for_its_turn_can_be_stopped_and_asked_for_again(give, pace):
    page = give()
    pace.seconds = 2
    page.locator("#video-restore").click()
    page.locator("#video-status", has_text="frame 1 of 6").wait_for()
    page.locator("#video-restore").click()  # anew
    page.locator("#video-status", has_text="Waiting for its turn.").wait_for()
    page.locator("#video-stop").click()
    page.locator("#video-status", has_text="Stopped.").wait_for()
    wait_until_idle(page, pace)
    assert page.locator("#video-status").inner_text() == "Stopped."
    page.locator("#video-restore").click()
    page.locator("#video-player video").nth(1).wait_for()


def test_a_turntable_and_a_restored_view_make_room_for_another_cloud(visit, pace):
    page = visit(reduced_motion="reduce")
    page.get_by_role("tab", name="My splat", exact=True).click()
    view = page.locator("#splat-view img")
    view.wait_for()
    page.locator("#splat-frames input[type=range]").fill("8")
    pace.seconds = 4
    page.locator("#splat-turn").click()
    page.locator("#splat-status", has_text="Restoring: frame 1 of 8").wait_for()
    page.locator("#splat-restore").click()
    wait_for_work(page, pace, 2)
    drag(page, "#splat-view", ("mine.ply", EXAMPLE.read_bytes()))
    page.locator("#splat-player", has_text="No turntable yet").wait_for()
    wait_until_idle(page, pace)
    assert page.locator("#splat-player", has_text="No turntable yet").count() == 1
    assert page.locator("#splat-status").inner_text() == ""
    assert view.is_visible()
    assert "Restored in" not in page.locator("#splat-about").inner_text()


def test_a_cloud_is_turned_by_hand_and_by_keys_and_what_is_seen_is_restored(visit):
    page = visit()
    page.get_by_role("tab", name="My splat", exact=True).click()
    view = page.locator("#splat-view img")
    view.wait_for()

    def wait_for_another(old):
        page.wait_for_function("old => document.querySelector('#splat-view img').src != old", arg=old)

    old = view.get_attribute("src")
    box = view.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=3)
    page.mouse.up()
    wait_for_another(old)
    turn = page.locator("#splat-yaw input[type=range]")
    assert turn.input_value() == "-30"
    old = view.get_attribute("src")
    turn.focus()
    page.keyboard.press("ArrowRight")
    wait_for_another(old)
    below = page.locator("#splat-turntable").bounding_box()["y"]
    page.locator("#splat-restore").click()
    page.locator("#splat-slider img").nth(1).wait_for()
    page.locator("#splat-about", has_text="<stand-in>").wait_for()
    assert abs(page.locator("#splat-turntable").bounding_box()["y"] - below) <= 1  # nothing moved
    turn.focus()
    page.keyboard.press("ArrowRight")
    view.wait_for()  # another view has not been restored


def test_a_turntable_is_made_of_what_is_seen(visit):
    page = visit(reduced_motion="reduce", locale="de-DE")
    page.get_by_role("tab", name="Mein Splat", exact=True).click()
    page.locator("#splat-view img").wait_for()
    page.locator("#splat-frames input[type=range]").fill("8")
    page.locator("#splat-turn").click()
    page.locator("#splat-player video").nth(1).wait_for()
    page.locator("#splat-status", has_text="8 Einzelbilder").wait_for()
    page.locator("#splat-master", has_text="ProRes 4444").wait_for()
