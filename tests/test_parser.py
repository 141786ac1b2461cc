"""The parser goes by label names, answers for any size, and never makes anybody wait for a dead network."""

import json
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import enhancer.torchvision_stub  # noqa: F401  must come before transformers

# isort: split
import huggingface_hub
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from enhancer.errors import CheckpointError, LabelError, UnavailableError
from enhancer.hub import PARSER, PARSER_REVISION
from enhancer.imaging.faces import has_face
from enhancer.imaging.io import composite, read_image, read_labels
from enhancer.imaging.regions import CELEBAMASK_LABELS, REGION_NAMES, region_map
from enhancer.parser import POCKET, Parser
from enhancer.parts import LateParser
from enhancer.seeding import rng_for
from enhancer.service import Service
from tests.hub_client import LocalHub

HEADS = sorted((Path(__file__).parents[1] / "examples/heads").glob("head_??.png"))


def save_segformer(folder: Path, names: Sequence[str], shuffle: Sequence[int] | None = None) -> Path:
    """Write a tiny Segformer with drawn weights; `shuffle` renumbers its labels without changing what it sees."""
    config = SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[4, 4, 8, 8],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=8,
        id2label=dict(enumerate(names)),
        label2id={name: k for k, name in enumerate(names)},
    )
    model = SegformerForSemanticSegmentation(config).eval()
    order = list(shuffle if shuffle is not None else range(len(names)))
    with torch.no_grad():
        for name, weight in model.named_parameters():  # this seed: several regions win somewhere
            weight.copy_(torch.from_numpy(rng_for(5, 0, name).normal(0, 1, tuple(weight.shape))))
        model.decode_head.classifier.weight.copy_(model.decode_head.classifier.weight[order].clone())
        model.decode_head.classifier.bias.zero_()
    model.save_pretrained(folder)
    settings = {"size": {"height": 64, "width": 64}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def noise(height: int, width: int) -> np.ndarray:
    return rng_for("noise").random((height, width, 3)).astype(np.float32)


def iou(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return region name -> intersection over union."""
    pairs = {name: (found == k, true == k) for k, name in enumerate(REGION_NAMES, start=1)}
    return {name: float((a & b).sum() / max(1, (a | b).sum())) for name, (a, b) in pairs.items()}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Segformer of a few thousand random weights with CelebAMask-HQ's labels."""
    return save_segformer(tmp_path_factory.mktemp("tiny"), CELEBAMASK_LABELS)


@pytest.fixture(scope="module")
def pocket() -> Parser:
    """The embedded parser."""
    return Parser.from_pretrained("pocket")


def test_labels_in_another_order_give_the_same_regions(tiny: Path, tmp_path: Path) -> None:
    order = rng_for("shuffle").permutation(len(CELEBAMASK_LABELS)).tolist()
    shuffled = save_segformer(tmp_path, [CELEBAMASK_LABELS[k] for k in order], order)
    picture = noise(96, 96)
    regions = Parser.from_pretrained(tiny).regions(picture)
    assert len(np.unique(regions)) > 2
    np.testing.assert_array_equal(regions, Parser.from_pretrained(shuffled).regions(picture))


def test_a_label_that_no_region_knows_is_refused_by_name(tmp_path: Path) -> None:
    folder = save_segformer(tmp_path, [*CELEBAMASK_LABELS[:-1], "moustache"])
    with pytest.raises(LabelError, match="moustache"):
        Parser.from_pretrained(folder)


def test_a_parser_without_hair_is_refused(tmp_path: Path) -> None:
    folder = save_segformer(tmp_path, [name for name in CELEBAMASK_LABELS if name != "hair"])
    with pytest.raises(LabelError, match="hair"):
        Parser.from_pretrained(folder)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (129, 200), (640, 131), (128, 2048)])
def test_any_size_comes_back_at_its_own_size(tiny: Path, height: int, width: int) -> None:
    regions = Parser.from_pretrained(tiny).regions(noise(height, width))
    assert (regions.shape, regions.dtype) == ((height, width), np.uint8)
    assert regions.max() <= len(REGION_NAMES)


def test_the_same_picture_twice_gives_the_same_bytes(tiny: Path) -> None:
    parser, picture = Parser.from_pretrained(tiny), noise(150, 170)
    picture.flags.writeable = False
    assert parser.regions(picture).tobytes() == parser.regions(picture).tobytes()


def test_a_folder_without_processor_settings_still_loads(tiny: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(tiny, tmp_path / "bare", ignore=shutil.ignore_patterns("preprocessor*"))
    assert Parser.from_pretrained(bare).regions(noise(128, 128)).shape == (128, 128)


def test_a_folder_that_is_not_there_or_holds_something_else_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no parser folder"):
        Parser.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="no parser folder"):
        Parser.from_pretrained("nowhere")
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        Parser.from_pretrained(tmp_path)
    other = shutil.copytree(tiny, tmp_path / "other")
    (other / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="bert"):
        Parser.from_pretrained(other)
    cut = shutil.copytree(tiny, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:200])
    with pytest.raises(CheckpointError, match="does not load"):
        Parser.from_pretrained(cut)


