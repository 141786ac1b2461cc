"""Two pictures of one view: how close each is to the ground truth, and that as HTML."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import Any

import numpy as np

from enhancer.imaging.background import over_one_background
from enhancer.imaging.io import Colour
from enhancer.imaging.masks import Masks
from enhancer.imaging.plots import Won
from enhancer.imaging.regions import REGION_NAMES
from enhancer.messages import Message, Number, Translate
from enhancer.metrics.catalogue import LPIPS, PSNR, SSIM, Metric
from enhancer.parts import ScoreKeeper

Scores = Mapping[str, Any]  # {"psnr": dB, "ssim": .., "lpips": .. or None, "regions": {name: {"psnr", ..}, or None}}
NO_SCORES = "No scores: they say how close a picture is to its ground truth, and none was given."
CLOSER = {  # by LPIPS, and does PSNR agree
    (True, True): "closer to the ground truth",
    (True, False): "closer by LPIPS",
    (False, True): "further from the ground truth",
    (False, False): "further by LPIPS",
}
FULL_DECIBELS, FULL_SHARE = 6.0, 0.5  # of PSNR, and of another score: at which a region's tint is full


class Flat:
    """Two pictures, and the clean one if there is one, as they look over a background: (H, W, 3) float32 in [0, 1].

    Scores and drawings look at these. They are made when first asked for, and kept: a comparison with scores shares them
    with the one without.
    """

    def __init__(
        self,
        before: np.ndarray,
        after: np.ndarray,
        clean: np.ndarray | None,
        background: Colour,
    ) -> None:
        """Take the pictures as they are; where only some have alpha, it belongs to all: see `over_one_background`."""
        self._given = [before, after] if clean is None else [before, after, clean]
        self._background = background

    @cached_property
    def _all(self) -> list[np.ndarray]:
        return over_one_background(self._given, self._background)

    @property
    def before(self) -> np.ndarray:
        """The first picture."""
        return self._all[0]

    @property
    def after(self) -> np.ndarray:
        """The second."""
        return self._all[1]

    @property
    def clean(self) -> np.ndarray | None:
        """The clean picture, None where there is none."""
        return self._all[2] if len(self._all) == 3 else None


@dataclass(frozen=True)
class Comparison:
    """Two pictures of one view, and what is known of their closeness to its ground truth."""

    flat: Flat  # the pictures without alpha
    masks: Masks | None  # soft region masks; None if nobody looked for regions
    names: tuple[str, str] = ("input", "restored")  # of the two: English phrases
    scores: tuple[Scores, Scores] | None = None  # of the two
    lpips_name: str | None = None  # names the network behind LPIPS; None without scores
    notes: tuple[Message, ...] = ()  # on the regions and the scores
    is_doubted: bool = False  # no face was seen that can be believed: the first note says so, and no region is scored

    def notes_with(self, told: Iterable[Message]) -> tuple[Message, ...]:
        """Return the notes with more of them; a doubt stays first."""
        first = int(self.is_doubted)
        return (*self.notes[:first], *told, *self.notes[first:])

    def scored_by(self, scorer: ScoreKeeper | None) -> "Comparison":
        """Return it with scores, where there is a clean picture to compare with."""
        if scorer is None or self.masks is None or self.flat.clean is None:
            return self
        before, after = scorer.score_each((self.flat.before, self.flat.after), self.flat.clean, self.masks)
        missing = (scorer.lpips_missing,) if scorer.lpips_missing else ()
        notes = (*self.notes, *missing)
        return replace(self, scores=(before, after), lpips_name=scorer.lpips_name, notes=notes)


def score_table(compared: Comparison, say: Translate = str) -> str:
    """Return the scores as an HTML table: whole picture and regions, before, after, and which way is better.

    Args:
        compared: The two pictures.
        say: Puts an English phrase into the reader's language.
    """
    if compared.scores is None:
        return f'<p class="quiet">{escape(say(NO_SCORES))}</p>'
    before, after = compared.scores
    rows = [("Whole picture", before, after)]
    if not compared.is_doubted:
        rows += [(name.capitalize(), before["regions"].get(name), after["regions"].get(name)) for name in REGION_NAMES]
    metrics = [metric for metric in (LPIPS, PSNR, SSIM) if after.get(metric.key) is not None]  # LPIPS leads
    heads = "".join(_metric_head(metric, compared.lpips_name, say) for metric in metrics)
    body = "".join(
        f'<tr><th scope="row">{escape(say(label))}</th>'
        + "".join(f"<td>{change(metric, was, now, say)}</td>" for metric in metrics)
        + "</tr>"
        for label, was, now in rows
    )
    return (
        f'<table class="scores"><caption>{escape(say("Scores against the ground truth"))}: {_names(compared, say)}</caption>'
        f'<thead><tr><th scope="col">{escape(say("Region"))}</th>{heads}</tr></thead><tbody>{body}</tbody></table>'
    )


def change(metric: Metric, before: Scores | None, after: Scores | None, say: Translate) -> str:
    """Return a score before and after as the HTML of a table's cell; words where there is no number, for 0 would be a number.

    Args:
        metric: Which score.
        before: The scores of a picture or of one of its regions; None where it has too few pixels.
        after: Likewise, of the restored picture.
        say: Puts an English phrase into the reader's language.
    """
    if before is None or after is None:
        return f'<span class="quiet">{escape(say("too few pixels"))}</span>'
    was, now = before.get(metric.key), after.get(metric.key)
    if was is None or now is None or not math.isfinite(now - was):
        return f'<span class="quiet">{escape(say("not available"))}</span>'
    digits, unit = metric.short_digits, f" {metric.unit}" if metric.unit else ""
    gain = round(now - was, digits)
    verdict = "same" if gain == 0 else "better" if (gain > 0) == metric.higher_is_better else "worse"
    arrow = "=" if gain == 0 else "▲" if gain > 0 else "▼"
    return (
        f'<span class="was">{number(was, f".{digits}f", say)} →</span> '
        f"<strong>{number(now, f'.{digits}f', say)}</strong>{unit} "
        f'<span class="{verdict}">{arrow} {number(abs(gain), f".{digits}f", say)} {escape(say(verdict))}</span>'
    )


def won_by_region(compared: Comparison, metric: Metric, say: Translate = str) -> dict[str, Won]:
    """Return what the second picture won in each region by a metric, for a map: decibels of PSNR, else percent.

    Regions that are too small to score, or lack this score, are left out.
    """
    found: dict[str, Won] = {}
    for name in REGION_NAMES if compared.scores else ():
        was, now = (((scores or {})["regions"].get(name) or {}).get(metric.key) for scores in compared.scores or ())
        if not was or now is None or not math.isfinite(now - was):
            continue
        if metric is PSNR:
            share, words = (now - was) / FULL_DECIBELS, number(now - was, "+.1f", say)
        else:
            change = now / was - 1
            share = (change if metric.higher_is_better else -change) / FULL_SHARE
            words = f"{number(100 * change, '+.0f', say)} %"
        found[name] = Won(max(-1.0, min(1.0, share)), words)
    return found


def halves(compared: Comparison, say: Translate, whose: tuple[str, str] = ("", "")) -> str:
    """Return HTML that stands below the two halves of the slider: the scores of each; LPIPS leads, PSNR follows.

    Args:
        compared: The two pictures.
        say: Puts an English phrase into the reader's language.
        whose: What stands above the scores of each; may be a stranger's words.
    """
    names = [f'<span class="whose">{escape(words)}</span>' if words else "" for words in whose]
    told = _scored_halves(compared, say) if compared.scores else ("", "")
    if not any((*names, *told)):
        return ""
    both = (f"<span>{name}{scores}</span>" for name, scores in zip(names, told, strict=True))
    return f'<span class="halves">{"".join(both)}</span>'


def _scored_halves(compared: Comparison, say: Translate) -> tuple[str, str]:
    before, after = compared.scores or ({}, {})
    gain = round(after["psnr"] - before["psnr"], 1)  # as it is shown
    decibels = tuple(
        f"PSNR&nbsp;{number(value, form, say)}&nbsp;dB" for value, form in ((before["psnr"], ".1f"), (gain, "+.1f"))
    )
    if before.get("lpips") is not None and after.get("lpips") is not None:
        name = f'<abbr title="{escape(compared.lpips_name or "LPIPS")}">LPIPS</abbr>'
        was, now = (number(scores["lpips"], ".3f", say) for scores in (before, after))
        lower = 0.0 if was == now else before["lpips"] - after["lpips"]  # as far as it is shown
        if lower:
            words = say("lower" if lower > 0 else "higher")
            if round(before["lpips"], 3):  # of nothing there is no share
                share = abs(lower) / before["lpips"]
                percent = f"{100 * share:.0f}" if share >= 0.005 else "< 1"
                words = f"{percent} % {words}"
            meaning = CLOSER[lower > 0, gain == 0 or (gain > 0) == (lower > 0)]
            seconds = decibels[0], f"{escape(say(meaning))} · {decibels[1]}"
        else:
            words, seconds = say("same"), decibels
        firsts, gain = (f"{name} {was}", f"{name} {now}, {escape(words)}"), lower
    else:
        firsts, seconds = decibels, ("", "")
    verdicts = "quiet", "quiet" if gain == 0 else "won" if gain > 0 else "lost"
    first, second = (
        f'<strong class="{verdict}">{first}</strong><span class="second">{second}</span>'
        for verdict, first, second in zip(verdicts, firsts, seconds, strict=True)
    )
    return first, second


def number(value: float, form: str, say: Translate) -> str:
    """Return a number in the reader's notation, with a true minus; `form` is how Python formats it, such as ".3f".

    What is shown as zero has no sign that says otherwise: "-0.0" is "0.0", and a change of that is "±0.0".
    """
    written = format(value, form)
    if float(written) == 0:
        written = ("±" if "+" in form else "") + written.lstrip("+-")
    return say(Number(written.replace("-", "−")))


def _metric_head(metric: Metric, lpips_name: str | None, say: Translate) -> str:
    label = lpips_name or metric.label if metric is LPIPS else metric.label
    way = say("higher is better") if metric.higher_is_better else say("lower is better")
    return (
        f'<th scope="col"><abbr title="{escape(say(metric.meaning))}">{escape(label)}</abbr>'
        f"<small>{escape(way)}</small></th>"
    )


def _names(compared: Comparison, say: Translate) -> str:
    return " → ".join(escape(say(name)) for name in compared.names)
