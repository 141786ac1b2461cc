"""Buttons below the slider that show its pictures whole, a region of them, or pixel by pixel: app.js does the zooming."""

from collections.abc import Mapping
from hashlib import blake2b
from html import escape

from enhancer.messages import Translate
from enhancer.results import Result

CLOSE = ("eyes", "mouth")  # regions worth a close look
Frame = tuple[float, float, float, float]  # left, top, width, height, as shares of the picture


def buttons(frames: Mapping[str, Frame], say: Translate, attributes: str = "") -> str:
    """Return the buttons as HTML.

    Args:
        frames: Region or face -> where it is; one that is not there gets no button.
        say: Puts an English phrase into the reader's language.
        attributes: More of the HTML element's, such as those of `mixed`.
    """
    views = [("whole", say("Whole picture"), "")]
    views += [(name, called(name, say), " ".join(f"{share:.4f}" for share in frames[name])) for name in frames]
    views.append(("pixels", "100 %", ""))
    drawn = "".join(
        f'<button type="button" data-view="{name}" data-frame="{frame}" aria-pressed="{str(name == "whole").lower()}">'
        f"{escape(words)}</button>"
        for name, words, frame in views
    )
    return (
        f'<div class="views" role="group" aria-label="{escape(say("What is shown large"))}" {attributes}>{drawn}</div>'
    )


def called(part: str, say: Translate) -> str:
    """Return what a part of a picture is called: "eyes" is "Eyes", "face_2" is "Face 2"."""
    word, _, number = part.partition("_")
    return f"{say(word.capitalize())} {number}".rstrip()


def mixed(result: Result) -> str:
    """Return HTML attributes that say of what, and how strong, a result is: there the page begins to mix its pictures."""
    record, given = result.record, blake2b(result.degraded.tobytes(), digest_size=8).hexdigest()
    regions = " ".join(f"{name}={amount}" for name, amount in sorted(record.regions.items()) if amount != 1)
    return f'data-given="{given}" data-strength="{record.strength}" data-regions="{escape(regions)}"'
