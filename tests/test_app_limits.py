"""What the page does not take: too large, from elsewhere, too many at once. And that it says so, in German too."""

import asyncio
import gc
import re
import warnings
from collections import Counter

import fastapi
import gradio as gr
import numpy as np
import pytest
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from starlette.testclient import TestClient

from enhancer.errors import EnhancerError, ImageError, SettingsError
from enhancer.imaging.io import MIN_SIDE, read_image
from enhancer.imaging.provenance import Record, png_bytes
from enhancer.metrics.scores import Scorer
from page import limits
from page.batch_tab import BatchTab
from page.controls import THIS_FILE, picture_input, rgb_of
from page.i18n.translate import said_in
from page.limits import LARGEST_SIDE, require_few_bytes
from page.outputs import stored
from tests.stand_ins import encoded, import_app

app = import_app()

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(scope="module")
def inputs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with gr.Blocks(analytics_enabled=False):
            given = {
                "picture": picture_input(),
                "labels": picture_input(of_labels=True),
                "files": BatchTab().files,
            }
        yield given
        gc.collect()  # gradio leaves event loops behind: here, lest it happen in another module's test


def written(folder, content):
    path = folder / "picture.png"
    path.write_bytes(content)
    return path


def grey(width, height):
    return encoded(Image.new("L", (width, height), 128))


# --- size --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(LARGEST_SIDE + 1, 200), (200, LARGEST_SIDE + 1), (MIN_SIDE - 1, 200), (4096, 4096)])
def test_a_picture_out_of_range_is_refused_with_the_pages_limits(inputs, tmp_path, size):
    path = written(tmp_path, grey(*size))
    words = f"This file is {size[0]}x{size[1]} pixels; each side must be {MIN_SIDE} to {LARGEST_SIDE} pixels"
    with pytest.raises(gr.Error, match=words):
        _ = inputs["picture"].preprocess(ImageData(path=str(path))).image


@pytest.mark.parametrize("size", [(LARGEST_SIDE, 200), (MIN_SIDE, MIN_SIDE)])
def test_a_picture_at_a_limit_is_taken(inputs, tmp_path, size):
    path = written(tmp_path, grey(*size))
    assert inputs["picture"].preprocess(ImageData(path=str(path))).image.shape[:2] == size[::-1]


def test_an_uploaded_picture_is_opened_and_decoded_once(inputs, tmp_path, monkeypatch):
    record, done = Record("pocket", preset="v1", seed=7), Counter()
    path = written(tmp_path, png_bytes(np.full((96, 80, 3), 0.5, np.float32), record))

    def counted(name, function):
        def call(*given, **options):
            done[name] += 1
            return function(*given, **options)

        return call

    monkeypatch.setattr(Image, "open", counted("open", Image.open))
    monkeypatch.setattr(PngImageFile, "load_prepare", counted("decode", PngImageFile.load_prepare))
    given = inputs["picture"].preprocess(ImageData(path=str(path)))
    assert (given.image.shape, given.record) == ((96, 80, 3), record)
    assert done == {"open": 1, "decode": 1}


def test_a_label_map_may_be_small_but_not_large(inputs, tmp_path):
    assert inputs["labels"].preprocess(ImageData(path=str(written(tmp_path, grey(30, 30))))).image.shape == (
        30,
        30,
    )
    with pytest.raises(gr.Error, match=f"to {LARGEST_SIDE} pixels"):
        _ = inputs["labels"].preprocess(ImageData(path=str(written(tmp_path, grey(LARGEST_SIDE + 1, 30))))).image


def test_a_file_with_too_many_bytes_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_FILE", 0)
    with pytest.raises(ImageError, match="at most 0 MB are taken"):
        require_few_bytes(written(tmp_path, grey(128, 128)), "It")


# --- from elsewhere ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["picture", "labels", "files"])
@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/x.png",
        "HTTPS://example.org/x.png",
        "http://here/gradio_api/file=/etc/passwd",
        "http://here/gradio_api/file=",
    ],
)
def test_no_address_is_fetched_on_a_callers_behalf(inputs, name, address):
    with pytest.raises(gr.Error, match="not fetched from other addresses"):
        asyncio.run(inputs[name].async_move_resource_to_block_cache(address))


def test_the_address_of_an_uploaded_file_is_that_file(inputs):
    path = stored(grey(128, 128), "mine.png")
    address = f"https://page.example/gradio_api/file={path}"
    assert asyncio.run(inputs["picture"].async_move_resource_to_block_cache(address)) == path
    assert path.startswith(get_upload_folder())


# --- too many ----------------------------------------------------------------------------------------------------


def test_who_finds_the_queue_full_is_told_at_once():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        page = app.build_page()
        queue = page._queue  # pyright: ignore[reportPrivateUsage]
        assert queue.max_size == app.WAITING
        queue.max_size = 0
        with TestClient(gr.mount_gradio_app(fastapi.FastAPI(), page, path="/demo")) as client:
            answer = client.post("/demo/gradio_api/call/v2/restore", json={"image": None})
        gc.collect()
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("Queue is full")


# --- in German ---------------------------------------------------------------------------------------------------


def unusable():
    noise = Image.effect_noise((128, 128), 90)
    return {
        "not a picture": b"hello",
        "zero bytes": b"",
        "truncated": encoded(noise)[:9000],
        "small": grey(1, 1),
        "large": grey(3000, 200),
        "transparent": encoded(Image.new("RGBA", (128, 128))),
    }


@pytest.mark.parametrize("content", unusable().values(), ids=unusable().keys())
def test_what_is_wrong_with_a_picture_is_said_in_german(tmp_path, content):
    path = written(tmp_path, content)

    with pytest.raises(EnhancerError) as caught:
        read_image(path, THIS_FILE, LARGEST_SIDE)
    german = re.sub(r"\(.*\)", "", said_in("de")(caught.value.message))  # in brackets: what a decoder says
    assert german.startswith("Diese Datei ")
    assert not {"is", "Give", "Scale", "Save"} & set(german.split())


def test_what_is_missing_for_lpips_is_said_in_german(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    scorer = Scorer()
    scorer.prepare()
    monkeypatch.undo()
    assert scorer.lpips_missing == (
        "No LPIPS (AlexNet): the package lpips is not installed. The other scores are not affected."
    )
    assert said_in("de")(scorer.lpips_missing) == (
        "Kein LPIPS (AlexNet): Das Paket lpips ist nicht installiert. Die anderen Werte sind davon nicht berührt."
    )


def test_what_a_stranger_writes_into_a_sentence_is_no_format():
    with pytest.raises(SettingsError) as caught:
        rgb_of("{0.__class__} {x}")
    assert "nicht '{0.__class__} {x}'" in said_in("de")(caught.value.message)
