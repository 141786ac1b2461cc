"""Experiment trackers on a thread of their own: slow, unreachable or broken, they never cost the run anything."""

import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker

from enhancer.errors import SettingsError

WAITING = 1000  # values kept for a tracker that does not keep up; later ones are dropped
FINISH_TIMEOUT_S = 20.0  # seconds a tracker gets at the end of a run to finish
LOGS = "logs"  # folder of TensorBoard's events in a run's
FAILURES = 3  # in a row, after which a tracker is left alone

_log = logging.getLogger(__name__)


def require_installed(names: Sequence[str]) -> None:
    """Refuse trackers whose package is missing.

    Raises:
        SettingsError: It names the package.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"--report_to {','.join(names)}: {' and '.join(missing)} cannot be imported. "
            f"Install with: pip install {' '.join(missing)}"
        )


class Tracker:
    """One tracker, fed through a queue.

    Attributes:
        name: tensorboard, trackio or wandb.
    """

    def __init__(self, name: str, project: str, folder: Path, settings: Mapping[str, Any], done: int = 0) -> None:
        """Start it in the background.

        Args:
            name: tensorboard, trackio or wandb.
            project: Name of the project.
            folder: The run's.
            settings: The run's, to be shown.
            done: Optimizer steps taken before: what was reported of later ones, before a kill, is taken back.
        """
        self.name, self.project, self.folder, self.settings, self.done = name, project, folder, settings, done
        self._queue: queue.Queue[tuple[str, int, dict[str, Any]] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Report numbers."""
        self._put("log", step, dict(values))

    def show(self, step: int, title: str, picture: np.ndarray) -> None:
        """Report a picture, (H, W, 3) uint8."""
        self._put("show", step, {title: picture})

    def close(self) -> None:
        """Let it finish, but not for long."""
        try:
            self._queue.put(None, timeout=1)
            self._thread.join(FINISH_TIMEOUT_S)
        except queue.Full:
            pass
        if self._thread.is_alive():
            _log.warning("%s did not finish within %g s; what it had not sent is lost.", self.name, FINISH_TIMEOUT_S)

    def _put(self, what: str, step: int, values: dict[str, Any]) -> None:
        if self._thread.is_alive():
            try:
                self._queue.put_nowait((what, step, values))
            except queue.Full:
                _log.debug("%s does not keep up; values are dropped", self.name)

    def _work(self) -> None:
        failures = 0
        try:
            tracker = self._start()
        except BaseException as error:  # trackers end the process when they cannot log in
            self._give_up(error)
            return
        while (item := self._queue.get()) is not None:
            try:
                self._send(tracker, *item)
                failures = 0
            except Exception as error:
                failures += 1
                _log.warning("%s did not take step %d: %s", self.name, item[1], error)
                if failures == FAILURES:
                    self._give_up(error)
                    return
        try:
            tracker.finish()
        except Exception as error:
            self._give_up(error)

    def _start(self) -> GeneralTracker:
        build: Any = LOGGER_TYPE_TO_CLASS[self.name]
        if self.name != "tensorboard":
            tracker = build(self.project)
            tracker.start()
            tracker.store_init_configuration(dict(self.settings))
            return tracker
        # A start from 0 validates step 0 again
        tracker = build(self.project, str(self.folder / LOGS), purge_step=self.done + 1 if self.done else 0)
        tracker.start()
        # As text: accelerate's own way takes no lists, and makes two folders of no use at every start
        tracker.writer.add_text("settings", _as_text(self.settings), self.done)
        return tracker

    def _send(self, tracker: Any, what: str, step: int, values: dict[str, Any]) -> None:
        if what == "log":
            tracker.log(values, step=step)
        elif self.name == "trackio":  # accelerate's tracker for it knows no pictures
            image = import_module("trackio").Image
            tracker.log({title: image(picture) for title, picture in values.items()}, step=step)
        else:
            layout = {"dataformats": "NHWC"} if self.name == "tensorboard" else {}
            tracker.log_images({title: picture[None] for title, picture in values.items()}, step=step, **layout)

    def _give_up(self, error: BaseException) -> None:
        _log.warning("%s is left alone from now on: %s. The run goes on; log.jsonl has it all.", self.name, error)


def _as_text(settings: Mapping[str, Any]) -> str:
    """Return settings as TensorBoard shows text, in Markdown."""
    return "\n".join(f"    {name} = {value}" for name, value in settings.items())
