"""Results of degrading and restoring, their rows in JSON reports, and what the page says of them."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.comparison import Comparison, halves, number
from enhancer.detection import Found
from enhancer.errors import EnhancerError, SettingsError
from enhancer.imaging.provenance import Record
from enhancer.messages import Message, Translate
from enhancer.runtime.files import atomic_write

Step = tuple[str, np.ndarray]  # name, and the picture after it
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
    comparison: Comparison  # of what the model was given with what it made of it
    told: tuple[Message, ...] = ()  # worth saying, besides the comparison's own notes
    faces: tuple[Found, ...] | None = None  # those that were restored, each by itself; None for the picture as a whole

    @property
    def notes(self) -> tuple[Message, ...]:
        """Everything worth saying; a doubt comes first."""
        return self.comparison.notes_with(self.told)

    def noting(self, notes: tuple[Message, ...]) -> "Result":
        """Return the same with notes on how its picture was read."""
        return replace(self, told=(*notes, *self.told)) if notes else self

    @property
    def seconds(self) -> float:
        """Seconds that the restoration alone took."""
        return self.timings["restore"]


def result_row(result: Result) -> dict[str, Any]:
    """Return what a report says about a restored picture; `seed` and `preset` are None if nothing degraded it."""
    record = result.record
    compared = result.comparison
    scores = dict(zip(("degraded", "restored"), map(_plain, compared.scores), strict=True)) if compared.scores else None
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
        "lpips_net": compared.lpips_name,
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


def status_line(result: Result, say: Translate = str, picture: str = "") -> str:
    """Return HTML that says what was won, of which picture, what ran and how long, and whatever else a visitor should know.

    Args:
        result: What was restored.
        say: Puts an English phrase into the reader's language.
        picture: What it is called; may be a stranger's word.
    """
    facts = [escape(picture)] if picture else []
    if result.record.seed is not None:
        facts.append(f"{escape(say('Seed'))} {result.record.seed}")
    facts += [
        f"{escape(say('Restored in'))} {_duration(result.seconds, say)}",
        f"<strong>{escape(made_by(result.record))}</strong> {escape(say('on'))} {escape(result.device.upper())}",
    ]
    if result.faces is not None:
        facts.append(f"{escape(say('Faces restored'))}: {len(result.faces)}")
    if result.parser is not None:
        facts.append(f"{escape(say('regions from'))} {escape(say(result.parser))}")
    told = f'<p role="status">{halves(result.comparison, say)}<span>{" · ".join(facts)}</span></p>'
    return told + note_list(result.notes, say)


def made_by(record: Record) -> str:
    """Return the checkpoint that made a picture, with its commit behind where the name does not hold it."""
    name, commit = record.checkpoint or "", record.sha
    return f"{name} ({commit[:7]})" if commit and commit[:7] not in name else name


def note_list(notes: Iterable[str], say: Translate = str) -> str:
    """Return notes as an HTML list, each said once; nothing where there are none."""
    items = "".join(f"<li>{escape(say(note))}</li>" for note in dict.fromkeys(notes))
    return f'<ul class="quiet">{items}</ul>' if items else ""


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


def _duration(seconds: float, say: Translate) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{number(seconds, '.1f', say)} s"


def _plain(value: Any) -> Any:
    """Return numbers as JSON can hold them; infinite (PSNR of equal pictures) and undefined ones become None."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
