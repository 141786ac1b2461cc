"""The examples of README.md for programs, run as they stand against a page with a stand-in model."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from enhancer.parts import Restorer
from enhancer.service import Service
from tests.stand_ins import KnownParser, PlainScorer, served

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of the server, which runs in a thread
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
]


@pytest.fixture(scope="module")
def address(head):
    service = Service(KnownParser(head.labels), Restorer(lambda rgb: rgb, "stand-in"), PlainScorer())
    with served(service) as address:
        yield address


@pytest.fixture(scope="module")
def example(root, address):
    """Return the example in a language, its address replaced by the page's."""

    def example(language):
        text = (root / "README.md").read_text(encoding="utf-8")
        every = re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
        (code,) = (code for code in every if "http://127.0.0.1:7860" in code)
        return code.replace("http://127.0.0.1:7860", address)

    return example


def ran(command, root, tmp_path):
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path), "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_example_runs(example, root, tmp_path):
    told = ran([sys.executable, "-c", example("python")], root, tmp_path)
    path, checkpoint, psnr = told.split()
    assert path.endswith("restored.png")
    assert (checkpoint, float(psnr) > 20) == ("stand-in", True)


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_curl_example_runs(example, root, tmp_path):
    told = ran(["bash", "-euo", "pipefail", "-c", example("bash")], root, tmp_path)
    assert "event: complete" in told
    assert "restored.png" in told
    assert '"checkpoint": "stand-in"' in told


def test_the_documentation_names_every_endpoint_and_parameter(root, address):
    import httpx

    text = (root / "docs/api.md").read_text(encoding="utf-8")
    for name, endpoint in httpx.get(f"{address}/gradio_api/info").json()["named_endpoints"].items():
        (row,) = re.findall(rf"^\| `{name}` \| (.*)$", text, re.M)
        for parameter in endpoint["parameters"]:
            assert f"`{parameter['parameter_name']}`" in row, (name, parameter["parameter_name"])
