"""Response headers for every answer of the page, of its files and of its API."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",  # an upload is what its type says, and never a script
    "Referrer-Policy": "strict-origin-when-cross-origin",  # no address of a visitor's file goes elsewhere
    # A Space is shown inside the Hub's page; nobody else may put it into theirs and catch clicks.
    "Content-Security-Policy": "frame-ancestors 'self' https://huggingface.co https://*.huggingface.co https://*.hf.space",
}


class SafeHeaders:
    """Puts them on, where the answer has not set its own. Plain ASGI: streams pass through unbuffered."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
