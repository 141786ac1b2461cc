"""The page: choose a face, degrade it, restore it in one step, compare. Wiring only; `enhancer.service` does the work."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import spaces  # must come before anything that touches CUDA

# isort: split
import gradio as gr
import numpy as np
from gradio.data_classes import ImageData

from enhancer.degrade import DEFAULT_PRESET, PRESETS
from enhancer.errors import EnhancerError
from enhancer.images import composite, read_image, read_labels, to_pil
from enhancer.regions import REGION_NAMES
from enhancer.report import Result, result_row, score_table, status_line
from enhancer.service import Service

ROOT = Path(__file__).parent
HEADS = [path for path in sorted(ROOT.glob("examples/heads/head_*.png")) if not path.stem.endswith("_labels")]
ON_ZERO_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
HOUR = 3600  # seconds
HEADER = """<h1>Splat Enhancer</h1>
<p>Faces rendered from Gaussian splats come out soft, waxy and smeared.
This puts the detail back in one step, and measures what it gained, region by region.</p>"""
FOOTER = """<p>The example heads are renders of people who do not exist.
Pictures you bring are deleted within about an hour.</p>"""
FONT = gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700))  # comes with gradio; its 600 lacks letters
LAUNCH: dict[str, Any] = {
    "css_paths": ROOT / "app.css",
    "theme": gr.themes.Base(primary_hue="stone", neutral_hue="stone", radius_size="lg", font=[FONT, "sans-serif"]),
    "max_file_size": "32mb",  # 2048 x 2048 RGBA pixels of 16 bits
    "footer_links": ["api"],
    "run_history": False,
    "enable_monitoring": False,
}  # fmt: skip

Picture = np.ndarray | None  # None: nothing was chosen
Strengths = dict[str, float] | None
_loading = threading.RLock()


@cache
def _service() -> Service:
    return Service.load(os.environ.get("CHECKPOINT", "pocket"))


def service() -> Service:
    """Return the loaded parts; who asks while they load waits. Tests put a stand-in here."""
    with _loading:
        return _service()


@contextmanager
def shown_to_visitor() -> Iterator[None]:
    """Turn our errors into a message on the page; on ZeroGPU no other kind would cross to it in words."""
    try:
        yield
    except EnhancerError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _gpu_seconds(image: np.ndarray, *_: Any, **__: Any) -> int:
    return 8 + image.size // 1_000_000  # ZeroGPU serves short calls first: 8 s at 512 px, 24 s at 2048 px


@spaces.GPU(duration=_gpu_seconds)
def restore(image: np.ndarray, labels: np.ndarray | None, **settings: Any) -> Result:
    """Restore on the GPU, where there is one; elsewhere this is an ordinary function."""
    with shown_to_visitor():
        return service().restore(image, labels=known_labels(image, labels), **settings)


def picture_input(read: Callable[..., np.ndarray] = read_image, **options: Any) -> gr.Image:
    """Return an image input decoded by our own reader: gradio's fails on, or flattens, what ours takes or explains."""

    def preprocess(payload: ImageData | None) -> Picture:
        with shown_to_visitor():
            return None if payload is None else read(payload.path or "", "This file")

    component = gr.Image(type="filepath", image_mode=None, format="png", interactive=True, **options)
    setattr(component, "preprocess", preprocess)  # noqa: B010  a subclass would make gradio write an app.pyi
    return component


def _given(image: Picture) -> np.ndarray:
    if image is None:
        message = "There is no picture yet. Drop one on the page, or choose an example."
        raise gr.Error(message, print_exception=False)
    return image


def _address(image: np.ndarray) -> bytes:
    return blake2b(to_pil(image).tobytes() + repr(image.shape).encode(), digest_size=16).digest()


@cache
def _example_labels() -> dict[bytes, np.ndarray]:
    """Return the label maps of the examples, by what is in the picture: a file's name would prove nothing."""
    return {_address(read_image(path)): read_labels(path.with_stem(f"{path.stem}_labels")) for path in HEADS}


def known_labels(image: np.ndarray, given: Picture = None) -> np.ndarray | None:
    """Return the label map that was given, else that of the example in the picture, else None."""
    return _example_labels().get(_address(image)) if given is None else given


def _settings(preset: str, seed: int, *strengths: float) -> dict[str, Any]:
    return {"preset": preset, "seed": seed, "strengths": dict(zip(REGION_NAMES, strengths, strict=False))}


