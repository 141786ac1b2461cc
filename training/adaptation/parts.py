"""The three parts of one person's pairs, as folders: to train on, to choose by, to judge by. No torch."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from enhancer.errors import SettingsError
from enhancer.imaging.names import fitting
from enhancer.runtime.files import atomic_folder
from training.data.folders import METADATA, Sample
from training.data.output import FILE_COLUMNS
from training.data.split import near_in_order, split_apart

SHARES = {"test": 0.2, "validation": 0.12}
BLOCK = 8  # long blocks: of 40 pairs 20 are trained on, of 400 240; with blocks of 3 it would be 15 and 185
TRAIN, VALIDATION, TEST = "train", "validation", "test"


def share_out(samples: Sequence[Sample], folder: Path) -> dict[str, int]:
    """Put pairs into `folder`/train, validation and test, neighbours in the recording never on both sides.

    The pictures are links to those given, or copies where the file system has no links.

    Args:
        samples: The pairs, in the order of their recording.
        folder: Where the parts go; one that is there already stays as it is.

    Returns:
        Part -> how many pairs it has; "" counts those left out between the parts.

    Raises:
        SettingsError: The folder cannot be written.
    """
    parts = split_apart(near_in_order(len(samples)), SHARES, block=BLOCK)
    counts = {part: parts.count(part) for part in (TRAIN, VALIDATION, TEST, "")}
    try:
        for part in (TRAIN, VALIDATION, TEST):
            if not (folder / part / METADATA).is_file():
                its = [sample for sample, name in zip(samples, parts, strict=True) if name == part]
                with atomic_folder(folder / part) as fresh:
                    _write(its, fresh)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return counts


def _write(samples: Sequence[Sample], folder: Path) -> None:
    rows = []
    for number, sample in enumerate(samples):
        row = {"view": sample.view} if sample.view else {}
        files = (sample.image, sample.degraded, sample.labels)
        for (column, place), path in zip(FILE_COLUMNS.items(), files, strict=True):
            if path is not None:
                # numbered: two folders may have files of one name
                row[column] = f"{place}/{number:04d}_{fitting(sample.image.stem, 80)}{path.suffix}"
                (folder / place).mkdir(parents=True, exist_ok=True)
                _link(path.resolve(), folder / row[column])
        rows.append(row)
    (folder / METADATA).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError:  # such as on Windows without the right to
        shutil.copyfile(source, target)
