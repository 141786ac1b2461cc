"""The dress rehearsal: the recipe that made the embedded checkpoint, all of it, small enough for a CPU."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from enhancer.imaging.io import read_image, write_png
from enhancer.model import SplatEnhancer, restore
from tests.loss_networks import vgg16_trunk
from tests.runs import assert_same_weights, lines_of
from training import train
from training.cli import from_flags
from training.config import TrainConfig

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


@pytest.fixture
def pairs(train_faces, tmp_path) -> Path:
    """A folder of ready pairs: a picture and the same, paler."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    picture = read_image(train_faces / "images/a.png")
    write_png(picture, folder / "clean.png")
    write_png(0.5 + picture / 2, folder / "pale.png")
    row = {"file_name": "clean.png", "degraded_file_name": "pale.png"}
    (folder / "metadata.jsonl").write_text(json.dumps(row))
    return folder


@pytest.fixture
def small(train_faces, pairs, tmp_path) -> TrainConfig:
    """The recipe as its command line sets it, with fewer and smaller steps; all else as it is."""
    save_file(vgg16_trunk(), tmp_path / "vgg16.safetensors")
    flags = f"""
        --recipe pocket --train_data_dir {train_faces},{pairs} --validation_data_dir {train_faces}
        --output_dir {tmp_path / "whole"} --lpips_trunk {tmp_path / "vgg16.safetensors"}
        --resolution 64 --train_batch_size 4 --crops_per_image 2 --pool_size 4 --phases 4:80:2 --max_train_steps 6
        --lr_warmup_steps 2 --adversarial_start_step 2 --adversarial_ramp_steps 2 --dataloader_num_workers 1
    """
    return from_flags(TrainConfig, flags.split(), "")


def test_the_recipe_goes_through_all_its_phases_resumes_and_gives_a_checkpoint(small, tmp_path, caplog):
    caplog.set_level("INFO", "training")
    train.main(small)
    rows = lines_of(small)
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert ["discriminator" in row for row in rows] == [False, False, True, True, True, True]
    assert ["adversarial" in row for row in rows] == [False, False, False, True, True, True]
    assert "Step 4: from here on batches of 2 crops of 80 px." in caplog.messages
    speed = caplog.messages[-1]
    assert "steps a second" in speed
    for part in ("data", "forward", "perceptual", "adversary", "backward", "update"):
        assert f"{part} " in speed
    model = SplatEnhancer.from_pretrained(Path(small.output_dir) / "best")
    assert sum(parameter.numel() for parameter in model.parameters()) == 6_535_083
    assert np.isfinite(restore(model, np.full((64, 64, 3), 0.5, np.float32))).all()

    stopped = replace(small, output_dir=str(tmp_path / "stopped"))
    train.main(replace(stopped, stop_at_step=5))
    shutil.rmtree(tmp_path / "stopped/best")
    train.main(stopped)
    assert_same_weights(Path(small.output_dir) / "checkpoint-6", tmp_path / "stopped/checkpoint-6")
