"""Motion, steadying and flicker scores of clips."""

import struct

import cv2
import numpy as np
import pytest

from enhancer.errors import VideoError
from enhancer.imaging.io import composite, to_bytes
from enhancer.seeding import rng_for
from enhancer.video.metrics import LONGEST_STRIP, flicker, strip, strips
from enhancer.video.motion import REACH, EstimatedMotion, GivenMotion, disagreement, read_flow, resized
from enhancer.video.steady import FINE, steadied

COUNT = 8


class NoMotion:
    """Of a clip that stands still."""

    def flow(self, i, j, frame_i, frame_j):
        return np.zeros((*frame_i.shape[:2], 2), np.float32)


@pytest.fixture(scope="module")
def still(small_head):
    """A head, opaque; far enough from black and white that noise is not cut off."""
    return np.clip(to_bytes(composite(small_head.image)), 40, 215)


@pytest.fixture(scope="module")
def moving(still):
    """The head moving to the right, with noise of its own in each frame."""
    noise = [rng_for(3, t).normal(0, 4, still.shape) for t in range(COUNT)]
    return [np.clip(np.roll(still, 2 * t, 1) + noise[t], 0, 255).astype(np.uint8) for t in range(COUNT)]


def flickering(picture, levels=6):
    """A still clip whose light changes in broad patches from frame to frame."""
    for t in range(COUNT):
        light = cv2.resize(rng_for(5, t).normal(0, levels, (5, 5)), picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        yield np.clip(picture + light[..., None], 0, 255).astype(np.uint8)


def spread(frames):
    """How much pixels change over time, levels."""
    return float(np.stack(frames).astype(np.float32).std(0).mean())


# --- steadying -----------------------------------------------------------------------------------------------------


def test_strength_zero_yields_the_frames_themselves(moving):
    assert all(out is given for out, given in zip(steadied(moving, 0), moving, strict=True))


def test_patches_that_flicker_are_evened_out(still):
    frames = list(flickering(still))
    assert spread(list(steadied(frames))) < 0.7 * spread(frames)


def test_half_the_strength_goes_half_the_way(still):
    frames = [frame.astype(np.float32) for frame in flickering(still)]
    whole, half = (np.stack(list(steadied(list(flickering(still)), strength))) for strength in (1, 0.5))
    np.testing.assert_allclose(half, (np.stack(frames) + whole) / 2, atol=1.01)


def test_the_fine_band_stays_the_frames_own(still):
    noisy = [np.clip(still + rng_for(1, t).normal(0, 5, still.shape), 0, 255).astype(np.uint8) for t in range(COUNT)]

    def bands(frames):
        frames = [frame.astype(np.float32) - still for frame in frames]
        coarse = [cv2.GaussianBlur(frame, (0, 0), 2 * FINE) for frame in frames]
        return np.stack([frame - low for frame, low in zip(frames, coarse, strict=True)]).std(), np.stack(coarse).std()

    (fine, coarse), (fine_before, coarse_before) = bands(list(steadied(noisy, motion=NoMotion()))), bands(noisy)
    assert fine > 0.9 * fine_before
    assert coarse < 0.6 * coarse_before


def test_a_frame_depends_on_two_to_either_side_and_on_no_other(moving):
    other = [frame.copy() for frame in moving]
    other[0][:] = 255 - other[0]
    same = [np.array_equal(a, b) for a, b in zip(steadied(moving), steadied(other), strict=True)]
    assert same[REACH + 1 :] == [True] * (COUNT - REACH - 1)


def test_a_part_of_a_clip_gives_the_same_bytes(moving):
    whole = list(steadied(moving))
    part = list(steadied(moving[1:7], first=1))[REACH:-REACH]
    np.testing.assert_array_equal(part, whole[1 + REACH : 7 - REACH])


def test_frames_that_are_wanted_come_out_as_they_do_among_all(moving):
    whole = list(steadied(moving))
    np.testing.assert_array_equal(
        list(steadied(moving, wanted=lambda t: t in (0, 3, 6))), [whole[t] for t in (0, 3, 6)]
    )


def test_nothing_crosses_a_cut(moving, still):
    before, after = moving[:4], [255 - still] * 3
    np.testing.assert_array_equal(
        list(steadied([*before, *after])), [*steadied(before), *steadied(after, first=len(before))]
    )


def test_alpha_stays_and_what_it_hides_does_not_show(small_head):
    frames = [to_bytes(small_head.image) for _ in range(4)]
    hidden = frames[0][..., 3] == 0
    loud = [frame.copy() for frame in frames]
    for frame in loud:
        frame[hidden, :3] = (255, 0, 255)
    for plain, out in zip(steadied(frames, motion=NoMotion()), steadied(loud, motion=NoMotion()), strict=True):
        np.testing.assert_array_equal(out[..., 3], frames[0][..., 3])
        np.testing.assert_array_equal(out[~hidden], plain[~hidden])


def test_a_single_frame_stays_as_it_is(still):
    np.testing.assert_array_equal(list(steadied([still])), [still])


def test_no_more_frames_than_the_window_are_read_ahead(moving):
    read = 0

    def counted():
        nonlocal read
        for frame in moving:
            read += 1
            yield frame

    next(steadied(counted()))
    assert read == REACH + 1


# --- motion --------------------------------------------------------------------------------------------------------


def test_motion_is_found(head):
    rgb = to_bytes(composite(head.image))
    moved = cv2.warpAffine(rgb, np.float32([[1, 0, 3], [0, 1, -2]]), rgb.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    flow = resized(EstimatedMotion().flow(0, 1, rgb, moved), *rgb.shape[:2])
    face = head.labels > 0
    assert np.abs(np.median(flow[face], 0) - (3, -2)).max() < 0.3


def motion_files(folder, frames, size, flow=(1, 0)):
    for i in range(frames - 1):
        for name, sign in (("forward", 1), ("backward", -1)):
            np.save(folder / f"{name}_{i:06d}.npy", np.full((*size, 2), flow, np.float32) * sign)
    return folder


def test_given_motion_is_put_together_from_neighbours(tmp_path):
    motion = GivenMotion(motion_files(tmp_path, 4, (6, 8)), 4, (6, 8))
    empty = np.zeros((6, 8, 3), np.uint8)
    np.testing.assert_array_equal(motion.flow(1, 3, empty, empty), np.broadcast_to(np.float32([2, 0]), (6, 8, 2)))
    np.testing.assert_array_equal(motion.flow(3, 2, empty, empty), np.broadcast_to(np.float32([-1, 0]), (6, 8, 2)))


def test_middlebury_files_are_read(tmp_path):
    flow = np.arange(24, dtype="<f4").reshape(3, 4, 2)
    path = tmp_path / "a.flo"
    path.write_bytes(struct.pack("<f2i", 202021.25, 4, 3) + flow.tobytes())
    np.testing.assert_array_equal(read_flow(path, (3, 4)), flow)


def test_a_way_back_that_is_not_given_is_found(tmp_path):
    y, x = np.mgrid[:64, :64].astype(np.float32)
    np.save(tmp_path / "head_000.npy", np.stack([3 + 2 * np.sin(y / 12), 1 + np.cos(x / 15)], -1))
    motion, empty = GivenMotion(tmp_path, 2, (64, 64)), np.zeros((64, 64, 3), np.uint8)
    forth, back = motion.flow(0, 1, empty, empty), motion.flow(1, 0, empty, empty)
    missed, _, _ = disagreement(forth, back)
    assert np.sqrt(missed[8:-8, 8:-8]).max() < 0.05


@pytest.mark.parametrize(
    ("missing", "way"), [("forward_000001.npy", "2 .* forward"), ("backward_000002.npy", "2 .* backward")]
)
def test_motion_that_does_not_reach_from_frame_to_frame_is_refused(tmp_path, missing, way):
    motion_files(tmp_path, 4, (6, 8))
    (tmp_path / missing).unlink()
    with pytest.raises(VideoError, match=f"holds {way}, but a clip of 4 frames needs 3"):
        GivenMotion(tmp_path, 4, (6, 8))


@pytest.mark.parametrize("content", [b"", b"PIEH", struct.pack("<f2i", 202021.25, 4000, 3) + b"1234"])
@pytest.mark.parametrize("suffix", [".npy", ".flo"])
def test_a_damaged_motion_file_is_refused(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(VideoError, match="cannot be read"):
        read_flow(path, (3, 4))


def test_motion_of_another_size_or_without_numbers_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((5, 4, 2), np.float32))
    with pytest.raises(VideoError, match=r"of the shape \(3, 4, 2\), got \(5, 4, 2\)"):
        read_flow(path, (3, 4))
    np.save(path, np.full((3, 4, 2), np.nan, np.float32))
    with pytest.raises(VideoError, match="not finite"):
        read_flow(path, (3, 4))


# --- flicker -------------------------------------------------------------------------------------------------------


def test_the_clean_clip_does_not_flicker(still):
    scores = flicker([still] * 3, [still] * 3, distance=lambda a, b: float(np.abs(a - b).mean()))
    assert (scores.warping_error, scores.temporal_psnr, scores.tlpips) == (0, float("inf"), 0)


def test_flicker_of_known_size_has_known_scores(still):
    scores = flicker([still, still + 5, still], [still] * 3, motion=NoMotion())
    error = (5 / 255) ** 2
    assert scores.warping_error == pytest.approx(error, rel=1e-4)
    assert scores.temporal_psnr == pytest.approx(-10 * np.log10(error), abs=1e-3)
    assert scores.tlpips is None


def test_what_moves_with_the_clip_is_no_flicker(head):
    rgb = to_bytes(composite(head.image))
    frames = [np.roll(rgb, 2 * t, 1) for t in range(3)]
    assert flicker(frames, frames).warping_error < 2e-4
    assert flicker([rgb] * 3, frames).warping_error > 5 * flicker(frames, frames).warping_error


def test_a_single_frame_has_no_flicker_to_measure(still):
    scores = flicker([still], [still])
    assert (scores.warping_error, scores.temporal_psnr, scores.tlpips) == (None, None, None)


def test_a_strip_is_one_column_over_time(moving):
    picture = strip(moving, 20)
    assert picture.shape == (moving[0].shape[0], COUNT, 3)
    np.testing.assert_array_equal(picture[:, 3], moving[3][:, 20])


def test_strips_of_short_clips_are_drawn_beside_each_other_and_of_long_ones_above(moving):
    height, width = moving[0].shape[0], 16 * COUNT
    drawn = strips([moving, moving[::-1]], COUNT)
    assert drawn.shape == ((2 * height + 8, width, 3) if width >= height else (height, 2 * width + 8, 3))
    np.testing.assert_array_equal(drawn[:height, :width:16], strip(moving))
    long = strips([(frame for _ in range(1000) for frame in moving[:4])], 4000)
    assert long.shape == (height, 4000 // 3 + 1, 3)
    assert long.shape[1] <= LONGEST_STRIP
