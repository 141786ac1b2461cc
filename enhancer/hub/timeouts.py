"""Requests with a limit on silence: sending may take as long as it does, waiting for nothing may not."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from enhancer.hub.errors import explain

CONNECT = 5.0  # s until the Hub shows that it is there
SILENCE = 8.0  # s without an answer
TROUBLE = 4.0  # s of one failure after another; then the library's own repetitions, of up to 23 s, end
ALL = 9.0  # s of failures and silence together
BUFFER = (
    4 * 2**20
)  # bytes: what was handed over may still wait in this machine's own buffers, Linux' being the largest


class Watch:
    """How the other side does. Uploads run on several threads: an answer to one of them is a sign of life for all."""

    def __init__(self) -> None:
        """Take it to be well."""
        self._lock = threading.Lock()
        self._ill_since: float | None = None

    def well(self) -> None:
        """Note a good answer."""
        with self._lock:
            self._ill_since = None

    def ill(self, since: float) -> bool:
        """Note a failure of something begun at `since`; return whether it has been going on for too long."""
        with self._lock:
            self._ill_since = since if self._ill_since is None else self._ill_since
            return time.monotonic() - self._ill_since > TROUBLE

    def left(self) -> float:
        """Return how long the next request may stay without an answer, seconds."""
        with self._lock:
            if self._ill_since is None:
                return SILENCE
            return max(1.0, min(SILENCE, ALL - (time.monotonic() - self._ill_since)))


_watching: list[tuple[str, Watch]] = []  # the newest last; of which repository


@contextmanager
def limited_silence(repo: str) -> Iterator[None]:
    """Within this, no request of huggingface_hub waits in vain for more than about ten seconds.

    Raises:
        UnreachableError: One did.
    """
    _install()
    entry = (repo, Watch())
    _watching.append(entry)
    try:
        yield
    finally:
        _watching.remove(entry)


@cache
def _install() -> None:
    """Have the library make clients that look at what is watched; without, they are its own."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import httpx
    from huggingface_hub.utils._http import default_client_factory

    class Counted(httpx.SyncByteStream):
        """A body being sent. What it took to send it, its answer may take longer."""

        def __init__(self, stream: Any, timeout: dict[str, float]) -> None:
            self.stream, self.timeout = stream, timeout

        def __iter__(self) -> Iterator[bytes]:
            start, sent = time.monotonic(), 0
            for chunk in self.stream:
                yield chunk
                sent += len(chunk)
            waiting = min(1.0, BUFFER / max(1, sent))  # share of it that may not have left
            self.timeout["read"] += waiting * (time.monotonic() - start)

        def close(self) -> None:
            self.stream.close()

    class Client(httpx.Client):
        """Gives up where the library would wait, or repeat."""

        def send(self, request: Any, **options: Any) -> Any:
            if not _watching:
                return super().send(request, **options)
            repo, watch = _watching[-1]
            left, given = watch.left(), request.extensions.get("timeout") or {}
            timeout = {key: min(given.get(key) or left, left) for key in ("connect", "read", "write", "pool")}
            timeout["connect"] = min(timeout["connect"], CONNECT)
            request.extensions["timeout"] = timeout
            if not isinstance(request.stream, httpx.ByteStream):
                request.stream = Counted(request.stream, timeout)
            return _answered(lambda: super(Client, self).send(request, **options), repo, watch)

    def client() -> Any:
        usual = default_client_factory()
        return Client(event_hooks=usual.event_hooks, follow_redirects=True, timeout=None)

    set_client_factory(client)


def _answered(send: Callable[[], Any], repo: str, watch: Watch) -> Any:
    """Return the answer to a request, or raise what the library does not repeat: after silence, or enough failures."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import hf_raise_for_status, httpx

    start = time.monotonic()
    try:
        answer = send()
    except httpx.TransportError as error:
        too_long = watch.ill(start)
        if too_long or isinstance(error, httpx.TimeoutException):
            raise explain(error, repo) from error
        raise
    if answer.status_code < 500:
        watch.well()
    elif watch.ill(start):
        try:
            hf_raise_for_status(answer)
        except HfHubHTTPError as error:
            raise explain(error, repo) from error
    return answer
