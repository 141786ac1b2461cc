"""A run in progress: steps, and what is due after them; interruptions, and when to give up."""

# Must precede torchvision and diffusers.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import logging
import shlex
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import GradScalerKwargs
from tqdm import tqdm

from enhancer.errors import EnhancerError, SettingsError
from enhancer.hub import POCKET
from enhancer.metrics.perceptual import Perceptual
from enhancer.model import SplatEnhancer
from enhancer.runtime.device import best_device, cuda_trouble
from enhancer.runtime.processes import processes_asked_for
from training.cli import to_flags
from training.config import Phase, TrainConfig
from training.data.contents import contents_shown
from training.data.dataset import Pairs
from training.data.folders import find_samples
from training.data.pool import batches
from training.loop.build import build_model
from training.loop.outcome import gains, outcome
from training.loop.run_folder import PICTURES, RunFolder, prefix_of
from training.loop.trackers import Tracker, require_installed
from training.loop.trainer import Trainer, check_state
from training.loop.validation import Validation
from training.losses.objective import Objective, build_objective
from training.missing import Missing, MissingError

MAX_BAD_STEPS = 10  # non-finite losses in a row before the run gives up
# A loss scale that starts here has fallen to 1 when the run gives up, not while it still finds its level.
FIRST_LOSS_SCALE = 2.0**MAX_BAD_STEPS

_log = logging.getLogger(__name__)


class GaveUpError(EnhancerError):
    """Training cannot go on."""


class Interruption:
    """Ctrl-C or a polite kill: remembered, so that the step in progress is finished and saved. The second one ends."""

    def __init__(self) -> None:
        """Listen from now on."""
        self.asked = False
        self._former = {name: signal.signal(name, self._remember) for name in (signal.SIGINT, signal.SIGTERM)}

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def close(self) -> None:
        """Give the signals back."""
        for name, handler in self._former.items():
            signal.signal(name, handler)


class Pusher(Protocol):
    """What sends checkpoints somewhere while training goes on."""

    def push_newest(self, checkpoint: Path) -> None:
        """Send a checkpoint without waiting for it."""
        ...


class Clock:
    """The time a run has had, those before a resume counted.

    Attributes:
        spent: Seconds before this start.
    """

    def __init__(self, minutes: float) -> None:
        """Set the limit; 0 is none."""
        self.spent, self._limit, self._began = 0.0, 60 * minutes, 0.0

    def start(self) -> None:
        """Count from now."""
        self._began = time.monotonic()

    def seconds(self) -> float:
        """Seconds of training so far."""
        return self.spent + (time.monotonic() - self._began if self._began else 0.0)

    def state(self) -> dict[str, float]:
        """Return what a resume needs; of a run without a limit nothing, so that its states are the same every time."""
        return {"seconds": self.seconds()} if self._limit else {}

    def is_up(self) -> bool:
        """Whether the limit is reached."""
        return bool(self._limit) and self.seconds() >= self._limit


