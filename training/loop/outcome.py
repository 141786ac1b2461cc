"""What a run has come to: its best step, what that gains, where it lies, and the commands that go on from there."""

import shlex

from enhancer.hub import BEST
from training.config import TrainConfig
from training.loop.run_folder import RunFolder, prefix_of

BY = {"loss": "lowest loss", "psnr": "highest PSNR", "lpips": "lowest LPIPS"}  # --best_metric
Row = dict[str, float]


def outcome(config: TrainConfig, run: RunFolder, reached: int) -> str:
    """Return a run's summary, some lines.

    Args:
        config: Its settings.
        run: Its folder.
        reached: Step it has come to.
    """
    end = config.max_train_steps
    lines = [f"Finished: step {end} of {end}." if reached >= end else f"Stopped at step {reached} of {end}."]
    note = run.best()
    if note is None:
        return lines[0]
    best, folder = int(note["step"]), run.folder / BEST
    lines += (
        _judged(best, config, run)
        if config.validation_data_dir
        else [f"Not validated, so the newest counts: step {best}."]
    )
    repo = config.hub_model_id or "USER/NAME"
    lines += [
        f"It lies in {folder}. Next:",
        f"  python -m training.push {shlex.quote(str(run.folder))} {repo} --tag v1",
        f"  CHECKPOINT={shlex.quote(str(folder))} python app.py",
    ]
    return "\n".join(lines)


def gains(row: Row, start: Row | None) -> str:
    """Say what a validation found, against doing nothing and against the start of the run."""
    said = f"{row['psnr']:.2f} dB, {row['psnr_gain']:+.2f} over doing nothing"
    return said + (f", {row['psnr'] - start['psnr']:+.2f} over the start" if start and start is not row else "")


def _judged(best: int, config: TrainConfig, run: RunFolder) -> list[str]:
    """Return a line on the best step, and one for each set that was validated on."""
    count = len(run.validations())
    which = f"step {best}" if best else "the start"
    lines = [f"Best is {which}, by the {BY[config.best_metric]} of {count} validations."]
    for number, name in enumerate(config.validation_sets):
        rows = run.validations(prefix_of(name, first=not number))
        if best in rows:  # else the log was deleted, or the disk was full
            row, start = rows[best], rows.get(0)
            said = f"{name}: over" if name else "Over"
            lines.append(f"{said} {row['pictures']:g} pictures {gains(row, start)}; {_lpips(row, start)}.")
    return lines


def _lpips(row: Row, start: Row | None) -> str:
    said = f"LPIPS (AlexNet) {row['lpips_alex']:.4f}"
    return f"{said}, at the start {start['lpips_alex']:.4f}" if start and start is not row else said
