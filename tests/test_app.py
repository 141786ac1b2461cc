"""The page's endpoints as programs call them, and the functions behind the page, on a stand-in service."""

import gc
import io
import json
import struct
import warnings
import zlib

import fastapi
import gradio as gr
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from enhancer.degrade import STEP_NAMES
from enhancer.imaging.io import composite, read_image, to_pil
from enhancer.imaging.provenance import read_record
from enhancer.parts import Restorer
from enhancer.service import Service
from page import backend
from tests.stand_ins import KnownParser, PlainScorer, encoded, import_app

app = import_app()

pytestmark = [
    # gradio 6.31 counts its queue's calls with a pandas option that pandas 3 deprecates, ...
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
    # ... and leaves the event loops, with which it fills its components, to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(scope="module")
def service(small_head):
    def mirror(rgb):
        return rgb[:, ::-1].copy()

    return Service(KnownParser(small_head.labels), Restorer(mirror, "<mirror>", "abcdef0123"), PlainScorer())


@pytest.fixture(autouse=True)
def _stand_in(service, monkeypatch):
    monkeypatch.setattr(backend, "service", lambda checkpoint=None: service)


@pytest.fixture(scope="module")
def client():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with TestClient(gr.mount_gradio_app(fastapi.FastAPI(), app.build_page(), path="/demo")) as client:
            gc.collect()
            yield client
        gc.collect()  # here, lest it happen in another module's test


@pytest.fixture
def call(client):
    """Call an endpoint the way the documentation says: upload, start, read the event stream."""

    def call(name, image=None, **settings):
        data = {"image": image} if name != "info" else {}
        data |= settings
        data = {key: upload(client, value) if isinstance(value, bytes) else value for key, value in data.items()}
        event = client.post(f"/demo/gradio_api/call/v2/{name}", json=data).json()["event_id"]
        stream = client.get(f"/demo/gradio_api/call/{name}/{event}").text
        kind, _, payload = stream.strip().split("\n\n")[-1].partition("\ndata: ")
        return kind.removeprefix("event: "), json.loads(payload)

    return call


def upload(client, content):
    files = {"files": ("picture.png", content)}
    return {
        "path": client.post("/demo/gradio_api/upload", files=files).json()[0],
        "meta": {"_type": "gradio.FileData"},
    }


def fetched(client, entry):
    return read_image(client.get("/demo/gradio_api/file=" + entry["path"]).content)


def test_restore_gives_pictures_and_a_report(call, client, small_head):
    kind, (restored, degraded, report) = call("restore", encoded(to_pil(small_head.image)), degrade_first=True, seed=3)
    assert kind == "complete"
    restored, degraded = fetched(client, restored), fetched(client, degraded)
    assert degraded.shape == (128, 128, 4)
    np.testing.assert_array_equal(restored[..., 3], small_head.image[..., 3])
    assert (report["seed"], report["preset"], report["checkpoint"]) == (3, "v2", "<mirror>")
    assert report["scores"]["restored"]["lpips"] is None
    assert report["notes"] == [PlainScorer.lpips_missing]


def test_as_it_is_there_are_no_scores(call, small_head):
    kind, (_, _, report) = call("restore", encoded(to_pil(small_head.image)), degrade_first=False)
    assert kind == "complete"
    assert (report["scores"], report["seed"], report["preset"]) == (None, None, None)


def test_degrade_and_steps_agree(call, client, small_head):
    picture = encoded(to_pil(small_head.image))
    _, (degraded,) = call("degrade", picture, seed=3, strengths={"eyes": 0})
    _, (steps,) = call("steps", picture, seed=3, strengths={"eyes": 0})
    assert [step["caption"] for step in steps] == [f"{n}. {name}" for n, name in enumerate(STEP_NAMES, start=1)]
    last = fetched(client, steps[-1]["image"])
    np.testing.assert_array_equal(last, fetched(client, degraded))


def test_a_label_map_goes_before_the_parser(call, small_head):
    labels = encoded(Image.fromarray(small_head.labels))
    picture = encoded(to_pil(small_head.image))
    _, (_, _, report) = call("restore", picture, labels=labels, degrade_first=True)
    assert report["parser"] == "label map"


def test_an_example_is_known_by_its_content(call, head):
    other_file = encoded(Image.open(head.image_path), compress_level=1)
    _, (_, _, report) = call("restore", other_file, degrade_first=True)
    assert report["parser"] == "label map"


def with_size(png, width, height):
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def bad_pictures():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8))
    return {
        "not a picture": (b"hello", "not a picture"),
        "zero bytes": (b"", "0 bytes"),
        "truncated": (encoded(noise)[:9000], "damaged or cut off"),
        "1x1": (encoded(noise.resize((1, 1))), "1x1"),
        "20000x20000 header": (with_size(encoded(noise), 20000, 20000), "far larger than 2048x2048"),
        "fully transparent": (encoded(Image.new("RGBA", (128, 128))), "fully transparent"),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    }


