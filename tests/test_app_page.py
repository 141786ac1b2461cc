"""What the page's tabs do with what a visitor chose, without a browser, on a stand-in service."""

import csv
import gc
import io
import json
import re
import warnings
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import gradio as gr
import numpy as np
import pytest
from gradio.context import LocalContext
from huggingface_hub import constants

import enhancer.service as service_module
from enhancer.degrade import STEP_NAMES, face_render, trace
from enhancer.detection import Face
from enhancer.errors import CheckpointError, SettingsError
from enhancer.imaging import background, masks
from enhancer.imaging.io import composite, read_image, to_pil, write_png
from enhancer.imaging.provenance import Record, hex_of, read_record, write_recorded
from enhancer.imaging.regions import REGION_NAMES, region_map
from enhancer.messages import Message
from enhancer.parts import Restorer
from enhancer.service import TILED, Service
from page import backend
from page.archive import safe_names, scores_csv, settings_json
from page.backend import HEADS, RENDERS
from page.batch_run import Latest
from page.batch_tab import MOST, BatchTab
from page.compare_tab import AS_IT_IS, COMPARE, CompareTab
from page.controls import Given, rgb_of
from page.i18n import de, en
from page.i18n.translate import label, said_in, translator
from page.links import links
from page.restore_tab import RENDER, TRY, Workbench
from page.wishes import Wishes
from tests.stand_ins import KnownParser, PlainScorer, brighten

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


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
        with gr.Blocks(analytics_enabled=False):
            with gr.Tab() as tab:
                compare = CompareTab(tab)
            yield {TRY: Workbench(TRY), RENDER: Workbench(RENDER), COMPARE: compare, "batch": BatchTab()}
        gc.collect()  # gradio leaves event loops behind: here, lest it happen in another module's test


def asked_in(language, **query):
    return SimpleNamespace(headers={"accept-language": language}, query_params=query)


def values(tab, image, **changed):
    """What the page would hand over: every setting at its start."""
    parts = [*tab.restoration.all, *(tab.damage.all if tab.damage else [])]
    chosen = {part: part.value for part in parts} | {tab.image: image, tab.checkpoint: "pocket"}
    chosen |= {tab.hero.wishes: Wishes(), tab.hero.wish: 1}
    if not tab.damage:
        chosen |= {tab.reference: changed.get("reference"), tab.faces: changed.get("faces", False)}
    return chosen


def test_the_picture_comes_first_and_the_scores_after(tabs, small_head):
    tab = tabs[TRY]
    first, then = tab.run(values(tab, Given(small_head.image)), asked_in("en"))
    assert set(first) == {tab.hero.slider, tab.hero.status, tab.hero.shown}
    assert (first[tab.hero.shown], then[tab.hero.shown]) == ("1 pictures", "1 all")
    assert "PSNR" not in first[tab.hero.status]
    assert "PSNR" in then[tab.hero.status]
    assert set(then) | set(first) == set(tab.outputs)
    assert "<table" in then[tab.closer.scores]
    assert len(then[tab.closer.close_ups]["value"]) == 6


def test_where_a_face_does_not_fill_the_picture_each_is_offered_to_be_found(tabs, service, small_head, monkeypatch):
    tab = tabs[RENDER]
    left, right = (Face(x, 64, 40, 1.0) for x in (40, 80))
    *_, then = tab.run(values(tab, Given(small_head.image)), asked_in("en"))
    assert not then[tab.faces]["visible"]
    *_, then = tab.run(values(tab, Given(small_head.image), faces=True), asked_in("en"))
    assert then[tab.faces]["visible"]
    monkeypatch.setattr("enhancer.service.is_plausible", lambda regions: False)
    *_, then = tab.run(values(tab, Given(small_head.image)), asked_in("en"))
    assert then[tab.faces]["visible"]
    assert "arranged" in then[tab.hero.status]
    monkeypatch.undo()
    monkeypatch.setattr(backend, "service", lambda checkpoint=None: replace(service, find=lambda rgb: (left, right)))
    *_, then = tab.run(values(tab, Given(small_head.image)), asked_in("en"))
    assert then[tab.faces]["visible"]  # for there are two, and each is shown close
    words = [words for _, words in then[tab.closer.close_ups]["value"]]
    assert words == ["Face 1, input", "Face 1, restored", "Face 2, input", "Face 2, restored"]
    assert re.findall(r'data-view="(\w+)"', then[tab.hero.views]) == ["whole", "face_1", "face_2", "pixels"]
    assert not then[tab.closer.maps]["visible"]  # without a ground truth


