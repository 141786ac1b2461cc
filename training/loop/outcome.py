"""What a run has come to: its best step, what that gains, where it lies, and the commands that go on from there."""

import shlex

from enhancer.hub import BEST
from training.config import TrainConfig
from training.loop.run_folder import RunFolder

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
        _judged(best, run) if config.validation_data_dir else [f"Not validated, so the newest counts: step {best}."]
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


def _judged(best: int, run: RunFolder) -> list[str]:
    rows = run.validations()
    if best not in rows:  # the log was deleted, or the disk was full
        return [f"Best is step {best}."]
    row, start = rows[best], rows.get(0)
    over = f"over {row['pictures']:g} pictures"
    lines = [f"Best is step {best}, by the loss of {len(rows)} validations: {over} {gains(row, start)}."]
    if start is row:
        lines[0] = f"Best is the start, by the loss of {len(rows)} validations: {over} {gains(row, start)}."
    elif start is not None:
        lines.append(f"LPIPS (AlexNet) {row['lpips_alex']:.4f}, at the start {start['lpips_alex']:.4f}.")
    return lines
