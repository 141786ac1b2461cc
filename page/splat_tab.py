"""The tab that shows a cloud of Gaussians from any side, restores what is seen, and makes a turntable of it."""

from collections.abc import Iterator, Mapping
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from enhancer.errors import EnhancerError
from enhancer.imaging.io import to_bytes
from enhancer.messages import Message, Translate
from enhancer.results import note_list, patience, status_line
from enhancer.splats.formats.contents import Conventions
from page import backend
from page.archive import safe_names
from page.backend import shown_to_visitor
from page.clip_work import LatestRun, Outcome, Run, scratch, steadiness, stopped
from page.clips import CAN_READ_CLIPS, Taken, flat
from page.clouds import EXAMPLE, FIRST_VIEW, FRAMES, LIMITS, Given, Scene, Turn, View, opened, rendered, turned
from page.controls import THIS_FILE, take_uploads_only
from page.events import OVERTAKEN, PRIVATE, QUICK, QUIETLY, Steps, Updates, moved_by_hand, sent_once
from page.i18n.translate import label, refusal, translator
from page.limits import SPLAT_SIZE
from page.outputs import Pair
from page.player import picture_address
from page.slider import two_pictures

AXES = ("x", "-x", "y", "-y", "z", "-z")
WHERE = (("yaw", "Turn", 1), ("pitch", "Tilt", 1), ("zoom", "Zoom", 0.05), ("rise", "Height", 0.01))
CHOICES = {  # of what a file cannot say of itself; the first is what most files have
    "quaternions": ("wxyz", "xyzw"),
    "scales": ("auto", "log", "linear"),
    "opacities": ("auto", "logit", "linear"),
    "colours": ("auto", "sh", "rgb"),
}
NOTHING, NO_VIEW = "no cloud yet", "no view"  # passages
TURNED_MEANWHILE = Message(
    "cloud.turned",
    "It was turned while it was restored; what was restored is not shown beside another view. Restore this one.",
)
NO_CLOUD = Message("cloud.none", "There is no cloud yet. Drop one on the page, or take the example.")


class LatestView(LatestRun):
    """What a visitor looks at, too: what comes of a restoration that is of something else is not shown."""

    def __init__(self) -> None:
        """Nothing was looked at."""
        super().__init__()
        self.view: tuple[Any, ...] | None = None


