"""What goes into the page: pictures by our own reader, and the settings with their words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
import numpy as np
from gradio.components.base import Component
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder

from enhancer.degradation import PRESET_NAMES
from enhancer.degrade import DEFAULT_PRESET, PRESETS
from enhancer.errors import EnhancerError, SettingsError
from enhancer.imaging.blend import Restoration
from enhancer.imaging.io import read_labels
from enhancer.imaging.provenance import Record, is_colour, read_recorded
from enhancer.imaging.regions import REGION_NAMES
from enhancer.messages import Message, Number
from page.backend import NO_MEMORY
from page.events import PRIVATE, QUICK
from page.i18n.translate import label, refusal
from page.limits import LARGEST_SEED, LARGEST_SIDE, require_few_bytes

WHITE = "#ffffff"
KINDS = {  # of damage, by preset
    "v1": "14 steps, v1",
    "v2": "14 steps, v2",
    "splat-coarse": "2,000 splats",
    "splat-medium": "5,000 splats",
    "splat-fine": "10,000 splats",
    "splat-side": "from the side",
    "splat-head": "with needles and holes",
}
OUR_FILES = "/gradio_api/file="  # in the address of a file that is here
THIS_FILE = Message("name.file", "This file")
ELSEWHERE = Message(
    "picture.elsewhere",
    "Pictures are not fetched from other addresses. Upload the picture, or send it as a data: address.",
)
NO_SEED = Message("settings.page_seed_none", "nothing")
RESTORED_AGAIN = Message(
    "picture.restored_again", "This picture was restored before: what is shown is restored a second time."
)
RESTORED_BEFORE = Message(
    "picture.restored_before",
    "This picture was restored before: taken for the clean one, it makes the scores better than they are. To restore it "
    "once more, open it in “Splat render”.",
)


@dataclass(frozen=True)
class Given:
    """A picture that came in, or what is wrong with it: that is said when it is used, in the visitor's language.

    Attributes:
        pixels: None where something is wrong.
        record: How it was made, if its file says so.
        problem: A sentence.
        notes: What is worth saying about how it was read.
        name: Of its file.
    """

    pixels: np.ndarray | None
    record: Record | None = None
    problem: str = NO_MEMORY
    notes: tuple[Message, ...] = ()
    name: str = ""

    @property
    def image(self) -> np.ndarray:
        """Return the pixels, or raise what is wrong with them."""
        if self.pixels is None:
            raise refusal(self.problem)
        return self.pixels

    @property
    def was_restored(self) -> bool:
        """Say whether the file tells that a checkpoint made it."""
        return self.record is not None and self.record.was_restored


def picture_input(of_labels: bool = False, **options: Any) -> gr.Image:
    """Return an image input for files and what was copied, decoded by our own reader: gradio's fails on, or flattens, what ours takes or explains.

    Its functions get a `Given`, or None.

    Args:
        of_labels: The picture is a label map.
        options: Of `gr.Image`.
    """

    def preprocess(payload: ImageData | None) -> Given | None:
        if payload is None:
            return None
        path = Path(payload.path or "")
        try:
            require_few_bytes(path, THIS_FILE)
            if of_labels:
                return Given(read_labels(path, THIS_FILE, LARGEST_SIDE))
            reading, record = read_recorded(path, THIS_FILE, LARGEST_SIDE)
            return Given(reading.image, record, notes=reading.notes(), name=Path(payload.orig_name or path).name)
        except EnhancerError as error:
            return Given(None, problem=error.message)
        except MemoryError:
            return Given(None)

    component = gr.Image(
        type="filepath",
        image_mode=None,
        format="png",
        interactive=True,
        sources=["upload", "clipboard"],
        buttons=[],
        elem_classes="picture",
        **options,
    )
    setattr(component, "preprocess", preprocess)  # noqa: B010  a subclass would make gradio write an app.pyi
    take_uploads_only(component)
    return component


def unless_one_of(files: Iterable[Path], variable: str) -> str:
    """Return JavaScript of the file that a variable holds, null where it is one of our own: it is none of what a visitor brings."""
    return f"({variable} && {[file.name for file in files]}.includes({variable}.path.split('/').pop()) ? null : {variable})"


def take_uploads_only(component: Component) -> None:
    """Keep a component from fetching addresses on a caller's behalf, as gradio's would; a file that is here has one too."""
    move = component.async_move_resource_to_block_cache

    async def uploaded(path: str | Path | None) -> str | None:
        if str(path).lower().startswith(("http://", "https://")):
            file = Path(unquote(str(path).partition(OUR_FILES)[2])).resolve()
            if not file.is_relative_to(Path(get_upload_folder()).resolve()) or not file.is_file():
                raise refusal(ELSEWHERE)
            path = file
        return await move(path)

    setattr(component, "async_move_resource_to_block_cache", uploaded)  # noqa: B010  as above


def restored_before(record: Record | None, *, as_clean: bool = False) -> tuple[Message, ...]:
    """Return what to say where a file tells that a checkpoint made it and it is about to be restored; else nothing.

    Args:
        record: That is in the file.
        as_clean: It is taken for a clean picture, to be degraded first.
    """
    if record is None or not record.was_restored:
        return ()
    return (RESTORED_BEFORE if as_clean else RESTORED_AGAIN,)


def readable(given: Given | None) -> None:
    """Raise what is wrong with a picture, if there is one."""
    if given is not None:
        _ = given.image


def unless_readable(given: Given | None) -> Any:
    """Take a picture away that cannot be read, once something failed; a good one is not to blame, nor one that came since."""
    return gr.skip() if given is None or given.pixels is not None else None


def image_of(given: Given | None) -> np.ndarray:
    """Return the pixels, or say that there are none."""
    if given is None:
        raise refusal(Message("picture.none", "There is no picture yet. Drop one on the page, or choose an example."))
    return given.image


def rgb_of(colour: str) -> tuple[float, float, float]:
    """Return a colour such as "#ffffff", or as gradio's picker gives it, "rgba(255, 255, 255, 1)", in [0, 1].

    Raises:
        SettingsError: It is no such colour.
    """
    if is_colour(colour):
        numbers = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    else:
        try:
            inside = str(colour).split("(", 1)[1].rstrip(")")
            numbers = [min(255.0, max(0.0, float(part))) for part in inside.split(",")[:3]]
            if len(numbers) != 3 or numbers != numbers:  # not a number
                raise ValueError
        except (IndexError, ValueError):
            raise SettingsError(
                Message(
                    "settings.background",
                    "The background must be a colour such as '#ffffff', got {given!r}.",
                    given=str(colour)[:40],
                )
            ) from None
    red, green, blue = (number / 255 for number in numbers)
    return red, green, blue


def whole_seed(given: float | None) -> int:
    """Return a seed as a browser's number field gives it.

    Raises:
        SettingsError: It is empty, negative, fractional or too large.
    """
    if given is None or not 0 <= given <= LARGEST_SEED or given != int(given):
        raise SettingsError(
            Message(
                "settings.page_seed",
                "The seed must be a whole number from 0 to {most}, got {given}. Type one.",
                most=LARGEST_SEED,
                given=NO_SEED if given is None else Number(f"{given:g}"),
            )
        )
    return int(given)


def _region_sliders(values: Mapping[str, float]) -> list[gr.Slider]:
    """Lay out a slider from 0 to 1 for each region, several in a row."""
    with gr.Row():
        return [
            gr.Slider(0, 1, values[name], step=0.05, label=label(name.capitalize()), min_width=150)
            for name in REGION_NAMES
        ]


class DamageControls:
    """Kind, seed and, for the 14 steps, a strength per region."""

    def __init__(self) -> None:
        """Lay them out where this is called."""
        self.preset = gr.Radio(
            [(label(KINDS[name]), name) for name in PRESET_NAMES],
            value=DEFAULT_PRESET,
            label=label("Kind"),
            info=label("The 14 steps imitate splats region by region; the others fit real splats to the picture."),
            elem_id="try-kind",
        )
        self.seed = gr.Number(  # without limits: gradio's own answers are English and round what is no whole number
            0,
            label=label("Seed"),
            info=label("The same seed gives the same degradation."),
        )
        with gr.Column() as self.by_region:
            gr.HTML(label("what remains"), padding=False, elem_classes="hint", elem_id="try-remains")
            self.strengths = _region_sliders(PRESETS[DEFAULT_PRESET])
        choose: Any = self.preset.change  # also when a picture or a link sets it
        choose(
            lambda name: gr.update(visible=name in PRESETS),
            self.preset,
            self.by_region,
            **QUICK,
        )
        chosen: Any = self.preset.input
        chosen(
            lambda name: list(PRESETS[name].values()) if name in PRESETS else [gr.skip()] * len(self.strengths),
            self.preset,
            self.strengths,
            queue=False,
            **PRIVATE,
        )

    @property
    def all(self) -> list[Any]:
        """Every component."""
        return [self.preset, self.seed, *self.strengths]

    def read(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the degradation's settings, as `enhancer.service.Degradation` has them."""
        strengths = dict(zip(REGION_NAMES, (values[slider] for slider in self.strengths), strict=True))
        preset = values[self.preset]
        return {
            "preset": preset,
            "seed": whole_seed(values[self.seed]),
            "strengths": strengths if preset in PRESETS else {},
        }

    def updates(self, record: Record) -> dict[Any, Any]:
        """Return what to set for a picture whose file tells its settings."""
        if record.preset not in PRESET_NAMES:
            return {}
        strengths = PRESETS.get(record.preset, PRESETS[DEFAULT_PRESET]) | dict(record.strengths)
        chosen = {slider: strengths[name] for name, slider in zip(REGION_NAMES, self.strengths, strict=True)}
        return {self.preset: record.preset, self.seed: record.seed or 0, **chosen}


