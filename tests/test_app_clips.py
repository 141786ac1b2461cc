"""Clips and clouds of Gaussians on the page and in its API, without a browser, on a stand-in service."""

import gc
import inspect
import json
import pickle
import warnings
import zipfile
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import fastapi
import gradio as gr
import numpy as np
import pytest
from starlette.testclient import TestClient

from enhancer.errors import EnhancerError, SettingsError
from enhancer.imaging.io import composite, read_image, to_bytes
from enhancer.parts import Restorer
from enhancer.service import Service
from enhancer.splats import orbit
from enhancer.video.reading import Frame, open_clip
from enhancer.video.writing import H264, PRORES, clip_writer
from page import backend, clips, limits
from page.clip_work import LatestRun
from page.clips import Taken, Working, gpu_seconds, restore_clip, restore_frames, take
from page.clouds import EXAMPLE as HEAD
from page.clouds import Given, Turn, View, opened, rendered, turned
from page.events import OVERTAKEN, sent_once
from page.i18n.translate import said_in
from page.player import about, progress
from page.splat_tab import LatestView, SplatTab
from page.video_tab import VideoTab
from tests.stand_ins import KnownParser, PlainScorer, brighten, import_app

pytest.importorskip("av", reason="needs pip install -e '.[video]'")
app = import_app()

pytestmark = [
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
COUNT = 8


@pytest.fixture(scope="module")
def service(small_head):
    return Service(KnownParser(small_head.labels), Restorer(brighten, "<bright>", "abcdef01"), PlainScorer())


@pytest.fixture(autouse=True)
def _stand_in(service, monkeypatch):
    monkeypatch.setattr(backend, "service", lambda checkpoint=None: service)


@pytest.fixture(scope="module")
def tabs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with gr.Blocks(analytics_enabled=False), gr.Tabs():
            with gr.Tab() as video:
                clip_tab = VideoTab(video)
            with gr.Tab() as splat:
                cloud_tab = SplatTab(splat)
        gc.collect()
    return SimpleNamespace(video=clip_tab, splat=cloud_tab)


@pytest.fixture(scope="module")
def clip(small_head, tmp_path_factory):
    """Eight frames of a head that moves to the right, five a second."""
    rgb = to_bytes(composite(small_head.image))
    path = tmp_path_factory.mktemp("clips") / "a <b> head.mp4"
    write(path, [np.roll(rgb, 2 * t, 1) for t in range(COUNT)], Fraction(1, 5))
    return path


def write(path, pictures, time_base, codec=H264):
    with clip_writer(path, pictures[0].shape[:2], time_base, codec) as put:
        for number, picture in enumerate(pictures):
            put(Frame(number, picture))


def asked_in(language):
    return SimpleNamespace(headers={"accept-language": language}, query_params={})


def made_of(taken, folder, steady=1.0, stopped=lambda: False):
    steps = list(restore_clip(taken, folder / "scratch", folder / "home", "it", steady, stopped))
    return steps, steps[-1]


# --- how much of a clip is taken -------------------------------------------------------------------------------------


def test_a_short_clip_is_taken_whole(clip):
    taken = take(clip, "it")
    assert (taken.frames, taken.size, taken.notes) == (COUNT, (128, 128), ())
    assert taken.seconds == pytest.approx(COUNT / 5)
    assert len(list(taken.clip().frames())) == COUNT


def test_a_long_clip_is_cut_and_says_so_before_the_work(clip, monkeypatch):
    monkeypatch.setattr(clips, "LONGEST_CLIP", 1)
    taken = take(clip, "it")
    assert taken.frames == len(list(taken.clip().frames())) == 5
    assert "lasts 1.6 s. The first 1.0 s are taken" in about(taken, said_in("en"))
    assert "Genommen werden die ersten 1,0 s" in about(taken, said_in("de"))


def test_of_large_frames_fewer_are_taken(clip, monkeypatch):
    monkeypatch.setattr(clips, "MOST_OF_A_CLIP", 3 * 128 * 128)
    assert take(clip, "it").frames == 3


def test_a_clip_asks_for_no_more_of_a_lent_gpu_than_it_may(clip, monkeypatch):
    monkeypatch.setattr(backend, "ON_ZERO_GPU", True)
    monkeypatch.setattr(clips, "GPU_SECONDS_PER_PIXEL", 20 / 128**2)
    taken = take(clip, "it")
    assert taken.frames == 4
    assert gpu_seconds(taken) <= clips.MOST_GPU_SECONDS
    assert f"{gpu_seconds(taken)} s of a GPU" in about(taken, said_in("en"))
    assert gpu_seconds(taken) > gpu_seconds(Taken(clip, (128, 128), 1, 0.2))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"hello", "is no video"), (b"", "is no video"), (None, "no file"), (b"\0" * 2**21, "has 2 MB")],
)
def test_what_is_no_clip_gets_one_sentence(content, words, tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "LARGEST_UPLOAD", 1)
    path = tmp_path / "x.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EnhancerError, match=words):
        take(path, "it")


