"""How what a generator yields reaches the page."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import gradio as gr


def sent_once(run: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Return a generator of which nothing is sent twice.

    Gradio sends the last thing that a generator yielded again as it ends, and None to every output of one that yielded
    nothing. What the page shows by then, such as a clip that was chosen meanwhile, would be written over.
    """

    @wraps(run)
    def then_nothing(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield from run(*args, **kwargs)
        yield gr.skip()

    return then_nothing