class RestorationControls:
    """How much of the restoration is used, over all and per region, and the colour behind transparent pictures."""

    def __init__(self, with_background: bool) -> None:
        """Lay them out where this is called."""
        self.strength = gr.Slider(
            0,
            1,
            1,
            step=0.05,
            label=label("Strength"),
            elem_classes="strength",
            info=label("0 is fidelity, the picture as it came; 1 is detail. Up to 0.6 most splats keep their PSNR."),
        )
        self.regions = _region_sliders(dict.fromkeys(REGION_NAMES, 1.0))
        self.background = gr.ColorPicker(
            WHITE,
            label=label("Background"),
            elem_classes="background",
            visible=with_background,
            info=label("Transparent pictures are shown and scored over it."),
        )

    @property
    def all(self) -> list[Any]:
        """Every component."""
        return [self.strength, *self.regions, self.background]

    def read(self, values: Mapping[Any, Any]) -> Restoration:
        """Return the restoration's settings."""
        regions = dict(zip(REGION_NAMES, (values[slider] for slider in self.regions), strict=True))
        return Restoration(values[self.strength], regions, rgb_of(values[self.background]))

    def updates(self, record: Record) -> dict[Any, Any]:
        """Return what to set for a picture whose file tells its settings."""
        chosen = {
            slider: record.regions.get(name, 1.0) for name, slider in zip(REGION_NAMES, self.regions, strict=True)
        }
        return {self.strength: record.strength, self.background: record.background, **chosen}
