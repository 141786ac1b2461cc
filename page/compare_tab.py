"""The tab that compares two pictures of one view, each as it is or restored by a checkpoint, in one slider."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio_client.utils import strip_invalid_filename_characters

from enhancer.comparison import Comparison, halves
from enhancer.messages import Translate
from enhancer.results import Result, made_by, note_list, patience
from page import backend
from page.backend import FINER, RENDERS, TRUTH, Half
from page.closer_look import CloserLook
from page.controls import Given, image_of, picture_input, restored_before, unless_one_of
from page.events import OVERTAKEN, PRIVATE, Steps
from page.hero import Hero
from page.i18n.translate import label, translator
from page.outputs import Details, Pair, saved
from page.wishes import ALL, PICTURES, WORDS

COMPARE = "compare"
EXAMPLES = (FINER, RENDERS[0], backend.beside(RENDERS[0], TRUTH))
AS_IT_IS = ""  # in place of a checkpoint


class Side:
    """One of the two: a picture, and what restores it first."""

    def __init__(self, name: str, example: Path, checkpoint: str) -> None:
        """Lay it out where this is called.

        Args:
            name: "A" or "B".
            example: The picture it begins with.
            checkpoint: What restores that, `AS_IT_IS` for nothing.
        """
        with gr.Column(min_width=150):
            self.picture = picture_input(
                value=str(example),
                label=name,
                height=190,
                elem_id=f"{COMPARE}-{name.lower()}",
                alt_text=name,
            )
            self.checkpoint = gr.Radio(
                [(label("no"), AS_IT_IS), *((offered, offered) for offered in backend.checkpoints())],
                value=checkpoint,
                label=label(f"Restore {name} first"),
                elem_id=f"{COMPARE}-{name.lower()}-by",
            )


class CompareTab:
    """Its components, and what they do."""

    def __init__(self, tab: gr.Tab) -> None:
        """Lay it out where this is called.

        Args:
            tab: That it is laid out in.
        """
        with gr.Row(elem_classes="stage"):
            with gr.Column(elem_classes="controls"):
                gr.HTML(label("compare"), padding=False, elem_classes="hint")
                with gr.Row(elem_classes="sides"):
                    self.sides = Side("A", FINER, AS_IT_IS), Side("B", RENDERS[0], backend.checkpoints()[0])
                self.reference = picture_input(
                    value=str(backend.beside(RENDERS[0], TRUTH)),
                    label=label("Ground truth, for scores"),
                    height=190,
                    elem_id=f"{COMPARE}-reference",
                    alt_text=label("The ground truth"),
                )
                with gr.Row(elem_classes="buttons"):
                    self.button = gr.Button(
                        label("Compare both"), variant="primary", size="lg", elem_id=f"{COMPARE}-both"
                    )
            self.hero = Hero(COMPARE, "", divider="Divider: A to the left, B to the right")
        with gr.Column(visible=False, elem_classes="details") as self.details, gr.Tabs(overflow_behavior="wrap"):
            self.closer = CloserLook(COMPARE, "Where B is better")
        chosen = {part for side in self.sides for part in (side.picture, side.checkpoint)}
        self.hero.wire(self.run, chosen | {self.reference}, [*self.hero.all, self.details, *self.closer.all])
        for side, other in (self.sides, self.sides[::-1]):
            self._wire_upload(side.picture, other.picture)
            self.hero.drop_on(side.picture.clear)  # nothing is asked for: another one may be on its way
        self.hero.drop_on(self.reference.upload)
        pictures = [side.picture for side in self.sides]
        self.hero.take(self.reference.upload, self.reference, pictures)
        self.hero.ask_on(self.button.click)
        self.hero.ask_on(self.reference.clear, needs=pictures)
        for side in self.sides:
            self.hero.ask_on(side.checkpoint.input, needs=pictures)
        if not backend.ON_ZERO_GPU:
            self.hero.begin_with(tab)

    def _wire_upload(self, picture: gr.Image, other: gr.Image) -> None:
        """Have a picture that comes in compared, without the examples that were there before."""
        kept = ", ".join(unless_one_of(EXAMPLES, name) for name in ("other", "given"))
        uploaded: Any = picture.upload
        self.hero.drop_on(uploaded)
        alone = [other, self.reference]
        left = uploaded(None, alone, alone, js=f"(other, given) => [{kept}]", **PRIVATE)
        self.hero.take(left.then, picture, [picture, other])

    def run(self, values: Mapping[Any, Any], request: gr.Request) -> Steps:
        """Restore what is to be restored, and show both: the pictures first, then scores and details."""
        say = translator(request)
        wishes, wish = values[self.hero.wishes], values[self.hero.wish]
        if not wishes.stands(wish):
            return OVERTAKEN
        first, second = (values[side.picture] for side in self.sides)
        given = [first or second, second or first]  # one alone is compared with what a checkpoint makes of it
        both = [
            Half(image_of(own), values[side.checkpoint] or None) for own, side in zip(given, self.sides, strict=True)
        ]
        clean = None if values[self.reference] is None else image_of(values[self.reference])
        slow = [half for half in both if half.checkpoint and backend.is_slow(half.checkpoint)]
        if wait := sum(backend.expected_seconds(half.image, half.checkpoint) for half in both if half.checkpoint):
            yield {self.hero.status: patience(wait, say, bool(slow)), self.hero.shown: f"{wish} {WORDS}"}
        steps = backend.compare((both[0], both[1]), clean)
        compared, made = next(steps)
        if not wishes.stands(wish):
            return OVERTAKEN
        pair = _saved(given, made)
        yield self.hero.seen(pair, _told(compared, given, made, say)) | {self.hero.shown: f"{wish} {PICTURES}"}
        if not wishes.stands(wish):
            return OVERTAKEN
        compared, _ = next(steps, (compared, made))
        details = Details.of(compared, clean, say, faces=backend.faces_apart(compared.flat.after))
        yield {
            self.hero.status: _told(compared, given, made, say),
            self.details: gr.update(visible=True),
            **self.hero.told(details, say),
            **self.closer.updates(compared, details, say),
            self.hero.shown: f"{wish} {ALL}",
        }
        return None if wishes.stands(wish) else OVERTAKEN


def _saved(given: Sequence[Given], made: Sequence[Result | None]) -> Pair:
    """Write both; one that is compared as it is keeps what its file told of how it was made."""
    files: list[str] = []
    for side, own, result in zip("ab", given, made, strict=True):
        name = strip_invalid_filename_characters(f"{side}_{Path(own.name).stem}")
        files.append(
            saved(own.image, name, own.record)
            if result is None
            else saved(result.restored, f"{name}_restored", result.record)
        )
    return Pair(files[0], files[1])


def _told(compared: Comparison, given: Sequence[Given], made: Sequence[Result | None], say: Translate) -> str:
    """Return HTML that says what stands to the left and to the right, how close each is, and what else should be known."""
    whose = [
        f"{side}: {own.name}, {_origin(own, result, say)}"
        for side, own, result in zip(compared.names, given, made, strict=True)
    ]
    notes = [note for own in given for note in own.notes]
    for own, result in zip(given, made, strict=True):
        notes += (*restored_before(own.record), *result.notes) if result else ()
    return f'<p role="status">{halves(compared, say, (whose[0], whose[1]))}</p>{note_list(compared.notes_with(notes), say)}'


def _origin(given: Given, made: Result | None, say: Translate) -> str:
    if made is not None:
        return f"{say('restored by')} {made_by(made.record)}"
    if given.was_restored and given.record:
        return f"{say('as it is: restored before by')} {made_by(given.record)}"
    return say("as it is")
