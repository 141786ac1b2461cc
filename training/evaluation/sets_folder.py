"""The folder of an evaluation of several sets: a folder of an ordinary evaluation each, and what they say side by side.

sets_settings.json     the checkpoint; a run with another is refused
<set>/                 the evaluation of a set (training/evaluation/results.py)
sets.json              schema; checkpoint (as in `metrics.json`); sets: name -> folder and metrics, what its `metrics.json` holds;
                       left_out: name -> why
sets.md, sets.html     the sets side by side: for README and card, and as a page
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enhancer.errors import SettingsError
from enhancer.runtime.files import write_text
from enhancer.runtime.resumable import claim

SCHEMA = 1
SETTINGS, SETS, MARKDOWN = "sets_settings.json", "sets.json", "sets.md"


def open_folder(folder: Path, settings: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Make the folder, or go on with what is in it.

    Raises:
        SettingsError: It holds the sets of another checkpoint, or something else.
    """
    claim(
        folder,
        SETTINGS,
        settings,
        holds="evaluation of several sets",
        free=settings if overwrite else (),
        otherwise="throw the old one away with --overwrite",
    )


def read(folder: Path) -> dict[str, Any] | None:
    """Return what `sets.json` of a folder holds; None if there is none.

    Raises:
        SettingsError: It cannot be read.
    """
    path = folder / SETS
    if not path.is_file():
        return None
    try:
        several = json.loads(path.read_text(encoding="utf-8"))
        return {"sets": dict(several["sets"])} | several
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Evaluate the sets anew.") from error


def write(
    folder: Path,
    checkpoint: Mapping[str, Any],
    folders: Mapping[str, str],
    found: Mapping[str, Mapping[str, Any]],
    left_out: Mapping[str, str],
) -> dict[str, Any]:
    """Write `sets.json`; returns what it holds."""
    several = {
        "schema": SCHEMA,
        "checkpoint": dict(checkpoint),
        "sets": {name: {"folder": folders[name], "metrics": metrics} for name, metrics in found.items()},
        "left_out": dict(left_out),
    }
    write_text(folder / SETS, json.dumps(several, indent=2, allow_nan=False) + "\n")
    return several
