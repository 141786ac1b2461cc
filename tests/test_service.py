"""The service: what is degraded, restored and scored, on a stand-in model that answers at once."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest

from enhancer.comparison import halves, score_table, won_by_region
from enhancer.degrade import STEP_NAMES
from enhancer.errors import CheckpointError, ImageError, LabelError, SettingsError
from enhancer.imaging.blend import Restoration
from enhancer.imaging.io import composite, fill_transparent, read_image, split_alpha, to_pil, write_png
from enhancer.metrics.catalogue import LPIPS, PSNR
from enhancer.parts import Restorer
from enhancer.results import failed_row, result_row, status_line, write_report
from enhancer.service import NO_FACE, Service
from page.i18n.translate import said_in
from tests.stand_ins import KnownParser, brighten


@dataclass
class PlainScorer:
    """Mean squared error under the name of PSNR."""

    lpips_name: str = "LPIPS (fake)"
    lpips_missing: str | None = None

    def prepare(self):
        pass

    def score_each(self, pictures, reference, masks):
        return [self._scored(rgb, reference, masks) for rgb in pictures]

    def _scored(self, rgb, reference, masks):
        def row(mask):
            error = ((rgb - reference) ** 2 * mask[..., None]).sum() / mask.sum()
            return {"psnr": float(error), "ssim": 0.5, "lpips": None if self.lpips_missing else 0.25}

        whole = row(np.ones(rgb.shape[:2]))
        return whole | {"regions": {name: row(mask) if mask.any() else None for name, mask in masks.items()}}


@pytest.fixture
def service(small_head):
    return Service(KnownParser(small_head.labels), Restorer(brighten, "bright"), PlainScorer(), device="cpu")


@pytest.fixture
def opaque(small_head):
    return composite(small_head.image)


def test_same_seed_gives_the_same_pixels(service, opaque):
    one, two, three = (service.degrade(opaque, seed=seed).image for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)


def test_steps_are_the_fourteen_named_ones_and_end_in_the_degraded_picture(service, opaque):
    steps = service.steps(opaque, seed=3)
    assert tuple(name for name, _ in steps) == STEP_NAMES
    np.testing.assert_array_equal(steps[-1][1], service.degrade(opaque, seed=3).image)


def test_the_parsing_step_shows_the_regions(service, opaque):
    (_, clean), (_, parsed), *_ = service.steps(opaque)
    face = service.parser.regions(opaque) > 0
    assert np.abs(parsed - clean)[face].mean() > 0.1
    assert np.abs(parsed - clean)[:8, :8].max() == 0


def test_degrading_first_restores_the_degraded_picture_and_scores_both(service, opaque):
    result = service.restore(opaque, degrade_first=True, seed=3)
    np.testing.assert_array_equal(result.degraded, service.degrade(opaque, seed=3).image)
    np.testing.assert_allclose(result.restored, brighten(result.degraded), atol=1 / 255)
    assert result.comparison.scores[0]["psnr"] == pytest.approx(((result.degraded - opaque) ** 2).sum(2).mean())
    assert result.comparison.scores[1]["psnr"] == pytest.approx(((result.restored - opaque) ** 2).sum(2).mean())
    assert set(result.comparison.scores[1]["regions"]) == {"skin", "eyes", "nose", "mouth", "hair"}
    assert {"parse", "degrade", "restore", "score"} == set(result.timings)
    assert result.seconds == result.timings["restore"]
    assert (result.record.checkpoint, result.device, result.parser) == ("bright", "cpu", "known")


def test_a_result_says_how_it_was_made(service, opaque):
    half = Restoration(0.5, {"hair": 0.25}, background=(1.0, 0.0, 0.0))
    asked = {"degrade_first": True, "seed": 3, "strengths": {"eyes": 0.5}}
    record = service.restore(opaque, restoration=half, **asked).record
    assert (record.checkpoint, record.preset, record.seed) == ("bright", "v2", 3)
    assert (record.strengths, record.strength, record.regions) == ({"eyes": 0.5}, 0.5, {"hair": 0.25})
    assert record.background == "#ff0000"
    assert record.of_degraded == service.degrade(opaque, seed=3, strengths={"eyes": 0.5}).record
    as_it_is = service.restore(opaque, seed=3).record
    assert (as_it_is.preset, as_it_is.seed, as_it_is.of_degraded) == (None, None, None)


def test_splats_degrade_first_too_and_tell_how_far_they_are(service, opaque):
    shares = []
    asked = {"preset": "splat-coarse", "seed": 3}
    result = service.restore(opaque, degrade_first=True, progress=shares.append, **asked)
    np.testing.assert_array_equal(result.degraded, service.degrade(opaque, **asked).image)
    assert shares == sorted(shares)
    assert (shares[-1], len(shares)) == (1, 12)
    assert (result.record.preset, result.record.seed, result.record.strengths) == ("splat-coarse", 3, {})
    assert service.steps(opaque, **asked)[-1][0] == "step 10 of 10 of the fit"
    service.restore(opaque, degrade_first=True, progress=shares.append)
    assert len(shares) == 12  # the 14 steps take no time worth telling


def test_as_it_is_there_is_nothing_to_score_against(service, opaque):
    result = service.restore(opaque)
    assert (result.clean, result.comparison.scores) == (None, None)
    np.testing.assert_array_equal(result.degraded, opaque)


def test_a_reference_scores_a_picture_that_is_degraded_already(service, opaque):
    degraded = service.degrade(opaque, seed=3).image
    with_reference = service.restore(degraded, reference=opaque)
    made_here = service.restore(opaque, degrade_first=True, seed=3)
    assert with_reference.comparison.scores == made_here.comparison.scores
    np.testing.assert_array_equal(with_reference.restored, made_here.restored)


def test_a_saved_picture_scores_as_the_service_said(service, opaque, tmp_path):
    result = service.restore(opaque, degrade_first=True)
    write_png(result.restored, tmp_path / "restored.png")
    saved = read_image(tmp_path / "restored.png")
    np.testing.assert_array_equal(saved, result.restored)


def test_scores_can_wait_until_the_picture_is_shown(service, opaque):
    at_once = service.restore(opaque, degrade_first=True, seed=3)
    shown = service.restore(opaque, degrade_first=True, seed=3, with_scores=False)
    assert shown.comparison.scores is None
    later = service.scored(shown)
    assert later.comparison.scores == at_once.comparison.scores
    np.testing.assert_array_equal(later.restored, at_once.restored)


def test_no_face_is_looked_for_where_nothing_needs_it(service, opaque):
    nobody = replace(service, parser=None)  # fails when it is asked
    alone = nobody.restore(opaque, with_regions=False)
    np.testing.assert_array_equal(alone.restored, service.restore(opaque).restored)
    assert (alone.comparison.masks, alone.parser, alone.notes) == (None, None, ())
    half_the_skin = Restoration(regions={"skin": 0.5})
    for asked in ({"degrade_first": True}, {"reference": opaque}, {"restoration": half_the_skin}):
        assert service.restore(opaque, with_regions=False, **asked).parser == "known"
    with pytest.raises(LabelError, match="label map is 4x4"):  # what is given is checked all the same
        nobody.restore(opaque, with_regions=False, labels=np.zeros((4, 4), np.uint8))


def test_half_the_strength_lies_half_way(service, opaque):
    half = service.restore(opaque, restoration=Restoration(strength=0.5)).restored
    np.testing.assert_allclose(half, (opaque + service.restore(opaque).restored) / 2, atol=1 / 255)


def test_alpha_is_kept_and_the_model_sees_no_background(small_head):
    seen = []

    def look(rgb):
        seen.append(rgb)
        return brighten(rgb)

    service = Service(KnownParser(small_head.labels), Restorer(look, "look"), PlainScorer())
    result = service.restore(small_head.image, restoration=Restoration(background=(0.0, 0.0, 1.0)))
    rgb, alpha = split_alpha(small_head.image)
    np.testing.assert_array_equal(seen[0], fill_transparent(rgb, alpha))
    np.testing.assert_allclose(result.restored[..., 3], alpha, atol=1e-6)
    np.testing.assert_allclose(result.restored[alpha == 1, :3], brighten(rgb[alpha == 1]), atol=1 / 255)


@pytest.mark.parametrize("one_sided", ["picture", "reference"])
def test_alpha_belongs_to_a_picture_and_its_reference(service, small_head, one_sided):
    blue, black = (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)
    alpha = split_alpha(small_head.image)[1]
    degraded = service.degrade(small_head.image).image
    asked = {"labels": small_head.labels, "restoration": Restoration(background=blue)}
    truth = service.restore(degraded, reference=small_head.image, **asked).comparison.flat
    if one_sided == "picture":
        flat = service.restore(degraded, reference=composite(small_head.image, black), **asked).comparison.flat
    else:
        flat = service.restore(composite(degraded, black), reference=small_head.image, **asked).comparison.flat
    np.testing.assert_allclose(flat.clean, truth.clean, atol=1e-6)
    np.testing.assert_allclose(flat.before, truth.before, atol=1e-6)
    for rgb in (flat.clean, flat.before, flat.after):
        np.testing.assert_allclose(rgb[alpha == 0], np.broadcast_to(blue, rgb[alpha == 0].shape), atol=1e-6)


def test_a_grey_picture_stays_grey_unless_asked_otherwise(service, opaque):
    tinted = replace(service, restorer=Restorer(lambda rgb: np.clip(rgb + np.float32([0.1, 0, 0]), 0, 1), "tinted"))
    grey = np.repeat(opaque[..., :1], 3, axis=-1)
    for asked in ({}, {"degrade_first": True}):
        assert np.ptp(tinted.restore(grey, **asked).restored, axis=-1).max() == 0
    coloured = tinted.restore(grey, restoration=Restoration(keep_grey=False))
    assert np.ptp(coloured.restored, axis=-1).max() > 0.09
    assert np.ptp(tinted.restore(opaque).restored, axis=-1).max() > 0.09


def test_pil_pictures_are_taken_too(service, opaque):
    np.testing.assert_array_equal(
        service.restore(to_pil(opaque)).restored, service.restore(read_image_back(opaque)).restored
    )


def read_image_back(image):
    return np.asarray(to_pil(image), np.float32) / 255


def test_a_ready_label_map_goes_before_the_parser(service, opaque, small_head):
    nothing = np.zeros_like(small_head.labels)
    result = service.restore(opaque, degrade_first=True, labels=nothing)
    assert result.parser == "label map"
    assert result.notes == (NO_FACE,)


def test_a_label_map_of_another_size_is_refused(service, opaque, small_head):
    with pytest.raises(LabelError, match=r"label map is 128x64 pixels, but its picture is 128x128"):
        service.degrade(opaque, small_head.labels[:64])


def test_a_reference_of_another_size_is_refused(service, opaque):
    with pytest.raises(ImageError, match=r"reference is 100x128 pixels, but its picture is 128x128"):
        service.restore(opaque, reference=opaque[:, :100])


def test_a_reference_beside_degrading_first_is_refused(service, opaque):
    with pytest.raises(SettingsError, match="Leave out one"):
        service.restore(opaque, degrade_first=True, reference=opaque)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "v9"}, "'v9'"),
        ({"strengths": {"ears": 0.5}}, "'ears'"),
        ({"strengths": {"eyes": 7.0}}, "eyes"),
        ({"seed": 1.5}, "whole number, got 1.5"),
        ({"seed": None}, "whole number, got None"),
    ],
)
def test_settings_that_do_not_exist_are_refused(service, opaque, settings, message):
    with pytest.raises(SettingsError, match=message):
        service.restore(opaque, degrade_first=True, **settings)
    with pytest.raises(SettingsError, match=message):
        service.degrade(opaque, **settings)


def test_no_face_is_said_and_no_reason_to_stop(small_head, opaque):
    service = Service(KnownParser(np.zeros_like(small_head.labels)), Restorer(brighten, "bright"), PlainScorer())
    result = service.restore(opaque, degrade_first=True)
    assert result.notes == (NO_FACE,)
    assert all(scores is None for scores in result.comparison.scores[1]["regions"].values())


def test_what_stands_in_for_something_better_is_said(service, opaque):
    missing = "No LPIPS (fake): the weights are not here."
    restorer = Restorer(brighten, "bright", notices=("Another checkpoint stands in.",))
    poor = replace(service, restorer=restorer, scorer=PlainScorer(lpips_missing=missing))
    poor.parser.notice = "Another parser stands in."
    said = ("Another checkpoint stands in.", "Another parser stands in.")
    assert poor.restore(opaque, degrade_first=True).notes == (*said, missing)
    assert poor.restore(opaque).notes == said


def test_without_a_checkpoint_it_still_degrades(service, opaque):
    bare = replace(service, restorer=None, scorer=None)
    bare.degrade(opaque)
    with pytest.raises(CheckpointError, match="No checkpoint was loaded"):
        bare.restore(opaque)


def test_a_checkpoint_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint folder .*nowhere"):
        Service.load(tmp_path / "nowhere", parser="pocket", lpips_net=None)


def test_many_callers_get_their_own_answers(service, opaque):
    alone = [service.restore(opaque, degrade_first=True, seed=seed).restored for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda seed: service.restore(opaque, degrade_first=True, seed=seed).restored, range(4))
        )
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_inputs_are_left_alone(service, small_head):
    assert not small_head.image.flags.writeable  # a write would raise
    service.restore(small_head.image, degrade_first=True, labels=small_head.labels)


def test_the_report_holds_every_score_and_is_strict_json(service, opaque, tmp_path):
    result = service.restore(opaque, degrade_first=True, seed=3)
    rows = [result_row(result), failed_row(ImageError("It is bad."))]
    write_report(rows, tmp_path / "r.json", "1.2.3")
    report = json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)
    good, bad = report["images"]
    assert (report["schema"], report["version"]) == (1, "1.2.3")
    assert good["scores"]["restored"] == result.comparison.scores[1]
    assert (good["seed"], good["preset"], good["error"], good["lpips_net"]) == (3, "v2", None, "LPIPS (fake)")
    assert set(bad) == set(good)
    assert (bad["error"], bad["scores"], bad["seconds"]) == ("It is bad.", None, None)


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="Out of range"):
        write_report([{"psnr": float("nan")}], path, "1")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def scored(result, before, after):
    """Return it with these scores."""
    return replace(result, comparison=replace(result.comparison, scores=(before, after)))


def test_the_table_never_shows_a_number_that_is_not_there(service, opaque):
    poor = replace(service, scorer=PlainScorer(lpips_missing="No LPIPS."))
    table = score_table(poor.restore(opaque, degrade_first=True).comparison)
    assert "LPIPS" not in table  # a column of nothing; the notes say why
    assert "No scores" in score_table(poor.restore(opaque).comparison)


def test_the_table_says_which_way_is_better(service, opaque):
    compared = service.restore(opaque, degrade_first=True).comparison
    scores = {"psnr": 20.0, "ssim": 0.5, "lpips": 0.4, "regions": {}}
    better = scores | {"psnr": 23.456, "lpips": 0.5}
    table = score_table(replace(compared, scores=(scores, better)))
    assert '<span class="better">▲ 3.46 better</span>' in table
    assert '<span class="same">= 0.000 same</span>' in table
    assert '<span class="worse">▲ 0.100 worse</span>' in table
    assert table.count("too few pixels") == 15


def test_scores_and_times_have_a_comma_in_german(service, opaque):
    result = service.restore(opaque, degrade_first=True)
    before = {"psnr": 20.0, "ssim": 0.5, "lpips": 0.3171, "regions": {}}
    after = before | {"psnr": 24.25, "lpips": 0.2149}
    shown = replace(scored(result, before, after), timings={"restore": 12.34})
    german = said_in("de")
    plain = re.sub("<[^>]*>", "", status_line(shown, german) + score_table(shown.comparison, german))
    for number in ("0,317", "0,215", "+4,2&nbsp;dB", "12,3 s", "20,00", "24,25 dB", "▲ 4,25"):
        assert number in plain
    assert not re.search(r"\d\.\d", plain)


def test_lpips_comes_first_and_the_decibels_after(service, opaque):
    result = service.restore(opaque, degrade_first=True)
    before = {"psnr": 20.0, "ssim": 0.5, "lpips": 0.3171, "regions": {}}
    shown = scored(result, before, before | {"psnr": 24.0, "lpips": 0.2149})
    plain = re.sub("<[^>]*>", "", status_line(shown))
    assert plain.startswith(
        "LPIPS 0.317PSNR&nbsp;20.0&nbsp;dBLPIPS 0.215, 32 % lowercloser to the ground truth · PSNR&nbsp;+4.0&nbsp;dB"
    )
    without = scored(result, before, before | {"psnr": 19.0, "lpips": None})
    assert 'class="lost">PSNR&nbsp;−1.0&nbsp;dB<' in status_line(without)
    worse = scored(result, before, before | {"psnr": 24.0, "lpips": 0.4})
    assert 'class="lost"' in status_line(worse)
    assert "% higher<" in status_line(worse)
    same = re.sub("<[^>]*>", " ", status_line(scored(result, before, before | {"lpips": 0.31705})))
    assert "LPIPS  0.317, same" in same
    assert "lower" not in same
    little = status_line(scored(result, before | {"lpips": 0.4}, before | {"lpips": 0.401}))
    assert "0.401, &lt; 1 % higher" in little
    assert 'class="lost"' in little
    unseen = status_line(scored(result, before | {"lpips": 0.0040}, before | {"lpips": 0.0036}))
    assert "0.004, same" in unseen
    perfect = status_line(scored(result, before | {"lpips": 0.0}, before | {"lpips": 0.2}))
    assert "0.200, higher<" in perfect
    mixed = re.sub("<[^>]*>", "", status_line(scored(result, before, before | {"psnr": 19.96, "lpips": 0.2})))
    assert "closer to the ground truth · PSNR&nbsp;±0.0&nbsp;dB" in mixed
    mixed = re.sub("<[^>]*>", "", status_line(scored(result, before, before | {"psnr": 19.0, "lpips": 0.2})))
    assert "closer by LPIPS · PSNR&nbsp;−1.0&nbsp;dB" in mixed


def test_a_map_says_what_each_region_won(service, opaque):
    result = service.restore(opaque, degrade_first=True)
    before = {"regions": {"skin": {"psnr": 20.0, "lpips": 0.4}, "eyes": None, "nose": {"psnr": 30.0, "lpips": None}}}
    after = {"regions": {"skin": {"psnr": 23.0, "lpips": 0.3}, "eyes": None, "nose": {"psnr": 15.0, "lpips": None}}}
    compared = scored(result, before, after).comparison
    assert won_by_region(compared, PSNR) == {"skin": (0.5, "+3.0"), "nose": (-1.0, "−15.0")}
    assert won_by_region(compared, PSNR, said_in("de"))["skin"].words == "+3,0"
    assert won_by_region(compared, LPIPS) == {"skin": (pytest.approx(0.5), "−25 %")}
    assert won_by_region(replace(compared, scores=None), PSNR) == {}


def test_two_pictures_of_one_view_are_compared_as_a_restoration_with_its_input(service, opaque):
    result = service.restore(opaque, degrade_first=True)
    both = (result.degraded, result.restored)
    compared = service.compare(both, reference=opaque)
    assert (compared.names, compared.scores, compared.notes) == (("A", "B"), None, ())
    scored = compared.scored_by(service.scorer)
    assert scored.scores == result.comparison.scores
    assert compared.scored_by(PlainScorer(lpips_missing="No LPIPS.")).notes == ("No LPIPS.",)
    alone = service.compare(both)
    assert alone.scored_by(service.scorer) is alone
    assert alone.masks["hair"].any()


def test_pictures_that_do_not_go_together_are_not_compared(service, opaque):
    with pytest.raises(ImageError, match="The first picture is 128x128 pixels, the second 64x64"):
        service.compare((opaque, opaque[:64, :64]))
    with pytest.raises(ImageError, match="The reference is 64x64 pixels"):
        service.compare((opaque, opaque), reference=opaque[:64, :64])


def test_what_stands_above_the_scores_of_each_half_is_no_html(service, opaque):
    compared = service.compare((opaque, opaque))
    shown = halves(compared, str, ("<b>.png", "mine"))
    assert "&lt;b&gt;.png" in shown
    assert "PSNR" not in shown
    assert halves(compared, str) == ""
