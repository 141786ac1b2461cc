"""What the page's HTML tells whoever shows a link to it, and how small it travels."""

import gc
import re
import warnings
from html.parser import HTMLParser

import fastapi
import gradio as gr
import pytest
from PIL import Image
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.testclient import TestClient

from page.head import DESCRIPTION, PREVIEW, PREVIEW_SIZE, OwnHead, own_head
from page.lean import ASSETS, without_streams
from tests.stand_ins import import_app

app = import_app()

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


class Tags(HTMLParser):
    """Collects what a head says: (name, content) of its meta tags, (rel, href) of its links, and its title."""

    def __init__(self, html):
        super().__init__()
        self.said, self._in_title = [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self._in_title = tag == "title"
        if tag == "meta":
            self.said.append((attrs.get("property") or attrs.get("name"), attrs.get("content")))
        elif tag == "link":
            self.said.append((attrs["rel"], attrs["href"]))

    def handle_data(self, data):
        if self._in_title:
            self.said.append(("title", data))
            self._in_title = False

    def all(self, name):
        return [content for key, content in self.said if key == name]


@pytest.fixture(scope="module")
def client():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        mounted = gr.mount_gradio_app(
            fastapi.FastAPI(),
            app.build_page(),
            path="/demo",
            app_kwargs=app.LAUNCH["app_kwargs"],
            theme=app.LAUNCH["theme"],
        )
        with TestClient(mounted) as client:
            gc.collect()
            yield client
        gc.collect()  # here, lest it happen in another module's test


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, "http://testserver/demo"),
        ({"Host": "me-demo.hf.space", "X-Forwarded-Proto": "https"}, "https://me-demo.hf.space/demo"),
        ({"X-Forwarded-Host": "faces.example, inner", "X-Forwarded-Proto": "https"}, "https://faces.example/demo"),
    ],
)
def test_a_shared_link_has_one_title_one_picture_and_one_address_of_ours(client, headers, address):
    html = client.get("/demo/?example=head_03", headers=headers).text
    tags = Tags(html.partition("</head>")[0])
    assert "{url}" not in html
    assert tags.all("og:title") == ["Splat Enhancer"] == tags.all("title")
    assert tags.all("og:description") == [DESCRIPTION] == tags.all("description")
    assert tags.all("og:url") == [f"{address}/"] == tags.all("canonical")
    assert tags.all("og:image") == [f"{address}/link_preview.jpg"]
    assert tags.all("twitter:card") == ["summary_large_image"]
    names = [name for name, _ in tags.said if name and name.startswith(("og:", "twitter:"))]
    assert len(names) == len(set(names))
    assert "gradio" not in " ".join(content for name, content in tags.said if name in names).lower()


def test_the_fonts_that_are_asked_for_first_are_those_of_the_page(client):
    fonts = Tags(client.get("/demo/").text.partition("</head>")[0]).all("preload")
    used = {
        f"http://testserver/demo/{path}" for path in re.findall(r"url\('([^']+)'\)", client.get("/demo/theme.css").text)
    }
    assert len(fonts) == 2
    assert set(fonts) <= used
    assert all(client.get(font).headers["content-type"] == "font/woff2" for font in fonts)


def test_the_picture_beside_a_link_is_served_in_the_size_that_is_told(client):
    answer = client.get("/demo/link_preview.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == PREVIEW.read_bytes()
    assert len(answer.content) < 200_000
    assert answer.headers["x-content-type-options"] == "nosniff"
    with Image.open(PREVIEW) as picture:
        assert picture.size == PREVIEW_SIZE


def test_the_page_travels_compressed_for_whoever_takes_that(client):
    small = client.get("/demo/", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/demo/", headers={"Accept-Encoding": "identity"})
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < len(plain.content) / 4
    assert int(plain.headers["content-length"]) == len(plain.content)
    assert "content-encoding" not in plain.headers
    assert "Accept-Encoding" in small.headers["vary"]


def test_an_address_in_a_tag_is_no_html():
    html = own_head("<html><head></head></html>", 'http://x"><script>')
    assert "<script>" not in html


def test_html_without_a_head_stays_as_it_is():
    assert own_head("<p>Not Found</p>", "http://x") == "<p>Not Found</p>"


def test_what_streams_is_passed_on_piece_by_piece():
    sent = []

    async def pieces():
        for piece in (b"data: 1\n\n", b"data: 2\n\n"):
            yield piece
            assert any(piece == message.get("body") for message in sent)  # on its way before the next is made

    async def streaming(scope, receive, send):
        await StreamingResponse(pieces(), media_type="text/event-stream")(scope, receive, send)

    async def watched(scope, receive, send):
        async def noting(message):
            sent.append(dict(message))
            await send(message)

        await OwnHead(streaming)(scope, receive, noting)

    assert TestClient(watched).get("/gradio_api/queue/data").text == "data: 1\n\ndata: 2\n\n"


def test_html_in_several_pieces_is_put_together():
    async def page(scope, receive, send):
        whole = HTMLResponse("<html><head><title>Ours</title></head><body>ü</body></html>")
        await send({"type": "http.response.start", "status": 200, "headers": whole.raw_headers})
        for k in range(len(whole.body)):
            await send({"type": "http.response.body", "body": bytes(whole.body[k : k + 1]), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    tags = Tags(TestClient(OwnHead(page)).get("/").text)
    assert tags.all("title") == ["Ours"]
    assert tags.all("og:title") == ["Splat Enhancer"]


def test_what_has_its_hash_in_its_name_is_fetched_once(client):
    (script,) = re.findall(r'src="\./(assets/index-[^"]+\.js)"', client.get("/demo/").text)
    assert "immutable" in client.get(f"/demo/{script}").headers["cache-control"]
    assert "immutable" not in client.get("/demo/").headers.get("cache-control", "")
    missing = client.get("/demo/assets/index-12345678.js")
    assert (missing.status_code, missing.headers.get("cache-control")) == (404, None)


def test_no_player_of_live_streams_is_fetched(client):
    (player,) = ASSETS.glob("hls-*.js")
    answer = client.get(f"/demo/assets/{player.name}")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert len(answer.content) < 1000
    users = [file.read_text() for file in ASSETS.glob("*.js") if player.name in file.read_text() and file != player]
    wanted = {name for text in users for name in re.findall(r"(\w+) as", imported_from(player.name, text))}
    assert wanted
    assert wanted <= set(re.findall(r"none as (\w+)", answer.text))


def imported_from(file, text):
    return "".join(re.findall(r"import{([^}]*)}from\"\./" + re.escape(file), text))


def test_a_player_of_another_name_is_left_to_gradio():
    assert without_streams("hls-none.js") is None
