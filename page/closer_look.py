"""A closer look at two pictures: where the second is better, each region large, what differs."""

from typing import Any

import gradio as gr

from enhancer.comparison import Comparison, score_table
from enhancer.messages import Translate
from enhancer.metrics.catalogue import LPIPS, Metric
from page.i18n.translate import label
from page.outputs import MAPPED, Details, image_update

PICTURE: dict[str, Any] = {
    "format": "png",
    "interactive": False,
    "buttons": ["download", "fullscreen"],
    "type": "filepath",
    "image_mode": None,  # as the file is: it tells how it was made
}


class CloserLook:
    """Three tabs."""

    def __init__(self, kind: str, first: str = "What improved") -> None:
        """Lay them out where this is called, in `gr.Tabs`.

        Args:
            kind: Of the tab that they belong to, as in the ids of its parts.
            first: What the first is called, which shows where the second picture is better.
        """
        with gr.Tab(label(first)), gr.Row(elem_classes="improved"):
            with gr.Tabs(elem_classes="maps") as self.maps:
                self.improved = [_map(kind, metric) for metric in MAPPED]
            self.scores = gr.HTML(padding=False, elem_classes="score-panel", elem_id=f"{kind}-scores")
        with gr.Tab(label("Close-ups")):
            self.close_ups = gr.Gallery(
                label=label("Close-ups"),
                show_label=False,
                format="png",
                columns=3,
                height="auto",
                object_fit="contain",
                buttons=["fullscreen"],
                elem_classes="close-ups",
                elem_id=f"{kind}-close-ups",
            )
        with gr.Tab(label("Difference")):
            gr.HTML(label("difference"), padding=False, elem_classes="hint")
            with gr.Row():
                self.lost, self.left = (gr.Image(label=label("Difference"), **PICTURE) for _ in range(2))

    @property
    def all(self) -> list[Any]:
        """Every component."""
        return [self.maps, *self.improved, self.scores, self.close_ups, self.lost, self.left]

    def updates(self, compared: Comparison, details: Details, say: Translate) -> dict[Any, Any]:
        """Return what to show of two pictures."""
        first, second = compared.names
        against = [(first, "ground truth"), (second, "ground truth")] if details.clean else [("", ""), (first, second)]
        columns = 3 if details.clean else 4  # with the ground truth beside it, or two parts in a row
        updates: dict[Any, Any] = {self.scores: score_table(compared, say)}
        updates[self.close_ups] = gr.update(value=details.close_up_panels(say), columns=columns)
        updates[self.maps] = gr.update(visible=any(details.improved))
        updates |= {shown: image_update(path) for shown, path in zip(self.improved, details.improved, strict=True)}
        for shown, path, names in zip((self.lost, self.left), details.differences, against, strict=True):
            one, other = (say(name) for name in names)
            words = f"{one[:1].upper()}{one[1:]} – {other}"
            updates[shown] = image_update(path, label=words, alt_text=f"{say('Difference')}: {words}")
        return updates


def _map(kind: str, metric: Metric) -> gr.Image:
    with gr.Tab(metric.label):
        return gr.Image(
            label=label("LPIPS, by region" if metric is LPIPS else "PSNR, by region"),
            elem_id=f"{kind}-improved-{metric.key}",
            alt_text=label("The face, its regions green where they improved and red where they did not"),
            **PICTURE,
        )