@pytest.mark.parametrize("name", ["restore", "degrade", "steps"])
@pytest.mark.parametrize("content", bad_pictures().values(), ids=bad_pictures().keys())
def test_a_bad_picture_gets_one_sentence(call, name, content):
    settings = {"degrade_first": False} if name == "restore" else {}
    kind, answer = call(name, content[0], **settings)
    assert kind == "error"
    assert content[1] in answer["error"]
    assert answer["error"].startswith("This file ")


def odd_pictures():
    rgb = Image.fromarray(np.tile(np.arange(128, dtype=np.uint8)[:, None, None], (1, 160, 3)))  # 160 wide, 128 high
    exif = Image.Exif()
    exif[274] = 6  # turn a quarter
    grey = np.tile(np.arange(128, dtype=np.uint16)[:, None] * 257, (1, 160))
    frames = {"save_all": True, "append_images": [rgb.rotate(180)]}
    return {
        "CMYK": (encoded(rgb.convert("CMYK"), format="JPEG", quality=95), rgb),
        "16 bits": (encoded(Image.fromarray(grey)), rgb),
        "palette": (encoded(rgb.quantize(128)), rgb),
        "grey": (encoded(rgb.convert("L")), rgb),
        "animated": (encoded(rgb, format="GIF", **frames), rgb),
        "turned by EXIF": (
            encoded(rgb, format="JPEG", quality=95, exif=exif),
            rgb.transpose(Image.Transpose.ROTATE_270),
        ),
    }


@pytest.mark.parametrize("content", odd_pictures().values(), ids=odd_pictures().keys())
def test_an_odd_picture_is_read_rightly(call, client, content):
    kind, (restored, _, _) = call("restore", content[0], degrade_first=False)
    assert kind == "complete"
    expected = np.asarray(content[1], np.float32)[:, ::-1] / 255
    assert np.abs(fetched(client, restored) - expected).mean() < 0.02


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"preset": "v9"}, "v9"),
        ({"strengths": {"ears": 0.5}}, "ears"),
        ({"strengths": {"eyes": 3}}, "eyes"),
        ({"strengths": {"eyes": "much"}}, "numbers by region"),
        ({"strengths": [1, 2]}, "numbers by region"),
        ({"seed": None}, "whole number"),
    ],
)
def test_settings_that_do_not_exist_get_one_sentence(call, small_head, settings, words):
    kind, answer = call("degrade", encoded(to_pil(small_head.image)), **settings)
    assert kind == "error"
    assert words in answer["error"]


def test_no_picture_gets_one_sentence(call):
    assert call("steps") == ("error", call("steps")[1])
    assert "no picture yet" in call("steps")[1]["error"]


def test_a_label_map_of_another_picture_gets_one_sentence(call, small_head):
    labels = encoded(Image.fromarray(small_head.labels[:64]))
    kind, answer = call("degrade", encoded(to_pil(small_head.image)), labels=labels)
    assert kind == "error"
    assert "label map is 128x64" in answer["error"]


def test_files_of_the_machine_cannot_be_named(client, root):
    for path in (str(root / "app.py"), "/etc/passwd"):
        data = {"image": {"path": path, "meta": {"_type": "gradio.FileData"}}, "labels": None}
        data |= {"preset": "v2", "seed": 0, "strengths": None}
        event = client.post("/demo/gradio_api/call/v2/degrade", json=data).json()["event_id"]
        assert "event: error" in client.get(f"/demo/gradio_api/call/degrade/{event}").text


