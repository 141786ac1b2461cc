"""What many tests share: an example head, a small picture, a quiet offline environment."""

import os
import shutil
import tempfile

# Before anything imports them: tests neither phone home nor reach for the Hub. `-m hub` runs set HF_HUB_OFFLINE=0.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# a folder of its own for each process: gradio empties its folder when a page ends, whoever else uses it
os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="gradio-")
if "PYTEST_XDIST_WORKER" in os.environ:  # several at once: more threads than cores only wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


class Head(NamedTuple):
    image: np.ndarray  # (H, W, 4) float32 in [0, 1], straight alpha
    labels: np.ndarray  # (H, W) uint8, ids in the order of enhancer.imaging.regions.HEAD_LABELS
    image_path: Path
    labels_path: Path


def pytest_sessionfinish() -> None:
    """Leave nothing behind."""
    shutil.rmtree(os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def head() -> Head:
    """An example head at 512 px, read-only: a function that writes to its input fails."""
    image_path = ROOT / "examples/heads/head_02.png"
    labels_path = ROOT / "examples/heads/head_02_labels.png"
    image = np.asarray(Image.open(image_path), np.float32) / np.float32(255)
    labels = np.array(Image.open(labels_path))
    image.flags.writeable = labels.flags.writeable = False
    return Head(image, labels, image_path, labels_path)


@pytest.fixture(scope="session")
def small_head(head: Head) -> Head:
    """The same head at 128 px, for what is slow: every fourth pixel, so that labels and picture stay exact."""
    return head._replace(image=head.image[::4, ::4], labels=head.labels[::4, ::4])


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The photographs beside the checkout, which are not part of the project: skips where they are not."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data")
    return folder


@pytest.fixture(scope="session")
def squeeze(tmp_path_factory) -> Path:
    """Random SqueezeNet features in a file."""
    # Here rather than above: most tests need no torch.
    import enhancer.torchvision_stub  # noqa: F401

    # isort: split
    import torch
    from torchvision.models import squeezenet1_1

    path = tmp_path_factory.mktemp("weights") / "squeeze.pth"
    with torch.random.fork_rng():
        torch.random.manual_seed(0)
        torch.save(squeezenet1_1(weights=None).features.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def train_faces(small_head, tmp_path_factory) -> Path:
    """A folder with two small pictures and their label maps, to train on."""
    from enhancer.imaging.io import composite, write_png

    folder = tmp_path_factory.mktemp("faces")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for name, step in (("a", 1), ("b", -1)):
        write_png(composite(small_head.image)[:, ::step], folder / "images" / f"{name}.png")
        Image.fromarray(small_head.labels[:, ::step].copy()).save(folder / "masks" / f"{name}.png")
    return folder


@pytest.fixture
def broken_faces(train_faces, tmp_path) -> Path:
    """The same pictures and a third that is none."""
    folder = tmp_path / "broken"
    for source in train_faces.rglob("*.png"):
        target = folder / source.relative_to(train_faces)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    (folder / "images/broken.png").write_bytes(b"no picture")
    (folder / "masks/broken.png").write_bytes((folder / "masks/a.png").read_bytes())
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """A checkpoint of a model small enough to train in a test."""
    from tests.tiny import tiny_model

    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    tiny_model().save_pretrained(folder)
    return folder


@pytest.fixture
def train_config(train_faces, tiny_checkpoint, tmp_path) -> Any:
    """A tiny checkpoint goes on learning, L1 alone, on 64 px crops."""
    from training.config import TrainConfig

    return TrainConfig(
        train_data_dir=str(train_faces),
        output_dir=str(tmp_path / "run"),
        checkpoint=str(tiny_checkpoint),
        resolution=64,
        train_batch_size=1,
        max_train_steps=6,
        checkpointing_steps=2,
        lr_warmup_steps=1,
        learning_rate=1e-3,
        lpips_weight=0,
        gram_weight=0,
        mixed_precision="no",
    )


@pytest.fixture
def fresh_accelerate():
    """accelerate remembers its first settings for the whole process: let it forget them."""
    from accelerate.state import AcceleratorState

    yield
    AcceleratorState._reset_state(reset_partial_state=True)  # pyright: ignore[reportPrivateUsage]


@pytest.fixture(scope="session")
def running_hub(tmp_path_factory) -> Any:
    """A Hub on this machine, in a process of its own: one for all tests, since a start takes a second."""
    from tests.hub_client import LocalHub

    hub = LocalHub.start(tmp_path_factory.mktemp("hub"))
    yield hub
    hub.stop()


@pytest.fixture
def hub(running_hub, tmp_path) -> Any:
    """The local Hub, empty; this process talks to it, with an empty cache."""
    from tests.hub_client import talking_to

    running_hub.reset()
    with talking_to(running_hub, tmp_path / "home"):
        yield running_hub


@pytest.fixture
def hurried(monkeypatch) -> None:
    """A silent Hub is given up after 1 s rather than 10, and the library does not pause between its repetitions."""
    from enhancer.hub import timeouts

    monkeypatch.setattr(timeouts, "SILENCE_TIMEOUT_S", 1.0)
    monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda seconds: None))
