"""The evaluation program: its folder, going on after a stop, its gates' exit code, and refusals that name the culprit."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enhancer.errors import (
    CheckpointError,
    EnhancerError,
    ImageError,
    SettingsError,
    UnavailableError,
)
from enhancer.hub import Resolved
from enhancer.imaging.io import composite, write_png
from tests.tiny import tiny_model
from training import evaluate
from training.evaluate import EvalConfig
from training.evaluation.evaluator import Evaluator
from training.evaluation.gates import Gate, failures
from training.evaluation.metrics import COLUMNS, KINDS


@pytest.fixture(scope="module")
def faces(small_head, tmp_path_factory) -> Path:
    """A folder with three pictures and their label maps; the first has alpha."""
    folder = tmp_path_factory.mktemp("faces")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    mirrored, labels = composite(small_head.image)[:, ::-1], small_head.labels
    pictures = {
        "a": (small_head.image, labels),
        "b": (mirrored, labels[:, ::-1]),
        "c": (0.5 * mirrored, labels[:, ::-1]),
    }
    for name, (image, ids) in pictures.items():
        write_png(image, folder / f"images/{name}.png")
        Image.fromarray(ids.copy()).save(folder / f"masks/{name}.png")
    return folder


@pytest.fixture
def config(faces, tiny_checkpoint, tmp_path) -> EvalConfig:
    return EvalConfig(
        data_dir=str(faces),
        checkpoint=str(tiny_checkpoint),
        output_dir=str(tmp_path / "evaluation"),
        lpips_nets="",
        device="cpu",
    )


@pytest.fixture(scope="module")
def finished(faces, tiny_checkpoint, squeeze, tmp_path_factory) -> tuple[Path, dict]:
    """A finished evaluation: its folder and its metrics."""
    folder = tmp_path_factory.mktemp("finished") / "evaluation"
    config = EvalConfig(
        data_dir=str(faces),
        checkpoint=str(tiny_checkpoint),
        output_dir=str(folder),
        lpips_nets="",
        perceptual_weights=str(squeeze),
        device="cpu",
    )
    return folder, evaluate.main(config)


def test_metrics_hold_the_rows_of_the_schema(finished):
    folder, metrics = finished
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert set(metrics) == {
        "schema",
        "program",
        "checkpoint",
        "settings",
        "data",
        "machine",
        "rows",
        "gain",
        "improved",
        "colour_error_levels",
        "latency_seconds",
        "peak_memory_mib",
        "fid",
        "kid",
        "missing",
        "partial",
        "work_seconds",
    }
    assert (metrics["schema"], metrics["checkpoint"]["name"]) == (4, "tiny")
    assert set(metrics["rows"]) == set(KINDS)
    assert metrics["data"]["scored"] == metrics["rows"]["restored"]["psnr"]["count"] == 3
    assert metrics["rows"]["vae_floor"] is None
    assert "trained together with its skips" in metrics["missing"]["vae_floor"]
    assert metrics["machine"]["device"] == "cpu"


def test_the_foreground_is_scored_of_pictures_with_alpha_only(finished):
    _, metrics = finished
    assert metrics["rows"]["degraded"]["foreground.psnr"]["count"] == 1
    foreground, whole = (metrics["rows"]["degraded"][name]["mean"] for name in ("foreground.psnr", "psnr"))
    assert foreground < whole  # the white background is not degraded


def test_the_table_of_pictures_has_a_line_for_each(finished):
    folder, metrics = finished
    rows = list(csv.DictReader((folder / "images.csv").read_text().splitlines()))
    assert [row["file"] for row in rows] == ["a.png", "b.png", "c.png"]
    mean = np.mean([float(row["restored.psnr"]) for row in rows])
    assert metrics["rows"]["restored"]["psnr"]["mean"] == pytest.approx(mean, abs=1e-5)
    assert "restored.lpips_vgg" not in rows[0]
    assert rows[1]["restored.foreground.psnr"] == ""


def test_the_report_asks_for_nothing_from_elsewhere(finished):
    folder, _ = finished
    page = (folder / "report.html").read_text()
    assert set(re.findall(r'(?:src|href)="([^"]{0,11})', page)) == {"data:,", "data:image/"}
    assert not re.search(r"https?:|url\(|@import", page)
    assert page.count('<figure class="triplet') == 3  # typical, best, worst
    assert "a.png" in page
    assert "gains" in page or "loses" in page


def test_the_sheets_show_the_pictures_at_their_pixels(finished):
    folder, _ = finished
    sheet = np.asarray(Image.open(folder / "sheet_first.png"))
    clean = np.asarray(Image.open(next((folder / "pictures").glob("a-*.clean.png"))))
    windows = np.lib.stride_tricks.sliding_window_view(sheet[..., 1], (1, 128))
    assert (windows == clean[64, :, 1]).all(axis=(2, 3)).any()


def test_the_same_command_again_judges_nothing_anew(finished, faces, tiny_checkpoint, squeeze, monkeypatch):
    folder, metrics = finished
    monkeypatch.setattr(Evaluator, "row", lambda *_: pytest.fail("judged again"))
    again = EvalConfig(
        data_dir=str(faces),
        checkpoint=str(tiny_checkpoint),
        output_dir=str(folder),
        lpips_nets="",
        perceptual_weights=str(squeeze),
        device="cpu",
    )
    assert evaluate.main(again) == metrics


def test_stopped_half_way_it_keeps_what_is_done_and_goes_on(config, monkeypatch, capsys):
    flags = [f"--data_dir={config.data_dir}", f"--checkpoint={config.checkpoint}"]
    flags += [f"--output_dir={config.output_dir}", "--lpips_nets=", "--device=cpu"]
    judged = []
    evaluator = Evaluator.row

    def stop_at_the_second(self, name, loaded):
        judged.append(name)
        if len(judged) == 2:
            raise KeyboardInterrupt
        return evaluator(self, name, loaded)

    monkeypatch.setattr(Evaluator, "row", stop_at_the_second)
    assert evaluate.command(flags) == 130
    rows = Path(config.output_dir) / "rows.jsonl"
    assert [json.loads(line)["file"] for line in rows.read_text().splitlines()] == ["a.png"]
    assert "goes on from here" in capsys.readouterr().err
    rows.write_text(rows.read_text() + '{"file": "b.png", "degra')  # as a kill leaves it
    assert evaluate.command(flags) == 0
    assert judged == ["a.png", "b.png", "b.png", "c.png"]
    assert len(rows.read_text().splitlines()) == 3


def test_another_setting_in_the_same_folder_is_refused_by_name(config):
    one = replace(config, limit=1)
    evaluate.main(one)
    with pytest.raises(SettingsError, match=r"seed was 0 and is now 7.*--overwrite"):
        evaluate.main(replace(one, seed=7))
    assert evaluate.main(replace(one, seed=7, overwrite=True))["settings"]["seed"] == 7


def test_another_checkpoint_of_the_same_name_is_noticed(config, tmp_path):
    one = replace(config, limit=1)
    evaluate.main(one)
    tiny_model(seed=1).save_pretrained(tmp_path / "other")
    with pytest.raises(SettingsError, match=r"checkpoint was 'tiny [0-9a-f]{16}' and is now 'tiny"):
        evaluate.main(replace(one, checkpoint=str(tmp_path / "other")))


def test_a_gate_that_fires_is_exit_code_1(finished, faces, tiny_checkpoint, squeeze, capsys):
    folder, _ = finished
    flags = ["--data_dir", str(faces), "--checkpoint", str(tiny_checkpoint), "--output_dir", str(folder)]
    flags += ["--lpips_nets", "", "--perceptual_weights", str(squeeze), "--device", "cpu", "--fail_if"]
    assert evaluate.command([*flags, "psnr.mean<0", "squeeze.mean>100"]) == 0
    assert evaluate.command([*flags, "psnr.mean<0", "psnr.mean>0"]) == 1
    assert "FAIL psnr.mean>0: psnr.mean is" in capsys.readouterr().out
    assert evaluate.command([*flags, "lpips.mean>0.21"]) == 1
    assert "there is no lpips_alex.mean, so this gate cannot pass. Not asked for" in capsys.readouterr().out
    assert evaluate.command([*flags, "beauty>1"]) == 2


def test_two_evaluations_are_compared_picture_by_picture(finished, tmp_path, capsys):
    folder, _ = finished
    assert evaluate.command(["--compare", str(folder), str(folder), "--output_dir", str(tmp_path / "ab")]) == 0
    result = json.loads((tmp_path / "ab/comparison.json").read_text())
    assert result["scores"]["psnr"]["interval"] == [0, 0]
    assert result["scores"]["psnr"]["better"] is None
    assert "not certain" in capsys.readouterr().out
    assert len((tmp_path / "ab/comparison.csv").read_text().splitlines()) == 4
    page = (tmp_path / "ab/comparison.html").read_text()
    assert "A and B cannot be told apart" in page
    assert set(re.findall(r'(?:src|href)="([^"]{0,11})', page)) <= {"data:,", "data:image/"}
    better = (folder / "rows.jsonl").read_text().replace('"restored.psnr": ', '"restored.psnr": 9')
    shutil.copytree(folder, tmp_path / "b")
    (tmp_path / "b/rows.jsonl").write_text(better)
    assert evaluate.command(["--compare", str(folder), str(tmp_path / "b"), "--output_dir", str(tmp_path / "ab")]) == 0
    page = (tmp_path / "ab/comparison.html").read_text()
    assert "<h1>B is better</h1>" in page
    assert page.count('<figure class="triplet four">') == 3


def test_a_name_is_never_markup(finished, tmp_path):
    folder, _ = finished
    shutil.copytree(folder, tmp_path / "b")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["checkpoint"]["name"] = "<i>&{{ 7 }}"
    (tmp_path / "b/metrics.json").write_text(json.dumps(metrics))
    flags = ["--compare", str(folder), str(tmp_path / "b"), "--output_dir", str(tmp_path / "ab")]
    assert evaluate.command(flags) == 0
    page = (tmp_path / "ab/comparison.html").read_text()
    assert "<dd>&lt;i&gt;&amp;{{ 7 }} " in page
    assert "<i>" not in page


def test_a_checkpoint_of_the_hub_is_reported_with_its_commit(config, tiny_checkpoint, monkeypatch):
    found = Resolved(tiny_checkpoint, "user/repo@0123456", "user/repo", "0123456789", "An older copy stands in.")
    monkeypatch.setattr(evaluate, "resolve", lambda _: found)
    about = evaluate.main(replace(config, limit=1, no_harm=False, checkpoint="user/repo"))["checkpoint"]
    assert (about["repo"], about["sha"], about["folder"]) == ("user/repo", "0123456789", None)
    assert "user/repo@0123456789" in (Path(config.output_dir) / "report.html").read_text()


def test_no_harm_can_be_left_out(config):
    metrics = evaluate.main(replace(config, limit=1, no_harm=False))
    assert metrics["rows"]["no_harm"] is None
    assert "Not asked for" in metrics["missing"]["no_harm"]
    assert set(COLUMNS) == set(metrics["gain"])


def test_pictures_of_one_name_in_two_folders_are_told_apart(config, faces, tmp_path):
    shutil.copytree(faces, tmp_path / "more")
    metrics = evaluate.main(replace(config, data_dir=f"{faces},{tmp_path / 'more'}", limit=4, no_harm=False))
    assert metrics["data"] | {"listed": 6, "scored": 4} == metrics["data"]


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_identity_and_fid_by_networks_that_are_named(config, tmp_path):
    class Face(torch.nn.Module):
        def forward(self, faces: torch.Tensor) -> torch.Tensor:
            return faces.mean(3).flatten(1)

    class Crowd(torch.nn.Module):
        def forward(self, pictures: torch.Tensor, return_features: bool = False) -> torch.Tensor:
            return pictures.float().mean((2, 3)) / 255

    torch.jit.script(Face()).save(str(tmp_path / "face.pt"))
    torch.jit.script(Crowd()).save(str(tmp_path / "crowd.pt"))
    named = replace(
        config,
        identity_weights=str(tmp_path / "face.pt"),
        inception_weights=str(tmp_path / "crowd.pt"),
        limit=2,
    )
    metrics = evaluate.main(named)
    identity = metrics["rows"]["degraded"]["identity"]["mean"]
    assert 0.9 < identity < 1
    assert 0 < metrics["fid"]["degraded"] < 0.1
    assert failures([Gate.parse("fid.restored<0")], metrics) == []
    assert evaluate.main(named)["fid"] == metrics["fid"]  # from what was kept
    assert "FID" in (Path(config.output_dir) / "report.html").read_text()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data_dir": "nowhere"}, ImageError, "nowhere"),
        ({"checkpoint": "nowhere"}, CheckpointError, "nowhere"),
        ({"device": "abacus"}, SettingsError, "--device abacus"),
        ({"perceptual_weights": "no.pth"}, UnavailableError, r"no\.pth"),
        ({"inception_weights": "no.pt"}, UnavailableError, "Inception network no"),
        ({"identity_weights": "no.pt"}, UnavailableError, r"no\.pt"),
        ({"fail_if": ("psnr",)}, SettingsError, "'psnr' is not understood"),
    ],
)
def test_bad_input_is_named(config, changes, error, message):
    with pytest.raises(error, match=message):
        evaluate.main(replace(config, **changes))


def test_a_label_map_of_another_size_is_named(config, faces, tmp_path):
    shutil.copytree(faces, tmp_path / "faces")
    Image.fromarray(np.ones((64, 64), np.uint8)).save(tmp_path / "faces/masks/b.png")
    metrics = evaluate.main(replace(config, data_dir=str(tmp_path / "faces"), no_harm=False))
    assert "b.png is 64x64 pixels, its picture b.png 128x128" in metrics["data"]["left_out"]["b.png"]
    assert metrics["data"]["scored"] == 2


def test_a_broken_checkpoint_is_said_with_the_picture(config, monkeypatch):
    broken = (np.full((128, 128, 3), np.nan, np.float32), 0.1)
    monkeypatch.setattr(Evaluator, "restore", lambda *_: broken)
    with pytest.raises(EnhancerError, match=r"Restored of a\.png is not a number"):
        evaluate.main(config)
