"""LPIPS' trunks are downloaded whole and right or not at all, and torchvision imports beside a CPU torch."""

import contextlib
import hashlib
import http.server
import importlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import enhancer.torchvision_stub  # before torchvision
from enhancer.errors import UnavailableError
from enhancer.metrics import trunks
from enhancer.metrics.network import trunk_keys
from tests.loss_networks import vgg16_trunk


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


def test_the_trunks_are_torchvisions():
    from torchvision.models import VGG16_Weights, alexnet, vgg16

    weights = VGG16_Weights.IMAGENET1K_V1
    assert (trunks.VGG16.url, trunks.VGG16.megabytes) == (weights.url, round(weights.meta["_file_size"]))
    with torch.device("meta"):
        theirs = {"alex": alexnet(weights=None), "vgg": vgg16(weights=None)}
    for net, model in theirs.items():
        shapes = {key: tuple(value.shape) for key, value in model.state_dict().items() if "features" in key}
        assert trunk_keys(net) == shapes


# Files


def test_small_files_and_torchvisions_whole_ones_both_load(monkeypatch, tmp_path):
    trunk = {key: value.half() for key, value in vgg16_trunk().items()}
    whole = trunk | {"classifier.0.bias": torch.zeros(4)}
    save_file(trunk, tmp_path / "small.safetensors")
    torch.save(whole, tmp_path / "whole.pth")
    monkeypatch.setenv(trunks.VARIABLE, str(tmp_path / "whole.pth"))
    for found in (trunks.read_trunk("vgg", tmp_path / "small.safetensors"), trunks.read_trunk("vgg")):
        assert found.keys() == trunk.keys()
        assert all(torch.equal(found[key], trunk[key]) for key in trunk)


def test_a_file_of_something_else_is_refused_by_name(tmp_path):
    with pytest.raises(UnavailableError, match=r"nowhere\.pth with the VGG16 weights does not exist"):
        trunks.read_trunk("vgg", tmp_path / "nowhere.pth")
    (tmp_path / "text.safetensors").write_text("not one")
    (tmp_path / "text.pth").write_text("not one")
    for name in ("text.safetensors", "text.pth"):
        with pytest.raises(UnavailableError, match=f"VGG16 weights in .*{name} do not load"):
            trunks.read_trunk("vgg", tmp_path / name)
    with pytest.raises(
        UnavailableError,
        match=r"holds no VGG16 .* lacks features\.0\.weight \(64, 3, 3, 3\).*more; it holds features.0.bias \(64,\)",
    ):
        trunks.read_trunk("vgg", trunks.EMBEDDED)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UnavailableError, match="it holds nothing by name"):
        trunks.read_trunk("vgg", tmp_path / "list.pth")


def test_a_server_that_falls_silent_halfway_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(trunks, "SILENCE_TIMEOUT_S", 0.3)
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
    with silent_server(half) as port, pytest.raises(UnavailableError, match=r"silent \(waited 0.3 s\)"):
        trunks.download(f"http://127.0.0.1:{port}/x-00000000.pth", tmp_path / "x.pth")
    assert not list(tmp_path.iterdir())
    assert socket.getdefaulttimeout() is None


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
            (f"short-{sha}", "cut off"),
            (f"absent-{sha}", "Not Found"),
        ):
            with pytest.raises(UnavailableError, match=message):
                trunks.download(f"http://127.0.0.1:{port}/{name}.pth", tmp_path / "sub" / "bad.pth")
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["good.pth"]
    assert len(seen) == 4


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


def stub_with(monkeypatch: pytest.MonkeyPatch, *, cuda: str | None, importer: Callable[[str], object]) -> None:
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