def on_restore(image: Picture, degrade_first: bool, *settings: Any) -> tuple[Any, ...]:
    """Return what the page shows of a result, in the order of its outputs."""
    image, chosen = _given(image), _settings(*settings)
    result = restore(image, None, degrade_first=degrade_first, **chosen)
    has_clean = result.clean is not None
    return (
        (to_pil(composite(result.degraded)), to_pil(composite(result.restored))),
        status_line(result, seed=chosen["seed"], preset=chosen["preset"]),
        gr.Image(to_pil(image), visible=has_clean),
        gr.Image(to_pil(result.degraded), label="Degraded" if has_clean else "As given"),
        to_pil(result.restored),
        score_table(result),
        None,  # the film strip shows another picture's steps
        gr.Accordion(open=False),
    )


@cache
def _first_look() -> tuple[Any, ...]:
    return on_restore(read_image(HEADS[0]), True, DEFAULT_PRESET, 0)


def first_look() -> tuple[Any, ...]:
    """Return the first example restored, so that a visitor finds something to look at; made once."""
    with _loading:
        return _first_look()


def on_example(event: gr.SelectData) -> tuple[Any, bool]:
    """Take an example: it is clean, so there is something to degrade."""
    return to_pil(read_image(HEADS[event.index])), True


def on_steps(image: Picture, *settings: Any) -> list[Any]:
    """Fill the film strip when it is opened."""
    return api_steps(image, None, **_settings(*settings))


def api_restore(
    image: Picture,
    labels: Picture = None,
    degrade_first: bool = False,
    preset: str = DEFAULT_PRESET,
    seed: int = 0,
    strengths: Strengths = None,
) -> tuple[Any, ...]:
    """Restore a picture of a face in one step.

    Args:
        image: The picture, 128 to 2048 pixels a side. Its alpha is kept.
        labels: Its label map, where there is one; else a face parser finds the regions.
        degrade_first: The picture is clean: degrade it, restore that, and score it against the clean one.
        preset: Preset of the degradation, "v1" or "v2".
        seed: Seed of the degradation; the same seed gives the same pixels.
        strengths: Strengths from 0 to 1 in place of the preset's own, such as {"eyes": 0.5}.

    Returns:
        The restored picture, the picture the model was given, and a report: scores, timings, notes.
    """
    chosen = {"preset": preset, "seed": seed, "strengths": strengths}
    result = restore(_given(image), labels, degrade_first=degrade_first, **chosen)
    drawn = {"preset": preset, "seed": seed} if degrade_first else {"preset": None, "seed": None}
    return to_pil(result.restored), to_pil(result.degraded), result_row(result, **drawn)


def api_degrade(
    image: Picture, labels: Picture = None, preset: str = DEFAULT_PRESET, seed: int = 0, strengths: Strengths = None
) -> Any:  # fmt: skip
    """Degrade a clean picture of a face, region by region; the parameters mean what they mean for /restore."""
    image, chosen = _given(image), {"preset": preset, "seed": seed, "strengths": strengths}
    with shown_to_visitor():
        return to_pil(service().degrade(image, known_labels(image, labels), **chosen).image)


def api_steps(
    image: Picture, labels: Picture = None, preset: str = DEFAULT_PRESET, seed: int = 0, strengths: Strengths = None
) -> list[Any]:  # fmt: skip
    """Degrade a clean picture and return it after each of the 14 steps; the parameters are those of /degrade."""
    image, chosen = _given(image), {"preset": preset, "seed": seed, "strengths": strengths}
    with shown_to_visitor():
        steps = service().steps(image, known_labels(image, labels), **chosen)
    return [(to_pil(picture), f"{number}. {name}") for number, (name, picture) in enumerate(steps, start=1)]


