"""What a run was shown, or an evaluation judged, in numbers and in words: photographs, and ready pairs by the kind of their views."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from training.config import CLEAN
from training.data.folders import Sample

# Kind of a view, as rows of `metadata.jsonl` have it -> words.
VIEWS = {
    "test": "rendered at views that the splats were not fitted to",
    "val": "rendered at views that the splats were not fitted to",
    "train": "rendered at views that the splats were fitted to",
    "unknown": "rendered at views of which nothing says whether the splats were fitted to them",
}


def contents_of(samples: Iterable[Sample]) -> dict[str, Any]:
    """Count samples: `photographs`, and `pairs` by the kind of their views, empty where that is not known."""
    samples = list(samples)
    pairs = Counter(sample.view for sample in samples if sample.degraded is not None)
    return {"photographs": len(samples) - pairs.total(), "pairs": dict(sorted(pairs.items()))}


def contents_shown(sources: Mapping[str, Sequence[Sample]]) -> dict[str, Any]:
    """Count what the kinds of a mixture are drawn from; what is only shown as it is does not count."""
    shown = {sample: None for kind, samples in sources.items() if kind != CLEAN for sample in samples}
    return contents_of(shown)


def pairs_in_words(pairs: Mapping[str, int]) -> str:
    """Return words such as "40 ready pairs, rendered at views that the splats were not fitted to"; nothing for none."""
    total = sum(pairs.values())
    if not total:
        return ""
    by_words: Counter[str] = Counter()
    for kind, count in pairs.items():
        by_words[VIEWS.get(kind, "")] += count
    text = f"{total} ready pair{'s' * (total != 1)}"
    if len(by_words) == 1:
        (words,) = by_words
        return f"{text}, {words}" if words else text
    return f"{text}: " + ", ".join(f"{count} {words or 'brought as they are'}" for words, count in by_words.items())


def in_words(contents: Mapping[str, Any]) -> str:
    """Return words for all of it."""
    count = contents["photographs"]
    photographs = f"{count} photograph{'s' * (count != 1)}" if count else ""
    return " and ".join(filter(None, (photographs, pairs_in_words(contents["pairs"]))))
