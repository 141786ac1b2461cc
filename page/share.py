"""A link to the result that is shown: made on a click, and followed when the page is opened by one."""

from pathlib import Path
from typing import Any

import gradio as gr

from enhancer.errors import SettingsError
from enhancer.imaging.io import read_image
from enhancer.imaging.provenance import read_record
from enhancer.messages import Message
from page import backend
from page.backend import HEADS
from page.controls import DamageControls, RestorationControls
from page.events import PRIVATE
from page.i18n.translate import label, refusal, translator
from page.link import NOT_HERE, Link, read_link
from page.outputs import stored

COPIED = Message("link.copied", "Copied: the link opens the page with this example and these settings.")
NO_EXAMPLE = Message("link.no_example", "A link carries settings, not pictures. Choose an example first.")
# Where a browser does not let the page write to the clipboard, the link can still be taken from the field.
SHOW_LINK = """async (query) => {
  const link = location.origin + location.pathname + query;
  const copied = await navigator.clipboard?.writeText(link).then(() => true, () => false);
  return [{ __type__: "update", value: link, visible: true }, copied ? "yes" : ""];
}"""


class Share:
    """The button, the field with the link, and what they do."""

    def __init__(
        self,
        image: gr.Image,
        shown: tuple[gr.Image, gr.Image],
        damage: DamageControls,
        restoration: RestorationControls,
    ) -> None:
        """Lay them out where this is called.

        Args:
            image: Where a link's example goes.
            shown: The clean and the restored picture of the result that is shown: their files say what the link is of.
            damage: Where a link's settings go.
            restoration: Likewise.
        """
        self.image, self.damage, self.restoration = image, damage, restoration
        self.settings = [*restoration.all, *damage.all]
        button = gr.Button(label("Copy a link to this result"), size="sm", elem_id="try-share")
        query, copied = (gr.Textbox(visible="hidden") for _ in range(2))  # in the page, unseen
        self.address = gr.Textbox(
            label=label("Link"),
            info=label("Opens the page with this example and these settings."),
            visible=False,
            interactive=False,
            buttons=["copy"],
            elem_id="try-link",
        )
        # By way of a field: an event that may leave the picture as it is would make gradio build the input anew, without
        # our reader in it.
        self.example = gr.Textbox(visible="hidden")
        self.example.change(self.picture, self.example, image, show_progress="hidden", **PRIVATE)
        made = button.click(self.link, list(shown), query, **PRIVATE)
        told = made.success(None, query, [self.address, copied], js=SHOW_LINK, **PRIVATE)
        told.then(self.say_copied, copied, None, show_progress="hidden", **PRIVATE)

    def link(self, clean: str | None, restored: str | None) -> str:
        """Return the query of a link to the result whose files these are."""
        example = backend.example_in(read_image(clean)) if clean else None
        record = read_record(restored) if restored else None
        if example not in HEADS or record is None:
            raise refusal(NO_EXAMPLE)
        return Link(example, record).query()

    def say_copied(self, copied: str, request: gr.Request) -> None:
        """Say that the link is on the clipboard, where the browser let the page write to it."""
        if copied:
            gr.Info(translator(request)(COPIED))

    def picture(self, name: str) -> str:
        """Return the file of an example."""
        return file_of({path.stem: path for path in HEADS}.get(name, HEADS[0]))

    def opened(self, request: gr.Request) -> Any:
        """Choose the example and the settings that the page's address asks for."""
        try:
            link = read_link(request.query_params)
        except SettingsError:
            gr.Warning(translator(request)(NOT_HERE))
            return gr.skip()
        if link is None:
            return gr.skip()
        updates = {self.example: link.example.stem}
        return updates | self.restoration.updates(link.record) | self.damage.updates(link.record)


def file_of(example: Path) -> str:
    """Return a copy of an example where gradio serves it from."""
    return stored(example.read_bytes(), example.name)
