"""What an evaluation's numbers mean: known values, gates, intervals, identity, the VAE floor, charts."""

# Must precede torchvision.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from enhancer.errors import UnavailableError
from enhancer.imaging.io import composite
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.metrics.network import LpipsNetwork, published_heads
from enhancer.metrics.perceptual import Perceptual
from enhancer.metrics.scores import Scorer
from enhancer.model.enhancer import SplatEnhancer
from enhancer.seeding import rng_for
from tests.loss_networks import lpips_network, vgg16_trunk
from tests.tiny import tiny_model
from training.evaluation import compare
from training.evaluation.compare import interval
from training.evaluation.degradation import Degradation
from training.evaluation.evaluator import (
    Evaluator,
    PictureScorer,
    part_distance,
    vae_round_trip,
    without_adapters,
)
from training.evaluation.fid import frechet_distance, kernel_distance
from training.evaluation.identity import TEMPLATE, Identity, alignment, landmarks
from training.evaluation.samples import LoadedSample
from training.evaluation.summary import chosen, gains, summary
from training.losses.terms import feature_distance
from training.report.charts import Bar, Dot, Series, dumbbells, histogram, nice_step, tick

ROWS = [
    {
        "file": f"{k}.png",
        "seconds": 1.0 + k,
        "processes": 1,
        "peak_memory_mib": 100.0 + k,
        "degraded.psnr": 20.0,
        "restored.psnr": 23.0 + k,
        "degraded.squeeze": 0.4,
        "restored.squeeze": 0.5 - 0.2 * k,
        "colour_error.red": 1.0,
        "colour_error.green": -3.0,
        "colour_error.blue": 0.0,
    }
    for k in range(3)
]
METRICS = summary(ROWS) | {"missing": {"identity": "No network was named."}}


V2 = Degradation("v2", 0, Path("unused"))


def test_a_summary_of_known_rows():
    assert METRICS["rows"]["restored"]["psnr"] == {
        "mean": 24,
        "median": 24,
        "std": pytest.approx(math.sqrt(2 / 3), abs=1e-6),
        "count": 3,
    }
    assert METRICS["gain"]["psnr"]["mean"] == 4
    assert METRICS["gain"]["squeeze"]["mean"] == pytest.approx(0.1)  # lower is better: a fall is a gain
    assert METRICS["gain"]["squeeze"]["relative"] == pytest.approx(0.25)
    assert METRICS["improved"]["squeeze"] == pytest.approx(2 / 3, abs=1e-6)
    assert METRICS["colour_error_levels"] == {"red": 1, "green": -3, "blue": 0, "largest": 3}
    assert METRICS["latency_seconds"] == {"p50": 2, "p95": pytest.approx(2.9), "mean": 2, "processes": [1]}
    assert METRICS["peak_memory_mib"] == 102
    assert METRICS["rows"]["vae_floor"] is None
    assert METRICS["improved"]["eyes.psnr"] is None


def test_gain_is_above_0_where_restoring_is_better_whatever_the_score():
    assert gains(ROWS, "psnr").tolist() == [3, 4, 5]
    assert gains(ROWS, "squeeze") == pytest.approx([-0.1, 0.1, 0.3])


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(compare, "RESAMPLES", 400)
    covered = 0
    for k in range(100):
        low, high = interval(rng_for("test", k).normal(0.3, 1, 40), "psnr")
        covered += low <= 0.3 <= high
    assert 88 <= covered <= 99


def test_the_interval_is_the_same_every_time_and_of_equal_differences_a_point():
    differences = rng_for("test").normal(0, 1, 20)
    assert interval(differences, "psnr") == interval(differences, "psnr")
    assert interval(np.full(5, 0.25), "psnr") == interval(np.full(1, 0.25), "psnr") == (0.25, 0.25)


def test_few_pictures_are_never_both_best_and_worst():
    rows = [row | {"file": f"{k}.png", "restored.psnr": 20 + k} for k, row in enumerate(ROWS * 3)]
    some = chosen(rows)
    best, worst = ({row["file"] for row in some[name]} for name in ("top", "bottom"))
    assert best == {"8.png", "7.png", "6.png", "5.png"}
    assert worst == {"0.png", "1.png", "2.png", "3.png"}
    assert [row["file"] for row in some["typical"]] == ["4.png"]
    assert len(chosen(rows * 4)["top"]) == 8


def test_the_vae_floor_is_the_untouched_base_without_skips(small_head):
    rgb = small_head.image[..., :3] * small_head.image[..., 3:]
    adapted = tiny_model(base="elsewhere")
    plain = tiny_model(vae_rank=0, unet_rank=0)
    state = {
        name.replace(".base_layer.", "."): value
        for name, value in adapted.vae.state_dict().items()
        if ".lora_" not in name
    }
    plain.vae.load_state_dict(state)
    floor = vae_round_trip(without_adapters(adapted.vae), rgb)
    np.testing.assert_array_equal(floor, vae_round_trip(plain.vae, rgb))
    merged = adapted.for_inference()
    assert isinstance(merged, SplatEnhancer)
    assert np.abs(vae_round_trip(merged.vae, rgb) - floor).max() > 1e-3
    assert floor.shape == rgb.shape


