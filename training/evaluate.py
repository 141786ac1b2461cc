"""Score a checkpoint on photographs with label maps: what doing nothing scores, and what restoring scores.

    python -m training.evaluate --data_dir FACES --checkpoint enhancer/pocket/enhancer --output_dir runs/evaluation

Writes `report.html`, `metrics.json` (training/evaluation.py says what is in it), `images.csv` and three sheets. Each
picture's row is on disk as soon as it is made: stopped, and run again with the same settings, it goes on where it was.

    python -m training.evaluate --compare runs/evaluation_a runs/evaluation_b --output_dir runs/a_or_b

puts two evaluations side by side, picture by picture. With --fail_if "psnr.gain<2.0" (training/gates.py) it is a gate.

Exit codes: 0 fine, 1 a gate fired, 2 bad input, 130 interrupted.
"""

import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from tqdm import tqdm

from enhancer import __version__
from enhancer.degrade import PRESETS
from enhancer.errors import EnhancerError, SettingsError
from enhancer.model import load_checkpoint
from training.compare import compare, write_comparison
from training.compare import table as comparison_table
from training.config import flag, from_flags
from training.data import Face, list_faces
from training.evaluation import SCHEMA, crowd, summary, table
from training.gates import Gate, failures
from training.judge import Judge, Pictures, read_subject
from training.records import Records, fingerprint_of_files, names_of
from training.report import write_report
from training.sheets import chosen, write_sheets

FINE, GATE_FIRED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class EvalConfig:
    """What is evaluated on what."""

    data_dir: str = flag("", "folders of faces with images/ and masks/ inside, comma-separated")
    checkpoint: str = flag("enhancer/pocket/enhancer", "checkpoint folder")
    output_dir: str = flag(
        "runs/evaluation", "where the results go; an evaluation found there is gone on with"
    )
    preset: str = flag("v2", "degradation preset: v1 or v2")
    seed: int = flag(0, "address of the degradation's random streams")
    lpips_nets: str = flag("alex,vgg", "LPIPS networks, comma-separated, where they can be had; empty: none")
    perceptual_weights: str = flag("", "SqueezeNet 1.1 features (.pth), for its distance; empty: without")
    identity_weights: str = flag("", "face embedding network (TorchScript), for identity; empty: without")
    inception_weights: str = flag("", "Inception network (TorchScript), for FID and KID; empty: without")
    no_harm: bool = flag(True, "also restore the clean pictures and score them against themselves")
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
            if self.fail_if:
                raise SettingsError("--fail_if goes with an evaluation, not with --compare.")
            return
        if not self.data_dir:
            raise SettingsError("No pictures to judge by: give --data_dir FOLDER (with images/ and masks/).")
        if self.preset not in PRESETS:
            raise SettingsError(f"There is no preset {self.preset!r}. Choose one of {', '.join(PRESETS)}.")
        if self.limit < 0:
            raise SettingsError(f"--limit must be 0 or more, got {self.limit}.")
        for net in self.nets:
            if net not in ("alex", "vgg"):
                raise SettingsError(f"--lpips_nets knows alex and vgg, got {net!r}.")

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return Path(self.output_dir or ("runs/comparison" if self.compare else "runs/evaluation"))

    @property
    def nets(self) -> tuple[str, ...]:
        """The LPIPS networks by name."""
        return tuple(name.strip() for name in self.lpips_nets.split(",") if name.strip())


