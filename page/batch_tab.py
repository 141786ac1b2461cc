"""The tab that restores several pictures: a gallery, a table and a ZIP, picture by picture."""

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


class Done:
    """What a visitor's run has done so far. It lies in a `gr.State`, one for each visitor; the pictures lie on the disk."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.rows: list[Row] = []
        self.panels: list[Panel] = []  # path and name of each restored picture
        self.is_running = False

    def begin(self) -> tuple[list[Row], list[Panel]]:
        """Return new lists to fill: a run that was stopped may still add its last picture to its own."""
        self.rows, self.panels, self.is_running = [], [], True
        return self.rows, self.panels

    def packed(self) -> str:
        """Write a ZIP of it, and return its path."""
        files = {f"{name}.png": Path(path).read_bytes() for path, name in list(self.panels)}
        return stored(zipped(files | {"scores.csv": scores_csv(list(self.rows)).encode()}), "splat-enhancer.zip")


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
        done = gr.State(Done())
        outputs: list[Any] = [self.status, self.gallery, self.table, self.download]
        started = self.button.click(
            self.run,
            [self.files, self.degrade_first, done],
            outputs,
            concurrency_id="batch",
            trigger_mode="once",
            show_progress="hidden",
            **PRIVATE,  # the status draws its own
        )
        self.stop.click(self.stopped, done, outputs, show_progress="hidden", cancels=[started], **PRIVATE)

    def stopped(self, done: Done, request: gr.Request) -> Any:
        """Say so, and offer what is done."""
        if not done.is_running:
            return gr.skip()
        done.is_running = False
        say = translator(request)
        return {
            self.status: f"<p role='status'>{escape(say('Stopped.'))}</p>",
            self.gallery: gr.update(value=list(done.panels), visible=bool(done.panels)),
            self.table: _table(done.rows, say) if done.rows else "",
            self.download: gr.update(value=done.packed() if done.rows else None, visible=bool(done.rows)),
        }

    def run(
        self, paths: list[str] | None, degrade_first: bool, done: Done, request: gr.Request
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
        rows, panels = done.begin()
        none: Any = gr.update(value=None, visible=False)  # those of an earlier run would not belong to what is shown
        yield {self.gallery: none, self.table: "", self.download: none}
        for path, stem in zip(paths, safe_names(Path(path).name for path in paths), strict=True):
            yield {self.status: _progress(len(rows), len(paths), say)}
            try:
                row, content = _one(path, degrade_first)
                panels.append((stored(content, f"{stem}.png"), stem))
            except (EnhancerError, gr.Error) as error:
                row = failed_row(error)
            rows.append({"name": Path(path).name, **row})
            yield {
                self.status: _progress(len(rows), len(paths), say),
                self.gallery: gr.update(value=list(panels), visible=bool(panels)),
                self.table: _table(rows, say),
            }
        if rows is done.rows and done.is_running:
            done.is_running = False
            yield {self.download: gr.update(value=done.packed(), visible=True)}


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
