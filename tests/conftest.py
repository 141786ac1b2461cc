"""What many tests share: an example head, a small picture, a quiet offline environment."""

import os

# Before anything imports them: tests neither phone home nor reach for the Hub. `-m hub` runs set HF_HUB_OFFLINE=0.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


class Head(NamedTuple):
    image: np.ndarray  # (H, W, 4) float32 in [0, 1], straight alpha
    labels: np.ndarray  # (H, W) uint8, ids in the order of enhancer.regions.HEAD_LABELS
    image_path: Path
    labels_path: Path


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
