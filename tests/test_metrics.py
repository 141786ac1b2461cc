"""Scores have their known values, stay inside their region, and a missing LPIPS is said, quickly, not made up."""

import contextlib
import hashlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import enhancer.torchvision_stub  # before lpips and torchvision
from enhancer.errors import ImageError, SettingsError, UnavailableError
from enhancer.metrics import Scorer, fidelity, trunks
from enhancer.metrics.perceptual import Perceptual

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
    """LPIPS on a random trunk: its numbers mean nothing, but its arithmetic is LPIPS'."""
    import lpips

    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(0)
        return Perceptual(lpips.LPIPS(net="alex", spatial=True, pnet_rand=True, verbose=False))


@pytest.fixture
def without_lpips(monkeypatch, tmp_path) -> Scorer:
    trunk = trunks.Trunk("AlexNet", f"http://127.0.0.1:{closed_port()}/alexnet-00000000.pth", 233)
    return scorer_that_finds(trunk, monkeypatch, tmp_path)


def scorer_that_finds(trunk: trunks.Trunk, monkeypatch, tmp_path) -> Scorer:
    monkeypatch.setitem(trunks.TRUNKS, "alex", trunk)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Scorer()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def silent_server(greeting: bytes = b"") -> Iterator[int]:
    """Takes connections, sends at most a greeting, and then says nothing."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                taken.append(connection)
                connection.sendall(greeting)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join(timeout=1)
            for connection in taken:
                connection.close()


@contextlib.contextmanager
def server_of(content: bytes, seen: list[str]) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_response(404 if "absent" in self.path else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if "short" in self.path else content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


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
        picture().astype(float), picture(1).astype(float), gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=1.0, channel_axis=-1,
    )  # fmt: skip
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
    assert scores["regions"]["skin"]["lpips"] == pytest.approx(
        scores["lpips"], rel=0.1
    )  # the map is enlarged


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


def test_lpips_is_the_packages_number_and_its_map_the_packages_map(perceptual):
    rgb, reference = picture(1), picture()
    number, field = perceptual.distance(rgb, reference)
    x, y = (torch.from_numpy(image.transpose(2, 0, 1)[None] * 2 - 1) for image in (rgb, reference))
    with torch.inference_mode():
        expected_map = perceptual.network(x, y)[0, 0].numpy()
        perceptual.network.spatial = False
        expected = perceptual.network(x, y).item()
        perceptual.network.spatial = True
    np.testing.assert_allclose(field, expected_map, atol=1e-6)
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
    assert Scorer("vgg").lpips_name == "LPIPS (VGG)"
    with pytest.raises(SettingsError, match="alex, vgg"):
        Scorer("squeeze")


def test_the_trunks_are_torchvisions():
    from torchvision.models import AlexNet_Weights, VGG16_Weights

    for key, weights in (("alex", AlexNet_Weights.IMAGENET1K_V1), ("vgg", VGG16_Weights.IMAGENET1K_V1)):
        assert trunks.TRUNKS[key].url == weights.url
        assert trunks.TRUNKS[key].megabytes == round(weights.meta["_file_size"])


def test_a_refused_download_leaves_lpips_out_and_says_why(without_lpips):
    assert without_lpips.lpips_missing is None
    scores: Any = without_lpips.score(picture(1), picture(), halves())
    assert scores["lpips"] is None
    assert [region["lpips"] for region in scores["regions"].values()] == [None, None]
    assert scores["psnr"] > 0
    assert "LPIPS (AlexNet)" in str(without_lpips.lpips_missing)
    assert "refused" in str(without_lpips.lpips_missing)


def test_a_silent_server_is_given_up_within_five_seconds_and_asked_once(monkeypatch, tmp_path):
    with silent_server() as port:
        trunk = trunks.Trunk("AlexNet", f"http://127.0.0.1:{port}/alexnet-00000000.pth", 233)
        scorer = scorer_that_finds(trunk, monkeypatch, tmp_path)
        started = time.monotonic()
        assert scorer.score(picture(1), picture())["lpips"] is None
        assert time.monotonic() - started < 5
        assert "silent" in str(scorer.lpips_missing)

        started = time.monotonic()
        again = Scorer()
        assert again.score(picture(1), picture())["lpips"] is None
        assert time.monotonic() - started < 1
        assert again.lpips_missing == scorer.lpips_missing


def test_a_server_that_falls_silent_halfway_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
    with silent_server(half) as port, pytest.raises(UnavailableError, match=r"silent \(waited 0.3 s\)"):
        trunks.download(f"http://127.0.0.1:{port}/x-00000000.pth", tmp_path / "x.pth", patience=0.3)
    assert not list(tmp_path.iterdir())


def test_a_slow_name_server_is_given_up_too(monkeypatch, tmp_path):
    released = threading.Event()

    def slow(*args: object, **kwargs: object) -> None:
        released.wait(10)
        raise OSError("too late")

    monkeypatch.setattr("socket.getaddrinfo", slow)
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="silent"):
        trunks.download("http://somewhere.invalid/x-00000000.pth", tmp_path / "x.pth", patience=0.3)
    assert time.monotonic() - started < 2
    released.set()


def test_a_download_is_checked_and_appears_whole(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    content = np.random.default_rng(0).bytes(3_000_000)
    sha = hashlib.sha256(content).hexdigest()[:8]
    seen: list[str] = []
    with server_of(content, seen) as port:
        trunks.download(f"http://127.0.0.1:{port}/good-{sha}.pth", tmp_path / "sub" / "good.pth")
        assert (tmp_path / "sub" / "good.pth").read_bytes() == content
        for name, message in (
            ("wrong-00000000", "sha256"),
            (f"short-{sha}", "ended early"),
            (f"absent-{sha}", "Not Found"),
        ):
            with pytest.raises(UnavailableError, match=message):
                trunks.download(f"http://127.0.0.1:{port}/{name}.pth", tmp_path / "sub" / "bad.pth")
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["good.pth"]
    assert len(seen) == 4


def test_a_trunk_that_is_there_is_not_downloaded_and_a_damaged_one_is_said(monkeypatch, tmp_path):
    asked: list[object] = []
    monkeypatch.setattr(trunks, "download", lambda *args: asked.append(args))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "alexnet-owt-7be5be79.pth").write_bytes(b"nonsense")
    scorer = Scorer()
    assert scorer.score(picture(1), picture())["lpips"] is None
    assert "do not load" in str(scorer.lpips_missing)
    assert not asked


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnavailableError, match="cannot be written"):
        trunks.download(f"http://127.0.0.1:{closed_port()}/x-00000000.pth", tmp_path / "file" / "x.pth")


# torchvision


def run_python(code: str) -> str:
    here = Path(__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here, timeout=120
    ).stdout


@pytest.mark.slow
def test_torchvision_imports_after_the_stub_however_often_it_is_imported():
    code = "import enhancer.torchvision_stub as s, importlib; importlib.reload(s); import torchvision; print('fine')"
    assert "fine" in run_python(code)


def stub_with(
    monkeypatch: pytest.MonkeyPatch, *, cuda: str | None, importer: Callable[[str], object]
) -> None:
    import importlib

    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(importlib, "import_module", importer)
    enhancer.torchvision_stub.make_importable()


def test_the_stub_leaves_a_cuda_build_alone(monkeypatch):
    asked: list[str] = []
    stub_with(monkeypatch, cuda="13.0", importer=asked.append)
    assert asked == []


def test_the_stub_leaves_other_faults_to_their_owner(monkeypatch):
    def broken(name: str) -> None:
        raise RuntimeError("another fault")

    with pytest.raises(RuntimeError, match="another fault"):
        stub_with(monkeypatch, cuda=None, importer=broken)


def test_the_stub_does_nothing_without_torchvision(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    stub_with(monkeypatch, cuda=None, importer=asked.append)
    assert asked == []
