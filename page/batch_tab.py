"""The tab that restores several pictures: a table with a row for each, a slider for the one looked at, a ZIP of all."""

from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

import gradio as gr

from enhancer.degradation import PRESET_NAMES
from enhancer.degrade import DEFAULT_PRESET
from enhancer.errors import EnhancerError
from enhancer.imaging.folders import partner_of, those_by_stem
from enhancer.imaging.provenance import read_recorded
from enhancer.messages import Message, Translate
from enhancer.results import failed_row, result_row
from page import backend
from page.archive import safe_names
from page.backend import shown_to_visitor
from page.batch_run import Done, Files, Latest, Run
from page.batch_table import batch_table
from page.controls import KINDS, RestorationControls, restored_before, take_uploads_only, whole_seed
from page.events import OVERTAKEN, PRIVATE, QUICK, QUIETLY, Steps, Updates, moved_by_hand, sent_once
from page.i18n.translate import label, refusal, translator
from page.limits import LARGEST_SIDE, require_few_bytes
from page.outputs import Pair, stored
from page.slider import two_pictures
from page.wishes import EARLIER

MOST = 20  # pictures in one go
IT = Message("name.picture", "It")  # the table names the file
# Tells which row's button was pressed; the rows are drawn anew with every picture, so it is the table that listens.
TELL_ROW = """element.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-row]");
  if (pressed) trigger("click", { row: Number(pressed.dataset.row) });
});"""
# JavaScript that says so at once; the run's own words replace it
ASKED = (
    "() => document.querySelectorAll('#batch-status [data-asked]').forEach((it) => (it.textContent = it.dataset.asked))"
)
# JavaScript that says whether what is shown is of what is chosen
SHOWN = "document.querySelector('#batch-restore').closest('[role=tabpanel]').dataset.shown = "
INTO_VIEW = "() => document.querySelector('#batch-slider').scrollIntoView({block: 'nearest'})"


