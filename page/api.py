"""What the page offers to programs: seven named endpoints, their parameters typed and described.

To agents they are tools, named after their functions and described by their docstrings.
"""

from pathlib import Path, PurePath
from typing import Any

import gradio as gr

import enhancer
from enhancer.degradation import PRESET_NAMES
from enhancer.degrade import DEFAULT_PRESET
from enhancer.imaging.blend import Restoration
from enhancer.imaging.regions import REGION_NAMES
from enhancer.results import result_row
from page import backend
from page.archive import safe_names
from page.backend import shown_to_visitor
from page.clip_work import home, scratch
from page.clips import Made, restore_clip, take
from page.clouds import Given as GivenCloud
from page.clouds import View, opened, rendered
from page.controls import THIS_FILE, WHITE, Given, image_of, picture_input, restored_before, rgb_of, take_uploads_only
from page.i18n.translate import refusal
from page.outputs import saved, steps_shown
from page.player import flicker_row
from page.splat_tab import NO_CLOUD
from page.video_tab import NO_CLIP

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
        notes=() if image is None else image.notes + restored_before(image.record, as_clean=degrade_first),
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


def restore_video(video: str | None, steadiness: float = 1.0) -> tuple[Any, ...]:
    """Restore a short clip of a face, such as a turntable of Gaussian splats, frame by frame, and hold it still.

    The clip is uploaded first, or sent as a data: address; no other address is fetched. Of a clip of more than 10 seconds, or
    of large frames, the beginning is taken, and a note in the report says so.

    Args:
        video: The clip: MP4, MOV, WebM, MKV, GIF or APNG, at most 2048 pixels a side and 128 MB. Its sound and times are kept.
        steadiness: How far frames are evened out along the motion before they are restored, from 0, frame by frame, to 1.

    Returns:
        The restored clip as MP4; a master without loss, a ZIP of PNG frames, or ProRes 4444 of a transparent clip; and a
        report: frames, seconds, size, warping error before and after (lower is stiller), notes.
    """
    if video is None:
        raise refusal(NO_CLIP)
    made = None
    with shown_to_visitor(), scratch() as folder:
        taken = take(video, THIS_FILE)
        (stem,) = safe_names([PurePath(video).name])
        for step in restore_clip(taken, Path(folder), home(), stem, steadiness):
            made = step if isinstance(step, Made) else None
    assert made is not None  # nobody stopped it
    height, width = made.size
    report = {
        "frames": made.frames,
        "width": width,
        "height": height,
        "seconds": made.seconds,
        "steadiness": steadiness,
    }
    return (
        str(made.after),
        str(made.master),
        report | _of_model() | {"flicker": flicker_row(made.flicker), "notes": list(made.notes)},
    )


def render_splat(
    splat: str | None,
    yaw: float = 0.0,
    pitch: float = 0.0,
    zoom: float = 1.0,
    rise: float = 0.0,
    up: str = "",
    front: str = "",
    restore: bool = True,
) -> tuple[Any, ...]:
    """Render a head of 3D Gaussian splats from any side, and restore that view.

    The cloud is uploaded first, or sent as a data: address; no other address is fetched.

    Args:
        splat: The cloud: .ply of 3D Gaussian Splatting, compressed .ply, .spz, .splat or .ksplat, at most 128 MB.
        yaw: Degrees from the front, counter-clockwise from above, from -180 to 180.
        pitch: Degrees upwards, from -80 to 80.
        zoom: 1 has all of the cloud in the picture; from 0.5 to 4.
        rise: How far above the cloud's middle to look, as a share of the picture at a zoom of 1, from -0.5 to 0.5.
        up: Which axis of the cloud points up: "x", "-x", "y", "-y", "z" or "-z". Guessed where nothing is said.
        front: Which axis the face looks along, likewise.
        restore: Restore the view too; else only the render is returned.

    Returns:
        The render, 512x512 pixels and transparent; the restored one, or nothing; and a report: format, number of Gaussians,
        notes on how the file was read.
    """
    if splat is None:
        raise refusal(NO_CLOUD)
    with shown_to_visitor():
        scene = opened(GivenCloud(splat, up=up or None, front=front or None), THIS_FILE)
        image = rendered(scene, View(yaw, pitch, zoom, rise))
    report: dict[str, Any] = {
        "format": scene.file.format,
        "gaussians": len(scene.file.cloud),
        "notes": list(scene.notes),
    }
    if not restore:
        return saved(image, "rendered"), None, report
    result = backend.restored(image, notes=scene.notes)
    after = saved(result.restored, "restored", result.record)
    return saved(image, "rendered"), after, report | {"restored": result_row(result)}


def model_info() -> dict[str, Any]:
    """Tell what is at work: checkpoint, its sha, device, version, and the checkpoints that may be chosen.

    Returns:
        The facts by name.
    """
    restorer = backend.service().require_restorer()
    return {
        **_of_model(),
        "version": enhancer.__version__,
        "checkpoints": list(backend.checkpoints()),
        "notices": list(restorer.notices),
    }


def _of_model() -> dict[str, Any]:
    parts = backend.service()
    restorer = parts.require_restorer()
    return {"checkpoint": restorer.name, "sha": restorer.sha, "device": parts.device}


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
        video, splat = gr.File(label="video"), gr.File(label="splat")
        for part in (video, splat):
            take_uploads_only(part)
        steadiness, master = gr.Number(1, label="steadiness"), gr.File(label="master")
        where = [gr.Number(start, label=name) for name, start in (("yaw", 0), ("pitch", 0), ("zoom", 1), ("rise", 0))]
        axes = [gr.Textbox("", label=name) for name in ("up", "front")]
        restore, clip = gr.Checkbox(True, label="restore"), gr.File(label="restored")
        rendered_view = gr.Image(format="png", label="rendered")
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
    call(restore_video, [video, steadiness], [clip, master, report], api_name="restore_video", concurrency_id="clip")
    call(
        render_splat,
        [splat, *where, *axes, restore],
        [rendered_view, restored, report],
        api_name="render_splat",
        concurrency_id="model",
    )
    call(model_info, None, report, api_name="info", queue=False)
