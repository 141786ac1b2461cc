"""Spares visitors what gradio's page would fetch for nothing, or again: its player of live streams, and files that never change."""

import re
from functools import cache
from pathlib import Path

import gradio
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ASSETS = Path(gradio.__file__).parent / "templates/frontend/assets"
FOR_EVER = "public, max-age=31536000, immutable"  # the name of such a file holds a hash of its content
# hls.js, half a megabyte, plays live streams: gradio's gallery brings it along, and the page has no live streams
_STREAM_PLAYER = re.compile(r"/assets/(hls-[\w-]+\.js)$")
_HASHED = re.compile(r"/assets/[\w.~-]+-[\w-]{8}\d?\.\w+$")
_EXPORTS = re.compile(r"export\s*{([^{}]*)}\s*;?\s*$")


@cache
def without_streams(name: str) -> str | None:
    """Return a stand-in for gradio's player of streams: what it exports, and none of it does anything. None if it cannot be read.

    Its video asks one of the exports whether streams can be played here, and hears that they cannot.

    Args:
        name: Of its file.
    """
    file = ASSETS / name
    exports = _EXPORTS.search(file.read_text(encoding="utf-8")) if file.is_file() else None
    if exports is None:
        return None
    names = [entry.split(" as ")[-1].strip() for entry in exports[1].split(",") if entry.strip()]
    return "const none = () => false;\nexport { " + ", ".join(f"none as {name}" for name in names) + " };\n"


class LeanAssets:
    """Serves the stand-in, and tells browsers to keep what has its hash in its name. Plain ASGI: streams pass unbuffered."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        path = scope["path"] if scope["type"] == "http" else ""
        player = _STREAM_PLAYER.search(path)
        if player and (stand_in := without_streams(player[1])):
            kept = {"Cache-Control": FOR_EVER}
            await Response(stand_in, media_type="text/javascript", headers=kept)(scope, receive, send)
            return

        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                MutableHeaders(scope=message).setdefault("Cache-Control", FOR_EVER)
            await send(message)

        await self.app(scope, receive, send_kept if _HASHED.search(path) else send)
