"""`python -m enhancer bench`: what it measures, and that it counts operations right."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
import time
import xml.etree.ElementTree as ET

import pytest
import torch

from enhancer.__main__ import main
from enhancer.bench.clock import latencies, peak_of
from enhancer.bench.ledger import ledger
from enhancer.model import EnhancerConfig, SplatEnhancer
from enhancer.model.reference import Reference
from tests.tiny import sd_turbo_on_meta, tiny_model

CPU = torch.device("cpu")


def test_operations_of_the_full_size_model_are_those_published():
    counted = ledger(sd_turbo_on_meta(EnhancerConfig(unet_rank=0, vae_rank=0)), 512)
    assert counted == pytest.approx({"encode": 1.12e12, "unet": 0.80e12, "decode": 2.51e12}, rel=0.02)  # skips: 0.03e12


def test_folding_and_merging_leave_operations_out():
    plain, fast = ledger(tiny_model(), 64), ledger(tiny_model().for_inference(), 64)
    assert all(fast[part] <= plain[part] for part in plain)
    assert fast["unet"] < plain["unet"]


def test_the_reference_restores_as_the_model_but_for_its_prompt():
    reference = Reference(tiny_model())
    assert any(".lora_" in name for name, _ in reference.named_parameters())
    assert reference(torch.zeros(2, 3, 64, 64)).shape == (2, 3, 64, 64)


def test_a_model_without_lora_is_compared_with_one_that_has_it():
    names = [name for name, _ in Reference(SplatEnhancer.from_pretrained()).named_parameters()]
    assert any(".lora_A" in name for name in names)


def test_works_are_timed_in_turn():
    order = []
    works = {"a": lambda: order.append("a"), "b": lambda: (order.append("b"), time.sleep(0.01))}
    taken = latencies(works, CPU, 3)
    assert "".join(order) == "ab" * 4  # once to prepare
    assert taken["a"]["best"] < 0.01 <= taken["b"]["best"] <= taken["b"]["p50"] <= taken["b"]["p95"]


def test_the_peak_is_what_was_taken_on_the_way():
    with peak_of(CPU) as held:
        torch.ones(50 << 18).sum()  # 50 MiB
    assert not held or held[0] == pytest.approx(50, abs=15)


def test_the_command_measures_stages_sizes_and_batches(tiny_checkpoint, tmp_path, capsys):
    out, drawn = tmp_path / "bench.json", tmp_path / "bench.svg"
    flags = [
        "--sizes",
        "64,128",
        "--batches",
        "1,2",
        "--repeats",
        "1",
        "--json",
        str(out),
        "--figure",
        str(drawn),
    ]
    assert main(["bench", "--checkpoint", str(tiny_checkpoint), *flags]) == 0
    found = json.loads(out.read_text())
    assert set(found["stages"]) == {"parse", "degrade", "encode", "unet", "decode", "restore", "score"}
    assert [row["side"] for row in found["sizes"]] == [64, 128]
    assert [row["batch"] for row in found["batches"]] == [1, 2]
    for row in found["sizes"]:
        assert row["times_faster"] == pytest.approx(row["reference"]["p50"] / row["ours"]["p50"])
        assert 0 < row["floor"] < row["ours"]["p50"]
    assert "128x128" in capsys.readouterr().out
    assert ET.fromstring(drawn.read_text()).tag.endswith("svg")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--sizes", "100"], "multiples of 64 pixels, got 100"),
        (["--sizes", "big"], "--sizes takes whole numbers"),
        (["--dtype", "int4"], "no type 'int4'"),
        (["--architecture", "nowhere"], "nowhere must hold unet_config.json"),
        (["--repeats", "0"], "1 or more"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(flags, words, capsys):
    assert main(["bench", *flags]) == 2
    assert words in capsys.readouterr().err
