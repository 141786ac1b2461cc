"""Where a tab shows its two pictures, and says of each moment whether they are what was asked for last."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from enhancer.messages import Translate
from page.controls import readable, unless_readable
from page.events import PRIVATE, QUICK, Updates, sent_once
from page.i18n.translate import label
from page.link import LINKED
from page.outputs import Details, Pair, image_update
from page.slider import INPUT_AND_RESTORED, two_pictures
from page.views import buttons
from page.wishes import NOW, Wishes, changed_in, outdated_in, shown_in, stopped_in


class Hero:
    """The slider with its views, "Stop" and the line below; beside it, on wide screens, the ground truth."""

    def __init__(self, kind: str, hello: Any, *, divider: str = INPUT_AND_RESTORED) -> None:
        """Lay it out where this is called.

        Args:
            kind: Of the tab, as in the ids of its parts.
            hello: The line below, as long as nothing is shown.
            divider: What the divider is called.
        """
        self.kind = kind
        self.wishes = gr.State(Wishes())
        # in the page, unseen: when the last wish was made, when all wishes were dropped, and what is shown of which wish
        self.wish, self.dropped = (gr.Number(0, visible="hidden") for _ in range(2))
        self.shown = gr.Textbox(visible="hidden")
        with gr.Column(elem_classes="hero"):
            self.slider = two_pictures(kind, divider)
            self.views = gr.HTML(padding=False, elem_classes="views-row", elem_id=f"{kind}-views")
            self.stop = gr.Button(label("Stop"), size="sm", elem_classes="stop", elem_id=f"{kind}-stop")
            gr.HTML(label("stopped"), padding=False, elem_classes="status stopped", elem_id=f"{kind}-stopped")
            self.status = gr.HTML(hello, padding=False, elem_classes="status", elem_id=f"{kind}-status")
        self.truth = gr.Image(  # on wide screens
            label=label("Ground truth"),
            format="png",
            type="filepath",
            image_mode=None,
            interactive=False,
            visible=False,
            buttons=[],
            elem_classes="truth",
            elem_id=f"{kind}-truth",
            alt_text=label("The ground truth"),
        )

    @property
    def all(self) -> list[Any]:
        """Every component that a result fills."""
        return [self.slider, self.status, self.truth, self.views, self.shown]

    @property
    def outdated(self) -> str:
        """JavaScript after which all that the tab shows is marked as of an earlier wish; a wish follows at once."""
        return outdated_in(self.kind)

    def wire(self, run: Callable[..., Any], inputs: set[Any], outputs: list[Any]) -> None:
        """Have every wish answered, the last one first, until another comes or "Stop" is pressed.

        Args:
            run: What answers: a generator of updates.
            inputs: What it is given, `wishes` and `wish` among them.
            outputs: What it may update.
        """
        # One event for all ways to ask: while it runs, gradio keeps one more for afterwards, which then takes what is
        # chosen by that time. `note` has the run that is overtaken end early.
        note: dict[str, Any] = {"fn": Wishes.note, "trigger_mode": "multiple", **QUICK}
        changed: Any = self.wish.change
        changed(inputs=[self.wishes, self.wish], **note)
        work = changed(
            sent_once(run),
            inputs | {self.wishes, self.wish},
            outputs,
            concurrency_id="model",
            show_progress_on=self.slider,
            trigger_mode="always_last",
            **PRIVATE,
        )
        drop: Any = self.dropped.change
        drop(inputs=[self.wishes, self.dropped], **note)
        told: Any = self.shown.change
        told(None, self.shown, None, js=shown_in(self.kind), **PRIVATE)
        # said by the page itself: what a cancelled run still sends could come after an answer of ours
        self.stop.click(None, None, self.dropped, js=stopped_in(self.kind), cancels=[work], **PRIVATE)

    def ask_on(self, event: Any, *, before: str | None = None, needs: Sequence[gr.Image] = ()) -> None:
        """Have an event, such as a button's click, ask for what is chosen.

        Args:
            event: As gradio's components offer it.
            before: JavaScript that goes first, by default that which marks what is shown as outdated.
            needs: Pictures: where none of them is there, nothing is asked for, and nobody is told that it lacks.
        """
        before = self.outdated if before is None else before
        ask = f"(wish, ...needed) => {{ if (needed.length && !needed.some(Boolean)) return wish; {before} return {NOW}; }}"
        event(None, [self.wish, *needs], self.wish, js=ask, **PRIVATE)

    def outdate_on(self, events: Sequence[Any]) -> None:
        """Have events, such as of a setting that is moved, leave what is shown as an earlier result; work goes on."""
        gr.on(events, None, js=f"() => {{ {changed_in(self.kind)} }}", **PRIVATE)

    def drop_on(self, event: Any) -> None:
        """Have an event, such as a picture that is taken away, end all work and leave what is shown as an earlier result."""
        event(None, None, self.dropped, js=f"() => {{ {self.outdated} return {NOW}; }}", **PRIVATE)

    def take(
        self,
        event: Any,
        picture: gr.Image,
        needs: Sequence[gr.Image],
        read: Callable[..., Any] = readable,
        outputs: Any = None,
    ) -> None:
        """Have a picture that came in read and what is chosen then asked for; or refused in words and taken away.

        Args:
            event: After which the picture is there.
            picture: Where it came in.
            needs: Pictures, as of `ask_on`: this one may be taken away again meanwhile.
            read: What reads it; raises what is wrong with it.
            outputs: What that updates.
        """
        # in the queue, though quick: only there does an error reach the page in words
        taken = event(read, picture, outputs, show_progress="hidden", **PRIVATE)
        taken.failure(unless_readable, picture, picture, **QUICK)
        self.ask_on(taken.success, before="", needs=needs)

    def begin_with(self, tab: gr.Tab) -> None:
        """Have what is chosen answered when the tab is first looked at, unless a link brings its own."""
        unseen = f"!document.querySelector('#{self.kind}-slider img') && !new URLSearchParams(location.search).has('{LINKED}')"
        # gradio may say it twice
        begun = f"(window.begun ??= new Set()).has('{self.kind}')"
        begin = f"if ({begun} || !({unseen})) return wish; window.begun.add('{self.kind}'); return {NOW};"
        looked_at: Any = tab.select
        looked_at(None, self.wish, self.wish, js=f"(wish) => {{ {begin} }}", **PRIVATE)

    def seen(self, pair: Pair, words: str) -> Updates:
        """Return the two pictures and the line below them."""
        return {self.slider: (pair.before, pair.after), self.status: words}

    def told(self, details: Details, say: Translate, attributes: str = "") -> Updates:
        """Return the buttons for a close look, with more `attributes`, and the ground truth."""
        return {self.views: buttons(details.frames, say, attributes), self.truth: image_update(details.clean)}
