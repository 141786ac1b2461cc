"""The pictures shared out among the processes of an evaluation, and every row put on disk as soon as it is made."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from enhancer.errors import EnhancerError, ImageError, LabelError
from enhancer.runtime.processes import Processes
from training.data.backgrounds import Colour
from training.data.folders import Sample
from training.evaluation.evaluator import Evaluator, Row
from training.evaluation.results import SHOWN, ResultsFolder, fingerprint_of_files
from training.evaluation.samples import load_sample
from training.evaluation.summary import chosen


@dataclass
class Partial:
    """What one process made of its share of the pictures."""

    rows: dict[str, Row] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)  # picture -> why it could not be judged
    error: EnhancerError | None = None  # why it stopped early, if it did
    kept: set[str] = field(default_factory=set)  # pictures whose versions are on disk


@dataclass(frozen=True)
class DistributedEvaluation:
    """One process at work on an evaluation."""

    evaluator: Evaluator
    records: ResultsFolder
    processes: Processes
    background: Colour | None  # put behind every person; None: the pictures as they are
    keep_all: bool  # every picture, not only those that the sheets show
    progress: "tqdm[Any]"  # counts the pictures of every process

    def evaluate(self, samples: Sequence[Sample], found: Mapping[str, Row]) -> tuple[dict[str, Row], dict[str, str]]:
        """Judge what has no row on disk yet, or whose files are others by now.

        Args:
            samples: The pictures.
            found: Rows of earlier runs by picture.

        Returns:
            All rows by picture, in the order of `samples`, and why the pictures without a row have none.

        Raises:
            EnhancerError: A process had to stop; what all had done by then is on disk.
        """
        sources = {sample.name: fingerprint_of_files(sample.files, contents=False) for sample in samples}
        valid = {name: row for name, row in found.items() if row.get("source") == sources.get(name)}
        missing = [sample for sample in samples if sample.name not in valid]
        share = Partial()
        self._passed_over(len(samples) - len(missing))
        self._evaluate_share(missing, share)
        shares = self.processes.gathered(share)
        for each in shares:
            if each.error is not None:
                raise each.error
        made = {name: row for each in shares for name, row in each.rows.items()} | valid
        rows = {name: made[name] for name in sources if name in made}
        if self.processes.is_main:
            others = [row for name, row in found.items() if name not in sources]
            self.records.unite([*rows.values(), *others])
            if not self.keep_all:
                self.records.prune(rows, shown(list(rows.values())))
        return rows, {name: why for each in shares for name, why in each.problems.items()}

    def _passed_over(self, count: int) -> None:
        """Count pictures that were done before; the time that is left is not estimated by them."""
        if self.progress.disable:
            return
        self.progress.initial += count
        self.progress.n += count
        self.progress.last_print_n += count
        self.progress.refresh()

    def _evaluate_share(self, missing: Sequence[Sample], share: Partial) -> None:
        """Judge this process's part of what is missing into `share`. What cannot be read is named and passed over."""
        place, count = self.processes.rank, self.processes.world_size
        try:
            for number, sample in enumerate(missing[place::count]):
                row = self._evaluate_one(sample, share)
                if row is not None:
                    gain = row["restored.psnr"] - row["degraded.psnr"]
                    self.progress.set_postfix_str(f"{row['restored.psnr']:.2f} dB, {gain:+.2f}", refresh=False)
                self.progress.update(min(count, len(missing) - number * count))  # the others are about as far
        except EnhancerError as error:
            share.error = error

    def _evaluate_one(self, sample: Sample, share: Partial) -> Row | None:
        start = time.perf_counter()
        try:
            loaded = load_sample(sample, self.background)
        except (ImageError, LabelError) as error:
            share.problems[sample.name] = str(error)
            tqdm.write(f"{error} It is left out.", file=sys.stderr)
            return None
        if not share.rows:
            self.evaluator.restore(loaded.clean)  # the first pass is slower: it is not timed
            start = time.perf_counter()
        row, pictures = self.evaluator.row(sample.name, loaded)
        row |= {
            "work_seconds": round(time.perf_counter() - start, 4),
            "processes": self.processes.world_size,
            "source": fingerprint_of_files(sample.files, contents=False),
        }
        self.records.keep(sample.name, pictures)  # before its row: a row on disk has its pictures on disk
        if self.evaluator.inception is not None:
            features = {kind: self.evaluator.inception.features(pictures[kind]) for kind in SHOWN}
            self.records.keep_features(sample.name, features)
        self.records.append(row)
        share.rows[sample.name] = row
        share.kept.add(sample.name)
        if not self.keep_all:
            wanted = shown(list(share.rows.values()))
            self.records.prune(share.kept, wanted)
            share.kept &= wanted
        return row


def shown(rows: Sequence[Row]) -> set[str]:
    """Return the pictures that the sheets of some rows show."""
    return {row["file"] for some in chosen(rows).values() for row in some}