def test_a_clip_larger_than_the_page_takes_is_refused(clip, monkeypatch):
    monkeypatch.setattr(clips, "LARGEST_SIDE", 100)
    with pytest.raises(EnhancerError, match="128x128 pixels; here at most 100"):
        take(clip, "it")


# --- the work --------------------------------------------------------------------------------------------------------


def test_before_and_after_have_the_same_frames_at_the_same_times(clip, tmp_path):
    steps, made = made_of(take(clip, "it"), tmp_path)
    assert [step.done for step in steps if isinstance(step, Working) and step.stage == "Restoring"] == [
        *range(COUNT + 1)
    ]
    before, after = (list(open_clip(path).frames()) for path in (made.before, made.after))
    assert [frame.pts for frame in before] == [frame.pts for frame in after]
    darker, brighter = (np.mean([frame.picture.mean() for frame in frames]) for frames in (before, after))
    assert brighter - darker > 10
    with zipfile.ZipFile(made.master) as archive:
        assert archive.namelist() == [f"it_{number:04d}.png" for number in range(COUNT)]
    assert all(value is not None for value in made.flicker)
    assert made.strips[0].shape == (128, COUNT, 3)


def test_a_stopped_clip_keeps_what_is_finished(clip, tmp_path):
    asked = iter([False, False, True])
    _, made = made_of(take(clip, "it"), tmp_path, stopped=lambda: next(asked))
    assert made.frames == 3
    assert len(list(open_clip(made.after).frames())) == len(list(open_clip(made.before).frames())) == 3


def test_the_master_of_a_transparent_clip_is_transparent(small_head, tmp_path):
    path = tmp_path / "clear.mov"
    write(path, [to_bytes(small_head.image)] * 3, Fraction(1, 5), PRORES)
    _, made = made_of(take(path, "it"), tmp_path)
    assert made.master.suffix == ".mov"
    alpha = next(iter(open_clip(made.master).frames())).picture[..., 3]
    assert np.abs(alpha.astype(int) - to_bytes(small_head.image)[..., 3]).max() <= 2  # written twice


@pytest.mark.parametrize("steady", [-0.1, 1.5, "much", True, None])
def test_a_steadiness_that_is_none_gets_one_sentence(clip, tmp_path, steady):
    with pytest.raises(SettingsError, match="must lie in 0 to 1"):
        next(restore_clip(take(clip, "it"), tmp_path, tmp_path, "it", steady))


def test_what_goes_to_a_lent_gpu_and_comes_back_can_be_pickled(clip, tmp_path):
    taken = take(clip, "it")
    assert pickle.loads(pickle.dumps(taken)) == taken
    frame = next(restore_frames(pickle.loads(pickle.dumps(taken)), tmp_path, 1.0))
    again = pickle.loads(pickle.dumps(frame))
    assert (again.pts, again.flicker, again.notes) == (frame.pts, frame.flicker, frame.notes)