def test_a_run_that_is_overtaken_ends_and_one_that_came_too_late_does_not_begin(tabs, service, small_head, monkeypatch):
    tab, scored = tabs[TRY], []
    monkeypatch.setattr(Service, "scored", lambda self, result: scored.append(result) or result)
    chosen = values(tab, Given(small_head.image))
    run = tab.run(chosen, asked_in("en"))
    assert tab.hero.slider in next(run)
    chosen[tab.hero.wishes].note(2)
    assert list(run) == []
    assert scored == []
    assert list(tab.run(chosen, asked_in("en"))) == []
    assert len(list(tab.run(chosen | {tab.hero.wish: 2}, asked_in("en")))) == 2


def compared(tab, first, second, reference=None, by=(AS_IT_IS, "pocket")):
    chosen = {tab.hero.wishes: Wishes(), tab.hero.wish: 1, tab.reference: reference}
    for side, given, checkpoint in zip(tab.sides, (first, second), by, strict=True):
        chosen |= {side.picture: given, side.checkpoint: checkpoint}
    return chosen


def test_two_pictures_are_compared_the_pictures_first(tabs, service, small_head):
    tab, image = tabs[COMPARE], small_head.image
    made = Record("<other>", "fedcba9876")
    first, second = Given(image, made, name="<a>.png"), Given(image, notes=(Message("b", "About B."),), name="b.png")
    chosen = compared(tab, first, second, Given(image))
    shown, then = tab.run(chosen, asked_in("en"))
    assert (shown[tab.hero.shown], then[tab.hero.shown]) == ("1 pictures", "1 all")
    left, right = shown[tab.hero.slider]
    assert (read_record(left), read_record(right).checkpoint) == (made, "<bright>")
    np.testing.assert_array_equal(read_image(right), service.restore(image).restored)
    told = then[tab.hero.status]
    assert "A: &lt;a&gt;.png, as it is: restored before by &lt;other&gt; (fedcba9)" in told
    assert "B: b.png, restored by &lt;bright&gt; (abcdef0)" in told
    assert "<li>About B.</li>" in told
    assert "PSNR" in told
    assert set(shown) | set(then) == {*tab.hero.all, tab.details, *tab.closer.all}
    assert then[tab.closer.left]["label"] == "B – ground truth"


def test_two_pictures_without_a_ground_truth_are_shown_without_scores_in_german(tabs, small_head):
    tab, given = tabs[COMPARE], Given(small_head.image, name="a.png")
    *_, then = tab.run(compared(tab, given, given, by=(AS_IT_IS, AS_IT_IS)), asked_in("de"))
    assert "A: a.png, wie es ist" in then[tab.hero.status]
    assert "Keine Bewertung" in then[tab.closer.scores]
    assert not then[tab.closer.lost]["visible"]
    assert then[tab.closer.left]["label"] == "A – B"


def test_a_picture_alone_is_compared_with_itself(tabs, small_head):
    tab, given = tabs[COMPARE], Given(small_head.image, name="a.png")
    for pair in ((given, None), (None, given)):
        *_, then = tab.run(compared(tab, *pair), asked_in("en"))
        assert "A: a.png, as it is" in then[tab.hero.status]
        assert "B: a.png, restored by" in then[tab.hero.status]


def test_a_comparison_that_is_overtaken_ends_and_one_of_nothing_says_so(tabs, small_head):
    tab, given = tabs[COMPARE], Given(small_head.image)
    chosen = compared(tab, given, given, Given(small_head.image))
    run = tab.run(chosen, asked_in("en"))
    assert tab.hero.slider in next(run)
    chosen[tab.hero.wishes].note(2)
    assert list(run) == []
    with pytest.raises(gr.Error, match="There is no picture yet"):
        list(tab.run(compared(tab, None, None), asked_in("en")))
    with pytest.raises(gr.Error, match="The first picture is"):
        list(tab.run(compared(tab, given, Given(small_head.image[:64, :64])), asked_in("en")))


def test_splats_whose_picture_is_no_longer_wanted_are_fitted_no_further(tabs, small_head):
    tab = tabs[TRY]
    chosen = values(tab, Given(small_head.image)) | {tab.damage.preset: "splat-coarse"}
    seen = []

    def progress(share, desc):
        seen.append(share)
        chosen[tab.hero.wishes].note(2)

    assert list(tab.run(chosen, asked_in("en"), progress)) == []
    assert len(seen) == 1


