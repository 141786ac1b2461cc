"""The table of several pictures as HTML: what became of each, and the mean of all with its spread."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from enhancer.comparison import change, number
from enhancer.messages import Translate
from enhancer.metrics.catalogue import LPIPS, PSNR, Metric
from enhancer.results import note_list
from page.batch_run import Done, Files, Run
from page.thumbnails import data_address

COLUMNS = (LPIPS, PSNR)  # the field's first word on a restored face, then the one everybody knows
QUIET = "<span class='quiet'>–</span>"


def batch_table(run: Run, say: Translate) -> str:
    """Return what became of each picture of a run; names are strangers' and are escaped.

    A row whose picture was restored holds a button with its number, ``data-row``, which is to show it before and after.

    Args:
        run: What is done of it.
        say: Puts an English phrase into the reader's language.
    """
    if not run.done:
        return _unmatched(run, say)
    scored = [done for done in run.done if done.row["scores"]]
    common = _common_notes(run.done)
    columns = 1 + len(COLUMNS) * bool(scored)
    heads = f"<th scope='col'>{escape(say('Picture'))}</th>"
    heads += "".join(_head(metric, scored, say) for metric in COLUMNS[: columns - 1])
    body = "".join(
        f"<tr>{_name_cell(row, done, common, say)}{_cells(done, columns - 1, say)}</tr>"
        for row, done in enumerate(run.done)
    )
    foot = f"<tfoot>{_means(scored, len(run.done), say)}</tfoot>" if len(scored) > 1 else ""
    return (
        f"<table class='scores batch'><thead><tr>{heads}</tr></thead><tbody>{body}</tbody>{foot}</table>"
        + note_list(common, say)
        + _unmatched(run, say)
    )


def _head(metric: Metric, scored: Sequence[Done], say: Translate) -> str:
    named = next((done.row["lpips_net"] for done in scored if done.row["lpips_net"]), None)
    name = (named if metric is LPIPS else None) or metric.label
    way = say("higher is better") if metric.higher_is_better else say("lower is better")
    return (
        f"<th scope='col'><abbr title='{escape(say(metric.meaning))}'>{escape(name)}</abbr>"
        f"<small>{escape(way)}</small></th>"
    )


def _name_cell(row: int, done: Done, common: Sequence[str], say: Translate) -> str:
    told = [] if done.row["seconds"] is None else [f"{number(done.row['seconds'], '.1f', say)} s"]
    told += [say(note) for note in done.row["notes"] if note not in common]
    small = "".join(f"<small>{escape(text)}</small>" for text in told)
    name = escape(done.row["name"])
    if done.files is None:
        return f"<th scope='row'><span class='name'>{name}</span>{small}</th>"
    return f"<th scope='row'>{_button(row, name, done.files, say)}<span class='name'>{name}</span>{small}</th>"


def _button(row: int, name: str, files: Files, say: Translate) -> str:
    pictures = "".join(f"<img src='{data_address(small)}' alt='' width='48' height='48'>" for small in files.thumbnails)
    words = f"{name}: {escape(say('Input and restored'))}"
    return f'<button type="button" data-row="{row}" aria-label="{words}">{pictures}</button>'


def _cells(done: Done, columns: int, say: Translate) -> str:
    """Return the cells behind the name."""
    if done.row["error"]:
        words = f"{say('Not restored.')} {say(done.row['error'])}"
        return f"<td colspan='{max(1, columns)}' class='worse'>{escape(words)}</td>"
    scores = done.row["scores"]
    if scores is None:
        return f"<td>{QUIET}</td>" * columns
    return "".join(
        f"<td>{change(metric, scores['degraded'], scores['restored'], say)}</td>" for metric in COLUMNS[:columns]
    )


def _means(scored: Sequence[Done], count: int, say: Translate) -> str:
    """Return the last row: mean and standard deviation over the pictures, of the scores and of what each picture won."""
    cells = "".join(f"<td>{_mean(metric, scored, say)}</td>" for metric in COLUMNS)
    over = f"{len(scored)} {say('of')} {count} {say('pictures')}"
    return (
        f"<tr><th scope='row'>{escape(say('Mean ± standard deviation'))}<small>{escape(over)}</small></th>{cells}</tr>"
    )


def _mean(metric: Metric, scored: Sequence[Done], say: Translate) -> str:
    both = [[done.row["scores"][when].get(metric.key) for when in ("degraded", "restored")] for done in scored]
    both = np.array([pair for pair in both if None not in pair], np.float64).reshape(
        -1, 2
    )  # equal pictures have no PSNR
    if not len(both):
        return QUIET
    was, now = both.T
    gain = round(float((now - was).mean()), metric.short_digits)
    verdict = "same" if gain == 0 else "better" if (gain > 0) == metric.higher_is_better else "worse"
    arrow = "=" if gain == 0 else "▲" if gain > 0 else "▼"

    def told(mean: float, values: np.ndarray, around: tuple[str, str] = ("", "")) -> str:
        form = f".{metric.short_digits}f"
        return f"{around[0]}{number(mean, form, say)}{around[1]} ± {number(values.std(), form, say)}"

    unit = f" {metric.unit}" if metric.unit else ""
    return (
        f"<span class='was'>{told(was.mean(), was)} →</span> {told(now.mean(), now, ('<strong>', '</strong>'))}{unit} "
        f"<span class='{verdict}'>{arrow} {told(abs(gain), now - was)} {escape(say(verdict))}</span>"
    )


def _common_notes(done: Sequence[Done]) -> list[Any]:
    """Return the notes that stand with every picture that was restored: they are said once."""
    restored = [each.row["notes"] for each in done if each.files]
    return [note for note in restored[0] if all(note in notes for notes in restored)] if restored else []


def _unmatched(run: Run, say: Translate) -> str:
    if not run.unmatched:
        return ""
    words = f"{say('Clean pictures that no render goes with')}: {', '.join(run.unmatched)}"
    return f"<p class='quiet'>{escape(words)}</p>"
