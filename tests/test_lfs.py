"""A clone without its large files: every reader says so, whatever it was to read."""

import shutil
from pathlib import Path

import pytest

from enhancer.errors import CheckpointError, ImageError, LabelError, SplatError, UnavailableError
from enhancer.imaging.io import read_image, read_labels
from enhancer.metrics.trunks import read_weights
from enhancer.model import SplatEnhancer
from enhancer.model.convert import read_pickle
from enhancer.onnx import OnnxEnhancer
from enhancer.parser import Parser
from enhancer.splats.files import read_splats
from training.evaluation.fid import Inception
from training.evaluation.identity import Identity
from training.losses.networks import SqueezeFeatures

SAID = "is a Git LFS pointer, .* Run `git lfs pull`"
EMBEDDED = Path(__file__).resolve().parents[1] / "enhancer/pocket"


@pytest.fixture
def pointer(tmp_path):
    """Return what puts a pointer where a file should be."""

    def put(path=tmp_path / "file"):
        path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n")
        return path

    return put


@pytest.mark.parametrize("name", ["face.png", "face.tga", "face"])
def test_a_picture(pointer, tmp_path, name):
    with pytest.raises(ImageError, match=f"^{name} {SAID}"):
        read_image(pointer(tmp_path / name))
    with pytest.raises(LabelError, match=SAID):
        read_labels(pointer(tmp_path / name))


@pytest.mark.parametrize(
    "file",
    ["config.json", "adapters.safetensors", "base/unet/diffusion_pytorch_model.safetensors", "base/vae/config.json"],
)
def test_a_checkpoint(pointer, tmp_path, file):
    shutil.copytree(EMBEDDED / "enhancer", tmp_path / "pocket")
    pointer(tmp_path / "pocket" / file)
    with pytest.raises(CheckpointError, match=f"{file} {SAID}"):
        SplatEnhancer.from_pretrained(tmp_path / "pocket")


def test_a_face_parser(pointer, tmp_path):
    shutil.copytree(EMBEDDED / "parser", tmp_path / "parser")
    pointer(tmp_path / "parser/model.safetensors")
    with pytest.raises(CheckpointError, match=f"model.safetensors {SAID}"):
        Parser.from_pretrained(tmp_path / "parser")


def test_an_export(pointer, tmp_path):
    pointer(tmp_path / "unet.onnx")
    with pytest.raises(CheckpointError, match=f"unet.onnx {SAID}"):
        OnnxEnhancer(tmp_path)


def test_a_cloud_of_gaussians(pointer, tmp_path):
    with pytest.raises(SplatError, match=f"^head.splat {SAID}"):
        read_splats(pointer(tmp_path / "head.splat"))


def test_a_pickle(pointer):
    with pytest.raises(CheckpointError, match=SAID):
        read_pickle(pointer())


@pytest.mark.parametrize(
    "read",
    [
        lambda path: read_weights(path, "vgg"),
        Identity,
        SqueezeFeatures,
        lambda path: Inception(path, "cpu"),
    ],
    ids=["trunk", "identity", "squeezenet", "inception"],
)
def test_a_network_that_judges(pointer, read):
    with pytest.raises(UnavailableError, match=SAID):
        read(pointer())
