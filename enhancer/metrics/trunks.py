"""The ImageNet networks below LPIPS: AlexNet is embedded; others are files, or downloaded and never waited for in vain."""

import functools
import logging
import os
import pickle
import socket
import threading
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from urllib.error import URLError
from urllib.parse import urlsplit

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from enhancer.errors import UnavailableError
from enhancer.finite import first_not_finite
from enhancer.lfs import refuse_pointers
from enhancer.messages import Message
from enhancer.metrics.catalogue import LPIPS_NETS
from enhancer.metrics.network import trunk_keys

EMBEDDED = Path(__file__).with_name("weights") / "alex_features_fp16.safetensors"  # 4.9 MB; its NOTICE is beside it
VARIABLE = "LPIPS_TRUNK"  # names a file with VGG16's weights
SILENCE_TIMEOUT_S = 3.0  # before the first byte or between two, and for each of a host's up to eight addresses

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trunk:
    """An ImageNet classifier that torchvision publishes."""

    title: str
    url: str  # torchvision's; the name ends in the first 8 digits of the file's sha256
    megabytes: int


# From torchvision's VGG16_Weights, IMAGENET1K_V1; repeated here (a test compares them) because importing torchvision takes
# seconds, and "not to be had" should not.
VGG16 = Trunk("VGG16", "https://download.pytorch.org/models/vgg16-397923af.pth", 528)


def read_trunk(net: str, file: str | Path | None = None) -> dict[str, Tensor]:
    """Return the convolutions below LPIPS by torchvision's names, such as ``features.0.weight``.

    AlexNet's are embedded. VGG16's come from `file`, else from the file that the environment variable LPIPS_TRUNK names,
    else from torch's own cache, else they are downloaded (528 MB). A file holds the convolutions alone or all of
    torchvision's network, as safetensors or as torch saves it.

    Args:
        net: "alex" or "vgg".
        file: Of VGG16.

    Raises:
        UnavailableError: They cannot be downloaded, or the file holds something else; the message says what.
    """
    if net == "alex":
        return read_weights(EMBEDDED, net)
    named = file or os.environ.get(VARIABLE)
    if named:
        return read_weights(Path(named), net)
    return read_weights(ensure_trunk(VGG16), net)


def read_weights(path: Path, net: str) -> dict[str, Tensor]:
    """Return the convolutions of `net` out of a file; what else it holds, such as a classifier, is passed over.

    Raises:
        UnavailableError: The file cannot be read, or lacks some of them; the message names them.
    """
    title = LPIPS_NETS[net]
    if not path.is_file():
        raise UnavailableError(
            Message(
                "lpips.file",
                "the file {path} with the {title} weights does not exist.",
                path=str(path),
                title=title,
            )
        )
    refuse_pointers([path], UnavailableError)
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnavailableError(
            Message(
                "lpips.damaged",
                "the {title} weights in {path} do not load ({reason}). Fetch the file again.",
                title=title,
                path=str(path),
                reason=reason,
            )
        ) from error
    wanted = trunk_keys(net)
    if isinstance(state, dict) and (name := first_not_finite({key: state[key] for key in wanted if key in state})):
        raise UnavailableError(
            Message(
                "lpips.not_finite",
                "the {title} weights in {path} are damaged: {name} holds values that are infinite or not a number. "
                "Fetch the file again.",
                title=title,
                path=str(path),
                name=name,
            )
        )
    shapes = (
        {key: tuple(getattr(value, "shape", ())) for key, value in state.items()} if isinstance(state, dict) else {}
    )
    wrong = [f"{key} {shape}" for key, shape in wanted.items() if shapes.get(key) != shape]
    if wrong:
        held = ", ".join(f"{key} {shape}" for key, shape in list(shapes.items())[:3]) or "nothing by name"
        raise UnavailableError(
            f"{path} holds no {title} in torchvision's names: it lacks {', '.join(wrong[:3])}"
            f"{f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''}; it holds {held}. "
            "Give the convolutions alone or torchvision's whole file."
        )
    return {key: state[key] for key in wanted}


def ensure_trunk(trunk: Trunk) -> Path:
    """See to it that a trunk lies where torchvision looks for it, and return its path. Looked for once per process.

    Raises:
        UnavailableError: It does not, and cannot be downloaded now.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(trunk.url).path).name
    with _LOOKING:  # two pages asking at once make one download
        reason = _why_missing(trunk, path)
    if reason:
        raise UnavailableError(reason)
    return path


_LOOKING = threading.Lock()


@functools.cache
def _why_missing(trunk: Trunk, path: Path) -> str | None:
    if path.exists():
        return None
    try:
        download(trunk.url, path)
    except UnavailableError as error:
        _log.info("%s was looked for in %s", path.name, path.parent)  # a visitor of a page need not know the folder
        return (
            f"the {trunk.title} weights it needs ({trunk.megabytes} MB) are not on this machine and cannot be "
            f"downloaded now: {error}"
        )
    return None


def download(url: str, path: Path) -> None:
    """Download a file whose name holds the start of its sha256; `path` appears when it is whole and right.

    However long it takes is fine as long as bytes keep coming.

    Args:
        url: http or https; the name ends in ``-<hex digits>.<suffix>``.
        path: Where to put it.

    Raises:
        UnavailableError: No answer, a refusal, silence halfway, other content, or the disk does not take it.
    """
    host = urlsplit(url).netloc
    _log.info("Downloading %s", url)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_TIMEOUT_S)  # torch takes no other time-out
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=Path(url).stem.rpartition("-")[2])
    except RuntimeError as error:
        raise UnavailableError(f"{url} was cut off, or is another file (its sha256 differs).") from error
    except (URLError, HTTPException, ConnectionError, SSLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise UnavailableError(f"{host} is silent (waited {SILENCE_TIMEOUT_S:g} s).") from error
        words = getattr(reason, "strerror", None) or reason  # without "[Errno -2]"
        raise UnavailableError(f"{host} cannot be reached ({words}).") from error
    except OSError as error:
        raise UnavailableError(f"{path.parent} cannot be written ({error.strerror or error}).") from error
    finally:
        socket.setdefaulttimeout(before)
