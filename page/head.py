"""The HTML of the page as it leaves: a head of our own for whoever shows a link to it, how wide it is, and compressed."""

import gzip
import re
from html import escape
from pathlib import Path

from gradio.route_utils import get_root_url
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TITLE = "Splat Enhancer"
DESCRIPTION = (
    "Faces rendered from Gaussian splats come out soft and waxy. This puts the detail back in one step, and measures what it won, "
    "region by region."
)
PREVIEW = Path(__file__).with_name("link_preview.jpg")  # drawn by `python -m benchmarks.link_preview`
PREVIEW_WORDS = "A head as rendered from splats, with blurred hair and skin; restored, sharper; and the ground truth"
PREVIEW_SIZE = (1200, 630)  # pixels
# app.css comes with gradio's JavaScript, after a first look at the page: what is as wide as this from the start moves no more
FRAME = """<link rel="preload" as="font" type="font/woff2" href="{address}/static/fonts/IBMPlexSans/IBMPlexSans-Regular.woff2" crossorigin />
<link rel="preload" as="font" type="font/woff2" href="{address}/static/fonts/IBMPlexSans/IBMPlexSans-Bold.woff2" crossorigin />
<style>
.gradio-container .main, .gradio-container > main { max-width: 1180px !important; margin-inline: auto; padding: 18px 24px 32px !important; }
.gradio-container > .main > .wrap.full { position: fixed !important; inset: 0; } /* what says that the page loads: so at last, too */
@media (min-width: 1600px) { .gradio-container .main, .gradio-container > main { max-width: 1560px !important; } }
</style>"""
A_DAY = 86_400  # seconds
GZIP_LEVEL = 6  # a tenth of the page's 375 kB, in 10 ms
# gradio's tags for those who show a link: a set of its own advertising, with "{url}" as it stands, and one of the app's
_SHOWN_TAG = re.compile(r"\s*<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>", re.IGNORECASE)


def own_head(html: str, address: str) -> str:
    """Return a page's HTML with our tags for shared links in place of gradio's, and as wide as it will be.

    Args:
        html: As gradio gives it.
        address: Of the page, without query and without a slash at the end.
    """
    width, height = PREVIEW_SIZE
    shown = {
        "og:type": "website",
        "og:site_name": TITLE,
        "og:title": TITLE,
        "og:description": DESCRIPTION,
        "og:url": f"{address}/",
        "og:image": f"{address}/{PREVIEW.name}",
        "og:image:type": "image/jpeg",
        "og:image:width": str(width),
        "og:image:height": str(height),
        "og:image:alt": PREVIEW_WORDS,
    }
    named = {
        "description": DESCRIPTION,
        "twitter:card": "summary_large_image",
    }  # the rest of Twitter's fall back on these
    tags = [f'<meta property="{name}" content="{escape(content)}" />' for name, content in shown.items()]
    tags += [f'<meta name="{name}" content="{escape(content)}" />' for name, content in named.items()]
    tags += [f'<link rel="canonical" href="{escape(address)}/" />', FRAME.replace("{address}", escape(address))]
    head, closing, rest = html.partition("</head>")
    head = _SHOWN_TAG.sub("", head)
    if "<title" not in head:  # gradio's comes with its JavaScript, which those who show links do not run
        tags.insert(0, f"<title>{escape(TITLE)}</title>")
    opening = re.search(r"<head[^>]*>", head)
    if not closing or opening is None:
        return html
    return head[: opening.end()] + "\n\t\t" + "\n\t\t".join(tags) + head[opening.end() :] + closing + rest


class OwnHead:
    """Puts our head on every HTML page and serves the picture it names. Plain ASGI: all else passes through unbuffered."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] == "http" and scope["path"].endswith(f"/{PREVIEW.name}"):
            kept = {"Cache-Control": f"public, max-age={A_DAY}"}
            await FileResponse(PREVIEW, headers=kept)(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "GET" and "." not in scope["path"]:
            await _Rewriting(self.app, send)(scope, receive)
        else:
            await self.app(scope, receive, send)


class _Rewriting:
    """Answers one request: HTML is held back until all of it is there."""

    def __init__(self, app: ASGIApp, send: Send) -> None:
        self._app, self._send = app, send
        self._start: Message | None = None  # of an answer in HTML
        self._body = b""

    async def __call__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        await self._app(scope, receive, self._sent)

    async def _sent(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._sent_whole(self._start)

    async def _sent_whole(self, start: Message) -> None:
        address = get_root_url(Request(self._scope), self._scope["path"], self._scope.get("root_path"))
        body, headers = own_head(self._body.decode(), address).encode(), MutableHeaders(scope=start)
        headers.add_vary_header("Accept-Encoding")
        if "gzip" in Headers(scope=self._scope).get("Accept-Encoding", ""):  # gradio compresses only what has a suffix
            body = gzip.compress(body, GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_html(start: Message) -> bool:
    headers = Headers(scope=start)
    return headers.get("Content-Type", "").startswith("text/html") and "Content-Encoding" not in headers