def build_page() -> gr.Blocks:
    """Lay the page out and wire it."""
    with gr.Blocks(title="Splat Enhancer", analytics_enabled=False, delete_cache=(600, HOUR)) as page:
        gr.HTML(HEADER, padding=False, elem_id="header")
        with gr.Row(elem_id="stage"):
            with gr.Column():
                image = picture_input(
                    value=str(HEADS[0]), label="Your picture", sources=["upload", "clipboard"], height=260,
                    buttons=[], placeholder="Drop a picture of a face\n\nor click to choose one", elem_id="picture",
                    alt_text="The picture to restore",
                )  # fmt: skip
                heads = gr.Gallery(
                    [str(path) for path in HEADS], label="Examples", format="png", columns=6, object_fit="cover",
                    height="auto", allow_preview=False, interactive=False, buttons=[], elem_id="examples",
                )  # fmt: skip
                degrade_first = gr.Checkbox(
                    True, label="Degrade it first", elem_id="degrade-first",
                    info="For a clean picture: damage it like a splat render, then restore and score it. "
                    "Leave off for a real render.",
                )  # fmt: skip
                button = gr.Button("Restore", variant="primary", size="lg", elem_id="restore")
                with gr.Accordion("How it is degraded", open=False, elem_id="settings"):
                    with gr.Row():
                        preset = gr.Radio(list(PRESETS), value=DEFAULT_PRESET, label="Preset", min_width=120)
                        seed = gr.Number(0, precision=0, label="Seed", min_width=120)
                    strengths = [
                        gr.Slider(0, 1, PRESETS[DEFAULT_PRESET][name], step=0.05, label=name.capitalize())
                        for name in REGION_NAMES
                    ]
            with gr.Column():
                slider = gr.ImageSlider(
                    label="Before and after", show_label=False, format="png", max_height=600, elem_id="slider"
                )
                status = gr.HTML(padding=False, elem_id="status")
        with gr.Row(elem_id="trio"):
            trio = [
                gr.Image(label=name, alt_text=name, format="png", interactive=False, buttons=["download", "fullscreen"])
                for name in ("Clean", "Degraded", "Restored")
            ]  # fmt: skip
        scores = gr.HTML(padding=False, elem_id="scores")
        with gr.Accordion("The 14 steps of the degradation", open=False, elem_id="steps") as strip:
            film = gr.Gallery(
                label="Steps", show_label=False, format="png", columns=7, height="auto", buttons=[]
            )
        gr.HTML(FOOTER, padding=False, elem_id="footer")

        settings, results = [preset, seed, *strengths], [slider, status, *trio, scores, film, strip]
        private: dict[str, Any] = {"api_visibility": "private"}
        quick = {"queue": False, **private}
        inputs = [image, degrade_first, *settings]
        button.click(on_restore, inputs, results, show_progress_on=slider, concurrency_id="model", **private)
        button.click(None, js="() => document.querySelector('#slider').scrollIntoView({block: 'nearest'})")
        strip.expand(on_steps, [image, *settings], film, **private)
        preset.input(lambda name: list(PRESETS[name].values()), preset, strengths, **quick)
        heads.select(on_example, None, [image, degrade_first], **quick)
        image.upload(lambda: False, None, degrade_first, **quick)  # likely a render, not a clean picture
        if not ON_ZERO_GPU:  # where a GPU is lent for a visitor's own click
            page.load(first_look, None, results, show_progress_on=slider, **private)
        _add_api()
    return page.queue(max_size=32)


def _add_api() -> None:
    """Offer the same to programs, with every parameter named."""
    with gr.Column(visible=False):
        image, labels = picture_input(label="image"), picture_input(read_labels, label="labels")
        degrade_first, seed = (
            gr.Checkbox(False, label="degrade_first"),
            gr.Number(0, precision=0, label="seed"),
        )
        preset, strengths = (
            gr.Radio(list(PRESETS), value=DEFAULT_PRESET, label="preset"),
            gr.JSON(label="strengths"),
        )
        restored, degraded = (
            gr.Image(format="png", label="restored"),
            gr.Image(format="png", label="degraded"),
        )
        report, steps = gr.JSON(label="report"), gr.Gallery(format="png", label="steps")
        settings, call = [preset, seed, strengths], gr.Button().click
        inputs, outputs = [image, labels, degrade_first, *settings], [restored, degraded, report]
        call(api_restore, inputs, outputs, api_name="restore", concurrency_id="model")
        call(api_degrade, [image, labels, *settings], degraded, api_name="degrade")
        call(api_steps, [image, labels, *settings], steps, api_name="steps")


if __name__ == "__main__":
    demo = build_page()
    if ON_ZERO_GPU:
        service()  # launching places on the GPU what is loaded by then
    demo.launch(prevent_thread_lock=True, **LAUNCH)
    if not ON_ZERO_GPU:
        first_look()  # loads and warms everything; the page is up already, and clicks wait for it
    demo.block_thread()