def test_a_checkpoint_on_a_base_of_its_own_has_no_floor_but_another_has():
    kinds = {
        base: Evaluator(tiny_model(base=base), V2, no_harm=True, dtype=torch.float32).kinds for base in ("base", "x")
    }
    assert kinds == {
        "base": ("degraded", "restored", "no_harm"),
        "x": ("degraded", "vae_floor", "restored", "no_harm"),
    }


def test_landmarks_are_the_middles_of_the_labels(small_head):
    points = landmarks(small_head.labels)
    assert points is not None
    left, right, nose, mouth = points
    assert left[0] < nose[0] < right[0]
    assert max(left[1], right[1]) < nose[1] < mouth[1]
    assert landmarks(np.where(small_head.labels == 4, 0, small_head.labels)) is None  # no mouth
    celeba = np.zeros((128, 128), np.uint8)
    for place, label in ((20, 5), (60, 4), (40, 2), (80, 12)):
        celeba[place : place + 3, 10 + label : 13 + label] = label
    found = landmarks(celeba)
    assert found is not None
    np.testing.assert_array_equal(found[:2], [(15, 61), (16, 21)])  # by place in the picture, left first


def test_alignment_undoes_a_similarity():
    turn = np.array([[1.2, -0.7], [0.7, 1.2]])
    matrix = alignment(TEMPLATE @ turn.T + (30, -12))
    back = (TEMPLATE @ turn.T + (30, -12)) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(back, TEMPLATE, atol=1e-9)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_face_is_itself_and_less_so_when_turned_dark_on_one_side(small_head, tmp_path):
    class Average(torch.nn.Module):
        def forward(self, faces: torch.Tensor) -> torch.Tensor:
            return faces.mean(3).reshape(1, 8, 14, 8, 14).mean((2, 4)).flatten(1)

    torch.jit.script(Average()).save(str(tmp_path / "net.pt"))
    identity, points = Identity(tmp_path / "net.pt"), landmarks(small_head.labels)
    assert points is not None
    rgb = small_head.image[..., :3].copy()
    ours = identity.embedding(rgb, points)
    rgb[:, 64:] = 0
    assert ours @ ours == pytest.approx(1)
    assert ours @ identity.embedding(rgb, points) < 0.9


def test_a_file_that_is_no_network_is_named(tmp_path):
    (tmp_path / "net.pt").write_text("no")
    with pytest.raises(UnavailableError, match=r"net\.pt is no TorchScript"):
        Identity(tmp_path / "net.pt")


def test_crowds_of_known_distance():
    rng = rng_for("crowds")
    ours, theirs = rng.normal(0, 1, (400, 3)), rng.normal(0, 1, (400, 3))
    assert frechet_distance(ours, ours) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(ours, ours + np.array([3, 0, 0])) == pytest.approx(9)  # means apart by 3, spreads equal
    assert frechet_distance(ours, 2 * ours) == pytest.approx(np.square(ours.mean(0)).sum() + ours.var(0, ddof=1).sum())
    assert abs(kernel_distance(ours, theirs)) < 0.02
    assert kernel_distance(ours, theirs + 1) > 0.5
    covariances = [np.cov(each.T) for each in (ours, 0.5 * theirs)]
    eigenvalues = np.linalg.eigvals(covariances[0] @ covariances[1]).real
    expected = sum(np.trace(each) for each in covariances) - 2 * np.sqrt(eigenvalues).sum()
    expected += np.square(ours.mean(0) - 0.5 * theirs.mean(0)).sum()
    assert frechet_distance(ours, 0.5 * theirs) == pytest.approx(expected)


def test_ms_ssim_where_torchmetrics_is_installed(head):
    pytest.importorskip("torchmetrics")
    evaluator = Evaluator(tiny_model(), V2, no_harm=False, dtype=torch.float32).bring_scores(())
    rgb = composite(head.image)[::2, ::2]
    scorer = PictureScorer(evaluator, LoadedSample(rgb, rgb, head.labels[::2, ::2], {}))
    assert scorer.score(rgb)["ms_ssim"] == pytest.approx(1, abs=1e-5)
    assert 0.5 < (scorer.score(0.8 * rgb)["ms_ssim"] or 0) < 0.999
    assert "ms_ssim" not in PictureScorer(evaluator, LoadedSample(rgb[:128], rgb[:128], head.labels, {})).score(
        rgb[:128]
    )