class BatchTab:
    """Its components, and what they do."""

    def __init__(self) -> None:
        """Lay it out where this is called."""
        with gr.Row(elem_classes="stage"):
            with gr.Column(elem_classes="controls"):
                self._lay_out_inputs()
            with gr.Column(elem_classes="hero"):
                self._lay_out_results()
        self._wire()

    def _lay_out_inputs(self) -> None:
        gr.HTML(label("batch"), padding=False, elem_classes="hint")
        self.files = _files_input("Pictures of faces", 260, "batch-files")
        self.degrade_first = gr.Checkbox(
            False,
            label=label("They are clean: degrade them first, then score them"),
            info=label("Leave off for real renders."),
            elem_id="batch-degrade",
        )
        with gr.Row(elem_classes="buttons"):
            self.button = gr.Button(
                label("Restore all"), variant="primary", size="lg", scale=3, elem_id="batch-restore"
            )
            self.stop = gr.Button(label("Stop"), size="lg", scale=1, elem_id="batch-stop")
        with gr.Accordion(
            label("Scores: give the clean pictures too"), open=False, elem_classes="settings"
        ) as self.comparing:
            gr.HTML(label("pairs by name"), padding=False, elem_classes="hint")
            self.references = _files_input("The same views, clean", 180, "batch-references")
        with gr.Accordion(label("Degradation"), open=False, visible=False, elem_classes="settings") as self.degrading:
            self.preset = gr.Radio(
                [(label(KINDS[name]), name) for name in PRESET_NAMES], value=DEFAULT_PRESET, label=label("Kind")
            )
            self.seed = gr.Number(0, label=label("Seed"), info=label("The same seed gives the same degradation."))
        with gr.Accordion(label("Restoration"), open=False, elem_classes="settings"):
            self.restoration = RestorationControls(with_background=True)
        offered = backend.checkpoints()
        self.checkpoint = gr.Radio(list(offered), value=offered[0], label=label("Checkpoint"), visible=len(offered) > 1)

    def _lay_out_results(self) -> None:
        self.status = gr.HTML(padding=False, elem_classes="status", elem_id="batch-status")
        with gr.Column(visible=False) as self.looked_at:
            self.slider = two_pictures("batch")
            self.shown = gr.HTML(padding=False, elem_classes="status", elem_id="batch-shown")
        self.table = gr.HTML(padding=False, elem_classes="score-panel", elem_id="batch-table", js_on_load=TELL_ROW)
        self.download = gr.DownloadButton(
            label("Everything as a ZIP: pictures, scores.csv and settings.json"),
            visible=False,
            size="lg",
            elem_id="batch-zip",
        )

    def _wire(self) -> None:
        self.latest = gr.State(Latest())
        pictures: list[Any] = [self.looked_at, self.slider, self.shown]
        outputs: list[Any] = [self.status, *pictures, self.table, self.download]
        settings = {self.preset, self.seed, self.checkpoint, *self.restoration.all}
        asked = self.button.click(
            self.ask_to_stop, self.latest, None, js=f"(it) => {{ {SHOWN} 'all'; return it; }}", **QUICK
        )
        asked.then(
            sent_once(self.run),
            {self.files, self.references, self.degrade_first, self.latest, *settings},
            outputs,
            concurrency_id="batch",
            trigger_mode="always_last",
            **QUIETLY,  # the status draws its own
        )
        files: Any = self.files
        references: Any = self.references
        changed = [files.change, references.change, *moved_by_hand([self.degrade_first, *settings])]
        gr.on(changed, None, js=f"() => {{ {SHOWN} '{EARLIER}'; }}", **PRIVATE)
        # The run is asked to end, not cancelled, and says itself that it has: of two that write, either could come last.
        self.stop.click(self.ask_to_stop, self.latest, None, js=ASKED, queue=False, **PRIVATE)
        chosen: Any = self.table.click
        told = chosen(self.show, self.latest, pictures, **QUICK)
        told.then(None, None, None, js=INTO_VIEW, **PRIVATE)
        shown_if = "{__type__: 'update', visible: %s}"
        self.degrade_first.change(
            None,
            self.degrade_first,
            [self.degrading, self.comparing],
            js=f"(first) => [{shown_if % 'first'}, {shown_if % '!first'}]",
            **PRIVATE,
        )

    def show(self, latest: Latest, pressed: gr.EventData) -> Any:
        """Show the pictures of the row whose button was pressed."""
        found = latest.run.pair(getattr(pressed, "row", None)) if latest.run else None
        return gr.skip() if found is None else self._seen(*found)

    def ask_to_stop(self, latest: Latest) -> None:
        """Have the run end with the picture it works on, also because another one is asked for."""
        if latest.run is not None:
            latest.run.is_stopped = True

    def run(self, values: Mapping[Any, Any], request: gr.Request) -> Steps:
        """Restore one picture after the other and show what is there."""
        paths = values[self.files]
        _require_some(paths)
        degrade_first, latest = values[self.degrade_first], values[self.latest]
        references = [] if degrade_first else values[self.references] or []
        settings: dict[str, Any] = {"checkpoint": values[self.checkpoint], "degrade_first": degrade_first}
        with shown_to_visitor():
            settings["restoration"] = self.restoration.read(values)
            if degrade_first:
                settings |= {"preset": values[self.preset], "seed": whole_seed(values[self.seed])}
        say = translator(request)
        partners, unmatched = _paired(paths, references)
        run = latest.run = Run(unmatched)
        none: Any = gr.update(value=None, visible=False)  # those of an earlier run would not belong to what is shown
        cleared: Updates = {self.looked_at: gr.update(visible=False), self.slider: None, self.download: none}
        yield cleared | {self.table: batch_table(run, say), self.status: _progress(0, len(paths), say)}
        for path, stem in zip(paths, safe_names(Path(path).name for path in paths), strict=True):
            if run.is_stopped:
                break
            run.done.append(_done(Path(path), partners[path], stem, has_references=bool(references), **settings))
            told: Updates = {
                self.status: _progress(len(run.done), len(paths), say),
                self.table: batch_table(run, say),
            }
            yield told | self._first_seen(run)
        if run.done:
            yield {self.download: gr.update(value=_zip_of(run), visible=True)}
        if len(run.done) < len(paths):
            yield {self.status: f"<p role='status'>{escape(say('Stopped.'))}</p>"}
        return None if latest.run is run else OVERTAKEN

    def _first_seen(self, run: Run) -> Updates:
        """Return the pictures of a run's newest row, if they are the first there are."""
        restored = [number for number, done in enumerate(run.done) if done.files]
        found = run.pair(restored[0]) if restored == [len(run.done) - 1] else None
        return {} if found is None else self._seen(*found)

    def _seen(self, name: str, pair: Pair) -> Updates:
        return {
            self.looked_at: gr.update(visible=True),
            self.slider: (pair.before, pair.after),
            self.shown: f"<p>{escape(name)}</p>",
        }


