"""Evaluations of several named sets: read from TOML, each in a folder of its own, side by side at the end."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import yaml

from enhancer.errors import SettingsError
from enhancer.imaging.io import read_image
from training import evaluate
from training.evaluate import EvalConfig
from training.evaluation import named_sets
from training.evaluation.gates import Gate, failures_of_sets
from training.evaluation.sets_folder import SETS
from training.publish.checkpoint import PushOptions, gather
from training.report import set_tables

FLAGS = EvalConfig.__dataclass_fields__


def written(folder, text):
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.fixture(scope="module")
def evaluated(train_faces, tiny_checkpoint, tmp_path_factory):
    """Two sets of two pictures, and one whose folder is not there."""
    folder = tmp_path_factory.mktemp("several")
    text = (
        '[steps]\npreset = "v2"\n[splats]\npreset = "splat-coarse"\nno_harm = false\n'
        '["a head"]\ndata_dir = "nowhere/test"\n'
    )
    config = EvalConfig(
        data_dir=str(train_faces),
        checkpoint=str(tiny_checkpoint),
        output_dir=str(folder / "out"),
        sets=written(folder, text),
        lpips_nets="alex",
        device="cpu",
    )
    assert evaluate.run(config) == 0
    return config, folder / "out"


def test_sets_stand_side_by_side_at_both_strengths(evaluated):
    _, out = evaluated
    several = json.loads((out / SETS).read_text())
    assert list(several["sets"]) == ["steps", "splats"]
    assert several["left_out"] == {"a head": "There is no folder nowhere/test."}
    for name in several["sets"]:
        metrics = json.loads((out / several["sets"][name]["folder"] / "metrics.json").read_text())
        assert metrics == several["sets"][name]["metrics"]
        assert metrics["partial"]["gain"]["psnr"]["count"] == 2
        assert metrics["settings"]["strength"] == 0.6
    table, page = (out / "sets.md").read_text(), (out / "sets.html").read_text()
    for told in (table, page):
        assert "splats" in told
        assert "a head" in told
    assert "There is no folder nowhere/test." in page  # a card names no folder
    assert "0.6" in table


def test_a_second_time_nothing_is_judged_anew_and_the_reports_are_the_same(evaluated):
    config, out = evaluated
    rows = {path: path.read_bytes() for path in out.rglob("rows.jsonl")}
    table = (out / "sets.md").read_bytes()
    (out / "sets.md").unlink()
    assert evaluate.run(config) == 0
    assert {path: path.read_bytes() for path in rows} == rows
    assert (out / "sets.md").read_bytes() == table


def test_one_preset_of_splats_alone_takes_the_kept_fits(evaluated, train_faces, tiny_checkpoint, tmp_path):
    _, out = evaluated
    cache = out.parent / "degraded"
    kept = sorted(cache.glob("*.png"))
    assert len(kept) == 2
    alone = EvalConfig(
        data_dir=str(train_faces),
        checkpoint=str(tiny_checkpoint),
        output_dir=str(tmp_path / "alone"),
        preset="splat-coarse",
        cache=str(cache),
        lpips_nets="alex",
        no_harm=False,
        device="cpu",
    )
    metrics = evaluate.main(alone)
    assert sorted(cache.glob("*.png")) == kept
    several = json.loads((out / SETS).read_text())
    assert metrics["rows"] == several["sets"]["splats"]["metrics"]["rows"]


def test_a_gate_holds_for_every_set_or_for_the_one_it_names():
    names = ["steps", "splats", "away"]
    metrics = {
        name: {"gain": {"psnr": {"mean": gain}}, "rows": {}, "improved": {}}
        for name, gain in zip(names, (5, -1), strict=False)
    }
    fired = [
        failures_of_sets([Gate.parse(text, names)], metrics, {"away": "There is no folder."})
        for text in ("psnr.gain<0", "splats:psnr.gain<0", "steps:psnr.gain<0", "away:psnr.gain<0")
    ]
    assert [len(each) for each in fired] == [1, 1, 0, 1]
    assert fired[0][0].startswith("splats: psnr.gain<0")
    assert "There is no folder." in fired[3][0]
    with pytest.raises(SettingsError, match="splat"):
        Gate.parse("splat:psnr.gain<0", names)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no set"),
        ("[a", "cannot be read"),
        ('preset = "v2"', "outside of any set"),
        ("[a]\nsteps = 3", "A set knows preset"),
        ('[a]\nseed = "one"', "must be int"),
        ('["Mein Satz"]\n["mein-satz"]', "would share the folder mein-satz"),
        ('["…"]', "needs a name"),
        ('["a:b"]', "without : < > ="),
    ],
)
def test_sets_that_cannot_be_used_are_named(text, said, tmp_path):
    with pytest.raises(SettingsError, match=said):
        named_sets.read_sets(written(tmp_path, text), FLAGS)


def test_sets_that_do_not_exist_are_answered_with_those_that_do():
    with pytest.raises(SettingsError, match="Give standard, or the path"):
        named_sets.read_sets("usual", FLAGS)
    with pytest.raises(SettingsError, match="not with --compare"):
        EvalConfig(compare=("a", "b"), sets="standard")


def test_the_sets_of_the_package_can_be_used():
    for name in named_sets.names():
        for each in named_sets.read_sets(name, FLAGS):
            EvalConfig(data_dir="faces", **{key: value for key, value in each.settings.items() if key != "data_dir"})


@pytest.fixture
def several(evaluated):
    return json.loads((evaluated[1] / SETS).read_text())


def test_what_is_worse_than_doing_nothing_is_marked_and_nothing_else(several):
    for name, gain in (("steps", 1.5), ("splats", -1.5)):
        several["sets"][name]["metrics"]["gain"]["psnr"]["mean"] = gain
        several["sets"][name]["metrics"]["gain"]["ssim"]["mean"] = -0.0001  # not in the digits that are shown
        several["sets"][name]["metrics"]["gain"]["lpips_alex"]["mean"] = 0.1
    first = set_tables.for_card(several).split("Gain over")[0]
    (steps,), (splats,) = (re.findall(rf"^.*\\*{name}\\*.*$", first, re.M) for name in ("steps", "splats"))
    assert "▼" not in steps
    assert splats.count("▼") == 1
    assert re.search(r"→ [0-9.]+ ▼", splats.split("|")[3])


def test_every_line_of_a_table_of_sets_has_as_many_cells_as_its_head(several):
    found = re.findall(r"(?:^\|.*\n)+", set_tables.for_card(several), re.M)
    assert len(found) == 4  # scores, gains, two of regions
    for block in found:
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_the_page_asks_for_nothing_from_elsewhere_and_shows_a_picture_of_each_set(evaluated):
    _, out = evaluated
    page = (out / "sets.html").read_text()
    links = set(re.findall(r'(?:src|href)="([^"]*)', page))
    assert {link for link in links if not link.startswith("data:")} == {"steps/report.html", "splats/report.html"}
    assert not re.search(r"https?:|url\(|@import", page)
    assert page.count('<figure class="triplet') == 2
    assert page.count("s a picture with all its scores") == 2


def test_scores_that_less_than_full_strength_lacks_are_named(several):
    assert set_tables.full_strength_only(several) == []
    for each in several["sets"].values():
        each["metrics"]["gain"]["lpips_vgg"] = each["metrics"]["gain"]["lpips_alex"]
    assert set_tables.full_strength_only(several) == ["lpips_vgg"]
    for each in several["sets"].values():
        each["metrics"]["partial"] = None
    assert set_tables.full_strength_only(several) == []


def test_a_card_shows_the_sets_and_the_hub_tells_them_apart(evaluated, tiny_checkpoint, tmp_path):
    _, out = evaluated
    (tmp_path / "parcel").mkdir()
    gather(tiny_checkpoint, "user/repo", PushOptions(evaluation=out, picture=False), tmp_path / "parcel")
    card = (tmp_path / "parcel/README.md").read_text()
    assert (out / "sets.md").read_text().strip() in card
    assert str(out.parent) not in card
    results = yaml.safe_load(card.split("---\n", 2)[1])["model-index"][0]["results"]
    assert [each["dataset"]["config"] for each in results] == ["steps", "splats"]
    (tmp_path / "other").mkdir()
    one = PushOptions(evaluation=out / "steps", picture=False)
    gather(tiny_checkpoint, "user/repo", one, tmp_path / "other")
    assert "| In part |" in (tmp_path / "other/README.md").read_text()


def test_several_sets_of_other_weights_are_not_taken(evaluated, several, tiny_checkpoint, tmp_path):
    several["checkpoint"]["fingerprint"] = "0"
    (tmp_path / SETS).write_text(json.dumps(several))
    (tmp_path / "parcel").mkdir()
    with pytest.raises(SettingsError, match="is an evaluation of other weights"):
        gather(tiny_checkpoint, "u/r", PushOptions(evaluation=tmp_path, picture=False), tmp_path / "parcel")


def test_two_evaluations_of_several_sets_are_compared_set_by_set(evaluated, tmp_path, capsys):
    _, out = evaluated
    both = EvalConfig(compare=(str(out), str(out)), output_dir=str(tmp_path / "both"))
    assert evaluate.run(both) == 0
    assert sorted(path.parent.name for path in tmp_path.rglob("comparison.html")) == ["splats", "steps"]
    assert capsys.readouterr().out.count("mean of 2") == 2
    flags = ["--compare", str(out), str(out / "steps"), "--output_dir", str(tmp_path / "mixed")]
    assert evaluate.command(flags) == 2
    assert "compare" in capsys.readouterr().err
    assert not (tmp_path / "mixed").exists()


def test_a_set_without_pictures_of_its_own_needs_those_of_the_flags(evaluated):
    config, _ = evaluated
    with pytest.raises(SettingsError, match=r"The set 'steps' of .*give --data_dir"):
        evaluate.plan(replace(config, data_dir=""))


def test_one_set_and_several_do_not_share_a_folder(evaluated, tmp_path):
    config, out = evaluated
    with pytest.raises(SettingsError, match="holds something else"):
        evaluate.run(replace(config, sets=""))
    with pytest.raises(SettingsError, match="holds something else"):
        evaluate.run(replace(config, output_dir=str(out / "steps")))


def test_gates_of_several_sets_have_their_exit_codes(evaluated, capsys):
    config, _ = evaluated
    assert evaluate.run(replace(config, fail_if=("splats:psnr.mean<0",))) == 0
    assert evaluate.run(replace(config, fail_if=("splats:psnr.mean>0",))) == 1
    assert "FAIL splats:psnr.mean>0: psnr.mean is" in capsys.readouterr().out
    assert evaluate.run(replace(config, fail_if=("partial.psnr.gain<99",))) == 1
    assert capsys.readouterr().out.count("FAIL ") == 2


def test_less_than_full_strength_lies_between_what_was_and_what_is(evaluated):
    _, out = evaluated
    rows = [json.loads(line) for line in (out / "steps/rows.jsonl").read_text().splitlines()]
    kept = {
        kind: read_image(min((out / "steps/pictures").glob(f"*.{kind}.png")))
        for kind in ("degraded", "restored", "clean")
    }
    part = kept["degraded"] + 0.6 * (kept["restored"] - kept["degraded"])
    psnr = -10 * np.log10(((part - kept["clean"]) ** 2).mean())
    assert min(abs(row["partial.psnr"] - psnr) for row in rows) < 0.1