@pytest.fixture(params=["refuses", "is silent"])
def dead_hub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A Hub that cannot be used, and an empty cache, for this test alone."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        if request.param == "is silent":
            port.listen()
            monkeypatch.setattr("enhancer.hub.timeouts.SILENCE_TIMEOUT_S", 1.0)
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        yield


@pytest.mark.usefixtures("dead_hub")
def test_an_unreachable_hub_costs_seconds_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    start = time.perf_counter()
    parser = LateParser(PARSER, "cpu", may_be_replaced=True)
    parser.prepare()
    assert time.perf_counter() - start < 4
    assert parser.name == "pocket Segformer"
    assert parser.notice == (
        "The face parser jonathandinu/face-parsing cannot be had now, so the small embedded one finds the regions."
    )
    assert "127.0.0.1" in caplog.text


@pytest.mark.usefixtures("dead_hub")
def test_a_parser_asked_for_by_name_is_not_replaced_unless_it_may_be() -> None:
    with pytest.raises(UnavailableError, match="someone/faces"):
        Parser.from_pretrained("someone/faces")
    with pytest.raises(UnavailableError, match="someone/faces"):
        Service.load(None, parser="someone/faces", lpips_net=None)


def test_the_embedded_parser_is_the_default_and_asks_nobody(hub: LocalHub) -> None:
    assert Parser.from_pretrained().name == "pocket Segformer"
    assert Service.load(None, lpips_net=None).parser.name == "pocket Segformer"
    assert hub.log() == []


def test_the_large_parser_is_pinned_to_its_commit(tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    shutil.copytree(tiny, tmp_path / "models--jonathandinu--face-parsing" / "snapshots" / PARSER_REVISION)
    assert Parser.from_pretrained(PARSER).name == f"{PARSER}@{PARSER_REVISION[:7]}"


def test_offline_mode_is_taken_at_its_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    parser = LateParser(PARSER, "cpu", may_be_replaced=True)
    assert parser.notice is not None
    assert "HF_HUB_OFFLINE" in caplog.text


def test_a_cached_commit_asks_nobody(tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(tiny, tmp_path / "models--someone--faces" / "snapshots" / commit)
    parser = Parser.from_pretrained("someone/faces", revision=commit)
    assert parser.name == "someone/faces@0123456"
    assert parser.notice is None


def test_the_embedded_parser_is_small() -> None:
    assert sum(path.stat().st_size for path in POCKET.iterdir()) < 3_000_000


@pytest.mark.parametrize("background", [1.0, 0.5])
@pytest.mark.parametrize("path", HEADS, ids=lambda path: path.stem)
def test_the_embedded_parser_finds_the_regions_of_the_example_heads(
    pocket: Parser, path: Path, background: float
) -> None:
    regions = pocket.regions(composite(read_image(path), (background, background, background)))
    true = region_map(read_labels(path.with_name(f"{path.stem}_labels.png")))
    assert has_face(regions)
    scores = iou(regions, true)
    assert np.mean(list(scores.values())) > 0.65, scores  # measured: 0.71 to 0.80


def test_the_embedded_parser_sees_no_face_where_there_is_none(pocket: Parser) -> None:
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32)[:, None, None], (1, 256, 3))
    for picture in (np.ones_like(ramp), np.zeros_like(ramp), ramp, noise(256, 256)):
        assert not has_face(pocket.regions(picture))


def test_a_face_is_skin_around_two_features() -> None:
    skin, eyes, mouth = (REGION_NAMES.index(name) + 1 for name in ("skin", "eyes", "mouth"))
    regions = np.zeros((100, 100), np.uint8)
    regions[:50, :50] = skin
    assert not has_face(regions)  # a hand, a wall
    regions[10:14, 10:40] = eyes
    assert not has_face(regions)
    regions[80:84, 60:90] = mouth
    assert not has_face(regions)  # not in the same place
    regions[40:44, 10:40] = mouth
    assert has_face(regions)
    assert not has_face(np.where(regions == skin, 0, regions))
    regions[:50, 50:] = np.fliplr(regions[:50, :50])
    assert has_face(regions)  # two people


@pytest.mark.slow
def test_the_embedded_parser_reaches_its_bar_on_photographs(pocket: Parser, shared_data: Path) -> None:
    folder = shared_data / "celebamask512/val"
    both, either = np.zeros(5), np.zeros(5)
    for path in sorted((folder / "images").iterdir()):
        true = region_map(read_labels(folder / "masks" / f"{path.stem}.png"))
        found = pocket.regions(read_image(path))
        both += [np.count_nonzero((found == k) & (true == k)) for k in range(1, 6)]
        either += [np.count_nonzero((found == k) | (true == k)) for k in range(1, 6)]
    scores = dict(zip(REGION_NAMES, both / either, strict=True))
    assert np.mean(both / either) > 0.78, scores  # measured: 0.810
    assert scores["hair"] > 0.8, scores
