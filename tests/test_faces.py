"""Faces: which parse is believed, how they are found in pictures of any size, cut out, restored and pasted back."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage

from enhancer.__main__ import main
from enhancer.comparison import score_table
from enhancer.detection import Found, find
from enhancer.detection.blazeface import EMBEDDED, BlazeFace
from enhancer.errors import UnavailableError
from enhancer.imaging.faces import has_face, is_plausible
from enhancer.imaging.framing import Square, framed, pasted
from enhancer.imaging.io import composite, read_image, read_labels, to_levels, write_png
from enhancer.imaging.regions import REGION_NAMES, region_map
from enhancer.lfs import START
from enhancer.parts import Restorer
from enhancer.results import result_row, status_line
from enhancer.seeding import rng_for
from enhancer.service import DOUBTED, NO_FACE, NO_FACES, Service
from tests.stand_ins import KnownParser, PlainScorer, brighten
from training.data.crop import face_crop

HEADS = sorted(Path("examples/heads").glob("head_??.png"))
SKIN, EYES, NOSE, MOUTH, _ = range(1, 6)
GROUP = [(300, 250, 220), (640, 200, 90), (700, 420, 48)]  # middle across and down, and size of a head, px


@pytest.fixture(scope="module")
def group(head):
    """An RGB picture of 500 x 900 px on coarse noise with the example head three times, as GROUP says."""
    coarse = rng_for(0, "group").random((20, 36, 3), np.float32)
    rgb = cv2.resize(coarse, (900, 500), interpolation=cv2.INTER_LINEAR)
    for x, y, side in GROUP:
        small = cv2.resize(head.image, (side, side), interpolation=cv2.INTER_AREA)
        there = np.s_[y - side // 2 : y - side // 2 + side, x - side // 2 : x - side // 2 + side]
        rgb[there] = composite(small, rgb[there])
    rgb = to_levels(rgb)
    rgb.flags.writeable = False
    return rgb


@pytest.fixture
def service(head):
    return Service(KnownParser(head.labels), Restorer(brighten, "bright"), PlainScorer())


def turned(regions, degrees):
    height, width = regions.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(regions, matrix, (width, height), flags=cv2.INTER_NEAREST)


# --- which parse is believed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", HEADS, ids=lambda path: path.stem)
def test_heads_are_believed_upright_and_turned_but_not_upside_down(root, path):
    regions = region_map(read_labels(root / path.with_name(f"{path.stem}_labels.png")))
    assert all(is_plausible(turned(regions, degrees)) for degrees in (0, -25, 25))
    assert not is_plausible(regions[::-1])
    assert not is_plausible(turned(regions, 90))


def test_a_head_that_is_small_in_the_picture_is_not_believed(head):
    regions = region_map(head.labels)
    small = np.pad(regions[::4, ::4], 192)
    assert has_face(small)
    assert not is_plausible(small)


def test_features_that_are_not_arranged_as_in_a_face_are_not_believed(head):
    """Such as the nose, eyes and mouth that a parser sees in a suit."""
    regions = region_map(head.labels)
    nose = np.zeros_like(regions)
    rows, columns = np.nonzero(regions == NOSE)
    nose[rows, columns + 70] = 1
    aside = np.where(regions == NOSE, SKIN, regions)
    aside = np.where((nose == 1) & (aside == SKIN), NOSE, aside).astype(np.uint8)
    assert has_face(aside)
    assert not is_plausible(aside)
    swapped = np.array([0, SKIN, MOUTH, NOSE, EYES, 5], np.uint8)[regions]
    assert not is_plausible(swapped)
    assert not is_plausible(np.array([0, SKIN, EYES, SKIN, SKIN, 5], np.uint8)[regions])


def test_a_face_beside_more_that_is_none_is_not_believed(head):
    regions = region_map(head.labels)
    wide = np.concatenate([regions, np.zeros_like(regions)], 1)
    assert is_plausible(wide)
    wide[100:300, 600:900] = EYES
    assert not is_plausible(wide)
    assert is_plausible(np.concatenate([regions, regions], 1))


def test_where_the_parse_is_doubted_no_region_is_scored_or_named_and_that_is_said_first(head, service):
    upside_down = Service(
        KnownParser(head.labels[::-1]), Restorer(brighten, "bright", notices=(NO_FACE,)), PlainScorer()
    )
    image = composite(head.image)
    result = upside_down.restore(image, reference=image).noting((NO_FACES,))
    assert result.comparison.is_doubted
    assert result.notes[:2] == (DOUBTED, NO_FACES)
    assert all(not mask.any() for mask in result.comparison.masks.values())
    table = score_table(result.comparison)
    assert "Whole picture" in table
    assert not any(name.capitalize() in table for name in REGION_NAMES)
    believed = service.restore(image, reference=image)
    assert not believed.comparison.is_doubted
    assert "Nose" in score_table(believed.comparison)


def test_a_label_map_that_was_given_is_believed(head, service):
    image = composite(head.image)
    result = service.restore(image, labels=head.labels[::-1])
    assert not result.comparison.is_doubted
    assert result.comparison.masks["nose"].any()


# --- finding -----------------------------------------------------------------------------------------------------


def test_faces_large_and_small_are_found_where_they_are(group):
    faces = find(group)
    assert len(faces) == len(GROUP)
    for (x, y, side), face in zip(GROUP, faces, strict=True):  # the largest first
        assert abs(face.x - x) < 0.15 * side
        assert abs(face.y - y) < 0.2 * side
        assert 0.3 * side < face.side < 0.9 * side


def test_a_face_that_fills_the_picture_is_found(head):
    (face,) = find(composite(head.image))
    square = Found.of(face, head.image.shape).square
    assert square.side > 400


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg", "brick.png"])
def test_where_there_is_no_face_none_is_found(name):
    assert find(read_image(Path(skimage.__file__).parent / "data" / name)[..., :3]) == ()


def test_several_threads_may_look_at_once(group):
    group = group[100:300, 540:740]
    alone = find(group)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(find, [group] * 3)) == [alone] * 3


def test_the_weights_are_those_of_the_notice_and_pointers_are_refused(tmp_path):
    digest = hashlib.sha256(EMBEDDED.read_bytes()).hexdigest()
    assert digest in EMBEDDED.with_name("NOTICE").read_text()
    pointer = tmp_path / "face.tflite"
    pointer.write_bytes(START + b"v1\n")
    with pytest.raises(UnavailableError, match="git lfs pull"):
        BlazeFace(pointer)
    pointer.write_bytes(b"TFL3 no more")
    with pytest.raises(UnavailableError, match=r"face\.tflite cannot be read"):
        BlazeFace(pointer)


# --- cutting out and pasting back --------------------------------------------------------------------------------


def test_a_found_face_is_framed_nearly_as_the_training_frames_it(head):
    small = np.pad(head.labels[::2, ::2], ((100, 300), (300, 100)))
    left, top, side = face_crop(small, small.shape)
    picture = np.full((656, 656, 3), 0.5, np.float32)
    picture[100:356, 300:556] = composite(head.image)[::2, ::2]
    (face,) = find(picture)
    square = Found.of(face, picture.shape).square
    assert np.abs(np.array(square) - (left, top, side)).max() < 0.2 * side


@pytest.mark.parametrize(("x", "y"), [(0, 0), (300, 0), (5, 199), (150, 100)])
def test_a_square_lies_inside_the_picture(x, y):
    square = framed(x, y, 80, (200, 300))
    assert square.side == 112
    assert 0 <= square.left <= 300 - 112
    assert 0 <= square.top <= 200 - 112
    assert framed(x, y, 150, (200, 300)).side == 200


def test_what_is_pasted_fades_out_and_leaves_all_else_and_alpha_alone():
    image = rng_for(1, "paste").random((80, 100, 4), np.float32)
    square = Square(20, 30, 40)
    out = pasted(image, [(square, 1 - square.of(image))])
    outside = np.ones((80, 100), bool)
    square.of(outside)[...] = False
    np.testing.assert_array_equal(out[outside], image[outside])
    np.testing.assert_array_equal(out[..., 3], image[..., 3])
    middle = np.s_[40:60, 30:50]
    np.testing.assert_allclose(out[middle][..., :3], 1 - image[middle][..., :3], atol=1e-6)
    assert np.abs(out[30, 20:60] - image[30, 20:60]).max() < 0.05  # the square's first row


def test_nothing_fades_where_the_picture_itself_ends():
    image = np.zeros((40, 40, 3), np.float32)
    whole = Square(0, 0, 40)
    np.testing.assert_array_equal(pasted(image, [(whole, np.ones_like(image))]), 1)


def test_where_squares_overlap_the_nearer_face_wins():
    image = np.zeros((60, 100, 3), np.float32)
    left, right = Square(0, 0, 60), Square(40, 0, 60)
    patches = [(square, np.full((60, 60, 3), value, np.float32)) for square, value in ((left, 1.0), (right, 0.5))]
    out = pasted(image, patches)
    np.testing.assert_allclose(out[30, [30, 70], 0], [1, 0.5], atol=1e-3)
    assert np.abs(np.diff(out[30, 10:90, 0])).max() < 0.15  # no seam between them
    np.testing.assert_array_equal(out, pasted(image, patches[::-1]))


# --- restoring ---------------------------------------------------------------------------------------------------


def test_each_face_is_restored_and_every_other_pixel_stays(group, service):
    result = service.restore_faces(group)
    assert [found.face for found in result.faces] == list(find(group))
    outside = np.ones(group.shape[:2], bool)
    for found in result.faces:
        found.square.of(outside)[...] = False
        at = round(found.face.y), round(found.face.x)
        np.testing.assert_allclose(result.restored[at], np.minimum(group[at] + 0.1, 1), atol=0.02)
    assert 0.3 < outside.mean() < 0.95
    np.testing.assert_array_equal(result.restored[outside], group[outside])


def test_regions_are_those_of_all_faces(group, service):
    result = service.restore_faces(group, reference=group)
    for found in result.faces:
        assert found.square.of(result.comparison.masks["nose"]).max() > 0.5
    assert result.comparison.scores[1]["regions"].keys() == set(REGION_NAMES)
    row = result_row(result)["faces"]
    left, top, right, bottom = row[0]["box"]
    assert left < GROUP[0][0] < right
    assert top < GROUP[0][1] < bottom
    json.dumps(row)


def test_several_faces_or_a_small_one_are_worth_their_own_restoration(group, head, service):
    assert len(service.faces_apart(group)) == len(GROUP)
    alone = composite(head.image)
    assert not service.faces_apart(alone)
    small = np.full((1024, 1024, 3), 0.5, np.float32)
    small[200:712, 200:712] = alone
    assert service.faces_apart(small)
    assert not service.faces_apart(np.zeros_like(small))


def test_a_result_tells_that_its_faces_were_restored_one_by_one(group, service):
    result = service.restore_faces(group)
    assert result.record.faces
    assert "Faces restored: 3" in status_line(result)
    whole = service.restore(group)
    assert not whole.record.faces
    assert "Faces restored" not in status_line(whole)


def test_alpha_is_kept(group, service):
    clear = np.dstack([group, np.linspace(0, 1, group.shape[1], dtype=np.float32)[None].repeat(500, 0)])
    result = service.restore_faces(to_levels(clear), with_regions=False)
    assert result.faces
    np.testing.assert_array_equal(result.restored[..., 3], to_levels(clear)[..., 3])


def test_without_a_face_the_picture_comes_back_as_it_was(service):
    picture = read_image(Path(skimage.__file__).parent / "data" / "chelsea.png")
    result = service.restore_faces(picture)
    np.testing.assert_array_equal(result.restored, picture)
    assert (result.faces, result.notes) == ((), (NO_FACES,))


@pytest.fixture
def run(service, group, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    write_png(group, tmp_path / "in" / "group.png")
    return lambda *words: main(["restore", "in", *words], load=lambda *_, **__: service)


def test_the_command_line_restores_faces_and_reports_their_boxes(run, service, group, tmp_path, capsys):
    assert run("--faces", "-o", "out", "--json", "r.json") == 0
    np.testing.assert_array_equal(read_image("out/group.png"), service.restore_faces(group).restored)
    (row,) = json.loads((tmp_path / "r.json").read_text())["images"]
    assert [len(found["box"]) for found in row["faces"]] == [4, 4, 4]
    assert "faces: 3" in capsys.readouterr().out
    assert run("-o", "out", "--json", "r.json") == 0  # not taken for done: the settings differ
    assert json.loads((tmp_path / "r.json").read_text())["images"][0]["faces"] is None


@pytest.mark.parametrize("words", [["--degrade"], ["--labels", "in"], ["-o", "clip.mp4"]])
def test_faces_are_refused_beside_what_is_of_one_face_or_of_clips(run, capsys, words):
    assert run("--faces", *words) == 2
    error = capsys.readouterr().err
    assert "--faces" in error
    assert error.count("\n") == 1
