"""The tab that restores several pictures: a gallery, a table and a ZIP, picture by picture."""

import threading
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from enhancer.errors import EnhancerError
from enhancer.imaging.provenance import png_bytes, read_recorded
from enhancer.messages import Message
from enhancer.metrics.catalogue import PSNR
from enhancer.results import Translate, change, failed_row, result_row
from page import backend
from page.archive import safe_names, scores_csv, zipped
from page.controls import RESTORED_BEFORE, take_uploads_only
from page.i18n.translate import label, refusal, translator
from page.limits import LARGEST_SIDE, require_few_bytes
from page.outputs import Panel, stored

MOST = 20  # pictures in one go
IT = Message("name.picture", "It")  # the table names the file
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
Row = dict[str, Any]


_changing = threading.Lock()  # held while a run takes a picture or ends: what is packed is what the table shows


class Run:
    """What restoring several pictures has done so far; the pictures lie on the disk."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.rows: list[Row] = []
        self.panels: list[Panel] = []  # path and name of each restored picture
        self.is_over = False

    def add(self, row: Row, panel: Panel | None) -> bool:
        """Take a picture's row and panel, and say whether they were taken: once it is over, nothing is."""
        with _changing:
            if not self.is_over:
                self.rows.append(row)
                self.panels += [panel] if panel else []
            return not self.is_over

    def end(self) -> bool:
        """End it, and say whether it had not ended yet."""
        with _changing:
            went_on, self.is_over = not self.is_over, True
            return went_on

    def packed(self) -> str:
        """Write a ZIP of it, and return its path."""
        files = {f"{name}.png": Path(path).read_bytes() for path, name in self.panels}
        return stored(zipped(files | {"scores.csv": scores_csv(self.rows).encode()}), "splat-enhancer.zip")


class Latest:
    """A visitor's latest run. It lies in a `gr.State`, one for each visitor."""

    def __init__(self) -> None:
        """None was begun."""
        self.run: Run | None = None

    def begin(self) -> Run:
        """Return a new run; one before it that still works on a picture adds it to its own."""
        self.run = Run()
        return self.run


