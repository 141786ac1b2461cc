"""What the page offers to programs: five named endpoints, their parameters typed and described.

To agents they are tools, named after their functions and described by their docstrings.
"""

from typing import Any

import gradio as gr

import enhancer
from enhancer.degradation import PRESET_NAMES
from enhancer.degrade import DEFAULT_PRESET
from enhancer.imaging.blend import Restoration
from enhancer.imaging.regions import REGION_NAMES
from enhancer.results import result_row
from page import backend
from page.backend import shown_to_visitor
from page.controls import WHITE, Given, image_of, picture_input, rgb_of
from page.outputs import saved, steps_shown

Strengths = dict[str, float] | None


def restore_face(
    image: Given | None,
    labels: Given | None = None,
    reference: Given | None = None,
    degrade_first: bool = False,
    preset: str = DEFAULT_PRESET,
    seed: int = 0,
    strengths: Strengths = None,
    strength: float = 1.0,
    region_strengths: Strengths = None,
    background: str = WHITE,
    faces: bool = False,
) -> tuple[Any, ...]:
    """Restore a picture of a face, such as a render of Gaussian splats, in one step.

    Pictures are uploaded first, or sent as data: addresses; no other address is fetched.

    Args:
        image: The picture, at most 2048 pixels a side. Its alpha is kept.
        labels: Its label map, where there is one; else a face parser finds the regions.
        reference: The clean picture of the same size, to score against. Not together with degrade_first.
        degrade_first: The picture is clean: degrade it, restore that, and score it against the clean one.
        preset: Preset of the degradation: "v1" or "v2", the 14 steps, or "splat-coarse", "splat-medium", "splat-fine",
            "splat-side" or "splat-head", splats fitted to the picture.
        seed: Seed of the degradation; the same seed gives the same pixels.
        strengths: Strengths of the 14 steps from 0 to 1 in place of the preset's own, such as {"eyes": 0.5}.
        strength: How much of the restoration is used, from 0, the picture as given, to 1.
        region_strengths: The same by region, times `strength`, such as {"hair": 0}.
        background: What transparent pictures are scored over, such as "#ffffff".
        faces: Find the faces, however small in the picture, and restore each by itself; the report tells their boxes. Not
            together with labels or degrade_first.

    Returns:
        The restored picture, the picture the model was given, and a report: scores, timings, notes.
    """
    pixels = image_of(image)
    degradation: dict[str, Any] = {"preset": preset, "seed": seed, "strengths": strengths}
    with shown_to_visitor():
        restoration = Restoration(strength, region_strengths or {}, rgb_of(background))
    result = backend.restored(
        pixels,
        _labels(labels),
        degrade_first=degrade_first,
        reference=None if reference is None else reference.image,
        restoration=restoration,
        notes=() if image is None else image.notes,
        faces=faces,
        **degradation,
    )
    return (
        saved(result.restored, "restored", result.record),
        saved(result.degraded, "given"),
        result_row(result),
    )


def degrade_face(
    image: Given | None,
    labels: Given | None = None,
    preset: str = DEFAULT_PRESET,
    seed: int = 0,
    strengths: Strengths = None,
) -> Any:
    """Damage a clean picture of a face, region by region, into what a poor render of Gaussian splats looks like.

    Pictures are uploaded first, or sent as data: addresses; no other address is fetched.

    Args:
        image: The clean picture, at most 2048 pixels a side. Its alpha is kept.
        labels: Its label map, where there is one; else a face parser finds the regions.
        preset: Preset of the degradation: "v1" or "v2", the 14 steps, or "splat-coarse", "splat-medium", "splat-fine",
            "splat-side" or "splat-head", splats fitted to the picture.
        seed: The same seed gives the same pixels.
        strengths: Strengths of the 14 steps from 0 to 1 in place of the preset's own, such as {"eyes": 0.5}.

    Returns:
        The degraded picture.
    """
    pixels, chosen = image_of(image), {"preset": preset, "seed": seed, "strengths": strengths}
    made = backend.degraded(pixels, _labels(labels), **chosen)
    return saved(made.image, "degraded", made.record)


