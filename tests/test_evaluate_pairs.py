"""Evaluating ready pairs, bad input on the way, and several processes at one evaluation."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from enhancer.errors import ImageError, SettingsError
from enhancer.imaging.background import over_one_background
from enhancer.imaging.io import composite, read_image, write_png
from enhancer.runtime import resumable
from tests.small_faces import put_face
from training import evaluate
from training.data.folders import find_samples
from training.evaluate import EvalConfig
from training.evaluation import distributed
from training.evaluation.metrics import FOREGROUND
from training.evaluation.samples import load_sample

TOLD_BY_THE_CLOCK = {"seconds", "degrade_seconds", "work_seconds", "peak_memory_mib", "processes"}


@pytest.fixture
def faces(small_head, tmp_path) -> Path:
    """A folder with five photographs and their label maps."""
    for name in "abcde":
        put_face(small_head, tmp_path / "faces", name)
    return tmp_path / "faces"


@pytest.fixture
def pairs(small_head, tmp_path) -> Path:
    """A folder of three ready pairs: one names its label map, one has it in masks/, one has none."""
    folder, rows = tmp_path / "pairs", []
    for name in "pqr":
        put_face(small_head, folder, name)
        clean = read_image(folder / f"images/{name}.png")
        (folder / "degraded").mkdir(exist_ok=True)
        write_png(0.5 * composite(clean) + 0.25, folder / f"degraded/{name}.png")
        rows.append({"file_name": f"images/{name}.png", "degraded_file_name": f"degraded/{name}.png"})
    (folder / "masks/p.png").rename(folder / "regions.png")
    rows[0]["mask_file_name"] = "regions.png"
    (folder / "masks/r.png").unlink()
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def config(faces, tiny_checkpoint, tmp_path) -> EvalConfig:
    return EvalConfig(
        data_dir=str(faces),
        checkpoint=str(tiny_checkpoint),
        output_dir=str(tmp_path / "out"),
        lpips_nets="",
        no_harm=False,
        device="cpu",
    )


def flags(config: EvalConfig) -> list[str]:
    return [
        "--data_dir",
        config.data_dir,
        "--checkpoint",
        config.checkpoint,
        "--output_dir",
        config.output_dir,
        "--lpips_nets",
        "",
        "--no-no_harm",
        "--device",
        "cpu",
    ]


def rows_of(folder: str | Path) -> list[dict]:
    lines = (Path(folder) / "rows.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in TOLD_BY_THE_CLOCK} for line in lines]


def test_ready_pairs_are_scored_over_one_background(config, pairs):
    metrics = evaluate.main(replace(config, data_dir=str(pairs)))
    p, q, r = rows_of(config.output_dir)
    given = [read_image(pairs / folder / "p.png") for folder in ("images", "degraded")]
    clean, degraded = over_one_background(given, (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(degraded[0, 0], clean[0, 0])
    assert p["degraded.psnr"] == pytest.approx(-10 * np.log10(np.square(degraded - clean).mean()), abs=1e-3)
    assert p["degraded.eyes.psnr"] is not None
    assert q["degraded.eyes.psnr"] is not None
    assert r["degraded.eyes.psnr"] is None
    assert r["degraded.foreground.psnr"] is not None
    assert metrics["rows"]["restored"]["eyes.psnr"]["count"] == 2
    assert (metrics["settings"]["preset"], metrics["settings"]["seed"]) == (None, None)
    assert metrics["data"]["ready_pairs"] == 3
    assert "Mean of 3 ready pairs" in (Path(config.output_dir) / "table.md").read_text()


def test_photographs_and_ready_pairs_may_be_mixed(config, faces, pairs):
    metrics = evaluate.main(replace(config, data_dir=f"{faces},{pairs}", limit=6))
    assert [row["file"] for row in rows_of(config.output_dir)] == [f"{name}.png" for name in "abcdep"]
    assert (metrics["data"]["scored"], metrics["data"]["ready_pairs"]) == (6, 1)
    assert metrics["settings"]["preset"] == "v2"
    assert "1 from ready pairs, the others preset v2, seed 0" in (Path(config.output_dir) / "table.md").read_text()


def test_on_a_background_the_person_stands_there_before_anything_is_degraded(config, faces, small_head):
    loaded = load_sample(find_samples(str(faces))[0], (0.0, 0.5, 1.0))
    unseen = small_head.image[:, ::-1, 3] == 0
    assert loaded.image.shape == (128, 128, 3)
    np.testing.assert_array_equal(loaded.clean, loaded.image)
    np.testing.assert_array_equal(loaded.clean[unseen], [[0.0, 0.5, 1.0]] * unseen.sum())
    np.testing.assert_array_equal(loaded.masks[FOREGROUND], small_head.image[:, ::-1, 3])
    metrics = evaluate.main(replace(config, background="#0080ff", limit=1))
    assert metrics["settings"]["background"] == "#0080ff"
    assert "1 picture, preset v2, seed 0, on #0080ff" in (Path(config.output_dir) / "table.md").read_text()


def test_a_photograph_without_alpha_is_cut_out_by_its_label_map(train_faces, small_head):
    loaded = load_sample(find_samples(str(train_faces))[0], (0.0, 0.0, 0.0))
    far = cv2.dilate((small_head.labels != 0).astype(np.uint8), np.ones((5, 5))) == 0
    assert far.any()
    assert loaded.clean[far].max() == 0
    assert 0 < loaded.masks[FOREGROUND].mean() < 1


@pytest.mark.parametrize("background", [None, (0.0, 0.0, 0.0)])
@pytest.mark.parametrize("opaque", ["image", "degraded"])
def test_the_alpha_of_one_picture_of_a_pair_is_that_of_both(pairs, small_head, opaque, background):
    sample = find_samples(str(pairs))[0]
    write_png(small_head.image, sample.image)
    write_png(small_head.image, sample.degraded)
    write_png(composite(small_head.image, (0.16, 0.49, 0.14)), getattr(sample, opaque))
    loaded = load_sample(sample, background)
    expected = composite(small_head.image, background or (1.0, 1.0, 1.0))
    for rgb in (loaded.clean, loaded.degraded):
        np.testing.assert_allclose(rgb, expected, atol=1.5 / 255)
    np.testing.assert_allclose(loaded.masks[FOREGROUND], small_head.image[..., 3], atol=1 / 255)


def test_a_pair_without_alpha_keeps_its_background(pairs, small_head):
    sample = find_samples(str(pairs))[0]
    write_png(composite(small_head.image), sample.image)
    write_png(composite(small_head.image), sample.degraded)
    with pytest.raises(ImageError, match=r"Neither .*p\.png nor .*p\.png has alpha"):
        load_sample(sample, (0.0, 0.0, 0.0))


def test_a_background_that_is_no_colour_is_named():
    with pytest.raises(SettingsError, match="'plaid' is no colour"):
        EvalConfig(data_dir="x", background="plaid")


def test_label_maps_that_are_named_but_missing_are_said(pairs):
    (pairs / "regions.png").unlink()
    with pytest.raises(ImageError, match=r"names files that do not exist: .*regions\.png"):
        find_samples(str(pairs))


def test_a_pair_of_two_sizes_is_named_and_the_others_are_judged(config, pairs, capsys):
    write_png(np.zeros((130, 140, 3), np.float32), pairs / "degraded/q.png")
    config = replace(config, data_dir=str(pairs))
    assert evaluate.command(flags(config)) == 2
    assert len(rows_of(config.output_dir)) == 2
    said = capsys.readouterr().err
    assert "degraded/q.png is 140x130 pixels, its clean picture q.png 128x128" in said
    assert "1 of 3 pictures could not be evaluated: q.png" in said


def test_a_picture_that_cannot_be_read_is_judged_once_it_is_mended(config, faces, monkeypatch, capsys):
    whole = (faces / "images/c.png").read_bytes()
    (faces / "images/c.png").write_bytes(whole[:100])
    assert evaluate.command(flags(config)) == 2
    assert [row["file"] for row in rows_of(config.output_dir)] == ["a.png", "b.png", "d.png", "e.png"]
    metrics = json.loads((Path(config.output_dir) / "metrics.json").read_text())
    assert list(metrics["data"]["left_out"]) == ["c.png"]
    assert "c.png" in (Path(config.output_dir) / "report.html").read_text()
    (faces / "images/c.png").write_bytes(whole)
    judged, evaluator = [], distributed.Evaluator.row
    monkeypatch.setattr(distributed.Evaluator, "row", lambda *args: judged.append(args[1]) or evaluator(*args))
    assert evaluate.command(flags(config)) == 0
    assert judged == ["c.png"]
    assert [row["file"] for row in rows_of(config.output_dir)] == [f"{name}.png" for name in "abcde"]
    assert "error" not in capsys.readouterr().err.splitlines()[-1]


def test_a_picture_that_was_exchanged_is_judged_anew(config, faces):
    before = evaluate.main(replace(config, limit=2))
    write_png(read_image(faces / "images/a.png")[..., :3] * 0.5, faces / "images/a.png")
    after = evaluate.main(replace(config, limit=2))
    assert before["rows"]["degraded"]["psnr"] != after["rows"]["degraded"]["psnr"]


def test_nothing_to_judge_is_one_sentence(config, faces, capsys):
    for path in (faces / "images").glob("*"):
        path.write_bytes(b"no picture")
    assert evaluate.command(flags(config)) == 2
    assert "None of the 5 pictures in" in capsys.readouterr().err


def test_a_folder_that_holds_something_else_is_left_alone(config, faces):
    with pytest.raises(SettingsError, match="holds something else, no evaluation"):
        evaluate.main(replace(config, output_dir=str(faces), overwrite=True))
    assert len(list((faces / "images").glob("*.png"))) == 5


def test_a_full_disk_costs_nothing_that_was_done(config, monkeypatch, capsys):
    append = resumable.append_line

    def full(path: Path, line: str) -> None:
        if '"c.png"' in line:
            with path.open("a") as file:
                file.write(line[:50])  # as a full disk leaves it
            raise SettingsError(f"{path} cannot be written: No space left on device.")
        append(path, line)

    monkeypatch.setattr(resumable, "append_line", full)
    assert evaluate.command(flags(config)) == 2
    assert "No space left" in capsys.readouterr().err
    monkeypatch.undo()
    assert evaluate.command(flags(config)) == 0
    assert [row["file"] for row in rows_of(config.output_dir)] == [f"{name}.png" for name in "abcde"]


def test_every_picture_is_kept_if_asked_for(config):
    evaluate.main(replace(config, keep_pictures=True))
    assert len(list((Path(config.output_dir) / "pictures").glob("*.restored.png"))) == 5
    evaluate.main(config)
    assert len(list((Path(config.output_dir) / "pictures").glob("*.restored.png"))) == 5  # 2 best, 2 worst, typical


@pytest.mark.slow
def test_two_processes_go_on_with_what_one_began_and_say_the_same(config, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as each of two has: sums in another order differ in the last digit
    try:
        alone = evaluate.main(config)
        shared = replace(config, output_dir=str(tmp_path / "shared"))
        evaluate.main(replace(shared, limit=1))
    finally:
        torch.set_num_threads(threads)
    (tmp_path / "shared/rows-2.jsonl").write_text('{"file": "c.png", "degr')  # of a third one, killed
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    launched = subprocess.run(
        [*launcher, "-m", "training.evaluate", *flags(shared)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert launched.returncode == 0, launched.stderr[-3000:]
    assert rows_of(shared.output_dir) == rows_of(config.output_dir)
    assert not list((tmp_path / "shared").glob("rows-*.jsonl"))
    together = json.loads((tmp_path / "shared/metrics.json").read_text())
    for key in ("settings", "data", "rows", "gain", "improved", "colour_error_levels"):
        assert together[key] == alone[key], key
    assert together["latency_seconds"]["processes"] == [1, 2]
    assert launched.stdout.count("Report:") == 1
    assert launched.stderr.count("5/5") >= 1
    shutil.rmtree(shared.output_dir)