def test_time_left_is_told_once_it_is_known():
    assert "still" not in progress(Working("Restoring", 1, 50), said_in("en"))
    assert "Restoring: frame 2 of 50 · still 40 s" in progress(Working("Restoring", 2, 50, 38.6), said_in("en"))
    assert "Restaurieren: Einzelbild 2 von 50 · noch 3 min" in progress(
        Working("Restoring", 2, 50, 170.0), said_in("de")
    )


# --- the tab of clips ------------------------------------------------------------------------------------------------


def asked_for(path):
    latest = LatestRun()
    latest.ask(str(path))
    return latest


def test_a_visitor_sees_frames_while_it_works_then_both_clips(tabs, clip):
    tab, latest = tabs.video, asked_for(clip)
    shown = list(tab.run(str(clip), 1.0, latest, asked_in("en")))
    outcome = tab.outcome
    assert any("<img" in step.get(outcome.player, "") for step in shown)
    last = shown[-1]
    assert last[outcome.player].count("<video") == 2
    assert "&lt;b&gt;" not in last[outcome.player]
    assert "<b>" not in last[outcome.player]
    assert "<table" in last[outcome.flicker]
    for path in (last[outcome.file], last[outcome.master]["value"], last[outcome.kept]):
        assert Path(path).is_file()
    assert "PNG" in last[outcome.master]["label"]


def test_stop_ends_the_run_and_offers_what_is_done(tabs, clip):
    tab, latest = tabs.video, asked_for(clip)
    shown = []
    for step in tab.run(str(clip), 0.0, latest, asked_in("de")):
        shown.append(step)
        if "2 von 8" in str(step.get(tab.outcome.status)):
            latest.run.stop()
    assert "Angehalten. Was fertig ist, ist hier." in shown[-1][tab.outcome.status]
    assert Path(shown[-1][tab.outcome.file]).is_file()


def test_a_run_whose_clip_was_changed_shows_nothing_more(tabs, clip):
    tab, latest = tabs.video, asked_for(clip)
    run = tab.run(str(clip), 0.0, latest, asked_in("en"))
    next(run)
    tab.opened(None, latest, asked_in("en"))
    assert list(run) == []
    waiting = tab.run(str(clip), 0.0, latest, asked_in("en"))  # for its turn, while the clip was changed
    assert list(waiting) == []


def test_work_that_is_asked_for_again_is_done_once_and_the_first_shows_nothing_more(tabs, clip):
    tab, latest, asked = tabs.video, LatestRun(), asked_in("en")
    assert "Waiting" in tab.outcome.asked(str(clip), latest, asked)[tab.outcome.status]
    first = tab.run(str(clip), 0.0, latest, asked)
    next(first)
    assert "Waiting" in tab.outcome.asked(str(clip), latest, asked)[tab.outcome.status]
    assert list(first) == []
    assert "<video" in list(tab.run(str(clip), 0.0, latest, asked))[-1][tab.outcome.player]
    assert list(tab.run(str(clip), 0.0, latest, asked)) == []  # of two clicks while it waited, the second


def test_what_is_stopped_while_it_waits_says_so_and_is_not_begun(tabs, clip):
    tab, latest, asked = tabs.video, asked_for(clip), asked_in("de")
    assert "Angehalten." in tab.outcome.stopped(latest, asked)
    assert list(tab.run(str(clip), 0.0, latest, asked)) == []
    assert tab.outcome.stopped(LatestRun(), asked) == gr.skip()


def test_an_opened_clip_shows_its_first_frame_once(tabs, clip):
    tab, latest = tabs.video, LatestRun()
    shown = tab.opened(str(clip), latest, asked_in("en"))
    assert shown[tab.outcome.player].count("<img") == 1
    assert "8 frames · 1.6 s · 128x128" in shown[tab.outcome.status]
    assert tab.outcome.player not in tab.opened(str(clip), latest, asked_in("en"))


