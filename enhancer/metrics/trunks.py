"""The ImageNet networks below LPIPS: found in torch's own cache, else downloaded, and never waited for in vain."""

import contextlib
import functools
import hashlib
import logging
import queue
import re
import secrets
import threading
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import torch

from enhancer.errors import UnavailableError

PATIENCE = 3.0  # seconds of silence, before the first byte or between two, after which a server is given up

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trunk:
    """An ImageNet classifier whose features LPIPS compares."""

    title: str
    url: str  # torchvision's; the name ends in the first 8 digits of the file's sha256
    megabytes: int


# From torchvision's AlexNet_Weights and VGG16_Weights, IMAGENET1K_V1; repeated here (a test compares them) because
# importing torchvision takes seconds, and "not to be had" should not.
TRUNKS = {
    "alex": Trunk("AlexNet", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", 233),
    "vgg": Trunk("VGG", "https://download.pytorch.org/models/vgg16-397923af.pth", 528),
}


def ensure_trunk(trunk: Trunk) -> None:
    """See to it that a trunk lies where torchvision looks for it. Looked for once per process.

    Raises:
        UnavailableError: It does not, and cannot be downloaded now.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    with _LOOKING:  # two pages asking at once make one download
        reason = _why_missing(trunk, folder)
    if reason:
        raise UnavailableError(reason)


_LOOKING = threading.Lock()


@functools.cache
def _why_missing(trunk: Trunk, folder: Path) -> str | None:
    path = folder / Path(urlsplit(trunk.url).path).name
    if path.exists():
        return None
    try:
        download(trunk.url, path)
    except UnavailableError as error:
        _log.info(
            "%s was looked for in %s", path.name, folder
        )  # a visitor of a page need not know the folder
        return (
            f"the {trunk.title} weights it needs ({trunk.megabytes} MB) are not on this machine and cannot be "
            f"downloaded now: {error}"
        )
    return None


def download(url: str, path: Path, patience: float = PATIENCE) -> None:
    """Download a file whose name holds the start of its sha256; `path` appears when it is whole and right.

    However long it takes is fine as long as bytes keep coming.

    Args:
        url: http or https; the name ends in ``-<hex digits>.<suffix>``.
        path: Where to put it.
        patience: Seconds of silence to bear.

    Raises:
        UnavailableError: No answer, a refusal, silence halfway, other content, or the disk does not take it.
    """
    wanted = re.search(r"-([0-9a-f]{8,})\.", url)
    digest = hashlib.sha256()
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")
    _log.info("Downloading %s", url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file, contextlib.closing(_chunks(url, patience)) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
        if wanted is None or not digest.hexdigest().startswith(wanted[1]):
            raise UnavailableError(f"{url} is another file than expected (its sha256 differs).")
        unfinished.replace(path)
    except OSError as error:
        raise UnavailableError(f"{path.parent} cannot be written ({error.strerror or error}).") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _chunks(url: str, patience: float) -> Generator[bytes]:
    """Yield a reply's bytes as they come.

    A thread does the reading: urlopen's own timeout neither covers the look-up of the host's name nor adds up
    over several addresses or a trickle of headers.
    """
    host = urlsplit(url).netloc
    arrived: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
    given_up = threading.Event()

    def read() -> None:
        try:
            with urllib.request.urlopen(url, timeout=patience) as reply:
                left = int(reply.headers.get("Content-Length", 0))
                while not given_up.is_set() and (chunk := reply.read1(1 << 20)):
                    left -= len(chunk)
                    arrived.put(chunk)
            arrived.put(ConnectionError("the connection ended early") if left > 0 else b"")
        except Exception as error:  # carried over to the thread that waits
            arrived.put(error)

    threading.Thread(target=read, name="trunk download", daemon=True).start()
    try:
        while chunk := arrived.get(timeout=patience):
            if isinstance(chunk, TimeoutError):
                raise queue.Empty
            if isinstance(chunk, Exception):
                reason = getattr(chunk, "reason", None) or chunk
                words = getattr(reason, "strerror", None) or reason  # without "[Errno -2]"
                raise UnavailableError(f"{host} cannot be reached ({words}).") from chunk
            yield chunk
    except queue.Empty:
        raise UnavailableError(f"{host} is silent (waited {patience:g} s).") from None
    finally:
        given_up.set()