def degradation_steps(
    image: Given | None,
    labels: Given | None = None,
    preset: str = DEFAULT_PRESET,
    seed: int = 0,
    strengths: Strengths = None,
) -> list[Any]:
    """Damage a clean picture of a face and return it after each step.

    Pictures are uploaded first, or sent as data: addresses; no other address is fetched.

    Args:
        image: The clean picture, at most 2048 pixels a side. Its alpha is kept.
        labels: Its label map, where there is one; else a face parser finds the regions.
        preset: Preset of the degradation: "v1" or "v2", the 14 steps, or "splat-coarse", "splat-medium", "splat-fine",
            "splat-side" or "splat-head", splats fitted to the picture.
        seed: The same seed gives the same pixels.
        strengths: Strengths of the 14 steps from 0 to 1 in place of the preset's own, such as {"eyes": 0.5}.

    Returns:
        Fourteen pictures, each with its step's name.
    """
    pixels, chosen = image_of(image), {"preset": preset, "seed": seed, "strengths": strengths}
    return steps_shown(backend.degraded(pixels, _labels(labels), keep_steps=True, **chosen).steps)


def score_face(image: Given | None, reference: Given | None, labels: Given | None = None) -> dict[str, Any]:
    """Score a picture of a face against the clean one of the same size: PSNR, SSIM and LPIPS, whole and by region.

    Pictures are uploaded first, or sent as data: addresses; no other address is fetched.

    Args:
        image: The picture to score.
        reference: The clean picture.
        labels: The clean picture's label map, where there is one; else a face parser finds the regions.

    Returns:
        The scores; PSNR in dB and SSIM: higher is better, LPIPS: lower is better.
    """
    return backend.scores(image_of(image), image_of(reference), _labels(labels))


def model_info() -> dict[str, Any]:
    """Tell what is at work: checkpoint, its sha, device, version, and the checkpoints that may be chosen.

    Returns:
        The facts by name.
    """
    parts = backend.service()
    restorer = parts.require_restorer()
    return {
        "checkpoint": restorer.name,
        "sha": restorer.sha,
        "device": parts.device,
        "version": enhancer.__version__,
        "checkpoints": list(backend.checkpoints()),
        "notices": list(restorer.notices),
    }


def _labels(given: Given | None) -> Any:
    return None if given is None else given.image


def _shares(name: str) -> gr.JSON:
    """Return an input of a number by region, with its type: gradio's own states none, which no agent's tool may."""
    component = gr.JSON(label=name)
    api_info = {
        "type": "object",
        "properties": {region: {"type": "number"} for region in REGION_NAMES},
        "description": "a number from 0 to 1 by region",
    }
    setattr(component, "api_info", lambda: api_info)  # noqa: B010  as in page.controls
    return component


def add_api() -> None:
    """Offer them; every parameter takes its name from the component's label."""
    with gr.Column(visible=False):
        image, reference = picture_input(label="image"), picture_input(label="reference")
        labels = picture_input(of_labels=True, label="labels")
        degrade_first, seed = (
            gr.Checkbox(False, label="degrade_first"),
            gr.Number(0, precision=0, label="seed"),
        )
        preset, strengths = (
            gr.Radio(list(PRESET_NAMES), value=DEFAULT_PRESET, label="preset"),
            _shares("strengths"),
        )
        strength, region_strengths = gr.Number(1, label="strength"), _shares("region_strengths")
        background, faces = gr.Textbox(WHITE, label="background"), gr.Checkbox(False, label="faces")
        restored, given = gr.Image(format="png", label="restored"), gr.Image(format="png", label="degraded")
        report, strip = gr.JSON(label="report"), gr.Gallery(format="png", label="steps")
        degradation, call = [preset, seed, strengths], gr.Button().click
    everything = [
        image,
        labels,
        reference,
        degrade_first,
        *degradation,
        strength,
        region_strengths,
        background,
        faces,
    ]
    call(restore_face, everything, [restored, given, report], api_name="restore", concurrency_id="model")
    call(degrade_face, [image, labels, *degradation], given, api_name="degrade")
    call(degradation_steps, [image, labels, *degradation], strip, api_name="steps")
    call(score_face, [image, reference, labels], report, api_name="score")
    call(model_info, None, report, api_name="info", queue=False)