def test_without_pyav_the_tab_says_so_in_one_sentence(monkeypatch):
    import page.splat_tab
    import page.video_tab

    for module in (page.video_tab, page.splat_tab):
        monkeypatch.setattr(module, "CAN_READ_CLIPS", False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab() as tab:
            VideoTab(tab)
            splat = SplatTab(tab)
        gc.collect()
    assert {"video-missing", "splat-missing"} <= {block.elem_id for block in blocks.blocks.values()}
    assert "<img" in splat.look(chosen(splat), asked_in("en"))[splat.view]
    assert "pip install 'av" in said_in("de")("no clips here")


# --- clouds of Gaussians ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene():
    return opened(Given(str(HEAD)), "it")


def chosen(tab, path=str(HEAD), latest=None):
    parts = [*tab.where, tab.up, tab.front, *tab.conventions, tab.left_handed]
    return {part: part.value for part in parts} | {tab.file: path, tab.latest: latest or LatestView()}


def test_a_view_is_where_an_orbit_would_stand(scene):
    around = orbit(scene.file.cloud, 8, size=512, elevation=20).cameras[1]
    np.testing.assert_allclose(scene.camera(View(45, 20)).world_to_camera, around.world_to_camera, atol=1e-4)


def test_zoom_and_height_move_the_window(scene):
    whole, face = (rendered(scene, view)[..., 3].mean() for view in (View(), View(0, 0, 1.7, 0.14)))
    assert face > 1.3 * whole
    low, high = (rendered(scene, View(0, 0, 2, rise))[:256, :, 3].mean() for rise in (-0.2, 0.3))
    assert low > high


@pytest.mark.parametrize("view", [{"yaw": 200}, {"pitch": -90}, {"zoom": 0}, {"rise": "up"}, {"yaw": None}])
def test_a_view_from_nowhere_gets_one_sentence(view):
    with pytest.raises(SettingsError, match=f"The {next(iter(view))} of a view must lie in"):
        View(**view)


def test_a_turntable_swings_or_goes_once_round():
    swing = [view.yaw for view in Turn(View(10), 16, 60).views()]
    assert (swing[0], max(swing), min(swing)) == (10, 40, -20)
    assert [view.yaw for view in Turn(View(), 16).views()][:3] == [0, 22.5, 45]
    for frames, arc in ((3, 90), (16, 5), (1000, 90), (16.5, 90)):
        with pytest.raises(SettingsError, match="8 to 96 pictures"):
            Turn(View(), frames, arc)


def test_a_turntable_is_restored_with_its_known_motion_and_stays_transparent(scene, tmp_path, monkeypatch):
    monkeypatch.setattr("page.clouds.SPLAT_SIZE", 96)
    small = scene._replace(front=scene.camera(View(0, 0, 1.7, 0.14), 96))
    monkeypatch.setattr("page.clouds.rendered", lambda scene, view, size=96: rendered(scene, view, 96))
    monkeypatch.setattr(
        type(scene), "camera", lambda self, view, size=96: self.front.circled(self.distance, view.yaw, 0)
    )
    *steps, taken = turned(small, Turn(View(), 16, 40), tmp_path)
    assert [step.done for step in steps] == [*range(17)]
    assert len(list((tmp_path / "flow").iterdir())) == 15
    _, made = made_of(taken, tmp_path)
    assert (made.frames, made.size, made.master.suffix) == (16, (96, 96), ".mov")
    assert all(np.isfinite(made.flicker))


def test_a_cloud_is_looked_at_and_its_notes_are_told(tabs):
    tab = tabs.splat
    shown = tab.look(chosen(tab), asked_in("de"))
    assert "data:image/jpeg" in shown[tab.view]
    assert "5000 Gauß-Splats · ply" in shown[tab.status]
    assert "Als oben wurde" in shown[tab.status]
    assert tab.view not in tab.look_again(chosen(tab) | {tab.view: shown[tab.view]}, asked_in("de"))


def test_what_is_seen_is_restored(tabs):
    tab, latest = tabs.splat, LatestView()
    tab.ask(chosen(tab, latest=latest))
    *_, shown = tab.restore_view(chosen(tab, latest=latest), asked_in("en"))
    before, after = (read_image(path) for path in shown[tab.slider])
    assert before.shape == after.shape == (512, 512, 4)
    np.testing.assert_array_equal(before[..., 3], after[..., 3])
    assert shown[tab.restored]["visible"]
    assert "&lt;bright&gt;" in shown[tab.status]


def test_what_is_restored_of_a_view_is_not_shown_in_another(tabs, monkeypatch):
    monkeypatch.setattr(backend, "expected_seconds", lambda image: 5.0)
    tab, latest = tabs.splat, LatestView()
    turned = chosen(tab, latest=latest) | {tab.where[0]: 30}
    for here, there in ((chosen(tab, latest=latest), turned), (turned, chosen(tab, None, latest))):
        tab.look(here, asked_in("en"))
        restoring = tab.restore_view(here, asked_in("en"))
        assert tab.slider not in next(restoring)
        tab.look(there, asked_in("en"))
        rest = list(restoring)
        assert not any(tab.slider in shown for shown in rest)
        assert ("turned while it was restored" in str(rest)) == (there[tab.file] is not None)
        assert list(tab.restore_view(here, asked_in("en"))) == []


def test_what_the_controls_say_wrongly_of_a_good_cloud_stands_in_its_place(tabs):
    tab = tabs.splat
    shown = tab.look(chosen(tab) | {tab.up: "x", tab.front: "-x"}, asked_in("de"))
    assert "Oben und vorn" in shown[tab.view]
    assert "<img" not in shown[tab.view]
    kept = tab.refuse(str(HEAD), LatestView(), asked_in("de"))  # after a failure that is none of its fault
    assert kept[tab.file] == gr.skip()


def test_the_turntable_of_a_cloud_makes_room_for_another_cloud(tabs, tmp_path):
    tab, latest = tabs.splat, LatestView()
    tab.look(chosen(tab, latest=latest), asked_in("en"))
    settings = {tab.frames: 8, tab.arc: 30, tab.steady: 0.0}
    latest.ask(str(HEAD))
    run = tab.turn(chosen(tab, latest=latest) | settings, asked_in("en"))
    next(run)
    turned = tab.look(chosen(tab, latest=latest) | {tab.where[0]: 30}, asked_in("en"))
    assert tab.outcome.player not in turned  # of the same cloud it stays
    another = tmp_path / "another.ply"
    another.write_bytes(HEAD.read_bytes())
    shown = tab.look(chosen(tab, str(another), latest), asked_in("en"))
    assert "No turntable yet" in shown[tab.outcome.player]
    assert shown[tab.outcome.status] == ""
    assert list(run) == []


@pytest.mark.parametrize("content", [b"hello", b"", b"ply\nformat ascii 1.0\nend_header\n"])
def test_what_is_no_cloud_gets_one_sentence(tabs, content, tmp_path):
    path = tmp_path / "x.ply"
    path.write_bytes(content)
    with pytest.raises(gr.Error, match=r"This file (is|has) [^.]+\."):
        tabs.splat.look(chosen(tabs.splat, str(path)), asked_in("en"))


def test_a_cloud_that_needs_too_much_memory_is_refused_unread(monkeypatch, tmp_path):
    monkeypatch.setattr("page.clouds.MEMORY_OF_A_CLOUD", 1000)
    path = tmp_path / "head.ply"
    path.write_bytes(HEAD.read_bytes())
    with pytest.raises(EnhancerError, match="memory"):
        opened(Given(str(path)), "it")


def test_every_run_that_the_page_shows_may_be_overtaken():
    works = [
        wired
        for wired in app.demo.fns.values()
        if inspect.isgeneratorfunction(wired.fn) and wired.api_visibility == "private"
    ]
    assert len(works) >= 8
    for wired in works:
        assert wired.fn.__code__ is sent_once(len).__code__, wired.fn.__name__


@pytest.mark.parametrize("count", [0, 2])
def test_of_a_run_that_is_overtaken_nothing_is_sent_again_and_of_another_its_last(count):
    def run(end):
        yield from range(count)
        return end

    assert list(sent_once(run)(OVERTAKEN)) == [*range(count), gr.skip()]
    assert list(sent_once(run)(None)) == [*range(count)]


# --- for programs ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with TestClient(gr.mount_gradio_app(fastapi.FastAPI(), app.build_page(), path="/demo")) as client:
            gc.collect()
            yield client
        gc.collect()


@pytest.fixture
def call(client):
    """Call an endpoint the way the documentation says: upload, start, read the event stream."""

    def call(name, **data):
        data = {key: upload(client, value) if isinstance(value, Path) else value for key, value in data.items()}
        event = client.post(f"/demo/gradio_api/call/v2/{name}", json=data).json()["event_id"]
        stream = client.get(f"/demo/gradio_api/call/{name}/{event}").text
        kind, _, payload = stream.strip().split("\n\n")[-1].partition("\ndata: ")
        return kind.removeprefix("event: "), json.loads(payload)

    return call


def upload(client, path):
    uploaded = client.post("/demo/gradio_api/upload", files={"files": (path.name, path.read_bytes())}).json()[0]
    return {"path": uploaded, "meta": {"_type": "gradio.FileData"}}


def test_a_program_gets_a_clip_a_master_and_a_report(call, client, clip, tmp_path):
    kind, (restored, master, report) = call("restore_video", video=clip, steadiness=0.5)
    assert kind == "complete"
    path = tmp_path / "out.mp4"
    path.write_bytes(client.get("/demo/gradio_api/file=" + restored["path"]).content)
    assert len(list(open_clip(path).frames())) == COUNT
    assert master["path"].endswith(".zip")
    assert (report["frames"], report["width"], report["checkpoint"]) == (COUNT, 128, "<bright>")
    assert set(report["flicker"]) == {"degraded", "restored"}


def test_a_program_gets_a_view_of_a_cloud_and_its_restoration(call, client):
    kind, (view, restored, report) = call("render_splat", splat=HEAD, yaw=30, zoom=1.5, rise=0.1, up="z", front="-y")
    assert kind == "complete"
    for picture in (view, restored):
        shape = read_image(client.get("/demo/gradio_api/file=" + picture["path"]).content).shape
        assert shape == (512, 512, 4)
    assert (report["format"], report["gaussians"], report["notes"]) == ("ply", 5000, [])
    kind, (view, restored, report) = call("render_splat", splat=HEAD, restore=False)
    assert (kind, restored) == ("complete", None)
    assert "Up was taken to be" in report["notes"][0]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("restore_video", {"video": None}, "no clip yet"),
        ("restore_video", {"video": HEAD}, "is no video"),
        ("render_splat", {"splat": None}, "no cloud yet"),
        ("render_splat", {"splat": HEAD, "yaw": 999}, "The yaw of a view"),
        ("render_splat", {"splat": HEAD, "up": "w"}, "is no direction"),
        ("render_splat", {"splat": clips.EXAMPLE}, "no file of Gaussians"),
    ],
)
def test_a_programs_mistake_gets_one_sentence(call, name, data, words):
    kind, answer = call(name, **data)
    assert kind == "error"
    assert words in answer["error"]


def test_limits_are_what_the_page_says_before_the_work():
    for language in ("en", "de"):
        said = said_in(language)("about clips")
        for limit in (limits.LONGEST_CLIP, limits.LARGEST_SIDE, limits.LARGEST_UPLOAD):
            assert str(limit) in said
