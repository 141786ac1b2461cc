"""Large pictures: cut into tiles that share their group norms, faded into each other, bounded in memory."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import threading

import cv2
import numpy as np
import pytest
import torch

from enhancer.degrade import degrade, face_render
from enhancer.errors import UnavailableError
from enhancer.imaging.io import composite
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.imaging.tiles import in_tiles
from enhancer.metrics.fidelity import psnr, squared_error
from enhancer.model import SplatEnhancer, restore, restore_in_tiles, restore_whole
from enhancer.model import restorer as restoring
from enhancer.model.norms import GivenNorms, RecordNorms
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def pocket():
    return SplatEnhancer.from_pretrained().for_inference()


@pytest.fixture(scope="module")
def tiny():
    return tiny_model().for_inference()


@pytest.fixture
def little_memory(monkeypatch):
    """Let only 256 x 256 pixels fit."""
    monkeypatch.setattr(restoring, "most_pixels", lambda model: 256 * 256)


def gradient(height, width):
    return np.tile(np.linspace(0.2, 0.8, width, dtype=np.float32)[:, None], (height, 1, 3))


def brighter(rgb):
    return np.clip(rgb + 0.2, 0, 1).astype(np.float32)


def test_tiles_of_a_pixelwise_restorer_leave_no_seam():
    rgb = np.random.default_rng(0).random((150, 210, 3), np.float32) * 0.7
    np.testing.assert_allclose(in_tiles(brighter, rgb, 64, overlap=16), brighter(rgb), atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(640, 64), (64, 1024), (512, 768), (320, 4096)])
def test_tiles_keep_to_the_grid_and_their_size(height, width):
    rgb = np.indices((height, width)).transpose(1, 2, 0).astype(np.float32)
    corners, shapes = [], []

    def look(tile):
        corners.append(tile[0, 0])  # row and column
        shapes.append(tile.shape[:2])
        return tile

    in_tiles(look, rgb, 256, multiple=64)
    assert not (np.asarray(corners) % 64).any()
    assert set(shapes) == {(min(height, 256), min(width, 256))}


def test_neighbouring_tiles_overlap_by_as_much_as_asked_for():
    seen = np.zeros((64, 4096), int)

    def count(tile):
        left = int(tile[0, 0, 0])
        seen[:, left : left + tile.shape[1]] += 1
        return tile

    columns = np.tile(np.arange(4096, dtype=np.float32)[:, None], (64, 1, 3))
    in_tiles(count, columns, 256, multiple=64)
    ends = np.flatnonzero(np.diff((seen[0] > 1).astype(int)))
    assert seen.min() == 1
    assert (np.diff(ends)[::2] >= 64).all()  # runs of columns seen twice


def test_norms_recorded_from_a_picture_give_its_own_answer_back(tiny):
    batch = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        plain = tiny(batch)
        with RecordNorms() as seen:
            torch.testing.assert_close(tiny(batch), plain)
        with GivenNorms(seen.statistics):
            torch.testing.assert_close(tiny(batch), plain, atol=1e-4, rtol=1e-3)


def test_norms_of_one_thread_are_not_anothers(tiny):
    rgb = gradient(64, 64)
    alone, together = restore_whole(tiny, rgb), []
    with RecordNorms():
        thread = threading.Thread(target=lambda: together.append(restore_whole(tiny, rgb)))
        thread.start()
        thread.join()
    assert together[0].tobytes() == alone.tobytes()


def test_a_face_in_tiles_is_the_face_restored_whole(pocket, small_head):
    """The bar is 40 dB, and 49 are reached here; statistics of an averaged picture come to 41 and those of tiles of 256 px to 38."""
    image = composite(small_head.image)
    side = 768
    enlarged = np.clip(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)
    labels = cv2.resize(small_head.labels, (side, side), interpolation=cv2.INTER_NEAREST)
    rgb = degrade(enlarged, soft_masks(region_map(labels)), face_render(), seed=0)
    assert psnr(squared_error(restore_in_tiles(pocket, rgb, 448), restore_whole(pocket, rgb)).mean()) > 40


def test_a_flat_gradient_in_tiles_has_no_seam(pocket):
    rgb = gradient(448, 448)
    tiled, whole = (255 * made for made in (restore_in_tiles(pocket, rgb, 256), restore_whole(pocket, rgb)))
    assert psnr(squared_error(tiled / 255, whole / 255).mean()) > 40
    inside = (slice(32, -32), slice(32, -32))  # the picture's own edges are padded in another way
    for axis in (0, 1):
        assert np.abs(np.diff(tiled[inside], axis=axis)).max() < 3  # levels from one pixel to the next


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 64), (64, 700), (700, 65), (333, 257)])
def test_any_size_comes_back_at_its_size_in_tiles(tiny, little_memory, height, width):
    out = restore(tiny, gradient(height, width))
    assert out.shape == (height, width, 3)
    assert 0 <= out.min() <= out.max() <= 1


def test_several_pictures_at_once_are_each_restored_as_alone(tiny):
    pictures = np.stack([gradient(70, 90), 1 - gradient(70, 90)])
    for made, rgb in zip(restore(tiny, pictures), pictures, strict=True):
        np.testing.assert_allclose(made, restore(tiny, rgb), atol=1e-4)


def test_no_pass_is_larger_than_the_memory(tiny, little_memory):
    sizes = []
    hook = tiny.register_forward_pre_hook(lambda _, args: sizes.append(args[0].shape[-2] * args[0].shape[-1]))
    restore(tiny, gradient(400, 300))
    hook.remove()
    assert len(sizes) > 4
    assert max(sizes) <= 256 * 256


def test_out_of_memory_on_the_way_halves_the_tiles(tiny, monkeypatch):
    sides, real = [], restoring.one_pass

    def at_most(model, rgb):
        sides.append(max(rgb.shape))
        if max(rgb.shape) > 300:
            raise MemoryError
        return real(model, rgb)

    monkeypatch.setattr(restoring, "one_pass", at_most)
    assert restore_in_tiles(tiny, gradient(330, 300), 512).shape == (330, 300, 3)
    assert max(sides[1:]) == 256


def test_out_of_memory_even_in_the_smallest_tiles_is_one_sentence(tiny, monkeypatch):
    def never(model, rgb):
        raise MemoryError

    monkeypatch.setattr(restoring, "one_pass", never)
    with pytest.raises(UnavailableError, match="smaller picture"):
        restore(tiny, gradient(150, 50))


def test_a_picture_is_not_tried_whole_where_it_cannot_fit(tiny, little_memory):
    with pytest.raises(MemoryError):
        restore_whole(tiny, gradient(300, 300))