def _files_input(words: str, height: int, elem_id: str) -> gr.File:
    component = gr.File(label=label(words), file_count="multiple", file_types=["image"], height=height, elem_id=elem_id)
    take_uploads_only(component)
    return component


def _require_some(paths: list[str] | None) -> None:
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


def _paired(paths: list[str], references: list[str]) -> tuple[dict[str, Path | None], list[str]]:
    """Return the clean picture of each, by the rule of the command line, and the names of those that go with none."""
    by_stem = those_by_stem(Path(path) for path in references)
    partners = {path: partner_of(Path(path).stem, by_stem, "reference") for path in paths}
    return partners, [Path(path).name for path in references if Path(path) not in partners.values()]


def _done(path: Path, reference: Path | None, stem: str, *, has_references: bool, **settings: Any) -> Done:
    """Restore one picture, and return what became of it.

    Args:
        path: The picture's file.
        reference: That of its clean picture.
        stem: What to call the result.
        has_references: Others have a clean picture, so that it is worth saying if this one has none.
        settings: Of `page.backend.restore`.
    """
    row: dict[str, Any] = {"name": path.name, "reference": reference and reference.name}
    notes: tuple[Message, ...] = ()
    if has_references and reference is None:
        notes = (
            Message(
                "batch.no_reference",
                "No clean picture is called {name} or {name}_reference, so there are no scores.",
                name=path.stem,
            ),
        )
    try:
        require_few_bytes(path, IT)
        reading, record = read_recorded(path, IT, LARGEST_SIDE)
        notes += reading.notes()
        notes += restored_before(record, as_clean=settings["degrade_first"])
        if reference is not None:
            named = Message("name.reference", "Its clean picture {file}", file=reference.name)
            require_few_bytes(reference, named)
            settings["reference"] = read_recorded(reference, named, LARGEST_SIDE)[0].image
        result = backend.restored(reading.image, notes=notes, **settings)
    except (EnhancerError, gr.Error) as error:
        return Done(row | failed_row(_unwrapped(error)), None)
    return Done(row | result_row(result), Files.of(result, stem))


def _unwrapped(error: Exception) -> Exception:
    """Return what a message on the page was made of: the table translates and escapes by itself, and a CSV is English."""
    if not isinstance(error, gr.Error):
        return error
    cause = error.__cause__
    return cause if isinstance(cause, EnhancerError) else RuntimeError(unescape(error.message))


def _zip_of(run: Run) -> str:
    return stored(run.packed(), "splat-enhancer.zip")


def _progress(done: int, count: int, say: Translate) -> str:
    share = 100 * done // count
    return (
        f"<p role='status' data-asked='{escape(say('Stopping after this picture.'))}'>{done} {escape(say('of'))} {count} {escape(say('done'))}</p>"
        f"<progress max='100' value='{share}' aria-label='{share} %'></progress>"
    )