def device_of(name: str) -> torch.device:
    """Return the device a flag means."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"--device {name} cannot be used here: {str(error).splitlines()[0]}") from error


def machine(device: torch.device, dtype: str) -> dict[str, Any]:
    """Return what the figures of time and memory were measured on."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        try:
            lines = Path("/proc/cpuinfo").read_text().splitlines()
            name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        except (OSError, StopIteration):
            name = platform.machine()
    return {
        "device": device.type, "name": name, "dtype": dtype, "threads": torch.get_num_threads(),
        "torch": torch.__version__, "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }  # fmt: skip


def program() -> dict[str, str | None]:
    """Return the version, and the commit in a git checkout."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
        commit = done.stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        commit = None
    return {"version": __version__, "commit": commit}


def prepare(config: EvalConfig) -> tuple[Judge, dict[str, Any]]:
    """Load the checkpoint and the scores' networks; returns them and the checkpoint's part of `metrics.json`."""
    folder = Path(config.checkpoint)
    device = device_of(config.device)
    model = load_checkpoint(folder)
    files = [*folder.rglob("*.safetensors"), *folder.rglob("*.json")]
    about = {
        "name": model.config.name, "folder": config.checkpoint,
        "fingerprint": fingerprint_of_files(files, contents=True),
        "base": model.config.base, "timestep": model.config.timestep,
    }  # fmt: skip
    model = model.to(device)
    judge = Judge(
        model, config.preset, config.seed, no_harm=config.no_harm, dtype=getattr(torch, config.dtype)
    )
    networks = (config.perceptual_weights, config.identity_weights, config.inception_weights)
    return judge.bring_scores(config.nets, *networks), about


def judge_all(judge: Judge, faces: Mapping[str, Face], records: Records) -> list[dict[str, Any]]:
    """Return the rows of all pictures, making those that are not on disk yet."""
    rows = {name: row for name, row in records.read().items() if name in faces}
    missing = [name for name in faces if name not in rows]
    if missing:
        judge.restore(read_subject(faces[missing[0]]).clean)  # the first pass is slower: it is not timed
    progress = tqdm(missing, initial=len(rows), total=len(faces), mininterval=1, unit="picture")
    for name in progress:
        row, pictures = judge.row(name, read_subject(faces[name]))
        records.keep(name, pictures)  # before its row: a row on disk has its pictures on disk
        if judge.inception is not None:
            kinds = ("degraded", "restored", "clean")
            records.keep_features(name, {kind: judge.inception.features(pictures[kind]) for kind in kinds})
        records.append(row)
        rows[name] = row
        records.prune(row["file"] for some in chosen(list(rows.values())).values() for row in some)
        gain = row["restored.psnr"] - row["degraded.psnr"]
        progress.set_postfix_str(f"{row['restored.psnr']:.2f} dB, {gain:+.2f}")
    return [rows[name] for name in faces]


def main(config: EvalConfig) -> dict[str, Any]:
    """Evaluate and write the results; returns what `metrics.json` holds."""
    gates = [Gate.parse(text) for text in config.fail_if]  # a typo should not cost an evaluation
    listed = list_faces(config.data_dir)
    faces = dict(zip(names_of(listed), listed, strict=True))
    files = [path for face in listed for path in (face.image, face.labels)]
    data = fingerprint_of_files(files, contents=False)
    faces = dict(list(faces.items())[: config.limit or None])
    judge, checkpoint = prepare(config)
    settings = {
        "checkpoint": f"{checkpoint['name']} {checkpoint['fingerprint']}", "data": data,
        "preset": config.preset, "seed": config.seed, "rows": list(judge.kinds), "scores": list(judge.scores), "fid": judge.inception is not None,
        "device": judge.model.device.type, "dtype": config.dtype,
    }  # fmt: skip
    records = Records(config.folder, settings, overwrite=config.overwrite)
    rows = judge_all(judge, faces, records)
    metrics = {
        "schema": SCHEMA,
        "program": program(),
        "checkpoint": checkpoint,
        "settings": settings,
        "data": {"folders": config.data_dir, "listed": len(listed), "scored": len(rows), "fingerprint": data},
        "machine": machine(judge.model.device, config.dtype),
    }
    metrics |= summary(rows) | crowd(records.features(faces) if judge.inception else None)
    metrics["missing"] = judge.missing

    def find(name: str) -> Pictures:
        return records.kept(name) or judge.pictures(read_subject(faces[name]))[0]

    records.write_results(metrics, rows)
    write_sheets(rows, find, records.folder)
    write_report(metrics, rows, find, records.folder)
    print(table(metrics))
    print(f"Report: {records.folder / 'report.html'}")
    for sentence in failures(gates, metrics):
        print(f"FAIL {sentence}")
    return metrics


def run(config: EvalConfig) -> int:
    """Do what the flags ask for and return the exit code."""
    if config.compare:
        result, each = compare(*(Path(folder) for folder in config.compare))
        write_comparison(result, each, config.folder)
        print(comparison_table(result))
        print(f"Comparison: {config.folder / 'comparison.json'}")
        return FINE
    metrics = main(config)
    return GATE_FIRED if failures([Gate.parse(text) for text in config.fail_if], metrics) else FINE


def command(argv: list[str] | None = None) -> int:
    """Run as a program."""
    try:
        return run(from_flags(EvalConfig, argv, __doc__ or ""))
    except EnhancerError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("\nStopped. What is done is kept; the same command goes on from here.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(command())
