"""The tab that restores a clip: what is taken of it is said first, then frame by frame, then before and after in step."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from enhancer.errors import EnhancerError
from enhancer.messages import Message, Translate
from page import backend
from page.archive import safe_names
from page.backend import shown_to_visitor
from page.clip_work import LatestRun, Outcome, Run, scratch, steadiness
from page.clips import CAN_READ_CLIPS, EXAMPLE, Taken, flat, small, take
from page.controls import THIS_FILE, take_uploads_only
from page.events import QUICK, QUIETLY, Steps, Updates
from page.i18n.translate import label, refusal, translator
from page.player import about, pictures

NO_CLIP = Message("clip.none", "There is no clip yet. Drop one on the page, or take the example.")


class VideoTab:
    """Its components, and what they do."""

    def __init__(self, tab: gr.Tab) -> None:
        """Lay it out where this is called.

        Args:
            tab: Once it is opened, the example is looked at.
        """
        if not CAN_READ_CLIPS:
            gr.HTML(label("no clips here"), padding=False, elem_classes="hint", elem_id="video-missing")
            return
        with gr.Row(elem_classes=["stage", "wide"]):
            with gr.Column(elem_classes="controls"):
                gr.HTML(label("about clips"), padding=False, elem_classes="hint")
                self.file = gr.File(str(EXAMPLE), label=label("A clip of a face"), height=140, elem_id="video-file")
                take_uploads_only(self.file)
                self.example = gr.Button(label("Take the example"), size="sm", elem_id="video-example")
                with gr.Column(elem_classes="settings"):
                    self.steady = steadiness("video")
                with gr.Row(elem_classes="buttons"):
                    self.button = gr.Button(
                        label("Restore"), variant="primary", size="lg", scale=3, elem_id="video-restore"
                    )
                    self.stop = gr.Button(label("Stop"), size="lg", scale=1, elem_id="video-stop")
            with gr.Column(elem_classes="hero"):
                self.outcome = Outcome("video", "no clip yet")
                self.outcome.lay_out_files()
        self._wire(tab)

    def _wire(self, tab: gr.Tab) -> None:
        latest = gr.State(LatestRun())
        opened: dict[str, Any] = {"inputs": [self.file, latest], "outputs": self.outcome.all, **QUIETLY}
        changed: Any = self.file.change
        # taken away is changed, too: the tab is cleared by the same event
        changed(self.opened, **opened).failure(self.unless_readable, self.file, self.file, **QUICK)
        selected: Any = tab.select
        selected(self.opened, **opened)
        self.example.click(lambda: str(EXAMPLE), None, self.file, **QUICK)
        self.outcome.start(self.button, self.stop, self.file, latest, self.run, [self.file, self.steady, latest])

    def opened(self, path: str | None, latest: LatestRun, request: gr.Request) -> Updates:
        """Show a clip's first frame and say how much of it is taken; once for each file."""
        if not latest.look_at(path):
            return {self.outcome.status: gr.skip()}
        say = translator(request)
        if path is None:
            return self.outcome.cleared(say)
        with shown_to_visitor():
            taken, first = _looked_at(path)
        shown = self.outcome.none()
        shown[self.outcome.player] = pictures((small(flat(first)), None), say)
        shown[self.outcome.status] = about(taken, say, backend.expected_seconds_of(taken.pixels, taken.frames))
        return shown

    @staticmethod
    def unless_readable(path: str | None) -> Any:
        """Take a clip away that cannot be read, once something failed; a good one is not to blame, nor one that came since."""
        try:
            if path is not None:
                _looked_at(path)
        except EnhancerError:
            return None
        return gr.skip()

    def run(self, path: str | None, steady: float, latest: LatestRun, request: gr.Request) -> Steps:
        """Restore the clip and show how far it is, then before and after."""
        if not path:
            raise refusal(NO_CLIP)
        say = translator(request)
        return (yield from self.outcome.follow(latest, path, lambda run: self._steps(path, steady, run, say)))

    def _steps(self, path: str, steady: float, run: Run, say: Translate) -> Iterator[Updates]:
        with shown_to_visitor(), scratch() as folder:
            taken = take(path, THIS_FILE)
            (stem,) = safe_names([Path(path).name])
            yield self.outcome.none()
            yield from self.outcome.work(taken, stem, steady, run, Path(folder), say)


def _looked_at(path: str) -> tuple[Taken, np.ndarray]:
    """Return how much of a clip is taken, and its first frame.

    Raises:
        EnhancerError: It cannot be used here.
    """
    taken = take(path, THIS_FILE)
    return taken, next(iter(taken.clip().frames())).picture
