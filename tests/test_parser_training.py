"""Training the parser: the same step sees the same data, a mirrored face keeps its sides, and a stop costs nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enhancer.imaging.regions import CELEBAMASK_LABELS
from enhancer.parser import Parser
from enhancer.seeding import rng_for
from training import train_parser
from training.parser import trainer
from training.parser.data import MIRRORED, Faces, batch, read_faces, varied


@pytest.fixture(scope="module")
def faces_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three coarse patchworks with label maps."""
    folder = tmp_path_factory.mktemp("faces")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    for k in range(3):
        labels = rng_for("labels", k).integers(0, len(CELEBAMASK_LABELS), (8, 8)).astype(np.uint8)
        labels = labels.repeat(16, 0).repeat(16, 1)
        colours = rng_for("colours").integers(0, 256, (len(CELEBAMASK_LABELS), 3)).astype(np.uint8)
        Image.fromarray(colours[labels]).save(folder / "images" / f"{k}.png")
        Image.fromarray(labels).save(folder / "masks" / f"{k}.png")
    return folder


@pytest.fixture(scope="module")
def faces(faces_folder: Path) -> Faces:
    """The three of them, in memory."""
    return read_faces(faces_folder, side=96)


def test_every_picture_is_read(faces: Faces) -> None:
    assert faces.pictures.shape == (3, 96, 96, 3)


def test_labels_stay_where_their_pixels_are_when_a_face_is_read_smaller(faces: Faces) -> None:
    colours = rng_for("colours").integers(0, 256, (len(CELEBAMASK_LABELS), 3)).astype(np.uint8)
    inside = (slice(None), slice(6, None, 12), slice(6, None, 12))  # the middle of each patch, 12 px wide now
    np.testing.assert_array_equal(faces.pictures[inside], colours[faces.labels[inside]])


def test_a_step_sees_the_same_bytes_whatever_came_before(faces: Faces) -> None:
    def drawn(step: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        return batch(faces, np.arange(3), seed=seed, step=step, size=2, side=64)

    first = drawn(5)
    drawn(6)
    again = drawn(5)
    assert [part.tobytes() for part in first] == [part.tobytes() for part in again]
    assert first[0].tobytes() != drawn(6)[0].tobytes()
    assert first[0].tobytes() != drawn(5, seed=1)[0].tobytes()
    assert (first[0].shape, first[1].shape) == ((2, 3, 64, 64), (2, 32, 32))


def test_a_mirrored_left_eye_is_a_right_eye() -> None:
    names = [CELEBAMASK_LABELS[k] for k in MIRRORED[: len(CELEBAMASK_LABELS)]]
    pairs = dict(zip(CELEBAMASK_LABELS, names, strict=True))
    assert {k: v for k, v in pairs.items() if k != v} == {
        "l_eye": "r_eye",
        "r_eye": "l_eye",
        "l_brow": "r_brow",
        "r_brow": "l_brow",
        "l_ear": "r_ear",
        "r_ear": "l_ear",
    }  # "l_lip" is the lower lip and has no partner


def test_a_variant_is_a_picture_with_labels_of_half_its_size(faces: Faces) -> None:
    for k in range(40):  # every kind of variant comes up
        picture, labels = varied(faces.pictures[0], faces.labels[0], 64, rng_for("variant", k))
        assert (picture.shape, picture.dtype, labels.shape) == ((64, 64, 3), np.float32, (32, 32))
        assert 0 <= picture.min() <= picture.max() <= 1
        assert set(np.unique(labels)) <= {*range(len(CELEBAMASK_LABELS)), 255}


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    faces_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders = [str(faces_folder)] * 6
    folders[::2] = ["--human_dir", "--generated_dir", "--val_dir"]
    monkeypatch.setattr(trainer, "SIDES", ((1.0, 64),))

    def train(name: str) -> None:
        settings = ["--max_train_steps=4", "--train_batch_size=2", "--checkpointing_steps=2"]
        monkeypatch.setattr("sys.argv", ["train_parser", *folders, *settings, f"--output_dir={tmp_path / name}"])
        train_parser.main()

    train("whole")
    advance = trainer.ParserTrainer.advance

    def stopped(run: trainer.ParserTrainer, loss: torch.Tensor, rate: float) -> None:
        if run.step == 3:
            raise KeyboardInterrupt
        advance(run, loss, rate)

    monkeypatch.setattr(trainer.ParserTrainer, "advance", stopped)
    with pytest.raises(KeyboardInterrupt):
        train("stopped")
    monkeypatch.setattr(trainer.ParserTrainer, "advance", advance)
    train("stopped")
    whole, resumed = (torch.load(tmp_path / k / "state.pt", weights_only=True) for k in ("whole", "stopped"))
    for name, weight in whole["ema"].items():
        torch.testing.assert_close(weight, resumed["ema"][name], rtol=0, atol=0)
    assert json.loads((tmp_path / "stopped/log.jsonl").read_text())["step"] == 4
    assert Parser.from_pretrained(tmp_path / "stopped/export").regions(np.ones((128, 128, 3))).shape == (
        128,
        128,
    )
