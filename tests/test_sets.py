"""Evaluations of several named sets: read from TOML, each in a folder of its own, side by side at the end."""

import json

import pytest

from enhancer.errors import SettingsError
from training import evaluate
from training.evaluate import EvalConfig
from training.evaluation import named_sets
from training.evaluation.gates import Gate, failures_of_sets
from training.evaluation.sets_folder import SETS

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