def test_splats_are_fitted_without_the_sliders_of_the_steps(tabs, small_head):
    tab = tabs[TRY]
    chosen = values(tab, Given(small_head.image)) | {tab.damage.preset: "splat-coarse"}
    assert tab.damage.read(chosen) == {"preset": "splat-coarse", "seed": 0, "strengths": {}}
    first, then = tab.run(chosen, asked_in("de"))
    assert tab.hero.slider in first
    assert tab.closer.scores in then
    before = first[tab.hero.slider][0]
    shown = tab.show_steps(then[tab.trio[0]]["value"], before, asked_in("de"))
    captions = [caption for _, caption in shown[tab.film]["value"]]
    assert captions[0] == "1. sauberes Bild"
    assert captions[-1] == f"{len(captions)}. Schritt 10 von 10 der Anpassung"
    assert shown[tab.scrubber]["maximum"] == len(captions)
    kept = tab.damage.updates(Record(preset="splat-coarse", seed=4))
    assert (kept[tab.damage.preset], kept[tab.damage.seed]) == ("splat-coarse", 4)


def test_masks_are_made_once_for_a_result_and_each_picture_loses_its_alpha_once(tabs, small_head, monkeypatch):
    made = Counter()

    def counted(name, function):
        def call(*given):
            made[name] += 1
            return function(*given)

        return call

    blurred = counted("blur", cv2.GaussianBlur)
    monkeypatch.setattr(masks, "cv2", SimpleNamespace(GaussianBlur=blurred))
    for module in (service_module, background):
        monkeypatch.setattr(module, "composite", counted("composite", composite))
    *_, last = tabs[TRY].run(values(tabs[TRY], Given(small_head.image)), asked_in("en"))
    assert "<table" in last[tabs[TRY].closer.scores]
    assert made["blur"] == len(REGION_NAMES)
    assert made["composite"] == 4  # the clean, degraded and restored picture, and what the parser sees


def test_a_render_is_taken_as_it_is_and_says_that_it_has_no_scores(tabs, small_head):
    tab = tabs[RENDER]
    first, then = tab.run(values(tab, Given(small_head.image)), asked_in("en"))
    assert "No scores" in then[tab.closer.scores]
    assert not any(then[shown]["visible"] for shown in tab.closer.improved)
    assert not then[tab.closer.lost]["visible"]
    assert read_record(first[tab.hero.slider][1]).preset is None


def test_a_render_with_its_clean_picture_is_scored(tabs, small_head):
    tab = tabs[RENDER]
    given = values(tab, Given(small_head.image), reference=Given(small_head.image))
    *_, last = tab.run(given, asked_in("en"))
    assert "<table" in last[tab.closer.scores]


def test_a_checkpoints_name_is_no_html(tabs, small_head):
    tab = tabs[TRY]
    *_, last = tab.run(values(tab, Given(small_head.image)), asked_in("en"))
    assert "&lt;bright&gt; (abcdef0)" in last[tab.hero.status]


def test_a_german_is_answered_in_german(tabs, small_head):
    tab = tabs[TRY]
    *_, last = tab.run(values(tab, Given(small_head.image)), asked_in("de-AT,de;q=0.9,en;q=0.5"))
    assert "Restauriert in" in last[tab.hero.status]
    assert "Ganzes Bild" in last[tab.closer.scores]


def test_without_a_picture_there_is_one_sentence(tabs):
    tab = tabs[TRY]
    with pytest.raises(gr.Error, match="no picture yet"):
        next(tab.run(values(tab, None), asked_in("en")))


def test_the_pages_own_messages_are_german_for_a_german(tabs):
    before = LocalContext.request.set(asked_in("de"))
    try:
        with pytest.raises(gr.Error, match="21 Bilder sind zu viele auf einmal: 20"):
            next(batch(tabs["batch"], ["x.png"] * 21, language="de"))
        with pytest.raises(gr.Error, match="Noch ist kein Bild da"):
            next(tabs[TRY].run(values(tabs[TRY], None), asked_in("de")))
    finally:
        LocalContext.request.reset(before)


@pytest.mark.parametrize("step", STEP_NAMES)
def test_every_step_has_a_name_in_german(step):
    assert said_in("de")(step) != step