class SplatTab:
    """Its components, and what they do."""

    def __init__(self, tab: gr.Tab) -> None:
        """Lay it out where this is called.

        Args:
            tab: Once it is opened, the example is looked at.
        """
        with gr.Row(elem_classes="stage"):
            with gr.Column(elem_classes="controls"):
                self._lay_out_inputs()
            with gr.Column(elem_classes="hero"):
                with gr.Column(elem_id="splat-stage"):
                    with gr.Column(elem_id="splat-live") as self.live:
                        self.view = gr.HTML(label(NOTHING), padding=False, elem_id="splat-view")
                    with gr.Column(visible=False, elem_id="splat-restored") as self.restored:
                        self.slider = two_pictures("splat")
                self.status = gr.HTML(padding=False, elem_classes="status", elem_id="splat-about")
        with gr.Column(elem_classes="details", elem_id="splat-turntable"):
            self._lay_out_turntable()
        self._wire(tab)

    # --- what there is -------------------------------------------------------------------------------------------

    def _lay_out_inputs(self) -> None:
        gr.HTML(label("about clouds"), padding=False, elem_classes="hint")
        self.file = gr.File(str(EXAMPLE), label=label("A cloud of Gaussians"), height=140, elem_id="splat-file")
        take_uploads_only(self.file)
        self.example = gr.Button(label("Take the example"), size="sm", elem_id="splat-example")
        with gr.Column(elem_classes="settings"):
            self.where: list[gr.Slider] = []
            for two in (slice(0, 2), slice(2, 4)):
                with gr.Row():
                    self.where += [
                        gr.Slider(
                            LIMITS[name][0],
                            LIMITS[name][1],
                            start,
                            step=step,
                            label=label(words),
                            min_width=150,
                            elem_id=f"splat-{name}",
                        )
                        for (name, words, step), start in zip(WHERE[two], FIRST_VIEW[two], strict=True)
                    ]
        with gr.Row(elem_classes="buttons"):
            self.button = gr.Button(
                label("Restore this view"), variant="primary", size="lg", scale=3, elem_id="splat-restore"
            )
        with gr.Accordion(label("How the file is read"), open=False, elem_classes="settings"):
            guessed: list[Any] = [(label("guessed"), ""), *((axis, axis) for axis in AXES)]
            with gr.Row():
                self.up = gr.Dropdown(guessed, value="", label=label("Up"), min_width=120, elem_id="splat-up")
                self.front = gr.Dropdown(
                    guessed, value="", label=label("Where the face looks"), min_width=120, elem_id="splat-front"
                )
            with gr.Row():
                self.conventions = [
                    gr.Dropdown(list(values), value=values[0], label=label(name.capitalize()), min_width=120)
                    for name, values in CHOICES.items()
                ]
            self.left_handed = gr.Checkbox(False, label=label("Left-handed axes, as in Unity"))

    def _lay_out_turntable(self) -> None:
        gr.HTML(label("turntable"), padding=False, elem_classes="hint")
        self.outcome = None
        if not CAN_READ_CLIPS:
            gr.HTML(label("no clips here"), padding=False, elem_classes="hint", elem_id="splat-missing")
            return
        with gr.Row(elem_classes=["stage", "wide"]):
            with gr.Column(elem_classes=["controls"]):
                with gr.Column(elem_classes="settings"):
                    self.frames = gr.Slider(
                        FRAMES[0], FRAMES[1], 48, step=8, label=label("Pictures"), elem_id="splat-frames"
                    )
                    self.arc = gr.Slider(
                        30,
                        360,
                        120,
                        step=10,
                        label=label("Arc, degrees"),
                        info=label("360 is once round; less is to one side, to the other and back."),
                        elem_id="splat-arc",
                    )
                    self.steady = steadiness("splat")
                with gr.Row(elem_classes="buttons"):
                    self.turn_button = gr.Button(label("Turntable"), size="lg", scale=3, elem_id="splat-turn")
                    self.stop = gr.Button(label("Stop"), size="lg", scale=1, elem_id="splat-stop")
            with gr.Column(elem_classes="hero"):
                self.outcome = Outcome("splat", "no turntable yet")
                self.outcome.lay_out_files()

    # --- what it does --------------------------------------------------------------------------------------------

    def _wire(self, tab: gr.Tab) -> None:
        self.latest = gr.State(LatestView())
        read_as = [self.up, self.front, *self.conventions, self.left_handed]
        self.chosen: list[Any] = [self.file, *self.where, *read_as]
        told: set[Any] = {*self.chosen, self.latest}
        seen: dict[str, Any] = {
            "fn": self.look,
            "inputs": told,
            "outputs": [self.live, self.restored, self.view, self.status, *(self.outcome.all if self.outcome else [])],
            "trigger_mode": "always_last",
            "concurrency_id": "view",
            "concurrency_limit": 2,
            **QUIETLY,
        }

        def look_after(event: Any, **changed: Any) -> None:
            event(**seen | changed).failure(
                self.refuse, [self.file, self.latest], [self.file, *seen["outputs"]], **QUICK
            )

        # one event for all that is moved: of two, the earlier one's view could come last
        file: Any = self.file
        look_after(partial(gr.on, [*moved_by_hand([*self.where, *read_as]), file.clear]))
        # sliders and file are set before the cloud is looked at
        uploaded: Any = file.upload
        look_after(uploaded(lambda: [0, 0, 1, 0], None, self.where, **QUICK).then)
        taken = self.example.click(lambda: [str(EXAMPLE), *FIRST_VIEW], None, [self.file, *self.where], **QUICK)
        look_after(taken.then)
        look_after(tab.select, fn=self.look_again, inputs=told | {self.view})
        asked = self.button.click(self.ask, told, None, **QUICK)
        asked.then(
            sent_once(self.restore_view),
            told,
            [self.live, self.restored, self.slider, self.status],
            concurrency_id="model",
            trigger_mode="always_last",
            show_progress_on=self.view,
            **PRIVATE,
        )
        if self.outcome:
            inputs = told | {self.frames, self.arc, self.steady}
            self.outcome.start(self.turn_button, self.stop, self.file, self.latest, self.turn, inputs)

    def look(self, values: Mapping[Any, Any], request: gr.Request) -> Updates:
        """Show the cloud from where the sliders say; what was restored of another view, or made of another cloud, makes room."""
        say, latest = translator(request), values[self.latest]
        latest.view = self._asked(values)
        there: Updates = {self.live: gr.update(visible=True), self.restored: gr.update(visible=False)}
        if latest.look_at(values[self.file]) and self.outcome:
            there |= self.outcome.cleared(say)
        if values[self.file] is None:
            return there | {self.view: say(NOTHING), self.status: ""}
        with shown_to_visitor():
            try:
                scene = self._scene(values)
                picture = flat(to_bytes(rendered(scene, self._view(values))))
            except EnhancerError as error:
                if not _is_readable(values[self.file]):
                    raise
                return there | {self.view: f"<p class='empty-player'>{escape(say(error.message))}</p>", self.status: ""}
        shown = (
            f'<img src="{picture_address(picture)}" width="{SPLAT_SIZE}" height="{SPLAT_SIZE}" draggable="false" '
            f'alt="{escape(say("The cloud from this side; drag to turn it"))}">'
        )
        return there | {self.view: shown, self.status: _about(scene, say)}

    def look_again(self, values: Mapping[Any, Any], request: gr.Request) -> Updates:
        """Do the same where nothing is shown yet."""
        return {self.status: gr.skip()} if "<img" in str(values[self.view]) else self.look(values, request)

    def refuse(self, path: str | None, latest: LatestView, request: gr.Request) -> Updates:
        """Show no other view in place of one that failed; take a cloud away that cannot be read."""
        say, latest.view = translator(request), None
        gone: Updates = {self.live: gr.update(visible=True), self.restored: gr.update(visible=False), self.status: ""}
        if path is not None and _is_readable(path):  # a good one is not to blame, nor one that came since
            return gone | {self.file: gr.skip(), self.view: say(NO_VIEW)}
        if latest.look_at(None) and self.outcome:
            gone |= self.outcome.cleared(say)
        return gone | {self.file: None, self.view: say(NOTHING)}

    def ask(self, values: Mapping[Any, Any]) -> None:
        """Note which view is meant: the sliders may have been moved just before, and the view be on its way."""
        values[self.latest].view = self._asked(values)

    def restore_view(self, values: Mapping[Any, Any], request: gr.Request) -> Steps:
        """Restore what is seen, and show it before and after, unless something else is looked at by then."""
        say, latest, asked = translator(request), values[self.latest], self._asked(values)
        if latest.view != asked:
            return OVERTAKEN
        with shown_to_visitor():
            scene = self._scene(values)
            image = rendered(scene, self._view(values))
        if wait := backend.expected_seconds(image):
            yield {self.status: patience(wait, say)}
        result = backend.restored(image, notes=scene.notes)
        if latest.view != asked:
            if latest.seen == values[self.file]:
                yield {self.status: _about(scene, say, (TURNED_MEANWHILE,))}
            return OVERTAKEN
        pair = Pair.of(result)
        yield {
            self.live: gr.update(visible=False),
            self.restored: gr.update(visible=True),
            self.slider: (pair.before, pair.after),
            self.status: status_line(result, say, Path(values[self.file]).name),
        }
        return None

    def turn(self, values: Mapping[Any, Any], request: gr.Request) -> Steps:
        """Render a turntable, restore it, and show it before and after."""
        path = values[self.file]
        if path is None:
            raise refusal(NO_CLOUD)
        assert self.outcome is not None  # without it there is no button to ask for a turntable
        steps = partial(self._steps, self.outcome, values, say=translator(request))
        return (yield from self.outcome.follow(values[self.latest], path, steps))

    def _steps(self, outcome: Outcome, values: Mapping[Any, Any], run: Run, say: Translate) -> Iterator[Updates]:
        steady = values[self.steady]
        with shown_to_visitor(), scratch() as folder:
            scene = self._scene(values)
            turn = Turn(self._view(values), values[self.frames], values[self.arc])
            (stem,) = safe_names([f"{Path(values[self.file]).stem}_turn"])
            yield outcome.none()
            for step in turned(scene, turn, Path(folder)):
                if run.is_stopped:
                    yield {outcome.status: stopped(say)}
                elif isinstance(step, Taken):
                    yield from outcome.work(step, stem, steady, run, Path(folder), say)
                else:
                    yield outcome.shown(step, say, steady, run)
                if run.is_stopped:
                    return

    def _asked(self, values: Mapping[Any, Any]) -> tuple[Any, ...]:
        """Return the cloud, from where it is seen and how it is read, to be told from another view."""
        return tuple(values[part] for part in self.chosen)

    def _scene(self, values: Mapping[Any, Any]) -> Scene:
        """Return the cloud, read as the controls say.

        Raises:
            EnhancerError: It cannot be used.
        """
        path = values[self.file]
        if path is None:
            raise refusal(NO_CLOUD)
        named = {name: values[part] for name, part in zip(CHOICES, self.conventions, strict=True)}
        read_as = Conventions(**named, left_handed=bool(values[self.left_handed]))
        return opened(Given(path, read_as, values[self.up] or None, values[self.front] or None), THIS_FILE)

    def _view(self, values: Mapping[Any, Any]) -> View:
        return View(*(values[slider] for slider in self.where))


def _about(scene: Scene, say: Translate, notes: tuple[Message, ...] = ()) -> str:
    words = f"{len(scene.file.cloud)} {say('Gaussians')} · {scene.file.format}"
    return f"<p role='status'>{escape(words)}</p>{note_list((*notes, *scene.notes), say)}"


def _is_readable(path: str) -> bool:
    """Say whether a cloud can be read as most are; what the controls say of it is left aside."""
    try:
        opened(Given(path), THIS_FILE)
    except EnhancerError:
        return False
    return True
