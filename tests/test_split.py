"""Splitting a recording: no two parts have frames near each other, shares are kept, and parts are spread over the recording."""

import itertools

import numpy as np
import pytest

from training.data.split import near_in_order, near_in_view, split_apart


def looking_at_the_middle(degrees, distance=4.0):
    """Positions and directions of cameras on a circle."""
    angles = np.radians(degrees)
    away = np.stack([np.sin(angles), np.zeros_like(angles), np.cos(angles)], 1)
    return distance * away, -away


@pytest.mark.parametrize(
    ("count", "steps", "shares"),
    [
        (40, 1, {"test": 0.05}),
        (40, 1, {"validation": 0.15, "test": 0.2}),
        (600, 5, {"test": 0.05}),
        (600, 5, {"validation": 0.1, "test": 0.1}),
        (33, 0, {"test": 0.3}),
        (400, 30, {"test": 0.05}),
    ],
)
def test_no_two_parts_have_frames_near_each_other(count, steps, shares):
    near = near_in_order(count, steps)
    parts = np.array(split_apart(near, shares))
    apart = (parts[:, None] != parts) & (parts[:, None] != "") & (parts != "")
    assert not (near & apart).any()
    for part, share in shares.items():
        assert (parts == part).mean() == pytest.approx(share, abs=max(0.05, 3 / count))
    assert (parts == "").sum() <= 0.3 * count


def test_single_frames_that_nothing_is_near_are_spread_evenly():
    parts = split_apart(near_in_order(40, 0), {"test": 0.25})
    places = [place for place, part in enumerate(parts) if part == "test"]
    assert set(np.diff(places)) == {4}
    assert parts.count("train") == 30


def test_a_film_keeps_long_blocks_so_that_little_is_left_out():
    parts = split_apart(near_in_order(600, 5), {"test": 0.1})
    changes = sum(one != other for one, other in itertools.pairwise(parts))
    assert parts.count("test") == 60
    assert changes <= 4 * 4  # four blocks, with what is left out on both sides
    assert parts.count("") == changes // 2 * 5


def test_one_frame_at_least_is_kept_aside_and_none_where_none_is_asked_for():
    assert split_apart(near_in_order(9, 0), {"test": 0.05}).count("test") == 1
    assert split_apart(near_in_order(9, 0), {"test": 0.0}) == ["train"] * 9
    assert split_apart(near_in_order(9, 0), {"test": 1.0}) == ["test"] * 9
    assert split_apart(near_in_order(0), {"test": 0.5}) == []


def test_frames_that_are_all_near_stay_together():
    assert split_apart(np.ones((5, 5), bool), {"test": 0.2}) == ["train"] * 5


def test_views_are_near_by_where_they_stand_and_where_they_look():
    positions, directions = looking_at_the_middle(np.array([0.0, 2.0, 6.0, 6.0]))
    positions[3] *= 1.5  # the same way, from further off
    near = near_in_view(positions, directions, np.zeros(3))
    assert near.astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    turned = near_in_view(positions[:2], np.array([directions[0], -directions[1]]), np.zeros(3))
    assert not turned[0, 1]
