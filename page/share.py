"""A link to the settings that are chosen: made on a click, and followed when the page is opened by one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from enhancer.errors import SettingsError
from enhancer.imaging.provenance import Record
from enhancer.messages import Message
from page import backend
from page.backend import HEADS, shown_to_visitor
from page.controls import DamageControls, RestorationControls, image_of
from page.i18n.translate import label, refusal, translator
from page.link import NOT_HERE, Link, read_link
from page.outputs import stored

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
NO_EXAMPLE = Message("link.no_example", "A link carries settings, not pictures. Choose an example first.")
# Where a browser does not let the page write to the clipboard, the link can still be taken from the field.
SHOW_LINK = """async (query) => {
  const link = location.origin + location.pathname + query;
  await navigator.clipboard?.writeText(link).catch(() => {});
  return { __type__: "update", value: link, visible: true };
}"""


class Share:
    """The button, the field with the link, and what they do."""

    def __init__(self, image: gr.Image, damage: DamageControls, restoration: RestorationControls) -> None:
        """Lay them out where this is called.

        Args:
            image: Where the example is.
            damage: Settings that go into the link.
            restoration: Likewise.
        """
        self.image, self.damage, self.restoration = image, damage, restoration
        self.settings = [*restoration.all, *damage.all]
        button = gr.Button(label("Copy a link to these settings"), size="sm", elem_id="try-share")
        query = gr.Textbox(visible="hidden")  # in the page, unseen
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
        made = button.click(self.link, {image, *self.settings}, query, **PRIVATE)
        made.success(None, query, self.address, js=SHOW_LINK, **PRIVATE)

    def link(self, values: Mapping[Any, Any]) -> str:
        """Return the query of a link to the example and the settings that are chosen."""
        example = backend.example_in(image_of(values[self.image]))
        if example is None:
            raise refusal(NO_EXAMPLE)
        with shown_to_visitor():
            kept = self.restoration.read(values)
            record = Record(**self.damage.read(values), strength=kept.strength, regions=kept.regions)
        return Link(example, record).query()

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
