"""A checkpoint as a new version on the Hub: what belongs to it is gathered in one folder and sent as one commit."""

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enhancer.errors import CheckpointError, HubError, SettingsError
from enhancer.hub import BEST, POCKET, Published, checkpoint_in, is_checkpoint, publish, resolve, step_of
from enhancer.model import SplatEnhancer
from enhancer.model.checkpoint import ADAPTERS, CONFIG, read_adapters
from enhancer.model.config import EMBEDDED
from enhancer.model.diffusers_lora import write_diffusers_lora
from training.evaluation.results import METRICS, fingerprint_of_files
from training.evaluation.sets_folder import SETS
from training.loop.run_folder import BEST_NOTE, read_validations
from training.publish.card import LICENCE_FILE, CardInfo, Picture, licence_file, model_card, notice
from training.report.showcase import HEADS, before_after

PICTURE, NOTICE = "before_after.png", "NOTICE"
# in the folder of an adaptation, beside its checkpoint
RUN, OUTCOME, SHEET = "run", Path("outcome", "outcome.json"), Path("outcome", "sheet.png")


@dataclass(frozen=True)
class PushOptions:
    """How a checkpoint is pushed.

    Attributes:
        tag: Tag of the new version.
        private: For a repository that does not exist yet.
        pull_request: Open a pull request instead of committing.
        branch: Commit to this branch, made where it does not exist; None: main.
        dry_run: Only say what would be sent.
        evaluation: Folder, `metrics.json` or, of several sets, `sets.json` of its evaluation; None: one inside the run's
            folder, if it is of these weights, that of several sets first.
        datasets: Hub ids of the data sets it was trained on.
        data_licence: Their licence, in words.
        picture: What the card shows: "heads", two example heads that are restored for it; "own", the sheet that an adaptation
            drew of pairs it never saw, which everybody can look at then; "none".
    """

    tag: str | None = None
    private: bool = False
    pull_request: bool = False
    branch: str | None = None
    dry_run: bool = False
    evaluation: str | Path | None = None
    datasets: tuple[str, ...] = ()
    data_licence: str = ""
    picture: str = "heads"


def push(checkpoint: str | Path, repo: str, options: PushOptions | None = None) -> Published:
    """Send a checkpoint, with everything made from it, as one commit.

    Args:
        checkpoint: Folder of a checkpoint, or of a run: its best checkpoint, else its newest.
        repo: ``"user/name"``; made if it does not exist.
        options: See `PushOptions`.

    Raises:
        CheckpointError: There is no checkpoint, or nobody else could load it.
        SettingsError: The evaluation is of other weights, or cannot be read.
        HubError: The Hub says no, or does not answer.
    """
    options = options or PushOptions()
    folder = find_checkpoint(Path(checkpoint))
    with tempfile.TemporaryDirectory(prefix="push-") as scratch:
        staging = Path(scratch)
        gather(folder, repo, options, staging)
        files = sorted(path.relative_to(staging).as_posix() for path in staging.rglob("*") if path.is_file())
        step = step_of(folder)
        return publish(
            staging,
            repo,
            files=files,
            message=f"Checkpoint at step {step}" if step >= 0 else "Checkpoint",
            tag=options.tag,
            private=options.private,
            pull_request=options.pull_request,
            branch=options.branch,
            dry_run=options.dry_run,
        )


def find_checkpoint(folder: Path) -> Path:
    """Return the checkpoint in a folder: itself, or of a run the best one, else the newest.

    Raises:
        CheckpointError: There is none.
    """
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {folder}. Give a checkpoint's folder or a run's.")
    found, notice = checkpoint_in(folder)
    if notice:
        print(notice, file=sys.stderr)
    if is_checkpoint(found):
        return found
    raise CheckpointError(
        f"There is no checkpoint in {folder}: neither {CONFIG} with {ADAPTERS}, nor {BEST}/ or checkpoint-<step>/ of a run."
    )


def gather(checkpoint: Path, repo: str, options: PushOptions, staging: Path) -> None:
    """Put everything that belongs to a version into the folder `staging`."""
    config, _ = read_adapters(checkpoint)
    if config.base != EMBEDDED and Path(config.base).is_absolute():
        raise CheckpointError(
            f"{checkpoint / CONFIG} names the base {config.base}, a folder that nobody else has. "
            'Write its name on the Hub there ("base", and its commit as "base_revision"), then push again.'
        )
    for name in (CONFIG, ADAPTERS):
        shutil.copy(checkpoint / name, staging / name)
    if config.base == EMBEDDED:
        wanted = shutil.ignore_patterns("*.pt", "*.bin", "*.pkl", ".*")
        shutil.copytree(checkpoint / EMBEDDED, staging / EMBEDDED, ignore=wanted)
    lora = write_diffusers_lora(checkpoint, staging)
    found = _evaluation(checkpoint, options.evaluation)
    several = found is not None and "sets" in found
    if text := notice(config):
        (staging / NOTICE).write_text(text, encoding="utf-8")
    run = _run_of(checkpoint)
    info = CardInfo(
        config,
        repo,
        tag=options.tag,
        run=run,
        step=_step_of(checkpoint) if run else None,
        gained=_gained(checkpoint) if run else "",
        terms_of_start=_terms_of_start(run) if run else "",
        metrics=None if several else found,
        sets=found if several else None,
        datasets=options.datasets,
        data_licence=options.data_licence,
        picture=_picture(checkpoint, options.picture, staging),
        lora=lora.name if lora else None,
    )
    own = checkpoint / LICENCE_FILE
    if text := own.read_text(encoding="utf-8") if own.is_file() else licence_file(info):
        (staging / LICENCE_FILE).write_text(text, encoding="utf-8")
    (staging / "README.md").write_text(model_card(info), encoding="utf-8")


