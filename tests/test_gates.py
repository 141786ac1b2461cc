"""Gates on an evaluation, comparisons of two, and refusals that need no model."""

import json
from pathlib import Path

import pytest

from enhancer.errors import SettingsError
from training.cli import from_flags
from training.evaluate import EvalConfig
from training.evaluation.compare import compare
from training.evaluation.gates import Gate, failures, named_values
from training.evaluation.results import ResultsFolder
from training.evaluation.summary import summary

ROWS = [
    {
        "seconds": 1.0 + k,
        "processes": 1,
        "peak_memory_mib": 100.0 + k,
        "degraded.psnr": 20.0,
        "restored.psnr": 23.0 + k,
        "degraded.squeeze": 0.4,
        "restored.squeeze": 0.5 - 0.2 * k,
        "colour_error.green": -3.0,
    }
    for k in range(3)
]
METRICS = summary(ROWS) | {
    "missing": {"identity": "No network was named."},
    "data": {"scored": 3, "left_out": {"x.png": "It is damaged."}},
}


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("psnr.gain<2.0", False),
        ("psnr.gain<4.5", True),
        ("psnr.gain<4", False),
        ("psnr.gain <= 4", True),
        ("restored.psnr.mean>=24", True),
        ("degraded.psnr.std>0", False),
        ("squeeze.relative<0.2", False),
        ("psnr.improved<1", False),
        ("squeeze.improved<0.97", True),
        ("colour_error.largest>1", True),
        ("latency.p50>2e0", False),
        ("memory.peak>.5", True),
        ("PSNR.mean>24.1", False),
        ("psnr.gain.median<4", False),
        ("psnr.gain.std>0.8", True),
        ("pictures.left_out>0", True),
        ("pictures.scored<3", False),
    ],
)
def test_gates_on_known_rows(text, fires):
    assert bool(failures([Gate.parse(text)], METRICS)) == fires


def test_a_gate_on_nothing_fails_and_says_why():
    assert Gate.parse("identity.mean<0.5").fires(METRICS) == (
        "identity.mean<0.5: there is no identity.mean, so this gate cannot pass. No network was named."
    )
    assert "No picture has it." in str(Gate.parse("eyes.psnr.mean<1").fires(METRICS))


def test_lpips_is_short_for_that_of_alexnet():
    assert Gate.parse("lpips.mean>0.21").name == "lpips_alex.mean"
    assert Gate.parse("degraded.eyes.lpips.mean>0.21").name == "degraded.eyes.lpips_alex.mean"
    assert Gate.parse("lpips_vgg.mean>0.21").name == "lpips_vgg.mean"


@pytest.mark.parametrize("text", ["", "psnr.mean", "psnr.mean=2", "psnr.mean<two", "1<2", "psnr.mean<1; import os"])
def test_what_is_no_gate_is_refused(text):
    with pytest.raises(SettingsError, match="is not understood"):
        Gate.parse(text)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(
        SettingsError,
        match=r"Did you mean .*psnr\.mean.*Known are the scores psnr, ssim, .*skin, eyes, .*latency\.p95.*fid\.restored",
    ):
        Gate.parse("pnsr.mean<1")


def test_every_name_a_gate_knows_can_be_written():
    assert [name for name in named_values({}) if Gate.parse(f"{name}<1").name != name] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_dir": ""}, "--data_dir"),
        ({"preset": "v9"}, "no preset 'v9'"),
        ({"limit": -1}, "--limit"),
        ({"lpips_nets": "alex,squeeze"}, "'squeeze'"),
    ],
)
def test_bad_settings_fail_before_anything_is_loaded(changes, message):
    with pytest.raises(SettingsError, match=message):
        EvalConfig(**{"data_dir": "x"} | changes)