def test_a_result_tells_how_it_was_made(call, client, small_head):
    settings = {"seed": 3, "strengths": {"eyes": 0}, "strength": 0.5, "region_strengths": {"hair": 0}}
    _, (restored, _, _) = call("restore", encoded(to_pil(small_head.image)), degrade_first=True, **settings)
    file = client.get("/demo/gradio_api/file=" + restored["path"]).content
    record = read_record(io.BytesIO(file))
    assert (record.checkpoint, record.sha, record.preset, record.seed) == ("<mirror>", "abcdef0123", "v2", 3)
    assert (record.strengths, record.strength, record.regions) == ({"eyes": 0}, 0.5, {"hair": 0})


def test_no_strength_gives_the_picture_back(call, client, small_head):
    picture = composite(small_head.image)
    _, (restored, _, _) = call("restore", encoded(to_pil(picture)), strength=0)
    np.testing.assert_array_equal(fetched(client, restored), np.asarray(to_pil(picture), np.float32) / 255)


def test_a_reference_brings_scores(call, small_head):
    picture = encoded(to_pil(small_head.image))
    _, (_, _, report) = call("restore", picture, reference=picture)
    assert report["scores"]["restored"]["ssim"] == 0.5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strength": 2}, "strength must lie in 0 to 1"),
        ({"region_strengths": {"ears": 1}}, "ears"),
        ({"background": "red; url(x)"}, "background must be a colour"),
    ],
)
def test_restorations_that_do_not_exist_get_one_sentence(call, small_head, settings, words):
    kind, answer = call("restore", encoded(to_pil(small_head.image)), **settings)
    assert kind == "error"
    assert words in answer["error"]


def test_faces_are_found_in_a_picture_as_it_is(call, small_head):
    picture = encoded(to_pil(composite(small_head.image)))
    kind, (_, _, report) = call("restore", picture, faces=True)
    assert kind == "complete"
    assert len(report["faces"]) == 1
    kind, answer = call("restore", picture, faces=True, degrade_first=True)
    assert kind == "error"
    assert "degraded first" in answer["error"]


def test_score_compares_two_pictures(call, small_head):
    picture = encoded(to_pil(small_head.image))
    kind, (scores,) = call("score", picture, reference=picture)
    assert kind == "complete"
    assert (scores["ssim"], scores["lpips_net"]) == (0.5, "LPIPS (fake)")
    kind, answer = call("score", picture, reference=encoded(Image.new("RGB", (128, 130))))
    assert "128x128 and 128x130" in answer["error"]


def test_info_says_what_is_at_work(call):
    _, (facts,) = call("info")
    assert (facts["checkpoint"], facts["sha"], facts["device"]) == ("<mirror>", "abcdef0123", "cpu")


def test_the_api_has_seven_endpoints_with_named_and_explained_parameters(client):
    endpoints = client.get("/demo/gradio_api/info").json()["named_endpoints"]
    names = {"/restore", "/degrade", "/steps", "/score", "/restore_video", "/render_splat", "/info"}
    assert set(endpoints) == names
    needed_by = {"/score": ["image", "reference"], "/restore_video": ["video"], "/render_splat": ["splat"], "/info": []}
    for name, endpoint in endpoints.items():
        needed = [p["parameter_name"] for p in endpoint["parameters"] if not p["parameter_has_default"]]
        assert needed == needed_by.get(name, ["image"])
        assert endpoint["description"]


def test_pages_of_other_origins_get_no_answer_from_a_local_copy(client):
    headers = {"Origin": "https://elsewhere.example", "Host": "127.0.0.1:7860"}
    assert "access-control-allow-origin" not in client.get("/demo/gradio_api/info", headers=headers).headers


@pytest.mark.parametrize(
    ("variables", "framed_by"),
    [
        ({}, "frame-ancestors 'self'"),
        (
            {"FRAME_ANCESTORS": "https://work.example, https://*.example.org"},
            "frame-ancestors 'self' https://work.example https://*.example.org",
        ),
        ({"SPACE_ID": "user/demo"}, None),  # anybody
    ],
)
def test_every_answer_tells_browsers_to_be_careful(monkeypatch, variables, framed_by):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with TestClient(fastapi.FastAPI(middleware=app.LAUNCH["app_kwargs"]["middleware"])) as client:
        headers = client.get("/openapi.json").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert headers.get("content-security-policy") == framed_by


def test_a_space_cannot_make_node_serve_the_page():
    assert app.LAUNCH["ssr_mode"] is False
