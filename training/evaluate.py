"""Score a checkpoint on photographs with label maps, or on ready pairs: what doing nothing scores, and what restoring scores.

    python -m training.evaluate --data_dir FACES --checkpoint enhancer/pocket/enhancer --output_dir runs/evaluation

Writes `report.html`, `metrics.json` (training/evaluation/summary.py says what is in it), `table.md` for a model card,
`images.csv` and three sheets. Each picture's row is on disk as soon as it is made: stopped, and run again with the same
settings, it goes on where it was. A folder whose `metadata.jsonl` names degraded pictures is scored on those; any other
is degraded with --preset and --seed. Several processes share the pictures, started by any launcher:

    torchrun --nproc_per_node 2 -m training.evaluate ...

    python -m training.evaluate --sets standard --data_dir FACES --output_dir runs/all

evaluates several sets (training/evaluation/sets/standard.toml, or a file of yours), each in a folder of its own, and puts them
side by side: `sets.html`, `sets.md`, `sets.json`.

    python -m training.evaluate --compare runs/evaluation_a runs/evaluation_b --output_dir runs/a_or_b

puts two evaluations side by side, picture by picture; two of several sets set by set. With --fail_if "psnr.gain<2.0", or
"splat-fine:psnr.gain<-1.6" of one set (training/evaluation/gates.py), an evaluation is a gate.

Exit codes: 0 fine, 1 a gate fired, 2 bad input (a picture that cannot be read is named, the others are scored),
130 interrupted.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch
from tqdm import tqdm

from enhancer.degradation import PRESET_NAMES
from enhancer.errors import EnhancerError, ImageError, SettingsError
from enhancer.hub import resolve
from enhancer.imaging.colour import colour_of
from enhancer.metrics.catalogue import LPIPS_NETS
from enhancer.model import SplatEnhancer
from enhancer.runtime.command_line import file_errors, print_every_name, say_error
from enhancer.runtime.device import device_of, machine, program
from enhancer.runtime.files import write_text
from enhancer.runtime.processes import Processes, leave
from training.cli import flag, from_flags
from training.columns import NO_COLUMN, OURS, Columns
from training.data.backgrounds import Colour
from training.data.contents import contents_of
from training.data.folders import Sample, find_samples
from training.evaluation import named_sets, sets_folder
from training.evaluation.compare import compare, compare_sets, write_comparison
from training.evaluation.compare import table as comparison_table
from training.evaluation.degradation import Degradation
from training.evaluation.distributed import DistributedEvaluation
from training.evaluation.evaluator import Evaluator, Pictures, Row
from training.evaluation.gates import Gate, failures, failures_of_sets
from training.evaluation.results import ResultsFolder, fingerprint_of_files, fingerprint_of_names
from training.evaluation.samples import load_sample
from training.evaluation.summary import SCHEMA, set_scores, summary
from training.report import set_tables
from training.report.comparison import write_comparison_report
from training.report.evaluation import write_report, write_sheets
from training.report.sets import write_sets_report
from training.report.tables import for_card, for_terminal

FINE, GATE_FIRED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class EvalConfig:
    """What is evaluated on what."""

    data_dir: str = flag("", "folders to evaluate on, comma-separated: images/ with masks/, or ready pairs")
    image_column: str = flag(OURS.image, "column of the clean pictures in a metadata.jsonl of ready pairs")
    conditioning_image_column: str = flag(
        "", f"column of the degraded ones; empty: degraded; {NO_COLUMN}: photographs, degraded here"
    )
    checkpoint: str = flag("pocket", "user/repo, user/repo@tag-or-commit, a folder, a run (its best), or pocket")
    output_dir: str = flag(
        "",
        "where the results go; an evaluation found there is gone on with; empty: runs/evaluation, or runs/comparison",
    )
    sets: str = flag(
        "",
        f"evaluate on several sets and show them side by side: {', '.join(named_sets.names())}, or a .toml file "
        "(training/evaluation/named_sets.py); what a set leaves out is as the other flags say",
    )
    preset: str = flag("v2", f"degradation preset: {', '.join(PRESET_NAMES)}; ready pairs are taken as they are")
    seed: int = flag(0, "address of the degradation's random streams")
    background: str = flag(
        "",
        "put every person, cut out by alpha or label map, on this colour before anything is degraded: white, black, grey "
        "or #rrggbb; empty: pictures as they are, what is transparent over white",
    )
    cache: str = flag(
        "", "where fits of the splat presets are kept for other evaluations; empty: degraded/ beside --output_dir"
    )
    lpips_nets: str = flag("alex,vgg", "LPIPS networks, comma-separated, where they are there; empty: none")
    lpips_trunk: str = flag(
        "",
        "VGG16's weights, the convolutions or all of it; empty: LPIPS_TRUNK, torch's cache, else a download",
    )
    perceptual_weights: str = flag("", "SqueezeNet 1.1 features (.pth), for its distance; empty: without")
    identity_weights: str = flag("", "face embedding network (TorchScript), for identity; empty: without")
    inception_weights: str = flag("", "Inception network (TorchScript), for FID and KID; empty: without")
    strength: float = flag(
        0.6,
        "beside the whole restoration, score this part of it, above 0 and below 1, without the slowest scores; 0: do not",
    )
    no_harm: bool = flag(True, "also restore the clean pictures and score them against themselves")
    keep_pictures: bool = flag(
        False, "keep every picture, not only those on the sheets, so that --compare can show any"
    )
    device: str = flag("auto", "auto, cpu or cuda")
    dtype: Literal["float32", "float16", "bfloat16"] = flag("float32", "what the restoration computes in")
    limit: int = flag(0, "only the first this many pictures; 0: all")
    overwrite: bool = flag(False, "throw away an evaluation found in --output_dir")
    compare: tuple[str, ...] = flag(
        (), "compare two folders of finished evaluations instead", nargs=2, metavar=("A", "B")
    )
    fail_if: tuple[str, ...] = flag(
        (),
        'fail with exit code 1 if this holds, such as "psnr.gain<2.0"; several may follow',
        nargs="+",
        action="extend",
        metavar="GATE",
    )

    def __post_init__(self) -> None:
        """Check what can be checked before anything is loaded."""
        if self.compare:
            for given, name in ((self.fail_if, "fail_if"), (self.sets, "sets")):
                if given:
                    raise SettingsError(f"--{name} goes with an evaluation, not with --compare.")
            return
        if not self.data_dir and not self.sets:
            raise SettingsError(
                "No pictures to evaluate on: give --data_dir FOLDER (with images/ and masks/, or ready pairs)."
            )
        _ = self.degradation
        if self.background:
            colour_of(self.background)
        if self.limit < 0:
            raise SettingsError(f"--limit must be 0 or more, got {self.limit}.")
        if not 0 <= self.strength < 1:
            raise SettingsError(f"--strength must be at least 0 and below 1, got {self.strength:g}.")
        for net in self.nets:
            if net not in LPIPS_NETS:
                raise SettingsError(f"--lpips_nets knows {' and '.join(LPIPS_NETS)}, got {net!r}.")

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return Path(self.output_dir or ("runs/comparison" if self.compare else "runs/evaluation"))

    @property
    def columns(self) -> Columns:
        """What columns of pictures are called in the folders."""
        return Columns(self.image_column, self.conditioning_image_column)

    @property
    def degradation(self) -> Degradation:
        """What is done to clean pictures."""
        return Degradation(self.preset, self.seed, Path(self.cache) if self.cache else self.folder.parent / "degraded")

    @property
    def behind(self) -> Colour | None:
        """The colour behind every person; None: the pictures as they are."""
        return colour_of(self.background) if self.background else None

    @property
    def nets(self) -> tuple[str, ...]:
        """The LPIPS networks by name."""
        return tuple(name.strip() for name in self.lpips_nets.split(",") if name.strip())


def prepare(config: EvalConfig, processes: Processes) -> tuple[Evaluator, dict[str, Any]]:
    """Load the checkpoint and the scores' networks; returns them and the checkpoint's part of `metrics.json`."""
    device = device_of(config.device, processes.local_rank)
    found = processes.on_main(lambda: resolve(config.checkpoint))  # one downloads, the others find it on disk
    if processes.is_main and found.notice:
        print(found.notice, file=sys.stderr)
    folder = found.folder if processes.is_main else resolve(config.checkpoint).folder
    model = SplatEnhancer.from_pretrained(folder)
    files = [*folder.rglob("*.safetensors"), *folder.rglob("*.json")]
    about = {
        "name": found.title(model.config.name),
        "folder": None if found.repo else config.checkpoint,
        "repo": found.repo,
        "sha": found.sha,
        "fingerprint": fingerprint_of_files(files, contents=True),
        "base": model.config.base,
        "timestep": model.config.timestep,
    }
    model = model.to(device)
    evaluator = Evaluator(
        model,
        config.degradation,
        no_harm=config.no_harm,
        strength=config.strength,
        dtype=getattr(torch, config.dtype),
    )
    networks = (config.perceptual_weights, config.identity_weights, config.inception_weights)
    return evaluator.bring_scores(config.nets, *networks, lpips_trunk=config.lpips_trunk), about


@dataclass(frozen=True)
class Session:
    """What the sets of an evaluation share."""

    evaluator: Evaluator
    checkpoint: dict[str, Any]  # its part of `metrics.json`
    processes: Processes

    def progress(self, total: int) -> "tqdm[Any]":
        """Return a bar for so many pictures."""
        return tqdm(total=total, mininterval=1, unit="picture", disable=not self.processes.is_main)


def main(config: EvalConfig) -> dict[str, Any]:
    """Evaluate one set and write the results; returns what `metrics.json` holds, on every process."""
    for text in config.fail_if:
        Gate.parse(text)  # a typo should not cost an evaluation
    listed = find_samples(config.data_dir, config.columns)
    processes = Processes(cpu=config.device == "cpu")
    try:
        session = Session(*prepare(config, processes), processes)
        with session.progress(len(listed[: config.limit or None])) as progress:
            return evaluate_set(config, listed, session, progress)
    finally:
        processes.part()


def main_sets(config: EvalConfig) -> dict[str, Any]:
    """Evaluate several sets and write what they say side by side; returns what `sets.json` holds, on every process."""
    planned = plan(config)
    for text in config.fail_if:
        Gate.parse(text, [each.name for each in planned])
    listed = {each.name: find_samples(each.config.data_dir, each.config.columns) for each in planned if not each.absent}
    if not listed:
        raise SettingsError(f"Of the sets {config.sets!r} none can be evaluated: {planned[0].absent}")
    processes = Processes(cpu=config.device == "cpu")
    try:
        session = Session(*prepare(config, processes), processes)
        whole = {"checkpoint": f"{session.checkpoint['name']} {session.checkpoint['fingerprint']}"}
        processes.on_main(lambda: sets_folder.open_folder(config.folder, whole, overwrite=config.overwrite))
        found: dict[str, dict[str, Any]] = {}
        counts = [len(listed[each.name][: each.config.limit or None]) for each in planned if not each.absent]
        with session.progress(sum(counts)) as progress:
            for each in planned:
                if each.absent:
                    continue
                progress.set_description(f"{each.name}, {len(found) + 1} of {len(listed)}")
                found[each.name] = evaluate_set(each.config, listed[each.name], session, progress)
        left_out = {each.name: each.absent for each in planned if each.absent}
        folders = {each.name: each.folder for each in planned}

        def finish_all() -> dict[str, Any]:
            several = sets_folder.write(config.folder, session.checkpoint, folders, found, left_out)
            write_text(config.folder / sets_folder.MARKDOWN, set_tables.for_card(several))
            write_sets_report(several, config.folder)
            print(set_tables.for_terminal(several))
            print(f"Sets: {config.folder / 'sets.html'}; for a model card: {config.folder / sets_folder.MARKDOWN}")
            return several

        return processes.on_main(finish_all)
    finally:
        processes.part()


@dataclass(frozen=True)
class PlannedSet:
    """A named set and the flags that it is evaluated with."""

    name: str
    folder: str
    config: EvalConfig
    absent: str | None  # why it is left out


def plan(config: EvalConfig) -> list[PlannedSet]:
    """Return the sets that --sets names.

    Raises:
        SettingsError: The file of sets, or one of them, cannot be used; the message names it.
    """
    out = []
    cache = str(config.degradation.cache)
    for each in named_sets.read_sets(config.sets, {item.name: item for item in fields(EvalConfig)}):
        own = {"sets": "", "fail_if": (), "cache": cache, "output_dir": str(config.folder / each.folder)}
        try:
            settings = replace(config, **own, **each.settings)
        except SettingsError as error:
            raise SettingsError(f"The set {each.name!r} of {config.sets}: {error}") from error
        out.append(PlannedSet(each.name, each.folder, settings, each.absent))
    return out


def evaluate_set(
    config: EvalConfig, listed: Sequence[Sample], session: Session, progress: "tqdm[Any]"
) -> dict[str, Any]:
    """Evaluate one set; returns what its `metrics.json` holds, on every process."""
    samples, processes = listed[: config.limit or None], session.processes
    evaluator = session.evaluator.with_degradation(config.degradation, no_harm=config.no_harm)
    degrades = any(sample.degraded is None for sample in listed)
    settings = {
        "checkpoint": f"{session.checkpoint['name']} {session.checkpoint['fingerprint']}",
        "pictures": fingerprint_of_names(sample.name for sample in listed),
        "preset": config.preset if degrades else None,
        "splats": config.degradation.splats if degrades else None,
        "seed": config.seed if degrades else None,
        "background": config.background or None,
        "strength": config.strength or None,
        "rows": list(evaluator.kinds),
        "scores": list(evaluator.scores),
        "fid": evaluator.inception is not None,
        "device": evaluator.model.device.type,
        "dtype": config.dtype,
    }
    records = ResultsFolder(config.folder, settings, processes.rank)
    found = processes.on_main(lambda: records.open(overwrite=config.overwrite))
    work = DistributedEvaluation(
        evaluator, records, processes, config.behind, keep_all=config.keep_pictures, progress=progress
    )
    rows, problems = work.evaluate(samples, found)
    if not rows:
        raise ImageError(f"None of the {len(samples)} pictures in {config.data_dir} can be evaluated.")
    about = {
        "folders": config.data_dir,
        "listed": len(listed),
        "scored": len(rows),
        "ready_pairs": sum(sample.degraded is not None for sample in samples if sample.name in rows),
        "views": contents_of(sample for sample in samples if sample.name in rows)["pairs"],
        "left_out": problems,
        "fingerprint": fingerprint_of_files([file for each in listed for file in each.files], contents=False),
    }
    metrics = {
        "schema": SCHEMA,
        "program": program(),
        "checkpoint": session.checkpoint,
        "settings": settings,
        "data": about,
        "machine": machine(evaluator.model.device, config.dtype),
    }
    by_name = {sample.name: sample for sample in samples}

    def find(name: str) -> Pictures:
        kept = records.kept(name)
        if kept is None:  # such as the one in the middle, which no process could know before the last was done
            kept, _ = evaluator.pictures(name, load_sample(by_name[name], config.behind))
            records.keep(name, kept)
        return kept

    return processes.on_main(lambda: finish(metrics, list(rows.values()), evaluator, find, records))


def finish(
    metrics: dict[str, Any],
    rows: list[Row],
    evaluator: Evaluator,
    find: Callable[[str], Pictures],
    records: ResultsFolder,
) -> dict[str, Any]:
    """Write the results and say them; returns what `metrics.json` holds."""
    names = [row["file"] for row in rows]
    metrics |= summary(rows) | set_scores(records.features(names) if evaluator.inception else None)
    metrics["missing"] = evaluator.missing
    records.write_results(metrics, rows, for_card(metrics))
    write_sheets(rows, find, records.folder)
    write_report(metrics, rows, find, records.folder)
    tqdm.write(for_terminal(metrics))
    tqdm.write(f"Report: {records.folder / 'report.html'}; for a model card: {records.folder / 'table.md'}")
    return metrics


def run(config: EvalConfig) -> int:
    """Do what the flags ask for and return the exit code."""
    if config.compare:
        two = [Path(folder) for folder in config.compare]
        by_set = compare_sets(*two)
        for name, (folder, found) in ({"": ("", compare(*two))} if by_set is None else by_set).items():
            write_comparison(*found, config.folder / folder)
            write_comparison_report(*found, config.folder / folder)
            print(f"{name}\n{comparison_table(found[0])}" if name else comparison_table(found[0]))
            print(f"Comparison: {config.folder / folder / 'comparison.html'}")
        return FINE
    if config.sets:
        several = main_sets(config)
        sets: Mapping[str, dict[str, Any]] = {name: each["metrics"] for name, each in several["sets"].items()}
        gates = [Gate.parse(text, [*sets, *several["left_out"]]) for text in config.fail_if]
        fired = failures_of_sets(gates, sets, several["left_out"])
    else:
        sets = {"": main(config)}
        fired = failures([Gate.parse(text) for text in config.fail_if], sets[""])
    for sentence in fired if _speaks() else ():
        print(f"FAIL {sentence}")
    problems = {
        f"{name}: {picture}" if name else picture: why
        for name, metrics in sets.items()
        for picture, why in metrics["data"]["left_out"].items()
    }
    if problems:
        scored = sum(metrics["data"]["scored"] for metrics in sets.values())
        raise ImageError(
            f"{len(problems)} of {len(problems) + scored} pictures could not be evaluated: "
            f"{', '.join(problems)}. Mend them and run the same command again: only they are evaluated then."
        )
    return GATE_FIRED if fired else FINE


def _speaks() -> bool:
    """Say whether this is the one of several processes that speaks."""
    return os.environ.get("RANK", "0") == "0"


def command(argv: list[str] | None = None) -> int:
    """Run as a program. Of several processes one speaks."""
    speaks = _speaks()
    print_every_name()
    try:
        with file_errors():
            return run(from_flags(EvalConfig, argv, __doc__ or ""))
    except EnhancerError as error:
        say_error(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        if speaks:
            print("\nStopped. What is done is kept; the same command goes on from here.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    leave(command())
