"""How the page's events are wired, whichever tab they are of."""

from collections.abc import Callable, Generator, Iterable
from functools import wraps
from typing import Any

import gradio as gr
from gradio.components.base import Component

PRIVATE: dict[str, Any] = {"api_visibility": "private"}  # `page.api` is for programs
QUIETLY: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
QUICK: dict[str, Any] = {"queue": False, **QUIETLY}
Updates = dict[Any, Any]  # by component
Steps = Generator[Updates, None, str | None]  # what is to be shown one after the other
OVERTAKEN = "overtaken"  # returned by one of which nothing is wanted any more, or that has nothing to show


def moved_by_hand(parts: Iterable[Component]) -> list[Any]:
    """Return the event of each component that a visitor causes, not a function of ours; gradio makes it unseen by type checkers."""
    return [getattr(part, "input") for part in parts]  # noqa: B009


def sent_once(run: Callable[..., Steps]) -> Callable[..., Steps]:
    """Return a generator that sends nothing more once it is overtaken.

    Gradio sends the last thing that a generator yielded again as it ends, and None to every output of one that yielded
    nothing. What the page shows by then, such as a clip that was chosen meanwhile, would be written over. A run that returns
    `OVERTAKEN` is spared that. Others are not: an update of nothing on the heels of one that makes a column visible has
    gradio's page, now and then, leave that column hidden.
    """

    @wraps(run)
    def unless_overtaken(*args: Any, **kwargs: Any) -> Steps:
        end = yield from run(*args, **kwargs)
        if end == OVERTAKEN:
            yield gr.skip()
        return end

    return unless_overtaken