class BatchTab:
    """Its components, and what they do."""

    def __init__(self) -> None:
        """Lay it out where this is called."""
        with gr.Row(elem_classes="stage"):
            with gr.Column(elem_classes="controls"):
                gr.HTML(label("batch"), padding=False, elem_classes="hint")
                self.files = gr.File(
                    label=label("Pictures of faces"),
                    file_count="multiple",
                    file_types=["image"],
                    height=260,
                    elem_id="batch-files",
                )
                take_uploads_only(self.files)
                self.degrade_first = gr.Checkbox(
                    False,
                    label=label("They are clean: damage them first, then score them"),
                    info=label("Leave off for real renders."),
                    elem_id="batch-degrade",
                )
                with gr.Row(elem_classes="buttons"):
                    self.button = gr.Button(
                        label("Restore all"), variant="primary", size="lg", scale=3, elem_id="batch-restore"
                    )
                    self.stop = gr.Button(label("Stop"), size="lg", scale=1, elem_id="batch-stop")
            with gr.Column(elem_classes="hero"):
                self.status = gr.HTML(padding=False, elem_classes="status", elem_id="batch-status")
                self.gallery = gr.Gallery(
                    label=label("Restored pictures"),
                    format="png",
                    columns=4,
                    height="auto",
                    object_fit="cover",
                    buttons=["download", "fullscreen"],
                    visible=False,
                    elem_id="batch-gallery",
                )
                self.table = gr.HTML(padding=False, elem_classes="score-panel", elem_id="batch-table")
                self.download = gr.DownloadButton(
                    label("Everything as a ZIP: pictures and scores.csv"), visible=False, size="lg", elem_id="batch-zip"
                )
        latest = gr.State(Latest())
        outputs: list[Any] = [self.status, self.gallery, self.table, self.download]
        started = self.button.click(
            self.run,
            [self.files, self.degrade_first, latest],
            outputs,
            concurrency_id="batch",
            trigger_mode="once",
            show_progress="hidden",
            **PRIVATE,  # the status draws its own
        )
        # Not in the queue: cancelling closes the page's stream of the queue, and gradio then forgets what waits in it.
        self.stop.click(
            self.stopped, latest, outputs, show_progress="hidden", cancels=[started], queue=False, **PRIVATE
        )

    def stopped(self, latest: Latest, request: gr.Request) -> Any:
        """Say so, and offer what is done."""
        run = latest.run
        if run is None or not run.end():
            return gr.skip()
        say = translator(request)
        return {
            self.status: f"<p role='status'>{escape(say('Stopped.'))}</p>",
            self.gallery: gr.update(value=run.panels, visible=bool(run.panels)),
            self.table: _table(run.rows, say) if run.rows else "",
            self.download: gr.update(value=run.packed() if run.rows else None, visible=bool(run.rows)),
        }

    def run(
        self, paths: list[str] | None, degrade_first: bool, latest: Latest, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        """Restore one picture after the other and show what is there."""
        if not paths:
            raise refusal(Message("batch.empty", "There are no pictures yet. Drop some on the page."))
        if len(paths) > MOST:
            raise refusal(
                Message(
                    "batch.too_many",
                    "{count} pictures are too many at once: {most} are taken. Give the rest afterwards.",
                    count=len(paths),
                    most=MOST,
                )
            )
        say = translator(request)
        run = latest.begin()
        none: Any = gr.update(value=None, visible=False)  # those of an earlier run would not belong to what is shown
        yield {self.gallery: none, self.table: "", self.download: none}
        for path, stem in zip(paths, safe_names(Path(path).name for path in paths), strict=True):
            yield {self.status: _progress(len(run.rows), len(paths), say)}
            panel = None
            try:
                row, content = _one(path, degrade_first)
                panel = (stored(content, f"{stem}.png"), stem)
            except (EnhancerError, gr.Error) as error:
                row = failed_row(error)
            if not run.add({"name": Path(path).name, **row}, panel):
                return
            yield {
                self.status: _progress(len(run.rows), len(paths), say),
                self.gallery: gr.update(value=list(run.panels), visible=bool(run.panels)),
                self.table: _table(run.rows, say),
            }
        if run.end():
            yield {self.download: gr.update(value=run.packed(), visible=True)}


def _one(path: str, degrade_first: bool) -> tuple[Row, bytes]:
    """Return the row and the file of one picture."""
    require_few_bytes(path, IT)
    reading, record = read_recorded(path, IT, LARGEST_SIDE)
    notes = reading.notes()
    if degrade_first and record is not None and record.checkpoint is not None:
        notes += (RESTORED_BEFORE,)
    result = backend.restored(reading.image, degrade_first=degrade_first, notes=notes)
    return result_row(result), png_bytes(result.restored, result.record)


def _progress(done: int, count: int, say: Translate) -> str:
    share = 100 * done // count
    return (
        f"<p role='status'>{done} {escape(say('of'))} {count} {escape(say('done'))}</p>"
        f"<progress max='100' value='{share}' aria-label='{share} %'></progress>"
    )


def _table(rows: list[Row], say: Translate) -> str:
    """Return what became of each picture; names are strangers' and are escaped."""
    body = "".join(
        f"<tr><th scope='row'>{escape(row['name'])}</th>"
        + (
            f"<td colspan='2' class='worse'>{escape(say(row['error']))}</td>"
            if row["error"]
            else f"<td>{row['seconds']:.1f} s</td><td>{_won(row, say)}</td>"
        )
        + "</tr>"
        for row in rows
    )
    heads = "".join(f"<th scope='col'>{escape(say(head))}</th>" for head in ("Picture", "Time"))
    return (
        f"<table class='scores'><thead><tr>{heads}<th scope='col'>PSNR</th></tr></thead><tbody>{body}</tbody></table>"
    )


def _won(row: Row, say: Translate) -> str:
    if row["scores"] is None:
        return "<span class='quiet'>–</span>"
    return change(PSNR, row["scores"]["degraded"], row["scores"]["restored"], say)
