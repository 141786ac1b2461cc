"""Scores have their known values, stay inside their region, and a missing LPIPS is said, quickly, not made up."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from enhancer.errors import ImageError, SettingsError
from enhancer.metrics import fidelity, trunks
from enhancer.metrics.network import LpipsNetwork, published_heads
from enhancer.metrics.perceptual import Perceptual
from enhancer.metrics.scores import Scorer
from tests.loss_networks import package_lpips, vgg16_trunk

SIDE = 128


def picture(seed: int = 0) -> np.ndarray:
    """(128, 128, 3) float32 in [0.1, 0.9], smooth enough to have structure."""
    coarse = np.random.default_rng(seed).uniform(0.1, 0.9, (16, 16, 3))
    return np.kron(coarse, np.ones((8, 8, 1))).astype(np.float32)


def halves() -> dict[str, np.ndarray]:
    left = np.zeros((SIDE, SIDE), np.float32)
    left[:, :64] = 1.0
    return {"hair": left, "skin": 1 - left}


@pytest.fixture(scope="module")
def perceptual() -> Perceptual:
    """LPIPS with the embedded AlexNet."""
    return Perceptual.from_pretrained("alex")


@pytest.fixture
def without_lpips(monkeypatch, tmp_path) -> Scorer:
    """A scorer whose VGG16 would have to be downloaded from where nobody listens."""
    return scorer_that_finds(closed_port(), monkeypatch, tmp_path)


def scorer_that_finds(port: int, monkeypatch, tmp_path) -> Scorer:
    trunk = trunks.Trunk("VGG16", f"http://127.0.0.1:{port}/vgg16-00000000.pth", 528)
    monkeypatch.setattr(trunks, "VGG16", trunk)
    monkeypatch.delenv(trunks.VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Scorer("vgg")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# PSNR and SSIM


def test_psnr_of_one_level_off_is_48_13_db():
    reference = np.full((32, 32, 3), 0.5, np.float32)
    assert fidelity.psnr(fidelity.squared_error(reference + 1 / 255, reference).mean()) == pytest.approx(
        48.13, abs=0.005
    )


def test_identical_pictures_score_the_cap_and_one_and_zero(perceptual):
    scores = Scorer(perceptual=perceptual).score(picture(), picture(), halves())
    for part in (scores, scores["regions"]["hair"], scores["regions"]["skin"]):
        assert part is not None
        assert (part["psnr"], part["ssim"], part["lpips"]) == (fidelity.PSNR_CAP, 1.0, 0.0)


def test_psnr_never_passes_its_cap():
    assert fidelity.psnr(1e-30) == fidelity.PSNR_CAP
    assert fidelity.psnr(1.0) == 0.0


def test_ssim_is_the_librarys_number():
    from skimage.metrics import structural_similarity

    known = structural_similarity(
        picture().astype(float),
        picture(1).astype(float),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=-1,
    )
    assert fidelity.similarity(picture(), picture(1)).mean() == pytest.approx(known, abs=1e-12)


# Regions


def test_a_change_in_one_region_leaves_the_others_score_alone(without_lpips):
    changed = picture()
    changed[:, 80:] = picture(1)[:, 80:]
    regions: Any = without_lpips.score(changed, picture(), halves())["regions"]
    assert regions["hair"]["psnr"] == fidelity.PSNR_CAP
    assert regions["hair"]["ssim"] == 1.0
    assert regions["skin"]["psnr"] < 20
    assert regions["skin"]["ssim"] < 0.8


def test_a_region_of_everything_scores_as_the_whole(perceptual):
    masks = {"skin": np.ones((SIDE, SIDE), np.float32)}
    scores: Any = Scorer(perceptual=perceptual).score(picture(1), picture(), masks)
    assert scores["regions"]["skin"]["psnr"] == pytest.approx(scores["psnr"])
    assert scores["regions"]["skin"]["ssim"] == pytest.approx(scores["ssim"])
    assert scores["regions"]["skin"]["lpips"] == pytest.approx(scores["lpips"], rel=0.1)  # the map is enlarged


def test_soft_masks_weigh_the_squared_error(without_lpips):
    rgb, mask = picture(1), np.linspace(0, 1, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    scores: Any = without_lpips.score(rgb, picture(), {"nose": mask})
    mean_squared_error = (mask[..., None] * (rgb - picture()) ** 2).sum() / (3 * mask.sum())
    assert scores["regions"]["nose"]["psnr"] == pytest.approx(-10 * np.log10(mean_squared_error), abs=1e-3)


def test_a_region_under_64_pixels_has_no_scores(without_lpips):
    masks = {"eyes": np.zeros((SIDE, SIDE), np.float32), "nose": np.zeros((SIDE, SIDE), np.float32)}
    masks["eyes"][40:47, 40:49] = 1.0  # 63 px
    masks["nose"][40:48, 40:48] = 1.0  # 64 px
    regions = without_lpips.score(picture(1), picture(), masks)["regions"]
    assert regions["eyes"] is None
    assert regions["nose"] is not None


def test_two_pictures_with_one_reference_score_as_each_alone_and_the_reference_is_seen_once(perceptual, monkeypatch):
    scorer, seen = Scorer(perceptual=perceptual), []
    alone = [scorer.score(picture(number), picture(), halves()) for number in (1, 2)]
    features = perceptual.features
    monkeypatch.setattr(perceptual, "features", lambda rgb: seen.append(rgb) or features(rgb))
    assert scorer.score_each([picture(1), picture(2)], picture(), halves()) == alone
    assert len(seen) == 3


def test_scores_are_plain_json(without_lpips, perceptual):
    for scorer in (without_lpips, Scorer(perceptual=perceptual)):
        scores = scorer.score(picture(1), picture(), halves())
        assert json.loads(json.dumps(scores)) == scores
    assert without_lpips.score(picture(1), picture())["regions"] == {}


def test_pictures_of_different_size_are_refused(without_lpips):
    with pytest.raises(ImageError, match=r"\(128, 128, 3\) and \(64, 128, 3\)"):
        without_lpips.score(picture(), picture()[:64])
    with pytest.raises(ImageError, match="without alpha"):
        without_lpips.score(np.ones((SIDE, SIDE, 4)), np.ones((SIDE, SIDE, 4)))


# LPIPS


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    return np.round(cv2.GaussianBlur(np.float32(picture), (0, 0), sigma))


ASTRONAUT, CAT = skimage.data.astronaut(), skimage.data.chelsea()[:300, :448]
GREY = np.float32(ASTRONAUT.mean(2, keepdims=True))
# Of the lpips package 0.1.4 with torchvision's full networks; AlexNet, VGG16.
PUBLISHED = {
    "blurred by 2 px": (blurred(ASTRONAUT, 2), ASTRONAUT, 0.32106, 0.28779),
    "blurred by 4 px": (blurred(ASTRONAUT, 4), ASTRONAUT, 0.50163, 0.43805),
    "half way to grey": (np.round((ASTRONAUT + GREY) / 2), ASTRONAUT, 0.04033, 0.04082),
    "one pixel to the right": (np.roll(ASTRONAUT, 1, 1), ASTRONAUT, 0.02343, 0.04063),
    "a cat, blurred": (blurred(CAT, 2), CAT, 0.38144, 0.31108),
}
PUBLISHED["one pixel to the right"][0][:, 0] = ASTRONAUT[:, 0]


@pytest.mark.parametrize("change", PUBLISHED)
def test_the_embedded_alexnet_gives_the_packages_values(perceptual, change):
    changed, reference, expected, _ = PUBLISHED[change]
    pair = [np.float32(image) / 255 for image in (changed, reference)]
    number, field = perceptual.distance(*pair)
    assert number == pytest.approx(expected, abs=5e-4)
    again, same = perceptual.distance(*pair)
    assert (again, same.tobytes()) == (number, field.tobytes())


@pytest.fixture(scope="module")
def vgg(root) -> Perceptual:
    """LPIPS with VGG16, where its convolutions are at hand."""
    beside = root.parent / "shared/data/weights/lpips/vgg_features_fp16.safetensors"
    trunk = Path(os.environ.get(trunks.VARIABLE) or beside)
    if not trunk.is_file():
        pytest.skip(f"needs VGG16's convolutions: {trunks.VARIABLE}=FILE")
    return Perceptual.from_pretrained("vgg", trunk=trunk)


@pytest.mark.parametrize("change", PUBLISHED)
def test_a_small_vgg16_gives_the_packages_values(vgg, change):
    changed, reference, _, expected = PUBLISHED[change]
    number, _ = vgg.distance(*(np.float32(image) / 255 for image in (changed, reference)))
    assert number == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_is_the_packages_number_and_its_map_the_packages_map(net):
    trunk = trunks.read_trunk("alex") if net == "alex" else vgg16_trunk()
    ours = Perceptual(LpipsNetwork(net, trunk, published_heads(net)))
    package = package_lpips(net, trunk, spatial=True)
    rgb, reference = picture(1), picture()
    number, field = ours.distance(rgb, reference)
    x, y = (torch.from_numpy(image.transpose(2, 0, 1)[None] * 2 - 1) for image in (rgb, reference))
    with torch.inference_mode():
        expected_map = package(x, y)[0, 0].numpy()
        package.spatial = False
        expected = package(x, y).item()
    np.testing.assert_allclose(field, expected_map, atol=1e-5)
    assert field.shape == (SIDE, SIDE)
    assert number == pytest.approx(expected, rel=1e-5)
    assert number > 0


def test_a_regions_lpips_is_the_map_averaged_under_its_mask(perceptual):
    changed = picture()
    changed[:, 100:] = picture(1)[:, 100:]
    _, field = perceptual.distance(changed, picture())
    regions: Any = Scorer(perceptual=perceptual).score(changed, picture(), halves())["regions"]
    assert regions["hair"]["lpips"] == pytest.approx(field[:, :64].mean(), rel=1e-5)
    assert regions["skin"]["lpips"] == pytest.approx(field[:, 64:].mean(), rel=1e-5)
    assert regions["hair"]["lpips"] < regions["skin"]["lpips"] / 5


def test_the_name_says_which_network():
    assert Scorer("alex").lpips_name == "LPIPS (AlexNet)"
    assert Scorer("vgg").lpips_name == "LPIPS (VGG16)"
    assert Scorer(device="cuda").lpips_name == Scorer().lpips_name == "LPIPS (AlexNet)"  # on every device
    with pytest.raises(SettingsError, match="alex, vgg"):
        Scorer("squeeze")
    with pytest.raises(SettingsError, match="--lpips vgg"):
        Scorer("alex", lpips_trunk="vgg.pth")


def test_the_embedded_lpips_asks_nobody(monkeypatch, tmp_path):
    monkeypatch.setattr(trunks, "download", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    scorer = Scorer()
    assert (scorer.score(picture(1), picture())["lpips"] or 0) > 0.1
    assert scorer.lpips_missing is None


def test_a_refused_download_leaves_lpips_out_and_says_why(without_lpips):
    assert without_lpips.lpips_missing is None
    scores: Any = without_lpips.score(picture(1), picture(), halves())
    assert scores["lpips"] is None
    assert [region["lpips"] for region in scores["regions"].values()] == [None, None]
    assert scores["psnr"] > 0
    assert "LPIPS (VGG16)" in str(without_lpips.lpips_missing)
    assert "refused" in str(without_lpips.lpips_missing)


def test_a_silent_server_is_given_up_within_five_seconds_and_asked_once(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:  # the system takes the connection, nobody answers it
        port = server.getsockname()[1]
        scorer = scorer_that_finds(port, monkeypatch, tmp_path)
        started = time.monotonic()
        assert scorer.score(picture(1), picture())["lpips"] is None
        assert time.monotonic() - started < 5
        assert "silent" in str(scorer.lpips_missing)

        started = time.monotonic()
        again = Scorer("vgg")
        assert again.score(picture(1), picture())["lpips"] is None
        assert time.monotonic() - started < 1
        assert again.lpips_missing == scorer.lpips_missing


def test_a_trunk_that_is_there_is_not_downloaded_and_a_damaged_one_is_said(monkeypatch, tmp_path):
    asked: list[object] = []
    monkeypatch.setattr(trunks, "download", lambda *args: asked.append(args))
    monkeypatch.delenv(trunks.VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "vgg16-397923af.pth").write_bytes(b"nonsense")
    scorer = Scorer("vgg")
    assert scorer.score(picture(1), picture())["lpips"] is None
    assert "do not load" in str(scorer.lpips_missing)
    assert not asked