def test_notes_and_the_reasons_inside_them_are_german_for_a_german(tabs, service, small_head, monkeypatch):
    reason = Message("hub.unreachable", "...", address="https://hub.example", reason="silent for 10 s")
    older = Message("note.older_copy", "{reason} ...", reason=reason, name="a/b", date="1 May", commit="c0ffee")
    monkeypatch.setattr(
        backend,
        "service",
        lambda checkpoint=None: replace(service, restorer=replace(service.restorer, notices=(older,))),
    )
    tab = tabs[TRY]
    *_, last = tab.run(values(tab, Given(small_head.image)), asked_in("de"))
    assert (
        "https://hub.example ist nicht zu erreichen (silent for 10 s). Genommen wird die Kopie von a/b"
        in last[tab.hero.status]
    )


def test_a_slow_restoration_is_announced_before_it_begins(tabs, service, small_head, monkeypatch):
    slow = replace(service, restorer=replace(service.restorer, seconds_per_pixel=240 / 128**2))
    monkeypatch.setattr(backend, "service", lambda checkpoint=None: slow)
    monkeypatch.setattr(backend, "_taken", {})
    tab = tabs[RENDER]
    announced, *shown = tab.run(values(tab, Given(small_head.image)), asked_in("en"))
    assert set(announced) == {tab.hero.status, tab.hero.shown}
    assert "takes about <strong>4 min" in announced[tab.hero.status]
    assert len(shown) == 2


