"""Gates: expressions such as `psnr.gain<2.0` that make an evaluation fail when they hold.

A gate is NAME < > <= >= NUMBER. A name is [row.][part.]score.statistic; without a row the restored pictures are meant:

    psnr.mean  eyes.ssim.median  no_harm.psnr.mean  degraded.squeeze.std     any of the four rows: mean, median, std
    psnr.gain  psnr.gain.median  squeeze.relative  hair.psnr.improved        restored against degraded; above 0 is better
    colour_error.largest  latency.p95  memory.peak  fid.restored              levels, seconds, MiB, a distance
    pictures.scored  pictures.left_out                                       how many

    partial.psnr.gain  partial.lpips_alex.improved                           the same at less than full strength

`gain` alone is its mean. `lpips` is short for `lpips_alex`. Before all of it may stand the name of one of several sets and a
colon, as in "splat-fine: psnr.gain<-1.6"; without, the gate holds for every set that was evaluated.
"""

import difflib
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enhancer.errors import SettingsError
from training.evaluation.metrics import COLUMNS, KINDS, PARTS, SCORES, SET_SCORES

_COMPARISONS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
_GATE = re.compile(
    r"\s*(?:([^:<>=]+?)\s*:)?\s*([a-z_.]+[a-z0-9_]*)\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*", re.I
)
_OF_ROW = ("mean", "median", "std")
# What is reported besides scores.
_OTHERS = ("colour_error.", "latency.", "memory.", *(f"{name}." for name in SET_SCORES), "pictures.")


def named_values(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Return every name a gate may use, with its value in `metrics`; None where there is none."""
    out: dict[str, float | None] = {}
    for column in COLUMNS:
        for kind in KINDS:
            of_kind = metrics.get("rows", {}).get(kind) or {}
            for statistic in _OF_ROW:
                value = of_kind.get(column, {}).get(statistic)
                out[f"{kind}.{column}.{statistic}"] = value
                if kind == "restored":
                    out[f"{column}.{statistic}"] = value
        for prefix, found in (("", metrics), ("partial.", metrics.get("partial") or {})):
            gain = found.get("gain", {}).get(column, {})
            out[f"{prefix}{column}.gain"] = gain.get("mean")
            for statistic in _OF_ROW:
                out[f"{prefix}{column}.gain.{statistic}"] = gain.get(statistic)
            out[f"{prefix}{column}.relative"] = gain.get("relative")
            out[f"{prefix}{column}.improved"] = found.get("improved", {}).get(column)
    tint, latency = metrics.get("colour_error_levels", {}), metrics.get("latency_seconds", {})
    out |= {f"colour_error.{name}": tint.get(name) for name in ("red", "green", "blue", "largest")}
    out |= {f"latency.{name}": latency.get(name) for name in ("p50", "p95", "mean")}
    for name in SET_SCORES:
        out |= {f"{name}.{kind}": (metrics.get(name) or {}).get(kind) for kind in ("degraded", "restored")}
    data = metrics.get("data", {})
    out |= {
        "pictures.scored": data.get("scored"),
        "pictures.left_out": len(data["left_out"]) if data else None,
    }
    return out | {"memory.peak": metrics.get("peak_memory_mib")}


@dataclass(frozen=True)
class Gate:
    """One expression."""

    text: str
    set: str | None  # of several sets, the one it is about; None: each of them
    name: str
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str, sets: Sequence[str] = ()) -> "Gate":
        """Read an expression.

        Args:
            text: The expression.
            sets: Names of the sets that are evaluated, where there are several.

        Raises:
            SettingsError: It is none, or its name or its set is not known.
        """
        match = _GATE.fullmatch(text)
        if match is None:
            raise SettingsError(
                f"The gate {text!r} is not understood. Write a name, one of < > <= >= and a number: psnr.gain<2.0"
            )
        of_set, name, sign, bound = match.groups()
        if of_set is not None and of_set not in sets:
            known_sets = f"Known are {', '.join(sets)}." if sets else "Several sets are evaluated with --sets."
            raise SettingsError(f"The gate {text!r} is about the set {of_set!r}, which there is not. {known_sets}")
        full = re.sub(r"(^|\.)lpips(?=\.)", r"\1lpips_alex", name.lower())
        known = named_values({})
        if full not in known:
            near = difflib.get_close_matches(full, known, n=3)
            nearest = f" Did you mean {' or '.join(near)}?" if near else ""
            raise SettingsError(
                f"The gate {text!r} uses {name!r}, which is not reported.{nearest} Known are the scores "
                f"{', '.join(SCORES)} (before them a row, {', '.join(KINDS)}, or a part, {', '.join(filter(None, PARTS))}; "
                "after them .mean .median .std, or for the restored pictures .gain .relative .improved), and "
                f"{', '.join(name for name in known if name.startswith(_OTHERS))}."
            )
        return cls(text, of_set, full, sign, float(bound))

    def fires(self, metrics: Mapping[str, Any]) -> str | None:
        """Return the sentence with which this gate fails `metrics`, or None."""
        value = named_values(metrics)[self.name]
        if value is None:
            key = next((part for part in self.name.split(".") if part in metrics.get("missing", {})), "")
            why = metrics.get("missing", {}).get(key, "No picture has it.")
            return f"{self.text}: there is no {self.name}, so this gate cannot pass. {why}"
        return f"{self.text}: {self.name} is {value:g}." if _COMPARISONS[self.sign](value, self.bound) else None


def failures(gates: Sequence[Gate], metrics: Mapping[str, Any]) -> list[str]:
    """Return the sentences of all gates that fail."""
    return [sentence for gate in gates if (sentence := gate.fires(metrics)) is not None]


def failures_of_sets(
    gates: Sequence[Gate], sets: Mapping[str, Mapping[str, Any]], left_out: Mapping[str, str]
) -> list[str]:
    """Return the sentences of all gates that fail, each with the set it fails in.

    Args:
        gates: They were read with the names of all sets.
        sets: Name -> what its `metrics.json` holds.
        left_out: Name -> why it was not evaluated: a gate about it cannot pass.
    """
    out = [
        f"{gate.text}: {gate.set} was left out, so this gate cannot pass. {left_out[gate.set]}"
        for gate in gates
        if gate.set is not None and gate.set in left_out
    ]
    for name, metrics in sets.items():
        out += failures([gate for gate in gates if gate.set == name], metrics)
        out += [f"{name}: {sentence}" for sentence in failures([gate for gate in gates if gate.set is None], metrics)]
    return out