def test_lpips_of_both_networks_whole_and_by_region(small_head):
    evaluator = Evaluator(tiny_model(), V2, no_harm=False, dtype=torch.float32)
    vgg = LpipsNetwork("vgg", vgg16_trunk(), published_heads("vgg"))
    evaluator.perceptuals = {"lpips_alex": Perceptual(lpips_network()), "lpips_vgg": Perceptual(vgg)}
    rgb = composite(small_head.image)
    eyes = (small_head.labels == 2).astype(np.float32)
    scorer = PictureScorer(evaluator, LoadedSample(rgb, rgb, small_head.labels, {"eyes": eyes}))
    worse = scorer.score(np.where(eyes[..., None] > 0, 0.5, rgb).astype(np.float32))
    for key in ("lpips_alex", "lpips_vgg"):
        assert scorer.score(rgb)[f"eyes.{key}"] == scorer.score(rgb)[key] == 0
        assert (worse[f"eyes.{key}"] or 0) > (worse[key] or 0) > 0


def test_an_evaluation_and_the_library_give_the_same_scores(small_head):
    evaluator = Evaluator(tiny_model(), V2, no_harm=False, dtype=torch.float32)
    evaluator.perceptuals = {"lpips_alex": Perceptual(lpips_network())}
    clean, masks = composite(small_head.image), soft_masks(region_map(small_head.labels))
    worse = np.clip(clean + rng_for("noise").normal(0, 0.1, clean.shape), 0, 1).astype(np.float32)
    columns = PictureScorer(evaluator, LoadedSample(clean, clean, small_head.labels, masks)).score(worse)
    scores = Scorer(perceptual=Perceptual(lpips_network())).score(worse, clean, masks)
    expected = {key: scores[key] for key in ("psnr", "ssim", "lpips")} | {
        f"{part}.{key}": value for part, found in scores["regions"].items() for key, value in (found or {}).items()
    }
    assert {name.replace("lpips_alex", "lpips"): value for name, value in columns.items()} == {
        name: round(value, 6) for name, value in expected.items()
    }
    assert len(columns) > 9


def test_the_distance_under_a_mask_of_everything_is_the_whole_distance():
    draw = torch.Generator().manual_seed(0)
    ours, theirs = ([torch.rand(1, 4, 32 // k, 32 // k, generator=draw) for k in (1, 2, 4)] for _ in range(2))
    whole = float(feature_distance(ours, theirs))
    assert part_distance(ours, theirs, np.ones((64, 64), np.float32)) == pytest.approx(whole, rel=1e-5)
    half = np.zeros((64, 64), np.float32)
    half[:, 32:] = 1
    for a, b in zip(ours, theirs, strict=True):
        a[..., : a.shape[-1] // 2] = b[..., : b.shape[-1] // 2]
    right = part_distance(ours, theirs, half)
    assert part_distance(ours, theirs, 1 - half) == pytest.approx(0, abs=1e-9)
    assert right == pytest.approx(2 * float(feature_distance(ours, theirs)), rel=1e-5)


def test_a_histogram_counts_every_picture_once():
    values = rng_for("histogram").normal(3, 2, 200).tolist()
    chart = histogram("Gain", [Series("Pictures", "after", values)], "dB", 2, through_zero=True)
    bars = [mark for mark in chart.marks if isinstance(mark, Bar)]
    counted = [(bar.style, *re.fullmatch(r"Pictures: (\d+) with (\S+) to .* dB", bar.title).groups()) for bar in bars]
    assert sum(int(count) for _, count, _ in counted) == 200
    assert all((style == "harm") == low.startswith("−") for style, _, low in counted)
    one = histogram("Gain", [Series("Pictures", "after", [1.0, 1.0])], "dB", 2, through_zero=True)
    assert "harm" not in {mark.style for mark in one.marks}


def test_a_dumbbell_that_got_worse_is_marked():
    def harmed(chart):
        return [mark.style for mark in chart.marks if isinstance(mark, Dot)].count("harm")

    rows = [("skin", 0.2, 0.1), ("eyes", 0.2, 0.3)]
    assert harmed(dumbbells("SqueezeNet", rows, "", 3, higher=False)) == 1
    assert harmed(dumbbells("PSNR", [("skin", 20.0, 21.0)], "dB", 2, higher=True)) == 0


def test_ticks_are_round_numbers_with_no_more_digits_than_needed():
    assert [nice_step(span, 5) for span in (1, 7, 12, 0.9)] == pytest.approx([0.2, 2, 2.5, 0.2])
    assert [tick(value, step) for value, step in ((2.5, 2.5), (0.25, 0.25), (-4, 2), (-0.0, 1), (0.3, 0.1))] == [
        "2.5",
        "0.25",
        "−4",
        "0",
        "0.3",
    ]