def test_how_long_it_takes_is_told_by_how_long_it_took(service, small_head, monkeypatch):
    monkeypatch.setattr(backend, "service", lambda checkpoint=None: service)
    monkeypatch.setattr(backend, "_taken", {})
    result = service.restore(small_head.image)
    side = result.restored.shape[0]
    larger, smaller = np.zeros((4 * side, 4 * side, 3), np.float32), np.zeros((side // 2, side // 2, 3), np.float32)
    assert backend.expected_seconds(larger) == 0  # nothing is known yet
    backend.note_time(replace(result, timings={"restore": 1.0, "parse": 0.5, "degrade": 60.0}))
    assert backend.expected_seconds(larger) == pytest.approx(1.5 * 64)  # 16 times the pixels
    assert backend.expected_seconds(smaller) == 0
    backend.note_time(replace(result, restored=larger, timings={"restore": 50.0}))
    assert backend.expected_seconds(larger) == 50


def test_what_remains_without_any_strength_is_named_in_both_languages(small_head):
    rgb = composite(small_head.image)
    nothing = face_render("v2", dict.fromkeys(REGION_NAMES, 0.0))
    before, remaining = rgb, []
    for stage in trace(rgb, masks.soft_masks(region_map(small_head.labels)), nothing, seed=0):
        if not np.array_equal(stage.image, before):
            remaining.append(stage.name)
        before = stage.image
    assert len(remaining) == 8
    for language in ("en", "de"):
        words = said_in(language)("what remains")
        named = [name for name in STEP_NAMES if (name if language == "en" else said_in("de")(name)) in words]
        assert named == remaining


@pytest.mark.parametrize(
    ("given", "words"), [(None, "got nothing"), (-3, "got -3"), (1.5, "got 1.5"), (1e300, "got 1e")]
)
def test_a_seed_that_is_none_gets_one_sentence(tabs, small_head, given, words):
    tab = tabs[TRY]
    chosen = values(tab, Given(small_head.image)) | {tab.damage.seed: given}
    with pytest.raises(gr.Error, match=f"whole number from 0 to 9007199254740991, {words}"):
        next(tab.run(chosen, asked_in("en")))


def test_a_seed_may_come_as_a_float(tabs, small_head):
    tab = tabs[TRY]
    seed = tab.damage.read(values(tab, Given(small_head.image)) | {tab.damage.seed: 7.0})["seed"]
    assert (seed, type(seed)) == (7, int)


def test_a_dropped_result_sets_its_settings(tabs, small_head, monkeypatch):
    said = []
    for kind in ("Info", "Warning"):
        monkeypatch.setattr(gr, kind, said.append)
    tab = tabs[TRY]
    record = Record("pocket", preset="v1", seed=9, strengths={"eyes": 0.1}, strength=0.7, regions={"hair": 0.2})
    updates = tab.read_back(Given(small_head.image, record), asked_in("en"))
    assert (updates[tab.damage.preset], updates[tab.damage.seed]) == ("v1", 9)
    by_region = dict(zip(REGION_NAMES, tab.damage.strengths, strict=True))
    assert (updates[by_region["eyes"]], updates[by_region["mouth"]]) == (0.1, 0.9)
    assert updates[tab.restoration.strength] == 0.7
    assert updates[tab.as_render]["visible"]
    assert ["was restored before" in message for message in said] == [False, True]


def test_a_picture_that_was_only_degraded_or_is_given_as_a_render_is_no_false_original(tabs, small_head, monkeypatch):
    said = []
    monkeypatch.setattr(gr, "Info", lambda message: None)
    monkeypatch.setattr(gr, "Warning", said.append)
    for kind, record in ((TRY, Record(preset="v1", seed=9)), (RENDER, Record("pocket", preset="v1", seed=9))):
        updates = tabs[kind].read_back(Given(small_head.image, record), asked_in("en"))
        assert not updates[tabs[kind].as_render]["visible"]
    assert updates[tabs[RENDER].faces] is False
    again = tabs[RENDER].read_back(Given(small_head.image, replace(record, faces=True)), asked_in("en"))
    assert again[tabs[RENDER].faces]["value"]
    assert said == []


def test_scores_of_a_restored_picture_that_is_degraded_again_come_with_a_note(tabs, small_head, tmp_path):
    ours = Given(small_head.image, Record("pocket", preset="v1", seed=9))
    *_, last = tabs[TRY].run(values(tabs[TRY], ours), asked_in("de"))
    assert "wurde schon restauriert" in last[tabs[TRY].hero.status]
    write_recorded(small_head.image, tmp_path / "ours.png", ours.record)
    *_, last = batch(tabs["batch"], [tmp_path / "ours.png"], degrade_first=True)
    with zipfile.ZipFile(last[tabs["batch"].download]["value"]) as archive:
        assert "was restored before" in archive.read("scores.csv").decode()


def test_a_strangers_picture_sets_nothing(tabs, small_head):
    tab = tabs[TRY]
    assert list(tab.read_back(Given(small_head.image), asked_in("en"))) == [tab.as_render]
    tab = tabs[RENDER]
    updates = tab.read_back(Given(small_head.image), asked_in("en"))
    assert updates == {tab.as_render: gr.update(visible=False), tab.faces: False}


def test_the_film_strip_has_fourteen_steps(tabs, small_head):
    tab = tabs[TRY]
    first, then = tab.run(values(tab, Given(small_head.image)), asked_in("de"))
    updates = tab.show_steps(then[tab.trio[0]]["value"], first[tab.hero.slider][0], asked_in("de"))
    captions = [caption for _, caption in updates[tab.film]["value"]]
    assert len(captions) == 14
    assert captions[3] == "4. Haut unscharf"


def test_every_long_passage_is_there_in_both_languages():
    assert en.PASSAGES.keys() == de.PASSAGES.keys()


def test_a_label_without_german_fails_the_start():
    with pytest.raises(KeyError, match="no German"):
        label("Never said")


def test_an_unknown_language_is_answered_in_english():
    assert translator(asked_in("fr-FR"))("better") == "better"
    assert translator(None)("better") == "better"
    assert said_in("de")("no such phrase") == "no such phrase"


def test_colours_come_as_browsers_send_them():
    assert rgb_of("#ff0080") == pytest.approx((1, 0, 128 / 255))
    assert hex_of(rgb_of("rgba(255, 0, 128, 1)")) == "#ff0080"
    for bad in ("red", "rgba(1,2)", "rgba(a,b,c)", "", None):
        with pytest.raises(SettingsError, match="background must be a colour"):
            rgb_of(bad)


# --- several at once ---------------------------------------------------------------------------------------------


def batch(tab, paths, latest=None, language="en", more=None, **changed):
    """What a run over files does, every setting at its start but those that are given by name."""
    parts = [tab.references, tab.degrade_first, tab.preset, tab.seed, tab.checkpoint, *tab.restoration.all]
    chosen = {part: part.value for part in parts}
    chosen |= {tab.files: [str(path) for path in paths or []], tab.latest: latest or Latest()}
    chosen |= {getattr(tab, name): value for name, value in changed.items()} | (more or {})
    return tab.run(chosen, asked_in(language))


def row_of(table, number):
    return re.findall(r"<tr>.*?</tr>", table)[1 + number]


def unpacked(tab, update):
    with zipfile.ZipFile(update[tab.download]["value"]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_batch_does_the_good_ones_and_names_the_bad_ones(tabs, small_head, tmp_path):
    tab = tabs["batch"]
    good, bad = tmp_path / "=good.png", tmp_path / "<b>bad.png"
    write_png(small_head.image, good)
    bad.write_bytes(b"hello")
    *_, told, last = batch(tab, [good, bad], degrade_first=True)
    assert "&lt;b&gt;bad.png" in row_of(told[tab.table], 1)
    assert "class='worse'>Not restored. It is not a picture" in row_of(told[tab.table], 1)
    files = unpacked(tab, last)
    assert list(files) == ["_good.png", "scores.csv", "settings.json"]
    picture = read_record(io.BytesIO(files["_good.png"]))
    assert (picture.preset, picture.seed) == ("v2", 0)
    first, second = csv.DictReader(io.StringIO(files["scores.csv"].decode()))
    assert (first["name"], first["whole_ssim_after"]) == ("'=good.png", "0.5000")
    assert "not a picture" in second["error"]


def test_renders_are_scored_against_the_clean_pictures_of_their_names_and_the_rest_is_named(tabs, small_head, tmp_path):
    tab = tabs["batch"]
    (tmp_path / "clean").mkdir()
    renders = [tmp_path / f"{name}.png" for name in ("a", "b", "c", "alone")]
    clean = [tmp_path / "clean" / name for name in ("a.png", "b_reference.png", "c.png", "nobody's.png")]
    for path in [*renders, *clean]:
        write_png(small_head.image, path)
    write_png(small_head.image[:100], clean[2])
    *_, told, last = batch(tab, renders, references=[str(path) for path in clean])
    table = told[tab.table]
    for number in (0, 1):
        assert " better</span>" in row_of(table, number)
    assert "Not restored. The reference is 128x100 pixels" in row_of(table, 2)
    assert "No clean picture is called alone or alone_reference" in row_of(table, 3)
    assert "no render goes with: nobody&#x27;s.png" in table
    rows = list(csv.DictReader(io.StringIO(unpacked(tab, last)["scores.csv"].decode())))
    assert [row["reference"] for row in rows] == ["a.png", "b_reference.png", "c.png", ""]
    assert [bool(row["whole_psnr_after"]) for row in rows] == [True, True, False, False]
    assert rows[2]["error"].startswith("The reference is 128x100 pixels")


def test_the_last_row_is_the_mean_over_the_pictures_with_its_spread(tabs, small_head, tmp_path, monkeypatch):
    tab, scores = tabs["batch"], iter([(0.4, 20.0), (0.3, 22.0), (0.2, 24.0), (0.2, 23.0)])

    def scored(pictures, reference, masks):
        return [
            {"psnr": psnr, "ssim": 0.5, "lpips": lpips, "regions": {}} for lpips, psnr in (next(scores), next(scores))
        ]

    monkeypatch.setattr(PlainScorer, "score_each", lambda self, *about: scored(*about))
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        write_png(small_head.image, path)
    *_, told, _ = batch(tab, paths, degrade_first=True, language="de")
    mean = row_of(told[tab.table], 2)
    assert "Mittel ± Standard\u00adabweichung<small>2 von 2 Bildern</small>" in mean
    assert "0,300 ± 0,100 →</span> <strong>0,250</strong> ± 0,050 <span class='better'>▼ 0,050 ± 0,050 besser" in mean
    assert "22,00 ± 2,00 →</span> <strong>22,50</strong> ± 0,50 dB <span class='better'>▲ 0,50 ± 1,50 besser" in mean


def test_one_scored_picture_has_no_mean(tabs, small_head, tmp_path):
    write_png(small_head.image, tmp_path / "a.png")
    *_, told, _ = batch(tabs["batch"], [tmp_path / "a.png"], degrade_first=True)
    assert "±" not in told[tabs["batch"].table]


def test_the_settings_in_a_batchs_zip_are_those_of_its_pictures(tabs, small_head, tmp_path):
    tab = tabs["batch"]
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        write_png(small_head.image, path)
    restoration = {tab.restoration.strength: 0.5, tab.restoration.background: "#ff0080"}
    *_, last = batch(tab, paths, more=restoration, degrade_first=True, preset="v1", seed=7.0)
    files = unpacked(tab, last)
    settings = json.loads(files["settings.json"])
    assert settings["pictures"] == {"a.png": {}, "b.png": {}}
    assert (
        Record(**settings["all"]) == read_record(io.BytesIO(files["a.png"])) == read_record(io.BytesIO(files["b.png"]))
    )
    told = {key: settings["all"][key] for key in ("checkpoint", "sha", "strength", "preset", "seed", "background")}
    assert list(told.values()) == ["<bright>", "abcdef01", 0.5, "v1", 7, "#ff0080"]


def test_what_differs_between_pictures_is_told_with_each():
    told = json.loads(settings_json({"a.png": Record("x", seed=1), "b.png": Record("x", seed=2)}))
    assert told["pictures"] == {"a.png": {"seed": 1}, "b.png": {"seed": 2}}
    assert told["all"]["checkpoint"] == "x"


def test_a_row_that_is_pressed_is_shown_before_and_after(tabs, small_head, tmp_path):
    tab, latest = tabs["batch"], Latest()
    (tmp_path / "bad.png").write_bytes(b"hello")
    for name in ("a.png", "<b>.png"):
        write_png(small_head.image, tmp_path / name)
    paths = [tmp_path / name for name in ("bad.png", "a.png", "<b>.png")]
    updates = list(batch(tab, paths, latest, degrade_first=True))
    shown = [update[tab.slider] for update in updates if update.get(tab.slider)]
    assert len(shown) == 1  # the first that could be restored, and it stays
    pressed = tab.show(latest, gr.EventData(None, {"row": 2}))
    assert pressed[tab.shown] == "<p>&lt;b&gt;.png</p>"
    before, after = (read_record(path) for path in pressed[tab.slider])
    assert (before.checkpoint, after.checkpoint) == (None, "<bright>")
    for odd in (0, 3, -1, "2", None):
        assert tab.show(latest, gr.EventData(None, {"row": odd})) == gr.skip()
    assert tab.show(latest, gr.EventData(None, {})) == gr.skip()
    assert tab.show(Latest(), gr.EventData(None, {"row": 0})) == gr.skip()


def test_a_stopped_batch_offers_what_is_done_and_nothing_of_an_earlier_one(tabs, small_head, tmp_path):
    tab, latest = tabs["batch"], Latest()
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for path in paths:
        write_png(small_head.image, path)
    tab.ask_to_stop(latest)  # nothing runs: nothing to stop
    assert len(list(batch(tab, paths, latest, degrade_first=True))) == 5
    run = batch(tab, paths, latest)
    first = next(run)
    assert [first[part]["visible"] for part in (tab.looked_at, tab.download)] == [False, False]
    assert first[tab.table] == ""
    table = next(run)[tab.table]
    assert "0.png" in table
    assert table.count("data-row") == 1
    tab.ask_to_stop(latest)
    packed, said = run
    assert list(unpacked(tab, packed)) == ["0.png", "scores.csv", "settings.json"]
    assert "Stopped." in said[tab.status]


def test_a_batch_stopped_before_its_first_picture_offers_nothing(tabs, small_head, tmp_path):
    tab, latest = tabs["batch"], Latest()
    write_png(small_head.image, tmp_path / "a.png")
    run = batch(tab, [tmp_path / "a.png"], latest, degrade_first=True)
    next(run)
    tab.ask_to_stop(latest)
    (said,) = run
    assert said.keys() == {tab.status}


def test_a_picture_of_a_batch_that_became_worse_is_red_and_says_so(tabs, small_head, tmp_path, monkeypatch):
    write_png(small_head.image, tmp_path / "a.png")

    def darken(rgb):
        return (rgb * 0.5).astype(np.float32)

    for restore, word in ((brighten, "better"), (darken, "worse")):
        made = Service(KnownParser(small_head.labels), Restorer(restore, "made"), PlainScorer())
        monkeypatch.setattr(backend, "service", lambda checkpoint=None, made=made: made)
        *_, told, _ = batch(tabs["batch"], [tmp_path / "a.png"], degrade_first=True)
        assert re.search(rf'<span class="{word}">[^<]*{word}</span>', told[tabs["batch"].table])


def test_a_batch_is_german_on_the_page_and_english_in_the_table_for_programs(tabs, tmp_path):
    path = tmp_path / "bad.png"
    path.write_bytes(b"hello")
    *_, told, last = batch(tabs["batch"], [path], language="de")
    assert "Sie ist kein Bild, das hier gelesen werden kann." in told[tabs["batch"].table]
    (row,) = csv.DictReader(io.StringIO(unpacked(tabs["batch"], last)["scores.csv"].decode()))
    assert row["error"].startswith("It is not a picture that can be read here.")


def test_a_batch_has_a_limit_and_says_it(tabs):
    with pytest.raises(gr.Error, match=f"21 pictures are too many at once: {MOST}"):
        next(batch(tabs["batch"], ["x.png"] * 21))
    with pytest.raises(gr.Error, match="no pictures yet"):
        next(batch(tabs["batch"], None))


def test_names_in_a_zip_are_safe_and_unique():
    assert safe_names(["a.png", "A.jpg", "../../etc/passwd", "", "x" * 200]) == [
        "a",
        "A_2",
        "passwd",
        "picture",
        "x" * 80,
    ]


def test_a_csv_of_nothing_has_its_heading():
    assert scores_csv([]).startswith("name,reference,checkpoint,sha")


# --- checkpoints and what runs them ------------------------------------------------------------------------------


def test_a_checkpoint_that_is_not_there_is_replaced_by_the_embedded_one_and_said(monkeypatch, service):
    def load(name, parser):
        if name != "pocket":
            raise CheckpointError("No such thing at /secret/path.")
        return service

    monkeypatch.setattr(Service, "load", staticmethod(load))
    loaded = backend._service.__wrapped__("someone/model")  # pyright: ignore[reportPrivateUsage]
    assert loaded.restorer.notices == (
        "The checkpoint someone/model cannot be had now, so the small embedded one is at work.",
    )
    backend._service.cache_clear()  # pyright: ignore[reportPrivateUsage]


def test_checkpoints_share_one_parser_and_on_zero_gpu_it_works_on_the_cpu(monkeypatch):
    monkeypatch.undo()
    loaded = []
    monkeypatch.setattr(Service, "load", staticmethod(lambda name, **parts: loaded.append(parts["parser"])))
    monkeypatch.setattr(backend, "ON_ZERO_GPU", True)
    monkeypatch.setattr("enhancer.runtime.device.best_device", lambda: "cuda")
    monkeypatch.setenv("PARSER", "someone/parser")
    cached = (backend._parser, backend._service)  # pyright: ignore[reportPrivateUsage]
    for made in cached:
        made.cache_clear()
    for name in ("pocket", "someone/model"):
        backend._service(name)  # pyright: ignore[reportPrivateUsage]
    assert loaded[0] is loaded[1]
    assert (loaded[0]._ref, loaded[0]._device) == ("someone/parser", "cpu")
    for made in cached:
        made.cache_clear()


def test_visitors_choose_among_the_offered_checkpoints_only(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("CHECKPOINTS", "pocket, someone/model")
    assert backend.checkpoints() == ("pocket", "someone/model")
    with pytest.raises(gr.Error, match="'/etc' here"):
        backend.service("/etc")


def test_too_little_memory_falls_back_to_tiles_and_says_so(service, small_head):
    def too_large(rgb):
        raise MemoryError

    in_tiles = Restorer(too_large, "large", in_tiles=lambda rgb: rgb)
    result = replace(service, restorer=in_tiles).restore(small_head.image)
    assert TILED in result.notes
    seen = np.asarray(to_pil(composite(small_head.image)), np.float32) / 255
    np.testing.assert_allclose(composite(result.restored), seen, atol=1 / 255)


def test_a_link_shows_its_tab_and_a_wrong_one_the_first_example(tabs):
    tab = tabs[TRY]
    assert list(tab.follow(Wishes(), asked_in("en"))) == []  # no link: the other tab has something to show
    for name in (HEADS[2].stem, "nobody"):
        *_, last = tab.follow(Wishes(), asked_in("en", example=name, seed="3"))
        assert (HEADS[2] if name != "nobody" else HEADS[0]).name in last[tab.hero.status]


def test_an_example_of_a_render_brings_its_ground_truth(tabs):
    chosen = tabs[RENDER].pick(SimpleNamespace(selected_index=1))
    image, truth = chosen[tabs[RENDER].image], chosen[tabs[RENDER].reference]
    assert Path(image).name == RENDERS[1].name
    assert Path(truth).name == f"{RENDERS[1].stem}_truth.png"
    assert read_image(image).shape == read_image(truth).shape


@pytest.mark.parametrize(
    ("space", "checkpoint", "count"),
    [
        ("", "", 0),
        ("somebody/faces", "", 3),
        ("", "user/repo@v1", 1),
        ("somebody/faces", "user/repo", 3),
        ("", "runs/a/b", 0),
    ],
)
def test_links_lead_to_what_is_known(monkeypatch, space, checkpoint, count):
    monkeypatch.setenv("SPACE_ID", space)
    monkeypatch.setenv("CHECKPOINT", checkpoint)
    shown = links({"code": "Code", "card": "Card", "licence": "Licence"})
    assert shown.count("<a href") == count
    assert (f"{constants.ENDPOINT}/user/repo" in shown) == checkpoint.startswith("user/repo")


def test_who_comes_first_sees_the_picture_before_the_scores(tabs):
    first, then = tabs[RENDER].first(Wishes(), asked_in("en"))
    assert set(first) == {tabs[RENDER].hero.slider, tabs[RENDER].hero.status}
    assert "<table" in then[tabs[RENDER].closer.scores]
