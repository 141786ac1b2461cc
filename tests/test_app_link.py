"""Links that open the page with an example and its settings."""

import gc
import warnings
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlencode

import gradio as gr
import numpy as np
import pytest

from enhancer.errors import SettingsError
from enhancer.imaging.io import read_image, write_png
from enhancer.imaging.provenance import Record, read_record, write_recorded
from enhancer.parts import Restorer
from enhancer.service import Service
from page import backend
from page.backend import HEADS, example_in
from page.link import Link, read_link
from page.restore_tab import TRY, Workbench
from page.wishes import Wishes
from tests.stand_ins import KnownParser, PlainScorer

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def query_of(link):
    return dict(parse_qsl(link.query().removeprefix("?")))


def test_a_link_opens_what_it_was_made_from():
    record = Record(preset="v1", seed=7, strengths={"eyes": 0.35}, strength=0.7, regions={"hair": 0.0})
    link = Link(HEADS[2], record)
    assert read_link(query_of(link)) == link


def test_a_link_opens_splats_and_they_have_no_strengths():
    link = Link(HEADS[2], Record(preset="splat-side", seed=7))
    assert read_link(query_of(link)) == link
    with pytest.raises(SettingsError, match="whole picture"):
        read_link({"example": HEADS[0].stem, "preset": "splat-side", "damage_eyes": "0.5"})


def test_a_link_names_only_what_was_chosen():
    assert Link(HEADS[1], Record(preset="v2", seed=3)).query() == f"?example={HEADS[1].stem}&preset=v2&seed=3"


def test_an_address_without_an_example_is_no_link():
    assert read_link({"__theme": "dark", "seed": "x"}) is None
    assert read_link({}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"example": "../../etc/passwd"},
        {"example": "head_99"},
        {"seed": "-1"},
        {"seed": str(2**53)},
        {"seed": "1.5"},
        {"seed": "9" * 5000},
        {"preset": "v9"},
        {"strength": "2"},
        {"strength": "nan"},
        {"damage_eyes": "inf"},
        {"damage_eyes": "much"},
        {"restore_hair": "-0.1"},
    ],
    ids=lambda wrong: urlencode(wrong)[:40],
)
def test_a_link_to_what_does_not_exist_is_refused(wrong):
    with pytest.raises(SettingsError):
        read_link({"example": HEADS[0].stem, **wrong})


def test_only_an_example_can_be_linked_to(head, small_head):
    assert example_in(head.image) == head.image_path
    assert example_in(small_head.image) is None


# --- on the page -------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _stand_in(small_head, monkeypatch):
    service = Service(KnownParser(small_head.labels), Restorer(np.copy, "<same>"), PlainScorer())
    monkeypatch.setattr(backend, "service", lambda checkpoint=None: service)


@pytest.fixture(scope="module")
def tab():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with gr.Blocks(analytics_enabled=False):
            yield Workbench(TRY)
        gc.collect()  # gradio leaves event loops behind: here, lest it happen in another module's test


def asked_in(language, **query):
    return SimpleNamespace(headers={"accept-language": language}, query_params=query)


def test_who_comes_by_a_link_sees_its_example_and_settings(tab, head):
    tab, asked = (
        tab,
        asked_in("en", example="head_02", preset="v1", seed="9", strength="0.5", restore_hair="0"),
    )
    first, then = tab.follow(Wishes(), asked)
    assert read_record(first[tab.hero.slider][1]).seed == 9
    assert "<table" in then[tab.closer.scores]
    updates = tab.share.opened(asked)
    assert (updates[tab.damage.preset], updates[tab.damage.seed]) == ("v1", 9)
    assert updates[tab.restoration.strength] == 0.5
    np.testing.assert_array_equal(read_image(tab.share.picture(updates[tab.share.example])), head.image)


def test_a_link_to_nothing_says_so_and_shows_the_first_example(tab, monkeypatch):
    said = []
    monkeypatch.setattr(gr, "Warning", said.append)
    asked = asked_in("de", example="nobody")
    assert tab.share.opened(asked) == gr.skip()
    assert "gezeigt wird stattdessen das erste Beispiel" in said[0]
    first, _ = tab.follow(Wishes(), asked)
    assert read_record(first[tab.hero.slider][1]).seed == 0


def test_a_link_is_made_of_the_result_of_an_example_and_of_nothing_else(tab, head, small_head, tmp_path):
    clean, other, restored = (tmp_path / f"{name}.png" for name in ("clean", "other", "restored"))
    write_png(head.image, clean)
    write_png(small_head.image, other)
    write_recorded(head.image, restored, Record("pocket", preset="v2", seed=5))
    assert tab.share.link(str(clean), str(restored)) == "?example=head_02&preset=v2&seed=5"
    for without in ((str(other), str(restored)), (str(clean), str(clean)), (None, None)):
        with pytest.raises(gr.Error, match="Choose an example first"):
            tab.share.link(*without)
