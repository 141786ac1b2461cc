"""Several sets of one evaluation side by side, as text: a table for a terminal, and those in Markdown for README and card."""

from collections.abc import Mapping, Sequence
from typing import Any

from enhancer.imaging.regions import REGION_NAMES
from training.evaluation.metrics import FOREGROUND, SCORES, column, score_of
from training.report.charts import number
from training.report.tables import change, given, markdown, title

WRITTEN = ("psnr", "ssim", "lpips_alex", "lpips_vgg", "identity")  # scores, where a set has them
CLOSER = ("psnr", "lpips_alex", "lpips_vgg")  # of them, those looked at by strength and by region
WORSE = "▼"
NO_HARM = "No harm is the clean picture after the checkpoint, PSNR against itself."

Several = Mapping[str, Any]  # what `sets.json` holds
Metrics = Mapping[str, Any]


def sets_of(several: Several) -> dict[str, Metrics]:
    """Return what `metrics.json` holds by the name of the set."""
    return {name: each["metrics"] for name, each in several["sets"].items()}


def measured(several: Several, scores: Sequence[str] = WRITTEN) -> list[str]:
    """Return those of some scores that any of the sets has."""
    return [key for key in scores if any(metrics["gain"][key]["count"] for metrics in sets_of(several).values())]


def parts_of(several: Several) -> list[str]:
    """Return the parts of a picture by which any of the sets was scored."""
    gains = [metrics["gain"] for metrics in sets_of(several).values()]
    return [part for part in (*REGION_NAMES, FOREGROUND) if any(gain[column(part, "psnr")]["count"] for gain in gains)]


def strengths_of(metrics: Metrics) -> list[tuple[float, Mapping[str, Any]]]:
    """Return each strength that a set was scored at, with its `gain` and `improved`."""
    partial = metrics["partial"]
    return [(1, metrics), *([(metrics["settings"]["strength"], partial)] if partial else [])]


def full_strength_only(several: Several) -> list[str]:
    """Return the scores that are measured, but at less than full strength on none of the sets that have one."""
    partial = [metrics["partial"]["gain"] for metrics in sets_of(several).values() if metrics["partial"]]
    return [key for key in measured(several) if partial and not any(gain[key]["count"] for gain in partial)]


def no_harm(metrics: Metrics) -> float | None:
    """Return PSNR of the clean pictures after the checkpoint; None if they were not restored."""
    return (metrics["rows"]["no_harm"] or {}).get("psnr", {}).get("mean")


def is_worse(found: Mapping[str, Any], name: str) -> bool:
    """Say whether restoring is worse than doing nothing, in the digits that are written.

    Args:
        found: What has `gain`: a set's metrics, or its part of less than full strength.
        name: Of a column.
    """
    gain = found["gain"][name]["mean"]
    return gain is not None and round(gain, score_of(name).short_digits) < 0


def gain_in_words(found: Mapping[str, Any], name: str) -> str:
    """Return the mean gain of a column with its interval, and for scores that should fall what part of them that is."""
    score, gain = score_of(name), found["gain"][name]
    if not gain["count"]:
        return "–"
    mean, low, high = (number(value, score.short_digits, sign=True) for value in (gain["mean"], *gain["interval"]))
    part = ""
    if not score.higher_is_better and gain["relative"]:
        part = f", {number(100 * abs(gain['relative']), 0)} % {'lower' if gain['relative'] > 0 else 'higher'}"
    return f"{mean} ({low} to {high}){part}"


def share(found: Mapping[str, Any], name: str) -> str:
    """Return on what part of the pictures restoring is better."""
    value = found["improved"][name]
    return "–" if value is None else f"{round(100 * value, 1):g} %"


def seconds(metrics: Metrics) -> str:
    """Return how long a picture of a set took: all that was done for it, and its degradation alone."""
    took = metrics["work_seconds"]
    whole = f"{number(took['whole'], 1)} s a picture with all its scores"
    return whole if took["degrade"] is None else f"{whole}, {number(took['degrade'], 2)} s to degrade it"


