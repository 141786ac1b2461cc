"""Response headers for every answer of the page, of its files and of its API."""

import os

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",  # an upload is what its type says, and never a script
    "Referrer-Policy": "strict-origin-when-cross-origin",  # no address of a visitor's file goes elsewhere
}


def headers() -> dict[str, str]:
    """Return those of this copy of the page.

    A Space is public and knows nobody, so a click caught in a frame does nothing, and its owner may show it on a page of
    their own. A copy on somebody's own machine or network is framed by itself and by whom FRAME_ANCESTORS names.
    """
    if os.environ.get("SPACE_ID"):
        return HEADERS
    allowed = os.environ.get("FRAME_ANCESTORS", "").replace(",", " ").split()
    return HEADERS | {"Content-Security-Policy": " ".join(["frame-ancestors 'self'", *allowed])}


class SafeHeaders:
    """Puts them on, where the answer has not set its own. Plain ASGI: streams pass through unbuffered."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of `app`."""
        self.app = app
        self.headers = headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    given.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