class Training:
    """A run in progress: steps, and what is due after them."""

    def __init__(self, config: TrainConfig, pusher: Pusher | None = None) -> None:
        """Lay everything out; bad input is refused before anything heavy is loaded.

        Args:
            config: Its settings.
            pusher: What sends checkpoints on the way; None: they stay here.

        Raises:
            EnhancerError: Something is missing or does not fit; the message names it.
        """
        require_installed(config.trackers)
        self.accelerator = build_accelerator(config)
        self.is_main = self.accelerator.is_main_process
        samples = find_samples(config.train_data_dir, config.columns)[: config.max_train_samples or None]
        self.config = config = config.for_pictures(len(samples), self.accelerator.num_processes)
        self.pairs = Pairs(samples, config)
        shown = contents_shown(self.pairs.sources)
        self.run = RunFolder(config, {"data": self.pairs.fingerprint(), PICTURES: shown}, self.is_main)
        self.accelerator.wait_for_everyone()
        self.validations = build_validations(config, self.accelerator)
        torch.manual_seed(config.seed)  # noqa: TID251  (initial weights; everything else has an addressed stream)
        state = self.run.resume()
        model, objective = build_parts(config, state)
        self.trainer = Trainer(model, objective, config, self.accelerator)
        self.start, self.end = 0, config.stop_at_step or config.max_train_steps
        self.clock = Clock(config.max_train_minutes)
        if state:
            self.start = state["step"]
            self.clock.spent = state.get("seconds", 0.0)
            self.trainer.load_state(state)
            is_judged = not self.validations or self.start in self.run.validations()
            if self.any_rank(is_judged) and self.is_over(self.start):
                self.end = self.start
        folder, settings = Path(config.output_dir), config.to_json()
        self.trackers = [
            Tracker(name, config.tracker_project_name, folder, settings, self.start)
            for name in (config.trackers if self.is_main else ())
        ]
        self.saved = self.start
        self.pusher = pusher if self.is_main else None

    def announce(self) -> None:
        """Say what is about to happen, if anything is."""
        if self.start >= self.end:
            return
        asked = processes_asked_for()
        if asked > self.accelerator.num_processes == 1:
            _log.warning(
                "accelerate launch was asked for %d processes and started one: it starts several on several GPUs, or by MPI. "
                "On a CPU: ACCELERATE_USE_CPU=1 torchrun --standalone --nproc_per_node %d -m training.train ...",
                asked,
                asked,
            )
        config, count = self.config, sum(weight.numel() for weight in self.trainer.weights)
        shown = ", ".join(
            f"{self.crops_of(phase)} crops of {phase.resolution} px a step"
            + (f" from step {phase.first_step}" if phase.first_step else "")
            for phase in config.schedule
        )
        begin = f"from step {self.start}" if self.start else "from the start"
        _log.info(
            "%s parameters learn from %s: %s; %s to step %d on %s x %d, precision %s. Run folder: %s",
            f"{count:,}",
            self.pairs.contents(),
            shown,
            begin,
            config.max_train_steps,
            self.accelerator.device.type,
            self.accelerator.num_processes,
            config.mixed_precision,
            self.run.folder,
        )

    def crops_of(self, phase: Phase) -> int:
        """Return how many crops a step of a phase sees, in all processes."""
        return phase.batch_size * self.config.gradient_accumulation_steps * self.accelerator.num_processes

    def announce_phase(self, step: int) -> None:
        """Say that a phase begins, if one does."""
        phase = self.config.phase_at(step)
        if self.is_main and step and phase.first_step == step:
            _log.info(
                "Step %d: from here on batches of %d crops of %d px.",
                step,
                phase.batch_size,
                phase.resolution,
            )

    def steps(self) -> None:
        """Train to the last step, or to an interruption, which is saved before it is raised.

        Raises:
            KeyboardInterrupt: It was asked for.
            GaveUpError: Ten losses in a row were not finite, or the end could not be saved.
        """
        if self.validations and self.any_rank(self.lacks_validation()):
            self.validate(self.start)
            if self.start and self.is_over(self.start):
                self.end = self.start
        if self.start >= self.end:
            return
        config = self.config
        rank, world_size = self.accelerator.process_index, self.accelerator.num_processes
        stream = batches(self.pairs, self.start, rank, world_size)
        self.clock.start()
        interruption = Interruption()
        progress = tqdm(
            range(self.start, self.end),
            initial=self.start,
            total=config.max_train_steps,
            disable=not self.is_main,
            unit="step",
            smoothing=0.05,
        )
        try:
            for step in progress:
                self.announce_phase(step)
                values = self.trainer.step(step, stream)
                crops = self.crops_of(config.phase_at(step))
                progress.set_postfix_str(f"loss {values['loss']:.4f} over a batch of {crops}", refresh=False)
                self.report(step, values)
                stop = self.any_rank(interruption.asked)
                if self.any_rank(self.clock.is_up()):
                    self.end = step + 1
                self.save_and_validate(step + 1, stop=stop)
                if stop:
                    raise KeyboardInterrupt
                if step + 1 >= self.end:
                    break
        finally:
            progress.close()
            interruption.close()
            if self.is_main and progress.n > self.start:
                _log.info("%s", self.trainer.watch.report(progress.n - self.start))

    def report(self, step: int, values: dict[str, float]) -> None:
        """Put a step into the log and the trackers, and say where it was not finite."""
        if self.is_main:
            self.run.log(step, values)
            for tracker in self.trackers:
                tracker.log(step + 1, {f"train/{name}": value for name, value in values.items()})
        if self.trainer.bad_steps and self.is_main:
            _log.warning(
                "Step %d: the loss is %g, the gradient norm %g; the step is skipped.",
                step,
                values["loss"],
                values["grad_norm"],
            )
        if self.trainer.bad_steps >= MAX_BAD_STEPS:
            kept = self.run.checkpoints()
            good = f"the last good state is {kept[-1]}" if kept else "no checkpoint had been written yet"
            raise GaveUpError(
                f"{MAX_BAD_STEPS} steps in a row were not finite; {good}. "
                "Try a lower --learning_rate, or --mixed_precision no."
            )

    def save_and_validate(self, done: int, *, stop: bool) -> None:
        """Save and validate where it is due after `done` steps."""
        config = self.config
        last = done == self.end
        if done % config.checkpointing_steps == 0 or last or stop:
            self.save(done)
        if self.validations and self.is_due(done) and not stop:
            self.validate(done)
            if not last and self.is_over(done):
                self.end = done
                if self.saved != done:
                    self.save(done)
        elif not self.validations and self.is_main and self.saved == done:
            self.run.save_best(done, self.trainer)  # nothing to compare by: the newest
        if self.pusher and config.push_steps and done % config.push_steps == 0 and self.run.checkpoints():
            self.pusher.push_newest(self.run.checkpoints()[-1])

    def save(self, done: int) -> None:
        """Write `checkpoint-<done>`; every process waits for it."""
        if self.is_main and self.run.save(done, self.trainer.state() | self.clock.state(), self.trainer):
            self.saved = done
        self.accelerator.wait_for_everyone()

    def is_due(self, done: int) -> bool:
        """Say whether a validation belongs after `done` steps."""
        return done % self.config.validation_steps == 0 or done == self.end

    def is_over(self, done: int) -> bool:
        """Say whether the run has ended before its last step: validation got no better, or its time was up."""
        patience, best = self.config.early_stopping_patience, self.run.best()
        waited = (done - best["step"]) // self.config.validation_steps if best is not None else 0
        # the main process has written the best, and alone knows it for certain
        return self.any_rank(self.is_main and ((bool(patience) and waited >= patience) or self.clock.is_up()))

    def lacks_validation(self) -> bool:
        """Say whether the state that the run begins with is still to be validated; the main process knows.

        At step 0 it is what is to be bettered. Later on it is a checkpoint whose validation a kill prevented.
        """
        due = self.is_due(self.start)
        return self.is_main and (not self.start or (due and self.start not in self.run.validations()))

    def validate(self, done: int) -> None:
        """Restore the validation pictures, and keep the weights if they are the best so far, by the first set."""
        found = [(each, *each(done, self.trainer)) for each in self.validations]
        if not self.is_main:
            return
        best = self.run.save_if_best(done, found[0][1], self.config.best_metric, self.trainer)
        logged: dict[str, float] = {}
        for number, (each, values, _) in enumerate(found):
            prefix = prefix_of(each.name, first=not number)
            logged |= {f"{prefix}{name}": value for name, value in (values | {"pictures": each.used}).items()}
        self.run.log(done, logged, validation=True)
        for number, (each, values, sheet) in enumerate(found):
            start = self.run.validations(prefix_of(each.name, first=not number)).get(0) if done else None
            _log.info(
                "Step %d%s: over %d pictures loss %.4f, %s%s",
                done,
                f", {each.name}" if each.name else "",
                each.used,
                values["loss"],
                gains(values, start),
                ", the best so far" if best and not number else "",
            )
            if sheet is not None:
                for tracker in self.trackers:
                    tracker.show(done, f"validation {each.name}".rstrip(), sheet)
        for tracker in self.trackers:
            tracker.log(done, {f"validation/{name}": value for name, value in logged.items()})

    def outcome(self) -> str:
        """Return what the run has come to, in some lines."""
        return outcome(self.config, self.run, max(self.start, self.end))

    def any_rank(self, asked: bool) -> bool:
        """Say whether any process was interrupted: they stop together or not at all."""
        flag = torch.tensor(float(asked), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum"))

    def close(self) -> None:
        """Let trackers and processes go."""
        for tracker in self.trackers:
            tracker.close()
        self.accelerator.end_training()


def build_parts(config: TrainConfig, state: dict[str, Any] | None) -> tuple[SplatEnhancer, Objective]:
    """Load the model and the networks of its losses.

    Raises:
        MissingError: Some cannot be had: it names all of them, and the command of a run that does without.
        EnhancerError: The start does not fit the settings, or the state to go on from.
    """
    missing, parts = Missing(), []
    with missing.noted(checkpoint=POCKET):
        parts.append(build_model(config))
        if state:
            check_state(state, parts[0])  # before the losses' networks are loaded
    with missing.noted():
        parts.append(build_objective(config))
    if missing.reasons:
        them = "it" if len(missing.reasons) == 1 else "them"
        flags = shlex.join(to_flags(replace(config, **missing.instead)))
        ending = f"\nThis runs without {them}:\n  python -m training.train {flags}"
        raise MissingError(missing.reasons, missing.instead, ending)
    return parts[0], parts[1]


def build_validations(config: TrainConfig, accelerator: Accelerator) -> list[Validation]:
    """Find the sets to validate on, in the order they were given.

    Raises:
        EnhancerError: A set cannot be used.
    """
    if not config.validation_sets:
        return []
    lpips = Perceptual.from_pretrained("alex", accelerator.device)
    return [Validation(config, name, accelerator, lpips) for name in config.validation_sets]


def build_accelerator(config: TrainConfig) -> Accelerator:
    """Find device, processes and precision.

    Raises:
        SettingsError: This device does not have the precision.
    """
    precision = "no" if config.mixed_precision == "bf16_weights" else config.mixed_precision
    if precision == "auto":
        precision = "fp16" if best_device() == "cuda" else "no"
    if precision == "fp16" and not torch.cuda.is_available():
        raise SettingsError(
            cuda_trouble() or "--mixed_precision fp16 needs a GPU, and there is none. Give bf16, or no."
        )
    try:
        # a run before this one in the same process may have had another precision; which processes there are, stays
        AcceleratorState._reset_state()  # pyright: ignore[reportPrivateUsage]
        scaler = GradScalerKwargs(init_scale=FIRST_LOSS_SCALE)
        return Accelerator(mixed_precision=precision, kwargs_handlers=[scaler])
    except ValueError as error:
        raise SettingsError(f"--mixed_precision {precision} does not work here: {error}") from error
