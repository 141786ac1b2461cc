"""Training: the same batches whenever asked for, an exact resume, and refusals that name the culprit."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from enhancer.errors import CheckpointError, EnhancerError, ImageError, SettingsError, UnavailableError
from enhancer.images import composite, write_png
from enhancer.model import load_checkpoint
from training import train
from training.config import TrainConfig, from_flags
from training.data import Pairs, list_faces
from training.objective import TAPS, Objective, SqueezeFeatures, feature_distance, gram_distance
from training.train import learning_rate_factor


@pytest.fixture(scope="module")
def faces(head, tmp_path_factory) -> Path:
    """A folder with two pictures and their label maps."""
    folder = tmp_path_factory.mktemp("faces")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for name, flip in (("a", 1), ("b", -1)):
        write_png(composite(head.image)[::2, ::2][:, ::flip], folder / "images" / f"{name}.png")
        Image.fromarray(head.labels[::2, ::2][:, ::flip].copy()).save(folder / "masks" / f"{name}.png")
    return folder


@pytest.fixture
def config(faces, squeeze, tmp_path) -> TrainConfig:
    return TrainConfig(
        train_data_dir=str(faces), output_dir=str(tmp_path / "run"), train_base=True, perceptual_weights=str(squeeze),
        resolution=64, train_batch_size=1, max_train_steps=4, checkpointing_steps=2, lr_warmup_steps=1,
        learning_rate=1e-3,
    )  # fmt: skip


def weights(config: TrainConfig) -> dict[str, torch.Tensor]:
    """All tensors of the run's checkpoint."""
    out = {}
    for path in sorted((Path(config.output_dir) / "checkpoint").rglob("*.safetensors")):
        out |= {f"{path.parent.name}/{name}": tensor for name, tensor in load_file(path).items()}
    return out


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_same_weights(config, tmp_path, monkeypatch):
    train.main(config)
    other = replace(config, output_dir=str(tmp_path / "interrupted"))
    with monkeypatch.context() as patch:
        patch.setattr(train, "save_checkpoint", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train.main(other)  # stopped after the state of step 2 was written
    assert torch.load(Path(other.output_dir) / "state.pt")["step"] == 2
    train.main(other)
    ours, theirs = weights(config), weights(other)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert load_checkpoint(Path(config.output_dir) / "checkpoint").config.name == "pocket"


def test_a_folder_with_another_run_is_refused_by_what_differs(config):
    Path(config.output_dir).mkdir()
    saved = config.to_json() | {"learning_rate": 0.5}
    (Path(config.output_dir) / "config.json").write_text(json.dumps(saved))
    with pytest.raises(SettingsError, match=r"learning_rate was 0\.5 and is now 0\.001"):
        train.main(config)


def test_ten_losses_in_a_row_that_are_not_finite_stop_the_run(config, monkeypatch):
    monkeypatch.setattr(
        Objective, "__call__", lambda *_: (torch.tensor(float("nan"), requires_grad=True), {})
    )
    monkeypatch.setattr(Pairs, "batch", lambda *_: (torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)))
    with pytest.raises(EnhancerError, match="10 steps in a row were not finite"):
        train.main(replace(config, max_train_steps=20, checkpointing_steps=20))


def test_the_same_step_gives_the_same_batch_and_the_next_another(config):
    first, again = (Pairs(list_faces(config.train_data_dir), config).batch(5) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(Pairs(list_faces(config.train_data_dir), config).batch(7)[1], first[1])


def test_an_epoch_shows_every_picture_once_freshly_degraded(config):
    pairs = Pairs(list_faces(config.train_data_dir), replace(config, plain_background_share=0))
    clean, degraded = pairs.pair(0, 0)
    clean_again, degraded_again = pairs.pair(1, 0)
    np.testing.assert_array_equal(clean, clean_again)
    assert (degraded != degraded_again).mean() > 0.5


def test_on_a_plain_background_the_background_stays_plain_and_equal(config):
    pairs = Pairs(list_faces(config.train_data_dir), replace(config, plain_background_share=1.0))
    clean, degraded = pairs.pair(0, 0)
    np.testing.assert_array_equal(clean[:8, :8], degraded[:8, :8])
    assert np.ptp(clean[:8, :8], axis=(0, 1)).max() == 0


def test_a_picture_without_label_map_is_named(faces, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/lonely.png").write_bytes((faces / "images/a.png").read_bytes())
    with pytest.raises(ImageError, match=r"lonely\.png has no label map"):
        list_faces(str(tmp_path))


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(ImageError, match="No pictures in"):
        list_faces(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_data_dir": ""}, "--train_data_dir"),
        ({"preset": "v9"}, "no preset 'v9'"),
        ({"resolution": 100}, "multiple of 16"),
        ({"crops_per_image": 3, "train_batch_size": 4}, "no multiple of"),
        ({"max_train_steps": 0}, "at least 1"),
    ],
)
def test_bad_settings_fail_before_anything_is_loaded(changes, message):
    with pytest.raises(SettingsError, match=message):
        TrainConfig(**{"train_data_dir": "x"} | changes)


def test_flags_are_the_fields_of_the_dataclass():
    argv = ["--train_data_dir", "faces", "--train_base", "--learning_rate", "0.1"]
    assert from_flags(TrainConfig, argv, "") == TrainConfig(
        train_data_dir="faces", train_base=True, learning_rate=0.1
    )


def test_a_missing_start_or_feature_network_is_named(config):
    with pytest.raises(SettingsError, match="--train_base, or --checkpoint"):
        train.build_model(replace(config, train_base=False))
    with pytest.raises(CheckpointError, match="does not exist"):
        train.build_model(replace(config, checkpoint="nowhere"))
    with pytest.raises(UnavailableError, match=r"nowhere\.pth do not exist"):
        train.build_objective(replace(config, perceptual_weights="nowhere.pth"))


def test_learning_rate_warms_up_and_falls_to_zero(config):
    config = replace(config, max_train_steps=100, lr_warmup_steps=10)
    factors = [learning_rate_factor(step, config) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == 0


def test_distances_are_zero_for_equal_pictures_and_grow_with_harm(squeeze):
    features = SqueezeFeatures(squeeze)
    clean = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    theirs = features(clean)
    assert len(theirs) == len(TAPS)
    for distance in (feature_distance, gram_distance):
        near, far = (distance(features(clean + amount * noise), theirs) for amount in (0.05, 0.5))
        assert distance(theirs, theirs).tolist() == [0.0]
        assert 0 < near < far
        assert near.shape == (1,)
