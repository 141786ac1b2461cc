"""The tab that restores a clip: what is taken of it is said first, then frame by frame, then before and after in step."""

import secrets
import tempfile
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from enhancer.messages import Message, Translate
from page import backend
from page.archive import safe_names
from page.backend import shown_to_visitor
from page.clips import CAN_READ_CLIPS, EXAMPLE, Made, Taken, Working, flat, restore_clip, small, take
from page.controls import THIS_FILE, take_uploads_only
from page.i18n.translate import label, refusal, translator
from page.player import about, clips, finished, flicker_table, pictures, progress
from page.streaming import once

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIETLY: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
NO_CLIP = Message("clip.none", "There is no clip yet. Drop one on the page, or take the example.")
Updates = dict[Any, Any]


class Run:
    """One clip's work, which may be stopped; what is finished by then is kept."""

    def __init__(self) -> None:
        """It goes on."""
        self.is_stopped = False

    def stop(self) -> None:
        """Have it end after the frame it is at."""
        self.is_stopped = True


class LatestRun:
    """A visitor's latest run, and the file they look at. It lies in a `gr.State`, one for each visitor."""

    def __init__(self) -> None:
        """None was begun."""
        self.run, self.seen = Run(), ""

    def look_at(self, path: str | None) -> bool:
        """Note which file is looked at, None for none; say whether it is another one. The work on that before it ends."""
        if (path or "") == self.seen:
            return False
        self.run.stop()
        self.seen = path or ""
        return True

    def work(self, path: str, steps: Callable[[Run], Iterator[Updates]]) -> Iterator[Updates]:
        """Begin a run, which ends the one before, and pass on what is to be shown of it while its file is looked at.

        Args:
            path: The file.
            steps: What works on it.
        """
        if self.seen != path:  # another one was chosen while this one waited for its turn
            return
        self.run.stop()
        self.run = Run()
        for updates in steps(self.run):
            if self.seen != path:
                return
            yield updates


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
        buttons: tuple[gr.Button, gr.Button],
        file: gr.File,
        latest: gr.State,
        run: Callable[..., Any],
        inputs: Any,
    ) -> None:
        """Have a button start the work on a file, one visitor after the other, and another one stop it."""
        button, stop = buttons
        waiting = button.click(self.waiting, [file, latest], self.status, queue=False, **QUIETLY)
        started = waiting.then(
            once(run), inputs, self.all, concurrency_id="clip", concurrency_limit=1, trigger_mode="once", **QUIETLY
        )
        started.failure(lambda: "", None, self.status, queue=False, **QUIETLY)  # the message says it
        stop.click(lambda latest: latest.run.stop(), latest, None, queue=False, **QUIETLY)

    @staticmethod
    def waiting(path: str | None, latest: LatestRun, request: gr.Request) -> str:
        """Note which file is meant, and return what is shown until a visitor's turn comes."""
        latest.look_at(path)
        return f"<p role='status'>{escape(translator(request)('Waiting for its turn.'))}</p>"

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
        # what cannot be read does not stay; that is a change, too
        changed(self.opened, **opened).failure(lambda: None, None, self.file, queue=False, **QUIETLY)
        selected: Any = tab.select
        selected(self.opened, **opened)
        self.example.click(lambda: str(EXAMPLE), None, self.file, queue=False, **QUIETLY)
        self.outcome.start((self.button, self.stop), self.file, latest, self.run, [self.file, self.steady, latest])

    def opened(self, path: str | None, latest: LatestRun, request: gr.Request) -> Updates:
        """Show a clip's first frame and say how much of it is taken; once for each file."""
        if not latest.look_at(path):
            return {self.outcome.status: gr.skip()}
        say = translator(request)
        if path is None:
            return self.outcome.cleared(say)
        with shown_to_visitor():
            taken = take(path, THIS_FILE)
            first = next(iter(taken.clip().frames()))
        shown = self.outcome.none()
        shown[self.outcome.player] = pictures((small(flat(first.picture)), None), say)
        shown[self.outcome.status] = about(taken, say, backend.expected_seconds_of(taken.pixels, taken.frames))
        return shown

    def run(self, path: str | None, steady: float, latest: LatestRun, request: gr.Request) -> Iterator[Updates]:
        """Restore the clip and show how far it is, then before and after."""
        if not path:
            raise refusal(NO_CLIP)
        yield from latest.work(path, lambda run: self._steps(path, steady, run, translator(request)))

    def _steps(self, path: str, steady: float, run: Run, say: Translate) -> Iterator[Updates]:
        with shown_to_visitor(), scratch() as folder:
            taken = take(path, THIS_FILE)
            (stem,) = safe_names([Path(path).name])
            yield self.outcome.none()
            yield from self.outcome.work(taken, stem, steady, run, Path(folder), say)
