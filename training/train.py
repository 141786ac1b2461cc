"""Train a checkpoint on photographs degraded on the fly, or on ready pairs.

    python -m training.train --train_data_dir data/faces/train                       # LoRA around SD-Turbo, preset v2
    python -m training.train --train_data_dir data/faces/train --checkpoint pocket   # LoRA around the embedded base
    accelerate launch --num_processes 2 -m training.train --train_data_dir ...       # the same on two GPUs

Stop it at any time, by Ctrl-C or worse, and run the same command again: it goes on from the newest checkpoint and ends
with the weights of a run that was never stopped; at the end it says what was gained. In the run folder: `best/` and `checkpoint-<step>/`, checkpoints both;
`log.jsonl`, one line a step; `validation.jsonl` and a sheet of pictures for every validation.

Exit codes: 0 fine, 1 gave up (ten losses in a row that were not finite, or nothing could be written), 2 bad input,
130 interrupted.
"""

import logging
import os
import sys
from collections.abc import Sequence

from tqdm.contrib.logging import logging_redirect_tqdm

from enhancer.errors import EnhancerError
from enhancer.runtime.command_line import file_errors, print_every_name, say_error
from enhancer.runtime.processes import leave
from training.cli import from_flags
from training.config import TrainConfig
from training.loop.run import GaveUpError, Training
from training.publish.background import HubPusher

FINE, GAVE_UP, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(config: TrainConfig) -> None:
    """Train from the newest state in the run folder to the last step.

    Raises:
        EnhancerError: Bad input, or training could not go on; the message says what to do.
        KeyboardInterrupt: It was interrupted; what it had done is saved.
    """
    with logging_redirect_tqdm():
        pusher = HubPusher(config) if config.push_to_hub else None
        training = Training(config, pusher)
        try:
            if training.is_main:
                training.announce()
            training.steps()
            if training.is_main and training.saved < training.end:
                kept = training.run.checkpoints()
                raise GaveUpError(
                    f"The last weights could not be written. {f'{kept[-1]} is the newest' if kept else 'Nothing is kept'}: "
                    "make room, and run the same command again."
                )
            # A process that takes leave while another still works leaves that one waiting for it at its own end.
            training.accelerator.wait_for_everyone()
            if training.is_main:
                print(training.outcome())
        finally:
            training.close()
        if pusher and training.is_main:
            pusher.push_best()


def command(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("training").setLevel(logging.INFO)
    print_every_name()
    try:
        with file_errors():
            main(from_flags(TrainConfig, argv, __doc__ or ""))
    except EnhancerError as error:
        say_error(error)
        return GAVE_UP if isinstance(error, GaveUpError) else BAD_INPUT
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":
            sys.stderr.write("Interrupted. Run the same command again to go on.\n")
        return INTERRUPTED
    return FINE


if __name__ == "__main__":
    leave(command())
