"""Results of degrading and restoring, their rows in JSON reports, and the table of scores on the page."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.detection import Found
from enhancer.errors import EnhancerError, SettingsError
from enhancer.imaging.background import over_one_background
from enhancer.imaging.masks import Masks
from enhancer.imaging.plots import Won
from enhancer.imaging.provenance import Record
from enhancer.imaging.regions import REGION_NAMES
from enhancer.messages import Message, Number
from enhancer.metrics.catalogue import LPIPS, PSNR, SSIM, Metric
from enhancer.runtime.files import atomic_write

Scores = Mapping[str, Any]  # {"psnr": dB, "ssim": .., "lpips": .. or None, "regions": {name: {"psnr", ..}, or None}}
Translate = Callable[[str], str]  # English phrase, or a `Message` -> the reader's language
Step = tuple[str, np.ndarray]  # name, and the picture after it
FULL_DECIBELS, FULL_SHARE = 6.0, 0.5  # of PSNR, and of another score: at which a region's tint is full
SCHEMA = 1  # of the JSON report


@dataclass(frozen=True)
class Degraded:
    """A degraded picture and how it came about."""

    image: np.ndarray  # rounded to 8 bits, as saved
    record: Record  # the settings that lead to it
    steps: tuple[Step, ...]  # empty unless asked for
    timings: Mapping[str, float]  # seconds, by what was done
    parser: str | None  # what found the regions
    notes: tuple[Message, ...]


class Flat:
    """The pictures of a result as they look over its background: (H, W, 3) float32 in [0, 1].

    Scores and drawings look at these. They are made when first asked for, and kept: a result with scores shares them with
    the one without.
    """

    def __init__(
        self,
        clean: np.ndarray | None,
        degraded: np.ndarray,
        restored: np.ndarray,
        background: tuple[float, float, float],
    ) -> None:
        """Take the pictures as they are; where only some have alpha, it belongs to all: see `over_one_background`."""
        self._given = [degraded, restored] if clean is None else [degraded, restored, clean]
        self._background = background

    @cached_property
    def _all(self) -> list[np.ndarray]:
        return over_one_background(self._given, self._background)

    @property
    def degraded(self) -> np.ndarray:
        """The degraded picture."""
        return self._all[0]

    @property
    def restored(self) -> np.ndarray:
        """The restored picture."""
        return self._all[1]

    @property
    def clean(self) -> np.ndarray | None:
        """The clean picture, None where there is none."""
        return self._all[2] if len(self._all) == 3 else None


@dataclass(frozen=True)
class Result:
    """A restored picture and everything worth saying about it. Pictures keep the alpha of the input."""

    clean: np.ndarray | None  # what the scores compare with; None when there is nothing to compare with
    degraded: np.ndarray  # what the model was given
    restored: np.ndarray  # rounded as it is saved: the scores are those of the file
    record: Record  # checkpoint and settings that lead from the input to the restored picture
    timings: Mapping[str, float]  # seconds, by what was done
    device: str
    parser: str | None  # None if nothing needed the regions
    notes: tuple[Message, ...]
    masks: Masks | None  # soft region masks; likewise
    flat: Flat  # the three pictures without alpha
    scores_degraded: Scores | None = None
    scores_restored: Scores | None = None
    lpips_name: str | None = None  # names the network behind LPIPS; None without scores
    faces: tuple[Found, ...] | None = None  # those that were restored, each by itself; None for the picture as a whole
    is_doubted: bool = False  # no face was seen that can be believed: the first note says so, and no region is scored

    def noting(self, notes: tuple[Message, ...]) -> "Result":
        """Return the same with notes on how its picture was read, before the others but for a doubt."""
        first = int(self.is_doubted)
        return replace(self, notes=(*self.notes[:first], *notes, *self.notes[first:])) if notes else self

    @property
    def seconds(self) -> float:
        """Seconds that the restoration alone took."""
        return self.timings["restore"]


def result_row(result: Result) -> dict[str, Any]:
    """Return what a report says about a restored picture; `seed` and `preset` are None if nothing degraded it."""
    record = result.record
    scores = None
    if result.scores_degraded is not None and result.scores_restored is not None:
        scores = {"degraded": _plain(result.scores_degraded), "restored": _plain(result.scores_restored)}
    return {
        "checkpoint": record.checkpoint,
        "sha": record.sha,
        "device": result.device,
        "parser": result.parser,
        "seconds": result.seconds,
        "timings": dict(result.timings),
        "seed": record.seed,
        "preset": record.preset,
        "scores": scores,
        "lpips_net": result.lpips_name,
        "faces": None if result.faces is None else [found.row() for found in result.faces],
        "notes": list(result.notes),
        "error": None,
    }


def failed_row(error: Exception) -> dict[str, Any]:
    """Return the row of a picture that could not be restored, with the keys of `result_row`."""
    keys = (
        "checkpoint",
        "sha",
        "device",
        "parser",
        "seconds",
        "timings",
        "seed",
        "preset",
        "scores",
        "lpips_net",
        "faces",
    )
    said = error.message if isinstance(error, EnhancerError) else str(error)
    return dict.fromkeys(keys) | {"notes": [], "error": said}


def write_report(rows: Sequence[Mapping[str, Any]], path: Path, version: str) -> None:
    """Write the JSON report; at no moment does `path` hold half of one.

    Raises:
        SettingsError: The file cannot be written.
    """
    text = json.dumps({"schema": SCHEMA, "version": version, "images": list(rows)}, indent=2, allow_nan=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"The report {path} cannot be written: {error.strerror or error}.") from error


def score_table(result: Result, say: Translate = str) -> str:
    """Return the scores as an HTML table: whole picture and regions, before, after, and which way is better.

    Args:
        result: What was restored.
        say: Puts an English phrase into the reader's language.
    """
    before, after = result.scores_degraded, result.scores_restored
    if before is None or after is None:
        return (
            f'<p class="quiet">{escape(say("No scores: they say how close a picture is to its ground truth,"))} '
            f"{escape(say('and this one came without.'))}</p>"
        )
    rows = [("Whole picture", before, after)]
    if not result.is_doubted:
        rows += [(name.capitalize(), before["regions"].get(name), after["regions"].get(name)) for name in REGION_NAMES]
    metrics = [metric for metric in (LPIPS, PSNR, SSIM) if after.get(metric.key) is not None]  # LPIPS leads
    heads = "".join(_metric_head(metric, result.lpips_name, say) for metric in metrics)
    body = "".join(
        f'<tr><th scope="row">{escape(say(label))}</th>'
        + "".join(f"<td>{change(metric, was, now, say)}</td>" for metric in metrics)
        + "</tr>"
        for label, was, now in rows
    )
    return (
        f'<table class="scores"><caption>{escape(say("Scores against the ground truth: input → restored"))}</caption>'
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
    was, now = _plain(before.get(metric.key)), _plain(after.get(metric.key))
    if was is None or now is None:
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


def status_line(result: Result, say: Translate = str, picture: str = "") -> str:
    """Return HTML that says what was won, of which picture, what ran and how long, and whatever else a visitor should know.

    Args:
        result: What was restored.
        say: Puts an English phrase into the reader's language.
        picture: What it is called; may be a stranger's word.
    """
    name, commit = result.record.checkpoint or "", result.record.sha
    sha = f" ({commit[:7]})" if commit and commit[:7] not in name else ""
    facts = [escape(picture)] if picture else []
    if result.record.seed is not None:
        facts.append(f"{escape(say('Seed'))} {result.record.seed}")
    facts += [
        f"{escape(say('Restored in'))} {_duration(result.seconds, say)}",
        f"<strong>{escape(name)}{escape(sha)}</strong> {escape(say('on'))} {escape(result.device.upper())}",
    ]
    if result.parser is not None:
        facts.append(f"{escape(say('regions from'))} {escape(say(result.parser))}")
    notes = "".join(f"<li>{escape(say(note))}</li>" for note in result.notes)
    return f'<p role="status">{_halves(result, say)}<span>{" · ".join(facts)}</span></p>' + (
        f'<ul class="quiet">{notes}</ul>' if notes else ""
    )


def won_by_region(result: Result, metric: Metric) -> dict[str, Won]:
    """Return what each region won by a metric, for a map: decibels of PSNR, else how many percent it fell or rose.

    Regions that are too small to score, or lack this score, are left out.
    """
    before, after = result.scores_degraded, result.scores_restored
    found: dict[str, Won] = {}
    for name in REGION_NAMES if before and after else ():
        was, now = (((scores or {})["regions"].get(name) or {}).get(metric.key) for scores in (before, after))
        if not was or now is None or not math.isfinite(now - was):
            continue
        if metric is PSNR:
            share, words = (now - was) / FULL_DECIBELS, f"{now - was:+.1f}"
        else:
            change = now / was - 1
            share, words = (change if metric.higher_is_better else -change) / FULL_SHARE, f"{100 * change:+.0f} %"
        found[name] = Won(max(-1.0, min(1.0, share)), words)
    return found


def _halves(result: Result, say: Translate) -> str:
    """Return HTML that stands below the two halves of the slider: the scores of each; LPIPS leads, PSNR follows."""
    before, after = result.scores_degraded, result.scores_restored
    if not before or not after:
        return ""
    gain = after["psnr"] - before["psnr"]
    decibels = tuple(
        f"PSNR&nbsp;{number(value, form, say)}&nbsp;dB" for value, form in ((before["psnr"], ".1f"), (gain, "+.1f"))
    )
    if before.get("lpips") and after.get("lpips") is not None:
        name = f'<abbr title="{escape(result.lpips_name or "LPIPS")}">LPIPS</abbr>'
        change = after["lpips"] / before["lpips"] - 1
        gain = -change
        way = say("lower: closer to the ground truth") if change <= 0 else say("higher: further from it")
        word, _, meaning = way.partition(": ")
        was, now = (number(scores["lpips"], ".3f", say) for scores in (before, after))
        firsts = f"{name} {was}", f"{name} {now}, {100 * abs(change):.0f} % {escape(word)}"
        seconds = decibels[0], f"{escape(meaning)} · {decibels[1]}"
        if was == now:  # as far as it is shown
            gain, firsts, seconds = 0.0, (firsts[0], f"{name} {now}, {escape(say('same'))}"), decibels
    else:
        firsts, seconds = decibels, ("", "")
    verdicts = "quiet", "quiet" if gain == 0 else "won" if gain > 0 else "lost"
    halves = (
        f'<span><strong class="{verdict}">{first}</strong><span class="second">{second}</span></span>'
        for verdict, first, second in zip(verdicts, firsts, seconds, strict=True)
    )
    return f'<span class="halves">{"".join(halves)}</span>'


def patience(seconds: float, say: Translate = str, on_processor: bool = True) -> str:
    """Return HTML that says, before a restoration, roughly how long it takes.

    Args:
        seconds: That it will take.
        say: Puts an English phrase into the reader's language.
        on_processor: A model made for a GPU runs without one: say that this is why.
    """
    minutes = max(1, round(seconds / 60))
    time = f"{round(seconds, -1):.0f} s" if seconds < 90 else f"{minutes} min"
    why = say("The full model runs on a processor here, not on a GPU.") + " " if on_processor else ""
    return f'<p role="status">{escape(why)}{escape(say("This picture takes about"))} <strong>{time}</strong>.</p>'


def number(value: float, form: str, say: Translate) -> str:
    """Return a number in the reader's notation; `form` is how Python formats it, such as ".3f"."""
    return say(Number(format(value, form)))


def _duration(seconds: float, say: Translate) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{number(seconds, '.1f', say)} s"


def _metric_head(metric: Metric, lpips_name: str | None, say: Translate) -> str:
    label = lpips_name or metric.label if metric is LPIPS else metric.label
    way = say("higher is better") if metric.higher_is_better else say("lower is better")
    return (
        f'<th scope="col"><abbr title="{escape(say(metric.meaning))}">{escape(label)}</abbr>'
        f"<small>{escape(way)}</small></th>"
    )


def _plain(value: Any) -> Any:
    """Return numbers as JSON can hold them; infinite (PSNR of equal pictures) and undefined ones become None."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
