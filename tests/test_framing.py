"""Photographs of any size and kind become face crops with honest label maps."""

import cv2
import numpy as np
import pytest
from PIL import Image

from enhancer.errors import ImageError, LabelError
from enhancer.imaging.io import composite, write_png
from enhancer.imaging.regions import HEAD_LABELS, region_map
from training.data.crop import face_crop, prepare
from training.data.photographs import Photograph, find_photographs

OTHER = HEAD_LABELS.index("other")


class FakeParser:
    """Answers with one label map to every picture of its proportions, and sees nothing in others."""

    name = "fake"

    def __init__(self, answer: np.ndarray) -> None:
        self.answer = answer
        self.asked = []

    def labels(self, rgb):
        self.asked.append(rgb.shape[:2])
        height, width = rgb.shape[:2]
        if abs(height / width - self.answer.shape[0] / self.answer.shape[1]) > 0.01:
            return np.zeros((height, width), np.uint8)
        return cv2.resize(self.answer, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


@pytest.fixture
def beside(small_head):
    """A 384x256 label map with a small head at the lower right."""
    labels = np.zeros((256, 384), np.uint8)
    labels[100:228, 240:368] = small_head.labels
    return labels


def photograph(tmp_path, image, **partners):
    write_png(image, tmp_path / "photo.png")
    return Photograph("photo", tmp_path / "photo.png", **partners)


def test_an_aligned_face_keeps_its_pixels_and_is_parsed_once(head, tmp_path):
    parser = FakeParser(head.labels)
    image = composite(head.image)
    done = prepare(photograph(tmp_path, image), parser, 512, 256)
    assert np.abs(done.image - image).max() <= 0.5001 / 255
    np.testing.assert_array_equal(done.labels, head.labels)
    assert parser.asked == [(512, 512)]
    assert done.face
    assert done.crop == (0, 0, 1, 1)


def test_the_crop_lies_round_the_face(beside):
    left, top, side = face_crop(beside, beside.shape)
    assert 110 < side < 200
    assert left > 180
    assert top + side <= 256
    rows, columns = np.nonzero(np.isin(region_map(beside), (2, 3, 4)))
    assert left < columns.min() < columns.max() < left + side
    assert top < rows.min() < rows.max() < top + side
    assert face_crop(beside, (512, 768)) == pytest.approx((2 * left, 2 * top, 2 * side), abs=2)


def test_without_a_face_the_crop_is_the_middle():
    assert face_crop(None, (200, 500)) == (150, 0, 200)
    assert face_crop(np.zeros((200, 500), np.uint8), (200, 500)) == (150, 0, 200)


def test_a_larger_picture_is_cut_from_its_own_pixels(beside, tmp_path):
    stripes = np.zeros((1600, 2400, 3), np.uint8)
    stripes[:, ::2] = 255  # one px wide in the file: scaled to 2048 px they would be grey
    Image.fromarray(stripes).save(tmp_path / "large.png")
    crop = face_crop(beside, (1366, 2048))
    done = prepare(Photograph("large", tmp_path / "large.png"), FakeParser(beside), round(crop[2] * 2400 / 2048), 64)
    assert done.image[..., 0].std() > 0.2
    left, top, right, bottom = done.crop
    assert (right - left) * 2400 == pytest.approx((bottom - top) * 1600, abs=3)


def test_a_face_of_too_few_pixels_is_refused_by_name(beside, tmp_path):
    image = np.zeros((*beside.shape, 3), np.float32)
    with pytest.raises(ImageError, match=r"photo\.png: its crop is only \d+ pixels wide, less than 250"):
        prepare(photograph(tmp_path, image), FakeParser(beside), 256, 250)


def test_alpha_says_who_is_the_person(head, tmp_path):
    labels = np.where(head.labels == OTHER, 0, head.labels)  # a parser that saw no neck and some hair in thin air
    labels[:20, :20] = HEAD_LABELS.index("hair")
    done = prepare(photograph(tmp_path, head.image), FakeParser(labels), 512, 256)
    alpha = head.image[..., 3]
    assert not done.labels[alpha < 0.49].any()
    assert done.labels[alpha > 0.51].all()
    np.testing.assert_array_equal(done.image[..., 3], alpha)


def test_given_label_maps_may_be_smaller_but_not_of_another_shape(head, tmp_path):
    Image.fromarray(head.labels[::2, ::2].copy()).save(tmp_path / "half.png")
    done = prepare(photograph(tmp_path, head.image, labels=tmp_path / "half.png"), None, 512, 256)
    assert (done.labels == head.labels).mean() > 0.98
    Image.fromarray(head.labels[:256].copy()).save(tmp_path / "half.png")
    with pytest.raises(LabelError, match=r"photo\.png is 512x512 pixels, but its label map half\.png is 512x256"):
        prepare(photograph(tmp_path, head.image, labels=tmp_path / "half.png"), None, 512, 256)


def test_without_parser_and_label_map_a_photograph_is_refused(head, tmp_path):
    with pytest.raises(LabelError, match=r"photo\.png has no label map"):
        prepare(photograph(tmp_path, head.image), None, 512, 256)


def test_label_maps_beside_pictures_are_no_photographs(root):
    found, problems, _ = find_photographs(root / "examples/heads")
    assert problems == []
    assert len(found) == len(list((root / "examples/heads").glob("head_??.png")))
    assert all(each.labels.name == f"{each.name}_labels.png" for each in found)


def test_hidden_files_and_our_own_output_are_no_photographs(small_head, tmp_path):
    for name in ("a", ".hidden", "out/train/images/b", "deep/c"):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(small_head.image, path)
    found, *_ = find_photographs(tmp_path, leave_out=tmp_path / "out")
    assert [each.name for each in found] == ["a", "deep_c"]


def test_upright_and_true_colours_from_a_camera_file(tmp_path):
    picture = Image.new("RGB", (3000, 2200), (200, 30, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    picture.paste((20, 200, 40), (0, 0, 3000, 1100))
    picture.save(tmp_path / "camera.jpg", exif=exif, quality=95)
    done = prepare(Photograph("camera", tmp_path / "camera.jpg"), FakeParser(np.zeros((9, 1), np.uint8)), 256, 128)
    assert done.crop == pytest.approx((0, 2 / 15, 1, 13 / 15), abs=1e-3)  # upright it is 2200x3000
    assert done.image[128, 20, 0] > 0.7  # what was at the bottom is now at the left
    assert done.image[128, 235, 1] > 0.7


def test_the_embedded_parser_tells_person_from_background(head):
    from enhancer.parser import Parser

    parser = Parser.from_pretrained("pocket")
    rgb = composite(head.image)
    labels, regions = parser.labels(rgb), parser.regions(rgb)
    assert (np.where(labels == OTHER, 0, labels) == regions).mean() > 0.9999
    person = head.image[..., 3] > 0.5
    assert ((labels != 0) == person).mean() > 0.93
