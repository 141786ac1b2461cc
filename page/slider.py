"""Two pictures with a line between them, and the divider that a keyboard moves."""

from typing import Any

import gradio as gr

from page.events import PRIVATE
from page.i18n.translate import label

HEIGHT = 512  # of the pictures at most, pixels of the page; `app.css` knows it too
INPUT_AND_RESTORED = "Divider: input to the left, restored to the right"


def two_pictures(kind: str, divider: str = INPUT_AND_RESTORED) -> gr.ImageSlider:
    """Lay both out where this is called, the divider below the pictures.

    Args:
        kind: Of the tab, as in the ids of its parts.
        divider: What it is called to those who cannot see it.
    """
    slider = gr.ImageSlider(
        label=label("Input and restored"),
        show_label=False,
        format="png",
        max_height=HEIGHT,
        elem_classes="slider",
        elem_id=f"{kind}-slider",
        buttons=["download", "fullscreen"],
    )
    moving = gr.Slider(
        0,
        100,
        50,
        step=1,
        label=label(divider),
        buttons=[],
        elem_id=f"{kind}-divider",
        elem_classes="divider",
        interactive=True,
    )
    moved: dict[str, Any] = {"js": "(at) => ({__type__: 'update', slider_position: at})", **PRIVATE}
    moving.input(None, moving, slider, **moved)
    return slider
