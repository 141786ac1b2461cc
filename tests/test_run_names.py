"""A trained checkpoint is called after its run, or after the repository it came from: not after what it started from."""

# Must precede torchvision.
import enhancer.torchvision_stub

# isort: split
from dataclasses import replace
from pathlib import Path

import pytest

import enhancer.__main__
from enhancer.hub import Resolved
from enhancer.imaging.io import write_png
from enhancer.model import SplatEnhancer
from enhancer.parts import load_restorer
from training import evaluate, train
from training.config import TrainConfig
from training.loop.build import build_model
from training.publish.card import CardInfo, model_card

pytestmark = pytest.mark.usefixtures("fresh_accelerate")


@pytest.fixture
def anna(train_config, tmp_path) -> TrainConfig:
    """A run from a checkpoint that calls itself tiny."""
    assert SplatEnhancer.from_pretrained(train_config.checkpoint).config.name == "tiny"
    return replace(train_config, output_dir=str(tmp_path / "anna"), max_train_steps=1)


def test_reports_comparisons_cards_and_commands_call_a_checkpoint_after_its_run(
    anna, train_faces, small_head, tmp_path, capsys
):
    train.main(anna)
    for name, checkpoint in (("after", anna.output_dir), ("before", anna.checkpoint)):
        flags = ["--data_dir", str(train_faces), "--checkpoint", checkpoint, "--output_dir", str(tmp_path / name)]
        assert evaluate.command([*flags, "--limit", "1", "--lpips_nets", "", "--no-no_harm"]) == 0
    both = [str(tmp_path / name) for name in ("before", "after")]
    assert evaluate.command(["--compare", *both, "--output_dir", str(tmp_path / "compared")]) == 0
    assert "<h1>anna" in (tmp_path / "after/report.html").read_text()
    assert "tiny and anna compared" in (tmp_path / "compared/comparison.html").read_text()
    assert load_restorer(anna.output_dir, "cpu").name == "anna"
    config = SplatEnhancer.from_pretrained(anna.output_dir).config
    assert "\n# anna\n" in model_card(CardInfo(config, "me/faces"))
    write_png(small_head.image[..., :3], tmp_path / "render.png")
    report = tmp_path / "report.json"
    restore = ["restore", str(tmp_path / "render.png"), "--checkpoint", anna.output_dir, "-o", str(tmp_path / "out")]
    assert enhancer.__main__.main([*restore, "--json", str(report)]) == 0
    assert '"anna"' in report.read_text()
    capsys.readouterr()


@pytest.mark.parametrize("start", ["pocket", "new_pocket"])
def test_whatever_a_run_starts_from_it_has_its_own_name(anna, start):
    assert build_model(replace(anna, checkpoint=start, train_base=True)).config.name == "anna"


def test_a_repository_is_called_by_its_name_and_a_folder_by_its_own():
    assert Resolved(Path("x"), "me/faces@0123456", "me/faces", "0123456789").title("anna") == "me/faces@0123456"
    assert Resolved(Path("runs/anna/best"), "runs/anna").title("anna") == "anna"
