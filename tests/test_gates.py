"""Gates on an evaluation, and refusals that need no model."""

import pytest

from enhancer.errors import SettingsError
from training.evaluate import EvalConfig
from training.evaluation import summary
from training.gates import Gate, failures, named_values
from training.records import Records

ROWS = [
    {
        "seconds": 1.0 + k, "peak_memory_mib": 100.0 + k, "degraded.psnr": 20.0, "restored.psnr": 23.0 + k,
        "degraded.squeeze": 0.4, "restored.squeeze": 0.5 - 0.2 * k, "colour_error.green": -3.0,
    }
    for k in range(3)
]  # fmt: skip
METRICS = summary(ROWS) | {"missing": {"identity": "No network was named."}}


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("psnr.gain<2.0", False), ("psnr.gain<4.5", True), ("psnr.gain<4", False), ("psnr.gain <= 4", True),
        ("restored.psnr.mean>=24", True), ("degraded.psnr.std>0", False), ("squeeze.relative<0.2", False),
        ("psnr.improved<1", False), ("squeeze.improved<0.97", True), ("colour_error.largest>1", True),
        ("latency.p50>2e0", False), ("memory.peak>.5", True), ("PSNR.mean>24.1", False),
    ],
)  # fmt: skip
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


@pytest.mark.parametrize(
    "text", ["", "psnr.mean", "psnr.mean=2", "psnr.mean<two", "1<2", "psnr.mean<1; import os"]
)
def test_what_is_no_gate_is_refused(text):
    with pytest.raises(SettingsError, match="is not understood"):
        Gate.parse(text)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(
        SettingsError, match=r"Did you mean .*psnr\.mean.*Known are the scores psnr, ssim, .*latency\.p95"
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


def test_an_output_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="is a file"):
        Records(tmp_path / "file", {})


def test_damaged_rows_are_said(tmp_path):
    records = Records(tmp_path / "out", {})
    (tmp_path / "out/rows.jsonl").write_text("nonsense\n")
    with pytest.raises(SettingsError, match=r"rows\.jsonl is damaged"):
        records.read()
