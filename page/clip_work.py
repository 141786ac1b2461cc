"""A visitor's work on a clip: which file it is of, how far it is, and what came of it."""

import secrets
import tempfile
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from enhancer.messages import Translate
from page.clips import Made, Taken, Working, restore_clip
from page.events import OVERTAKEN, PRIVATE, QUICK, QUIETLY, Steps, Updates, sent_once
from page.i18n.translate import label, translator
from page.player import clips, finished, flicker_table, pictures, progress


class Run:
    """One clip's work, which may be stopped; what is finished by then is kept."""

    def __init__(self) -> None:
        """It waits for its turn."""
        self.is_begun = self.is_stopped = False

    def stop(self) -> None:
        """Have it end after the frame it is at."""
        self.is_stopped = True


class LatestRun:
    """What a visitor asked for last, and the file they look at. It lies in a `gr.State`, one for each visitor.

    Attributes:
        run: None where nothing was asked for of that file.
        seen: The file; "" is none.
    """

    def __init__(self) -> None:
        """Nothing is looked at."""
        self.run: Run | None = None
        self.seen = ""

    def look_at(self, path: str | None) -> bool:
        """Note which file is looked at, None for none; say whether it is another one. The work on that before it ends."""
        if (path or "") == self.seen:
            return False
        self.stop()
        self.run, self.seen = None, path or ""
        return True

    def ask(self, path: str | None) -> None:
        """Note that work on a file is asked for; what was asked for before ends."""
        self.look_at(path)
        self.stop()
        self.run = Run()

    def stop(self) -> bool:
        """Have the run end; say whether there is one that still waits for its turn."""
        if self.run is None:
            return False
        self.run.stop()
        return not self.run.is_begun


class Outcome:
    """Where a clip's work is shown: the two sides, how far it is, the files, how still it holds."""

    def __init__(self, kind: str, first_words: str) -> None:
        """Take the name of the tab, which its parts' ids begin with, and the passage that stands there at first."""
        self.kind, self.first_words = kind, first_words
        self.player = gr.HTML(label(first_words), padding=False, elem_classes="player-place", elem_id=f"{kind}-player")
        self.status = gr.HTML(padding=False, elem_classes=["status", "work"], elem_id=f"{kind}-status")

    def lay_out_files(self) -> None:
        """Lay out what is offered of a finished clip, where this is called."""
        with gr.Row(elem_classes="buttons", visible=False) as self.buttons:
            self.file = gr.DownloadButton(label("Download MP4"), elem_id=f"{self.kind}-mp4")
            self.master = gr.DownloadButton(label("Master: PNG frames"), elem_id=f"{self.kind}-master")
        self.flicker = gr.HTML(padding=False, elem_classes="score-panel", elem_id=f"{self.kind}-flicker")
        self.kept = gr.File(visible=False)  # so that gradio deletes the clip before, too

    @property
    def all(self) -> list[Any]:
        """Every component."""
        return [self.player, self.status, self.buttons, self.file, self.master, self.flicker, self.kept]

    def none(self) -> Updates:
        """Return what to show while there is nothing to offer."""
        return {self.buttons: gr.update(visible=False), self.flicker: ""}

    def cleared(self, say: Translate) -> Updates:
        """Return what to show before there is any work."""
        return self.none() | {self.player: say(self.first_words), self.status: ""}

    def start(
        self,
        button: gr.Button,
        stop: gr.Button,
        file: gr.File,
        latest: gr.State,
        run: Callable[..., Steps],
        inputs: Any,
    ) -> None:
        """Have a button start the work on a file, one visitor after the other, and another one stop it."""
        asked = button.click(self.asked, [file, latest], self.all, **QUICK)
        into_view = f"() => document.querySelector('#{self.kind}-status').scrollIntoView({{block: 'nearest'}})"
        button.click(None, None, None, js=into_view, **PRIVATE)
        started = asked.then(
            sent_once(run),
            inputs,
            self.all,
            concurrency_id="clip",
            concurrency_limit=1,
            trigger_mode="always_last",
            **QUIETLY,
        )
        started.failure(lambda: "", None, self.status, **QUICK)  # the message says it
        stop.click(self.stopped, latest, self.status, **QUICK)

    def asked(self, path: str | None, latest: LatestRun, request: gr.Request) -> Updates:
        """Note what is asked for, and return what is shown until its turn comes."""
        latest.ask(path)
        words = translator(request)("Waiting for its turn.")
        return self.none() | {self.status: f"<p role='status'>{escape(words)}</p>"}

    @staticmethod
    def stopped(latest: LatestRun, request: gr.Request) -> Any:
        """Stop what was asked for last; it says so itself, unless it has not begun."""
        return stopped(translator(request)) if latest.stop() else gr.skip()

    def follow(self, latest: LatestRun, path: str, steps: Callable[[Run], Iterator[Updates]]) -> Steps:
        """Do what was asked for last, and pass on what is to be shown of it until something else is asked for or looked at.

        Args:
            latest: It is noted there.
            path: The file of this event. While it waited for its turn, another one may have taken its place.
            steps: What works on it.
        """
        run = latest.run
        if run is None or run.is_begun or run.is_stopped or latest.seen != path:
            return OVERTAKEN
        run.is_begun = True
        for updates in steps(run):
            if latest.run is not run:
                return OVERTAKEN
            yield updates
        return None if latest.run is run else OVERTAKEN

    def shown(self, step: Working | Made, say: Translate, steady: float, run: Run) -> Updates:
        """Return what to show of how far the work is, or of what was made."""
        if isinstance(step, Working):
            updates: Updates = {self.status: progress(step, say)}
            return updates | ({self.player: pictures(step.pictures, say)} if step.pictures else {})
        return {
            self.player: clips(step, say),
            self.status: finished(step, say, is_stopped=run.is_stopped, steady=steady),
            self.buttons: gr.update(visible=True),
            self.file: str(step.after),
            self.master: gr.update(value=str(step.master), label=say(_master_words(step))),
            self.flicker: flicker_table(step, say),
            self.kept: str(step.before),
        }

    def work(
        self, taken: Taken, stem: str, steady: float, run: Run, scratch: Path, say: Translate
    ) -> Iterator[Updates]:
        """Restore a clip and show how far it is, then what was made."""
        made = None
        for step in restore_clip(taken, scratch, home(), stem, steady, lambda: run.is_stopped):
            made = step if isinstance(step, Made) else None
            yield self.shown(step, say, steady, run)
        if made is None:
            yield {self.status: stopped(say)}


def stopped(say: Translate) -> str:
    """Return HTML that says that the work was stopped before there was anything to keep."""
    return f"<p role='status'>{escape(say('Stopped.'))}</p>"


def home() -> Path:
    """Return a new folder that gradio serves files from, and deletes them in after an hour."""
    return Path(get_upload_folder()) / secrets.token_hex(16)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for frames, which are gone once the work is over."""
    return tempfile.TemporaryDirectory(prefix="splat-enhancer-clip-")


def steadiness(kind: str) -> gr.Slider:
    """Lay out the slider of how far frames are evened out."""
    return gr.Slider(
        0,
        1,
        1,
        step=0.05,
        label=label("Steadiness"),
        info=label("0 is frame by frame; up to 1, frames are evened out along the motion before they are restored."),
        elem_id=f"{kind}-steady",
    )


def _master_words(made: Made) -> str:
    return "Master: ProRes 4444" if made.master.suffix == ".mov" else "Master: PNG frames"
