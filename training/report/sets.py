"""The report of an evaluation of several sets: what `templates/sets.html` shows of them, side by side."""

from pathlib import Path

from enhancer.runtime.files import write_text
from training.evaluation.compare import read_evaluation
from training.evaluation.metrics import SCORES, column
from training.evaluation.results import ResultsFolder
from training.evaluation.summary import chosen
from training.report import set_tables
from training.report.charts import Chart, forest
from training.report.evaluation import shown
from training.report.page import Headline, Shown, render
from training.report.set_tables import CLOSER, Several, is_worse, measured, sets_of, strengths_of
from training.report.tables import change, given

NAMES = 84  # width of the sets' names before a forest, SVG units


def write_sets_report(several: Several, folder: Path) -> None:
    """Write `sets.html`.

    Args:
        several: What `sets.json` holds.
        folder: Of the evaluation, with the folders of its sets.
    """
    page = render(
        "sets.html",
        several=several,
        sets=sets_of(several),
        first=next(iter(sets_of(several).values())),
        SCORES=SCORES,
        column=column,
        scored=measured(several),
        labels=[SCORES[key].label for key in measured(several)],
        closer=measured(several, CLOSER),
        parts=set_tables.parts_of(several),
        strengths_of=strengths_of,
        is_worse=is_worse,
        no_harm=set_tables.no_harm,
        gain_in_words=set_tables.gain_in_words,
        share=set_tables.share,
        seconds=set_tables.seconds,
        slow=[SCORES[key].label for key in set_tables.full_strength_only(several)],
        change=change,
        given=given,
        headlines=_headlines(several),
        gains=_gains(several),
        typical=_typical(several, folder),
    )
    write_text(folder / "sets.html", page)


def _headlines(several: Several) -> list[Headline]:
    """Return on how many sets each score finds restoring better, and on which it does not."""
    out = []
    for key in measured(several):
        having = {name: each for name, each in sets_of(several).items() if each["gain"][key]["count"]}
        worse = [name for name, metrics in having.items() if is_worse(metrics, key)]
        note = f"worse than doing nothing on {', '.join(worse)}" if worse else "worse than doing nothing on none"
        out.append(Headline(SCORES[key].label, str(len(having) - len(worse)), f"of {len(having)}", note))
    return out


def _gains(several: Several) -> list[Chart]:
    """Return a chart a score and strength: how much is gained on each set, and how certain that is."""
    out = []
    for key in measured(several, CLOSER):
        by_strength: dict[float, list[tuple[str, float, float, float, str | None]]] = {}
        for name, metrics in sets_of(several).items():
            for strength, found in strengths_of(metrics):
                gain = found["gain"][key]
                if gain["count"]:
                    low, high = gain["interval"]
                    better = "B" if low > 0 else "A" if high < 0 else None
                    by_strength.setdefault(strength, []).append((name, gain["mean"], low, high, better))
        score = SCORES[key]
        out += [
            forest(f"{score.label}, strength {strength:g}", rows, score.unit, score.short_digits, NAMES)
            for strength, rows in by_strength.items()
        ]
    return out


def _typical(several: Several, folder: Path) -> list[tuple[str, Shown]]:
    """Return of each set the picture in the middle, ranked by gain, if it was kept."""
    out = []
    for name, each in several["sets"].items():
        of_set = folder / each["folder"]
        _, rows = read_evaluation(of_set)
        scored = list(rows.values())[: each["metrics"]["data"]["scored"]]  # behind them are those of other limits
        for row in chosen(scored)["typical"]:
            pictures = ResultsFolder(of_set, {}).kept(row["file"])
            if pictures is not None:
                out.append((name, shown(row, pictures)))
    return out
