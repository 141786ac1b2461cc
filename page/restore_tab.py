"""A tab that restores one picture: choose and set on the left, the result on the right, a closer look below."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import gradio as gr
import numpy as np

from enhancer.errors import SettingsError
from enhancer.imaging.blend import Restoration
from enhancer.imaging.io import read_image
from enhancer.imaging.provenance import read_record
from enhancer.messages import Message, Translate
from enhancer.results import Result, patience, status_line
from page import backend
from page.backend import HEADS, RENDERS, TRUTH, shown_to_visitor
from page.closer_look import PICTURE, CloserLook
from page.controls import (
    RESTORED_BEFORE,
    DamageControls,
    Given,
    RestorationControls,
    image_of,
    picture_input,
    restored_before,
    unless_one_of,
)
from page.events import OVERTAKEN, PRIVATE, QUICK, Steps, Updates, moved_by_hand
from page.first_result import Look, first_look, first_pair
from page.hero import Hero
from page.i18n.en import DROP_HERE
from page.i18n.translate import label, translator
from page.link import LINKED, read_link
from page.outputs import Details, Pair, image_update, steps_shown
from page.share import Share, file_of
from page.thumbnails import thumbnail_of
from page.views import mixed
from page.wishes import ALL, NOW, PICTURES, WORDS, OvertakenError, Wishes, mixed_in

TRY, RENDER = "try", "render"
STEPS = 14
EXAMPLES_TRUTHS = tuple(backend.beside(render, TRUTH) for render in RENDERS)
NO_EXAMPLES_TRUTH = unless_one_of(EXAMPLES_TRUTHS, "given")
FITTING = gr.Progress()  # of splats that are fitted to a picture: the rest is quick
SETTINGS_READ = Message("picture.settings_read", "This picture tells how it was made: its settings are set now.")


class Workbench:
    """The components of one such tab, and what they do."""

    def __init__(self, kind: str) -> None:
        """Lay it out where this is called.

        Args:
            kind: `TRY`, for clean pictures that are degraded first, or `RENDER`, for renders as they are.
        """
        self.kind = kind
        self.degrades = kind == TRY
        with gr.Row(elem_classes="stage"):
            with gr.Column(elem_classes="controls"):
                self._lay_out_inputs()
            self.hero = Hero(kind, label("gpu is lent" if backend.ON_ZERO_GPU else "waking"))
        with gr.Column(visible=False, elem_classes="details") as self.details:
            self._lay_out_details()
        self._wire()

    # --- what there is -------------------------------------------------------------------------------------------

    def _lay_out_inputs(self) -> None:
        examples = HEADS if self.degrades else RENDERS
        self.gallery = gr.Gallery(
            [thumbnail_of(path) for path in examples],
            label=label("Pick a face" if self.degrades else "Pick a render of splats"),
            selected_index=0,
            format="png",
            columns=6,
            height="auto",
            object_fit="cover",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id=f"{self.kind}-examples",
            elem_classes="examples",
        )
        self.image = picture_input(
            value=str(examples[0]),
            label=label("or drop a clean picture" if self.degrades else "or drop yours"),
            height=250,
            placeholder=label(DROP_HERE),
            elem_id=f"{self.kind}-picture",
            alt_text=label("The picture to restore"),
        )
        self.as_render = gr.Button(label("Open it in “Splat render”"), visible=False, elem_id=f"{self.kind}-as-render")
        with gr.Row(elem_classes="buttons"):
            self.button = gr.Button(
                label("Restore"), variant="primary", size="lg", scale=3, elem_id=f"{self.kind}-restore"
            )
            self.reroll = gr.Button(
                label("New seed"),
                size="lg",
                scale=2,
                visible=self.degrades,
                elem_id=f"{self.kind}-reroll",
            )
        self.damage = None
        if self.degrades:
            with gr.Accordion(label("Degradation"), open=False, elem_classes="settings"):
                self.damage = DamageControls()
        else:
            self.faces = gr.Checkbox(
                False, label=label("Find the faces and restore each"), visible=False, elem_id="render-faces"
            )
            with gr.Accordion(label("Scores: give the ground truth too"), open=False, elem_classes="settings"):
                self.reference = picture_input(
                    value=str(backend.beside(RENDERS[0], TRUTH)),
                    label=label("The same view, as it should be"),
                    height=200,
                    elem_id="render-reference",
                    alt_text=label("The ground truth"),
                )
        with gr.Accordion(label("Restoration"), open=False, elem_classes="settings"):
            self.restoration = RestorationControls(with_background=not self.degrades)
        offered = backend.checkpoints()
        self.checkpoint = gr.Radio(list(offered), value=offered[0], label=label("Checkpoint"), visible=len(offered) > 1)

    def _lay_out_details(self) -> None:
        with gr.Tabs(overflow_behavior="wrap"):
            self.closer = CloserLook(self.kind)
            if self.degrades:
                with gr.Tab(label("Step by step")) as self.strip:
                    self.scrubber = gr.Slider(
                        1, STEPS, STEPS, step=1, label=label("Step"), buttons=[], elem_id="try-scrubber"
                    )
                    self.film = gr.Gallery(
                        label=label("The degradation, step by step"),
                        show_label=False,
                        format="png",
                        preview=True,
                        height=520,
                        object_fit="contain",
                        buttons=["fullscreen"],
                        elem_classes="film",
                        elem_id="try-film",
                    )
            with gr.Tab(label("Pictures")):
                gr.HTML(label("files"), padding=False, elem_classes="hint")
                with gr.Row(elem_classes="trio"):
                    self.trio = [
                        gr.Image(label=label(name), alt_text=label(name), **PICTURE)
                        for name in ("Input", "Restored", "Ground truth")
                    ]
                if self.damage:
                    _, restored, clean = self.trio
                    self.share = Share(self.image, (clean, restored), self.damage, self.restoration)

    # --- what it does --------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        hero = self.hero
        inputs: set[Any] = {self.image, self.checkpoint, *self.restoration.all}
        settings: list[Any] = [*self.restoration.all]
        if self.damage:
            inputs |= set(self.damage.all)
            settings += self.damage.all
        else:
            inputs |= {self.reference, self.faces}
        self.outputs: list[Any] = [*hero.all, self.details, *self.closer.all, *self.trio]
        self.outputs += [self.film, self.scrubber] if self.degrades else [self.faces]
        hero.wire(self.run, inputs, self.outputs)
        into_view = f"document.querySelector('#{self.kind}-slider').scrollIntoView({{block: 'nearest'}});"
        hero.ask_on(self.button.click, before=hero.outdated + into_view)
        if not self.degrades:
            hero.ask_on(self.faces.input)
        told = [*self.restoration.regions, self.restoration.background, self.checkpoint]
        hero.outdate_on(moved_by_hand([*told, *(self.damage.all if self.damage else [])]))
        # the page mixes the two pictures while the strength is moved; on release the exact result follows
        hero.ask_on(self.restoration.strength.release, before=mixed_in(self.kind), needs=[self.image])
        self._wire_picture(settings)
        if self.damage:
            self._wire_damage(self.damage)

    def _wire_picture(self, settings: list[Any]) -> None:
        """Have a picture come in: an upload, or an example."""
        uploaded: Any = self.image.upload
        self.hero.drop_on(uploaded)
        self.hero.drop_on(self.image.clear)
        if not self.damage:  # an example's ground truth is none of what is uploaded
            uploaded(None, self.reference, self.reference, js=f"(given) => {NO_EXAMPLES_TRUTH}", **PRIVATE)
            self.hero.drop_on(self.reference.upload)
            self.hero.take(self.reference.upload, self.reference, [self.image])
            self.hero.ask_on(self.reference.clear, needs=[self.image])
        told = [*settings, self.as_render, *([] if self.degrades else [self.faces])]
        self.hero.take(uploaded, self.image, [self.image], self.read_back, told)
        linked = [self.share.example.change] if self.degrades else []
        for away in (uploaded, self.image.clear, *linked):  # what is shown there is no example any more, or another
            away(None, None, self.gallery, js="() => ({__type__: 'update', selected_index: null})", **PRIVATE)
        chosen: Any = self.gallery.select
        hidden = "{__type__: 'update', visible: false}"
        chosen(None, None, self.as_render, js=f"() => {{ {self.hero.outdated} return {hidden}; }}", **PRIVATE)
        given = [self.image] if self.damage else [self.image, self.reference, self.faces]
        picked = chosen(self.pick, self.gallery, given, trigger_mode="always_last", **QUICK)
        self.hero.ask_on(picked.success, before="")

    def _wire_damage(self, damage: DamageControls) -> None:
        """Have a new seed on a click, and the degradation's steps when they are looked at."""
        other = f"() => {{ {self.hero.outdated} return [Math.floor(Math.random() * 1e6), {NOW}]; }}"
        self.reroll.click(None, None, [damage.seed, self.hero.wish], js=other, **PRIVATE)
        watched: Any = self.strip.select
        before, _, clean = self.trio
        watched(self.show_steps, [clean, before], [self.film, self.scrubber], **PRIVATE)
        self.scrubber.input(
            None,
            self.scrubber,
            self.film,
            js="(n) => ({__type__: 'update', selected_index: n - 1})",
            **PRIVATE,
        )

    def hand_over(self, other: "Workbench", tabs: gr.Tabs) -> None:
        """Have the button that offers it put the picture into another tab, and show that."""
        shown, no_example = (
            f"{{__type__: 'update', selected: '{other.kind}'}}",
            "{__type__: 'update', selected_index: null}",
        )
        moved = f"(image, given) => [image, {no_example}, {NO_EXAMPLES_TRUTH}, false, {shown}]"
        outputs = [other.image, other.gallery, other.reference, other.faces, tabs]
        handed = self.as_render.click(None, [self.image, other.reference], outputs, js=moved, **PRIVATE)
        other.hero.ask_on(handed.then)

    def run(self, values: Mapping[Any, Any], request: gr.Request, progress: gr.Progress = FITTING) -> Steps:
        """Restore what was chosen: the picture first, then scores and details; nothing where it is wanted no more."""
        say = translator(request)
        wishes, wish = values[self.hero.wishes], values[self.hero.wish]
        if not wishes.stands(wish):
            return OVERTAKEN
        image = image_of(values[self.image])
        with shown_to_visitor():
            restoration = self.restoration.read(values)
            damage = self.damage.read(values) if self.damage else {}
        given = None if self.damage else values[self.reference]
        about: dict[str, Any] = {"checkpoint": values[self.checkpoint], "reference": given and given.image}
        about["faces"] = not self.degrades and values[self.faces]
        about["notes"] = values[self.image].notes + restored_before(values[self.image].record, as_clean=self.degrades)
        if damage and not backend.ON_ZERO_GPU:  # there the work is in another process

            def fitted(share: float) -> None:
                if not wishes.stands(wish):
                    raise OvertakenError
                progress(share, desc=say("Fitting splats to the picture"))

            about["progress"] = fitted
        about |= {"restoration": restoration, **damage}
        name = values[self.image].name
        if given and given.name not in [truth.name for truth in EXAMPLES_TRUTHS]:
            name += f", {say('scored against')} {given.name}"
        with suppress(OvertakenError):
            return (yield from self._show(image, name, (wishes, wish), say, **about))
        return OVERTAKEN

    def _show(
        self,
        image: np.ndarray,
        name: str,
        wanted: tuple[Wishes, float],
        say: Translate,
        **settings: Any,
    ) -> Steps:
        """Restore a picture and show it, then what is told about it, as long as that is wanted."""
        wishes, wish = wanted
        settings |= {"degrade_first": self.degrades}
        checkpoint = settings.get("checkpoint")
        if wait := backend.expected_seconds(image, checkpoint):
            yield {
                self.hero.status: patience(wait, say, backend.is_slow(checkpoint)),
                self.hero.shown: f"{wish} {WORDS}",
            }
        result = pair = None
        for result in backend.restore(image, **settings):
            if not wishes.stands(wish):
                return OVERTAKEN
            if pair is None:
                pair = Pair.of(result)
                yield self._seen(result, pair, name, say) | {self.hero.shown: f"{wish} {PICTURES}"}
                if not wishes.stands(wish):
                    return OVERTAKEN
        if result is not None and pair is not None:
            backend.note_time(result)
            faces = result.faces
            if faces is None:
                faces = backend.faces_apart(result.comparison.flat.before)
            details = Details.of(result.comparison, result.clean, say, faces=faces)
            yield self._told(Look(result, pair, details, faces), name, say) | {self.hero.shown: f"{wish} {ALL}"}
        return None if wishes.stands(wish) else OVERTAKEN

    def follow(self, wishes: Wishes, request: gr.Request) -> Steps:
        """Show what a link asks for, if the page was opened by one; the first example, if it asks for what is not here."""
        if LINKED not in request.query_params:
            return OVERTAKEN
        example, settings = HEADS[0], {}
        with suppress(SettingsError):  # `Share.opened` says so
            if link := read_link(request.query_params):
                example, record = link.example, link.record
                settings = {"preset": record.preset, "seed": record.seed, "strengths": record.strengths}
                settings["restoration"] = Restoration(record.strength, record.regions)
        return (yield from self._show(read_image(example), example.name, (wishes, 0), translator(request), **settings))

    def first(self, wishes: Wishes, request: gr.Request) -> Steps:
        """Show the first render, restored: a visitor finds something to look at."""
        say = translator(request)
        result, pair = first_pair()
        if wishes.stands(0):
            yield self._seen(result, pair, RENDERS[0].name, say)
        look = first_look(say)
        if not wishes.stands(0):
            return OVERTAKEN
        yield self._told(look, RENDERS[0].name, say)
        return None

    def _seen(self, result: Result, pair: Pair, name: str, say: Translate) -> Updates:
        """Return the two pictures of a result and the line below them."""
        return self.hero.seen(pair, status_line(result, say, name))

    def _told(self, look: Look, name: str, say: Translate) -> Updates:
        """Return what the page shows of a result besides the two pictures of the slider."""
        result, details = look.result, look.details
        updates = {self.hero.status: status_line(result, say, name), self.details: gr.update(visible=True)}
        updates |= self.hero.told(details, say, mixed(result)) | self.closer.updates(result.comparison, details, say)
        pictures = (look.pair.before, look.pair.after, details.clean)
        updates |= {part: image_update(path) for part, path in zip(self.trio, pictures, strict=True)}
        if self.degrades:
            updates |= {self.film: None, self.scrubber: gr.update(maximum=STEPS, value=STEPS)}
        else:  # offered where there are several, or one that is small, or none was recognised
            offered = result.comparison.is_doubted or result.faces is not None or look.faces
            updates[self.faces] = gr.update(visible=bool(offered))
        return updates

    def pick(self, gallery: gr.Gallery) -> Updates:
        """Take the example that is chosen by now; the event itself would name the one of its own click."""
        number = gallery.selected_index or 0
        if self.degrades:
            return {self.image: file_of(HEADS[number])}
        render = RENDERS[number]
        truth = file_of(backend.beside(render, TRUTH))
        return {self.image: file_of(render), self.reference: truth, self.faces: False}

    def read_back(self, given: Given | None, request: gr.Request) -> Any:
        """Take over the settings that a picture of ours tells; one that is no clean one is offered to the other tab."""
        if given is None:
            return gr.skip()
        is_no_original = given.image is not None and self.degrades and given.was_restored  # a bad one raises here
        updates: Updates = {self.as_render: gr.update(visible=is_no_original)}
        if not self.degrades:  # what was ticked was meant for the picture before
            updates[self.faces] = False
        if given.record is None:
            return updates
        say = translator(request)
        gr.Info(say(SETTINGS_READ))
        if is_no_original:
            gr.Warning(say(RESTORED_BEFORE))
        updates |= self.restoration.updates(given.record)
        if not self.degrades and given.record.faces:
            updates[self.faces] = gr.update(value=True, visible=True)
        return updates | (self.damage.updates(given.record) if self.damage else {})

    def show_steps(self, clean: str | None, before: str | None, request: gr.Request) -> Updates:
        """Fill the film strip of the result that is shown when it is looked at: its own files tell how it was made."""
        record = read_record(before) if before else None
        if clean is None or record is None:
            return {self.film: None}
        settings = {"preset": record.preset, "seed": record.seed, "strengths": record.strengths}
        degraded = backend.degraded(read_image(clean), keep_steps=True, **settings)
        panels = steps_shown(degraded.steps, translator(request))
        return {
            self.film: gr.update(value=panels, selected_index=len(panels) - 1),
            self.scrubber: gr.update(maximum=len(panels), value=len(panels)),
        }