def for_terminal(several: Several) -> str:
    """Return a line a set: do nothing -> restored, and on how many pictures it is better."""
    keys = measured(several)
    lines = [f"{'do nothing → restored':<24}{'pictures':>9}" + "".join(f"{SCORES[key].label:>27}" for key in keys)]
    for name, metrics in sets_of(several).items():
        cells = [
            f"{change(metrics, key, SCORES[key])} {WORSE if is_worse(metrics, key) else ' '}{share(metrics, key):>7}"
            for key in keys
        ]
        lines.append(f"{name:<24}{metrics['data']['scored']:>9}" + "".join(f"{cell:>27}" for cell in cells))
    lines.append(f"The shares are those of pictures that are better. {WORSE} is worse than doing nothing.")
    return "\n".join([*lines, *(f"{name} was left out. {why}" for name, why in several["left_out"].items())])


def for_card(several: Several) -> str:
    """Return the sets in Markdown: whole pictures, gains by strength, and gains by region. No folder is named."""
    closer = measured(several, CLOSER)
    out = ["Do nothing → restored, means over the pictures of each set.", "", _scores(several, closer), ""]
    notes = [f"{WORSE} is worse than doing nothing."]
    if any(no_harm(metrics) is not None for metrics in sets_of(several).values()):
        notes.append(NO_HARM)
    if several["left_out"]:
        notes.append(f"Left out, since their pictures were not there: {', '.join(several['left_out'])}.")
    out += [" ".join(notes), ""]
    out += ["Gain over doing nothing (above 0 is better, whatever the score), with its 95 % interval:", ""]
    out += [_gains(several, closer)]
    if parts := parts_of(several):
        out += ["", "<details><summary>Gain by region, at full strength</summary>"]
        for key in closer:
            out += ["", f"{_named(key)}:", "", _regions(several, key, parts)]
        out += ["", "</details>"]
    return "\n".join(out) + "\n"


def _scores(several: Several, closer: Sequence[str]) -> str:
    """Return the table of what was, what is, on what part of the pictures that is better, and no harm."""
    keys, sets = measured(several), sets_of(several)
    harm = [no_harm(metrics) for metrics in sets.values()]
    some = any(value is not None for value in harm)
    heads = ["", "Pictures", *(title(SCORES[key]) for key in keys), *_better_on(closer), *["No harm, dB"] * some]
    lines = [
        [
            f"**{name}**",
            given(metrics),
            *(_marked(change(metrics, key, SCORES[key]), metrics, key) for key in keys),
            *(share(metrics, key) for key in closer),
            *[number(clean, 1)] * some,
        ]
        for (name, metrics), clean in zip(sets.items(), harm, strict=True)
    ]
    return markdown(heads, lines)


def _gains(several: Several, closer: Sequence[str]) -> str:
    """Return the table of gains by strength."""
    lines = [
        [
            f"**{name}**" if at == 1 else "",
            f"{at:g}",
            *(_marked(gain_in_words(found, key), found, key) for key in closer),
            *(share(found, key) for key in closer),
        ]
        for name, metrics in sets_of(several).items()
        for at, found in strengths_of(metrics)
        if at == 1 or any(found["gain"][key]["count"] for key in closer)
    ]
    return markdown(["", "Strength", *map(_named, closer), *_better_on(closer)], lines)


def _regions(several: Several, key: str, parts: Sequence[str]) -> str:
    """Return the table of one score's gains by region."""
    digits = SCORES[key].short_digits
    lines = []
    for name, metrics in sets_of(several).items():
        columns = [column(part, key) for part in parts]
        gains = [(each, number(metrics["gain"][each]["mean"], digits, sign=True)) for each in columns]
        lines.append([f"**{name}**", *(_marked(text, metrics, each) for each, text in gains)])
    return markdown(["", *parts], lines)


def _marked(text: str, found: Mapping[str, Any], name: str) -> str:
    return f"{text} {WORSE}" if is_worse(found, name) else text


def _named(key: str) -> str:
    return SCORES[key].label + (f", {SCORES[key].unit}" if SCORES[key].unit else "")


def _better_on(keys: Sequence[str]) -> list[str]:
    return [f"Better on, {SCORES[key].label}" for key in keys]