def _picture(checkpoint: Path, shown: str, staging: Path) -> Picture | None:
    """Put the card's picture into `staging`; without the base, or outside a checkout, the card does without heads.

    Raises:
        SettingsError: It is to show what no adaptation has drawn.
    """
    if shown == "own":
        drawn = checkpoint.absolute().parent / SHEET
        if not drawn.is_file():
            raise SettingsError(
                f"--picture own shows the sheet of an adaptation, and there is no {drawn}. Give the folder of training.adapt."
            )
        shutil.copy(drawn, staging / drawn.name)
        return Picture(
            drawn.name, "Pairs it never saw: as rendered, restored by the start, by this checkpoint, the frame"
        )
    if shown == "none" or not HEADS.is_dir():
        return None
    try:
        model = SplatEnhancer.from_pretrained(checkpoint).for_inference()
    except HubError as error:
        print(f"No before/after picture on the card: {error}", file=sys.stderr)
        return None
    before_after(model).save(staging / PICTURE, optimize=True)
    return Picture(PICTURE, "Two heads: degraded, restored by this checkpoint, clean")


def _run_of(checkpoint: Path) -> Mapping[str, Any] | None:
    """Return the settings of the run whose folder the checkpoint is in, or of the one that an adaptation has in `RUN`."""
    folder = checkpoint.absolute().parent
    path = next((each for each in (folder / CONFIG, folder / RUN / CONFIG) if each.is_file()), None)
    run = _json(path) if path else None
    return run if isinstance(run, Mapping) and "train_data_dir" in run else None


def _step_of(checkpoint: Path) -> int | None:
    """Return how many steps of its run these weights had; None where that is not known."""
    if (step := step_of(checkpoint)) >= 0:
        return step
    note = checkpoint.absolute().parent / BEST_NOTE
    return _json(note)["step"] if checkpoint.name == BEST and note.is_file() else None


def _gained(checkpoint: Path) -> str:
    """Return what these weights gain over the start of their run, in words: on pictures it never saw, else by its validation."""
    judged = checkpoint.absolute().parent / OUTCOME
    if judged.is_file():
        found = _json(judged)
        psnr, lpips = (found["scores"][name] for name in ("psnr", "lpips_alex"))
        return (
            f"{psnr['over_start']['mean']:+.2f} dB, LPIPS (AlexNet) {lpips['start']:.3f} → {lpips['adapted']:.3f}, on "
            f"{found['pictures']} pairs that it never saw"
        )
    rows, step = read_validations(checkpoint.absolute().parent), _step_of(checkpoint)
    if not step or step not in rows or 0 not in rows:
        return ""
    before, after = rows[0], rows[step]
    return (
        f"{after['psnr'] - before['psnr']:+.2f} dB, LPIPS (AlexNet) {before['lpips_alex']:.3f} → {after['lpips_alex']:.3f}, on "
        f"{after['pictures']:g} pictures that it was chosen by"
    )


def _terms_of_start(run: Mapping[str, Any]) -> str:
    """Return the terms that the run's start came with, where that is the embedded checkpoint or a folder."""
    start = str(run.get("checkpoint") or "")
    if start != POCKET and not Path(start).is_dir():
        return ""
    licence = checkpoint_in(resolve(start).folder)[0] / LICENCE_FILE
    return " ".join(licence.read_text(encoding="utf-8").split()) if licence.is_file() else ""


def _evaluation(checkpoint: Path, given: str | Path | None) -> Mapping[str, Any] | None:
    """Return the evaluation of these weights and no others: the one that is given, or one in the run's folder.

    Returns:
        What `sets.json` holds, or `metrics.json`; None if there is none.
    """
    files = [*checkpoint.rglob("*.safetensors"), *checkpoint.rglob("*.json")]
    ours = fingerprint_of_files(files, contents=True)
    if given is None:
        run = checkpoint.absolute().parent
        for pattern in (f"*/{SETS}", f"*/{METRICS}", f"{OUTCOME.parent}/*/{METRICS}"):
            for path in sorted(run.glob(pattern)):
                found = _json(path)
                if found.get("checkpoint", {}).get("fingerprint") == ours:
                    return found
        return None
    path = Path(given)
    if path.is_dir():
        path /= SETS if (path / SETS).is_file() else METRICS
    if not path.is_file():
        raise SettingsError(f"There is no evaluation {path}. Make one with python -m training.evaluate.")
    found = _json(path)
    theirs = found.get("checkpoint", {}).get("fingerprint")
    if theirs != ours:
        raise SettingsError(
            f"{path} is an evaluation of other weights ({theirs}) than those in {checkpoint} ({ours}). Evaluate them anew."
        )
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.") from error