def test_gates_may_follow_one_flag_or_several():
    flags = ["--data_dir", "x", "--fail_if", "psnr.gain<2", "ssim.gain<0", "--fail_if", "latency.p95>2"]
    assert from_flags(EvalConfig, flags, "").fail_if == ("psnr.gain<2", "ssim.gain<0", "latency.p95>2")
    assert from_flags(EvalConfig, ["--data_dir", "x"], "") == EvalConfig(data_dir="x")
    assert from_flags(EvalConfig, ["--compare", "a", "b"], "").compare == ("a", "b")


def test_gates_and_a_comparison_do_not_go_together():
    with pytest.raises(SettingsError, match="not with --compare"):
        EvalConfig(compare=("a", "b"), fail_if=("psnr.gain<2",))


def evaluation(folder: Path, restored: list[float], seed: int = 0, names: str = "abcdefgh") -> Path:
    """A finished evaluation, as far as a comparison reads it."""
    rows = [
        {"file": f"{name}.png", "degraded.psnr": 20.0, "restored.psnr": value, "restored.squeeze": 1 / value}
        for name, value in zip(names, restored, strict=False)
    ]
    folder.mkdir()
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    about = {"settings": {"preset": "v2", "seed": seed}, "checkpoint": {"name": folder.name}}
    (folder / "metrics.json").write_text(json.dumps(about))
    return folder


def test_the_better_of_two_is_named_by_every_score(tmp_path):
    first = evaluation(tmp_path / "first", [23, 24, 25, 26, 24, 25, 23])
    second = evaluation(tmp_path / "second", [24, 25.1, 25.9, 27, 25.2, 25.8, 24, 30])
    result, each = compare(first, second)
    assert result["scores"]["psnr"]["difference"] == pytest.approx(1)
    low, high = result["scores"]["psnr"]["interval"]
    assert 0.8 < low < 1 < high < 1.2
    assert (result["scores"]["psnr"]["better"], result["scores"]["squeeze"]["better"]) == ("B", "B")
    assert result["scores"]["squeeze"]["difference"] < 0
    assert result["scores"]["psnr"]["b_better_share"] == 1
    assert (result["pictures"], result["left_out"]) == (7, ["h.png"])
    assert each[1] == {
        "file": "b.png",
        "psnr.a": 24,
        "psnr.b": 25.1,
        "psnr.difference": pytest.approx(1.1),
        "squeeze.a": 1 / 24,
        "squeeze.b": 1 / 25.1,
        "squeeze.difference": pytest.approx(1 / 25.1 - 1 / 24, abs=1e-6),
    }
    assert compare(second, first)[0]["scores"]["psnr"]["better"] == "A"


def test_what_does_not_compare_is_refused_by_name(tmp_path):
    first = evaluation(tmp_path / "first", [23, 24])
    with pytest.raises(SettingsError, match="seed is 0 in one and 3 in the other"):
        compare(first, evaluation(tmp_path / "seed", [23, 24], seed=3))
    with pytest.raises(SettingsError, match="no picture in common"):
        compare(first, evaluation(tmp_path / "names", [23, 24], names="xy"))
    other = evaluation(tmp_path / "other", [23, 24])
    (other / "rows.jsonl").write_text((other / "rows.jsonl").read_text().replace("20.0", "20.5"))
    with pytest.raises(SettingsError, match=r"a\.png is another picture, or degraded otherwise"):
        compare(first, other)
    with pytest.raises(SettingsError, match="holds no finished evaluation"):
        compare(first, tmp_path)


def test_an_output_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="is a file"):
        ResultsFolder(tmp_path / "file", {}).open()


def test_a_damaged_row_counts_for_nothing(tmp_path):
    records = ResultsFolder(tmp_path / "out", {})
    assert records.open() == {}
    records.append({"file": "a.png"})
    with (tmp_path / "out/rows.jsonl").open("a") as file:
        file.write("nonsense\n")
    records.append({"file": "b.png"})
    assert list(records.open()) == ["a.png", "b.png"]
