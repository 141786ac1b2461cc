import numpy as np
import pytest

from enhancer.errors import EnhancerError, LabelError
from enhancer.imaging.regions import (
    CELEBAMASK_LABELS,
    HEAD_LABELS,
    OUTSIDE,
    REGION_NAMES,
    REGIONS,
    names_in_id_order,
    region_map,
    region_of_label,
)

# jonathandinu/face-parsing, config.json: id2label, keys as JSON gives them
FACE_PARSING_ID2LABEL: dict[int | str, str] = {
    "0": "background",
    "1": "skin",
    "2": "nose",
    "3": "eye_g",
    "4": "l_eye",
    "5": "r_eye",
    "6": "l_brow",
    "7": "r_brow",
    "8": "l_ear",
    "9": "r_ear",
    "10": "mouth",
    "11": "u_lip",
    "12": "l_lip",
    "13": "hair",
    "14": "hat",
    "15": "ear_r",
    "16": "neck_l",
    "17": "neck",
    "18": "cloth",
}


def region(name):
    return REGION_NAMES.index(name) + 1


def test_there_are_five_regions_and_no_label_is_in_two():
    assert REGION_NAMES == ("skin", "eyes", "nose", "mouth", "hair")
    labels = [label for each in REGIONS for label in each.labels]
    assert len(set(labels)) == len(labels)
    assert not set(labels) & set(OUTSIDE)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("skin", "skin"),
        ("l_eye", "eyes"),
        ("r_eye", "eyes"),
        ("l_brow", "eyes"),
        ("r_brow", "eyes"),
        ("nose", "nose"),
        ("mouth", "mouth"),
        ("u_lip", "mouth"),
        ("l_lip", "mouth"),
        ("hair", "hair"),
    ],
)
def test_celebamask_label_belongs_to_its_region(label, expected):
    assert region_of_label(CELEBAMASK_LABELS)[CELEBAMASK_LABELS.index(label)] == region(expected)


@pytest.mark.parametrize("label", ["background", "eye_g", "l_ear", "r_ear", "ear_r", "neck", "neck_l", "hat", "cloth"])
def test_label_outside_the_face_belongs_to_no_region(label):
    assert region_of_label(CELEBAMASK_LABELS)[CELEBAMASK_LABELS.index(label)] == 0


def test_labels_are_matched_by_name_whatever_their_order():
    names = tuple(reversed(CELEBAMASK_LABELS))
    np.testing.assert_array_equal(region_of_label(names), region_of_label(CELEBAMASK_LABELS)[::-1])


def test_the_large_parser_covers_the_table():
    names = names_in_id_order(FACE_PARSING_ID2LABEL)
    assert names[10] == "mouth"  # as text "10" would come before "2"
    assert set(region_of_label(names)) == {0, 1, 2, 3, 4, 5}


def test_unknown_label_name_is_refused_by_name():
    with pytest.raises(LabelError, match="moustache"):
        region_of_label((*CELEBAMASK_LABELS, "moustache"))


def test_parser_without_hair_is_refused():
    with pytest.raises(LabelError, match="hair"):
        region_of_label([name for name in CELEBAMASK_LABELS if name != "hair"])


def test_celebamask_map_becomes_regions():
    labels = np.arange(19, dtype=np.uint8)[None]
    np.testing.assert_array_equal(region_map(labels)[0], [0, 1, 3, 0, 2, 2, 2, 2, 0, 0, 4, 4, 4, 5, 0, 0, 0, 0, 0])


def test_map_of_an_example_head_becomes_regions(head):
    regions = region_map(head.labels)
    assert regions.dtype == np.uint8
    np.testing.assert_array_equal(regions == region("hair"), head.labels == HEAD_LABELS.index("hair"))
    np.testing.assert_array_equal(regions == 0, np.isin(head.labels, (0, HEAD_LABELS.index("other"))))
    assert set(np.unique(regions)) == {0, 1, 2, 3, 4, 5}


def test_given_names_win_over_guessing():
    labels = np.array([[0, 1, 2, 3, 4, 5, 6]], np.int64)
    names = ("hair", "mouth", "nose", "eyes", "skin", "background", "neck")
    np.testing.assert_array_equal(region_map(labels, names)[0], [5, 4, 3, 2, 1, 0, 0])


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((4, 4), np.float32),
        np.full((4, 4), 19, np.uint8),
        np.full((4, 4), 255, np.uint8),
        np.full((4, 4), -1, np.int16),
    ],
    ids=["colour", "float", "one id too many", "white", "negative"],
)
def test_what_is_no_label_map_is_refused(labels):
    with pytest.raises(LabelError):
        region_map(labels)


def test_label_errors_can_be_caught_with_all_others():
    assert issubclass(LabelError, EnhancerError)
