"""Input and restored side by side: two pictures while a clip is worked on, two clips that play in step once it is done.

Gradio has no two videos with one clock. `app.js` moves these two together: play, pause and the place in the clip are one
button and one slider, which a keyboard reaches too.
"""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np

from enhancer.comparison import change, number
from enhancer.messages import Translate
from enhancer.metrics.catalogue import Metric
from enhancer.results import note_list
from page import backend
from page.clips import Made, Taken, Two, Working, gpu_seconds

JPEG_QUALITY = 90
# The words that CONTRIBUTING.md's field has for it; shown in thousandths, since it is a mean of squares
WARPING = Metric(
    "warping",
    "Warping error",
    "",
    2,
    False,
    False,
    "How far each frame is from the one before it, brought along the clip's own motion: the mean squared difference, in "
    "thousandths (Lai et al. 2018)",
)


STRIPS = (
    "Sharper frames differ more, so a clip that was still gets a little more. Below, the middle column of every frame, from the "
    "first to the last: what flickers is grain."
)


def picture_address(picture: np.ndarray) -> str:
    """Return (H, W, 3) uint8 as an address that holds the picture itself, so that no file is left of it."""
    import cv2

    _, packed = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(packed.tobytes()).decode()


def file_address(path: Path) -> str:
    """Return where gradio serves a file, seen from the page, wherever that is."""
    return f"gradio_api/file={quote(str(path))}"


def pictures(two: Sequence[np.ndarray | None], say: Translate) -> str:
    """Return HTML of a frame before and after; an empty place for what is not there yet."""
    shown = [
        f'<img src="{picture_address(picture)}" alt="{escape(say(name))}">' if picture is not None else ""
        for picture, name in zip(two, ("Input", "Restored"), strict=True)
    ]
    return _frame(shown, next(each.shape[:2] for each in two if each is not None), say)


def clips(made: Made, say: Translate) -> str:
    """Return HTML of two clips and their one control."""
    shown = [
        f'<video src="{file_address(path)}" muted playsinline preload="auto" tabindex="-1" '
        f'aria-label="{escape(say(name))}"></video>'
        for path, name in ((made.before, "Input"), (made.after, "Restored"))
    ]
    place = escape(say("Place in the clip"))
    words = (
        f'data-play="{escape(say("Play"))}" data-pause="{escape(say("Pause"))}" data-frames="{made.frames}" '
        f'data-of="{escape(say("of"))}"'
    )
    bar = (
        f'<div class="player-bar"><button type="button" aria-label="{escape(say("Play"))}"></button>'
        f'<input type="range" min="0" max="{max(1, made.frames - 1)}" step="1" value="0" aria-label="{place}">'
        f'<output aria-live="off">1 / {made.frames}</output></div>'
    )
    return _frame(shown, made.size, say, words, bar)


def _frame(shown: Sequence[str], size: tuple[int, int], say: Translate, words: str = "", bar: str = "") -> str:
    height, width = size
    sides = "".join(
        f'<div class="side" style="aspect-ratio:{width}/{height}">{each}<span>{escape(say(name))}</span></div>'
        for each, name in zip(shown, ("Input", "Restored"), strict=True)
    )
    bar = bar or '<div class="player-bar"></div>'
    return f'<div class="player" role="group" aria-label="{escape(say("Input and restored"))}" {words}><div class="sides">{sides}</div>{bar}</div>'


# --- words about the work --------------------------------------------------------------------------------------------


def about(taken: Taken, say: Translate, seconds: float = 0.0) -> str:
    """Return HTML that says what will be done, before it is."""
    height, width = taken.size
    facts = f"{taken.frames} {say('frames')} · {number(taken.seconds, '.1f', say)} s · {width}x{height}"
    if backend.ON_ZERO_GPU:  # out of the visitor's own quota
        facts += f" · {gpu_seconds(taken)} {say('s of a GPU')}"
    elif seconds:
        facts += f" · {say('takes about')} {duration(seconds, say)}"
    return f"<p role='status'>{escape(facts)}</p>{note_list(taken.notes, say)}"


def progress(work: Working, say: Translate) -> str:
    """Return HTML that says how far the work is, and how long it still takes once that can be told."""
    words = f"{say(work.stage)}: {say('frame')} {work.done} {say('of')} {work.count}"
    if work.stage == "Writing":
        words = say("Writing the files")
    if work.left is not None and work.done < work.count:
        words += f" · {say('still')} {duration(work.left, say)}"
    share = 100 * work.done // max(1, work.count)
    value = "" if work.stage == "Writing" else f" value='{share}'"
    return f"<p>{escape(words)}</p><progress max='100'{value} aria-label='{escape(words)}'></progress>"


def duration(seconds: float, say: Translate) -> str:
    """Return a time that is no more exact than it is known."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds, -1):.0f} s" if seconds < 90 else f"{round(seconds / 60)} {say('min')}"


def finished(made: Made, say: Translate, *, is_stopped: bool, steady: float) -> str:
    """Return HTML that says what was done."""
    words = f"{made.frames} {say('frames')} · {say('Restored in')} {number(made.seconds, '.1f', say)} s · {say('Steadiness')} {number(steady, 'g', say)}"
    stopped = f"{say('Stopped.')} {say('What is done is here.')} " if is_stopped else ""
    return f"<p role='status'><strong>{escape(stopped)}</strong>{escape(words)}</p>{note_list(made.notes, say)}"


def flicker_table(made: Made, say: Translate) -> str:
    """Return HTML of how still the clip holds, before and after: the number, and what it looks like over time."""
    before, after = ({"warping": None if each is None else 1000 * each} for each in made.flicker)
    head = f'<abbr title="{escape(say(WARPING.meaning))}">{escape(say("Warping error, thousandths"))}</abbr>'
    row = (
        f'<tr><th scope="row">{head}<small>{escape(say("lower is better"))}</small></th>'
        f"<td>{change(WARPING, before, after, say)}</td></tr>"
    )
    strips = "".join(
        f'<figure><img src="{picture_address(strip)}" alt="{escape(say(name))}"><figcaption>{escape(say(name))}</figcaption></figure>'
        for strip, name in zip(made.strips, ("Input", "Restored"), strict=True)
    )
    return (
        f'<table class="scores"><caption>{escape(say("Flicker: input → restored"))}</caption><tbody>{row}</tbody></table>'
        f'<p class="quiet">{escape(say(STRIPS))}</p>'
        f'<div class="strips">{strips}</div>'
    )


def flicker_row(flicker: Two) -> dict[str, dict[str, float | None]]:
    """Return the same for programs."""
    return {name: {"warping_error": value} for name, value in zip(("degraded", "restored"), flicker, strict=True)}
