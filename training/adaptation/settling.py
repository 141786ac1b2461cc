"""The checkpoint that an adaptation ends with: the run's best one, or weights between it and the start."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from enhancer.hub import BEST, is_checkpoint
from enhancer.model import SplatEnhancer
from enhancer.runtime.files import write_text
from training.adaptation.interpolation import Mixed, Picture, mix
from training.evaluation.results import fingerprint_of_files

NOTE = f"{BEST}.json"


def settle(
    start: Path, run: Path, output: Path, others: Sequence[Sequence[Picture]], outdated: Sequence[Path]
) -> Mixed:
    """Write `output`/best, if it is not there yet, and say what it is made of.

    Args:
        start: Checkpoint that the run began with.
        run: Its folder.
        output: Of the adaptation; the checkpoint is called as this is.
        others: Groups of other pictures, to see what is forgotten; none: the run's best one is taken as it is.
        outdated: What was made of an earlier checkpoint in its place, and is deleted with it.
    """
    best, note = run / BEST, output / NOTE
    step = json.loads((run / NOTE).read_text(encoding="utf-8"))["step"]
    made_of = {"step": step, "trained": fingerprint_of_files(best.rglob("*.safetensors"), contents=True)}
    if note.is_file() and is_checkpoint(output / BEST):
        found = json.loads(note.read_text(encoding="utf-8"))
        if {key: found[key] for key in made_of} == made_of:
            return Mixed(found["share"], found["forgotten"])
    note.unlink(missing_ok=True)
    for folder in outdated:
        shutil.rmtree(folder, ignore_errors=True)
    adapted = SplatEnhancer.from_pretrained(best)
    mixed = mix(SplatEnhancer.from_pretrained(start), adapted, others) if others and step else Mixed(1.0, {})
    adapted.config = replace(adapted.config, name=output.absolute().name)
    adapted.save_pretrained(output / BEST)
    write_text(note, json.dumps(made_of | asdict(mixed), indent=2) + "\n")
    return mixed
