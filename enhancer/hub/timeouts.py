"""How long the Hub may be silent. The library's own requests may wait for ever, and are repeated five times."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

SILENCE_TIMEOUT_S = 10.0  # without a byte in either direction
CONNECT_TIMEOUT_S = 3.0  # for each address of a host; the Hub's has up to eight

T = TypeVar("T")


@cache
def limit_silence() -> None:
    """Let requests of huggingface_hub end after SILENCE_TIMEOUT_S of silence, in this process, from now on.

    Other failures the library repeats for 23 s, which also ends within 30 s.
    """
    from huggingface_hub import constants, set_client_factory
    from huggingface_hub.utils import hf_raise_for_status, httpx
    from huggingface_hub.utils._http import default_client_factory

    constants.HF_HUB_DISABLE_XET = True  # Xet's transfers go past this client: silent, they waited 300 s, and again

    @contextmanager
    def unrepeated() -> Iterator[None]:
        """Turn a time-out, which the library repeats five times, into what it does not repeat."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise httpx.TransportError(_silent()) from error

    class Body(httpx.SyncByteStream):
        """An answer's content, read while it arrives."""

        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            with unrepeated():
                yield from self.stream

        def close(self) -> None:
            self.stream.close()

    class Client(httpx.Client):
        """Gives up where the library would wait."""

        def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
            ours = dict.fromkeys(("read", "write", "pool"), SILENCE_TIMEOUT_S) | {"connect": CONNECT_TIMEOUT_S}
            given = request.extensions.get("timeout") or {}
            request.extensions["timeout"] = {key: min(given.get(key) or s, s) for key, s in ours.items()}
            with unrepeated():
                answer = super().send(request, stream=stream, **options)
            if stream:
                answer.stream = Body(answer.stream)
            told_to_wait = answer.status_code >= 500 and "Retry-After" in answer.headers
            if told_to_wait or answer.status_code == 429:
                hf_raise_for_status(answer)  # the library would wait for as long as the Hub asks it to
            return answer

    def client() -> httpx.Client:
        hooks = default_client_factory().event_hooks
        return Client(event_hooks=hooks, follow_redirects=True, timeout=None)

    set_client_factory(client)


def in_time(question: Callable[[], T]) -> T:
    """Return a question's answer. A thread asks: a dead name server is waited for where no time-out reaches.

    Raises:
        TimeoutError: There is no answer after SILENCE_TIMEOUT_S.
    """
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except Exception as error:  # carried over to whoever waits
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.result(SILENCE_TIMEOUT_S)
    except TimeoutError:
        raise TimeoutError(_silent()) from None


def _silent() -> str:
    return f"silent for {SILENCE_TIMEOUT_S:g} s"
