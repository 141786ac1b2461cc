"""A process that downloads one commit: `python -m enhancer.hub.fetch`, started and watched by `enhancer.hub.download`.

It is a process because the library's own retries and time-outs add up to minutes, its transfers run on threads that
outlive a caller who gives up, and a process can be ended. It reads one JSON line on stdin and writes JSON lines: one
when it begins, one whenever something arrived, the last with the folder or with what went wrong.
"""

import json
import sys
import threading
from typing import Any

from tqdm import tqdm

_LOCK = threading.Lock()
CHUNK = (
    64 * 1024
)  # bytes between two signs of life; the library's 10 MB would look like silence on a slow line


def say(**line: Any) -> None:
    """Write a line to whoever started this."""
    with _LOCK:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Download what stdin asks for."""
    asked = json.loads(sys.stdin.readline())

    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.utils import tqdm as hub_tqdm

    from enhancer.hub.errors import UnreachableError, explain
    from enhancer.hub.timeouts import limited_silence

    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    say(ready=True)

    class SignsOfLife(hub_tqdm):
        """Draws nothing; tells of the files found and of every byte that came."""

        def __init__(self, *args: Any, **options: Any) -> None:
            self.counts = options.get("name") == "huggingface_hub.snapshot_download"  # bytes of files
            self.came = 0
            super().__init__(*args, **options | {"disable": True})
            say(bytes=0, of=0)

        def update(self, n: float | None = 1) -> None:
            if n:
                self.came += int(n)
                say(**({"bytes": self.came, "of": self.total} if self.counts else {}))

    try:
        with limited_silence(asked["repo"]):  # else the library asks again for 23 s where the Hub fails
            folder = snapshot_download(
                asked["repo"],
                revision=asked["commit"],
                allow_patterns=asked["allow"],
                cache_dir=asked["cache"],
                endpoint=asked["endpoint"],
                token=asked["token"],
                tqdm_class=SignsOfLife,
            )
        say(folder=folder)
    except Exception as error:  # whatever it is, it is told
        explained = explain(error, asked["repo"], asked["commit"])
        say(error=str(explained), unreachable=isinstance(explained, UnreachableError))


if __name__ == "__main__":
    tqdm.monitor_interval = 0  # no thread that watches bars nobody sees
    main()
