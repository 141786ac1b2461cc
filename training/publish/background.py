"""Checkpoints on their way to the Hub while training goes on; whatever happens there, the run goes to its end."""

import logging
import shutil
import tempfile
import threading
from pathlib import Path

from enhancer.errors import EnhancerError, HubError
from enhancer.hub import BEST
from enhancer.hub.errors import require_login
from training.config import TrainConfig
from training.loop.run_folder import CONFIG
from training.publish.checkpoint import PushOptions, push

BRANCH = "training"  # where the versions on the way to the last one go

_log = logging.getLogger(__name__)


class HubPusher:
    """Pushes one checkpoint at a time, from a copy, on a thread."""

    def __init__(self, config: TrainConfig) -> None:
        """Nothing is sent yet; but who could not send at the end should know it now.

        Raises:
            HubError: There is no token.
        """
        require_login()
        self.folder, self.repo, self.private = (
            Path(config.output_dir),
            config.hub_model_id,
            config.hub_private_repo,
        )
        self._thread: threading.Thread | None = None
        self._failure = ""  # what the last push ended with

    def push_newest(self, checkpoint: Path) -> None:
        """Send a checkpoint to the branch of versions on the way, unless the one before is still being sent."""
        if self._thread is not None and self._thread.is_alive():
            _log.info("%s is not pushed: the one before is still on its way.", checkpoint.name)
            return
        self._start(checkpoint, PushOptions(branch=BRANCH, private=self.private, picture="none"))

    def push_best(self) -> None:
        """Send the best checkpoint to the main branch, and wait for it.

        Raises:
            HubError: It was not pushed; the message says why, and how to repeat it.
        """
        self.wait()
        self._failure = ""
        self._start(self.folder / BEST, PushOptions(private=self.private))
        self.wait()
        if self._failure:
            raise HubError(f"The run is finished, and {self._failure}")

    def wait(self) -> None:
        """Wait until nothing is on its way. Sending ends by itself where no bytes flow."""
        if self._thread is not None:
            self._thread.join()

    def _start(self, checkpoint: Path, options: PushOptions) -> None:
        """Copy what is sent, since training may replace it meanwhile, and send it."""
        scratch = tempfile.TemporaryDirectory(prefix="pushing-", ignore_cleanup_errors=True)
        copy = Path(scratch.name) / checkpoint.name
        try:
            shutil.copy(self.folder / CONFIG, scratch.name)
            shutil.copytree(checkpoint, copy, ignore=shutil.ignore_patterns("*.pt"))
        except OSError as error:
            scratch.cleanup()
            self._failed(checkpoint, error)
            return

        def send() -> None:
            with scratch:
                try:
                    _log.info("Pushed: %s", push(copy, self.repo, options))
                except Exception as error:  # whatever it is, the run is worth more
                    self._failed(checkpoint, error)

        self._thread = threading.Thread(target=send, name="push", daemon=True)
        self._thread.start()

    def _failed(self, checkpoint: Path, error: Exception) -> None:
        reason = str(error) if isinstance(error, EnhancerError) else f"{type(error).__name__}: {error}"
        self._failure = (
            f"{checkpoint.name} was not pushed: {reason} Nothing is lost; push it with: python -m training.push {checkpoint} "
            f"{self.repo}"
        )
        if checkpoint.name != BEST:  # that is an error of the run's, and said as one
            _log.warning("%s", self._failure)
