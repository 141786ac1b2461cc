import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(example: Path, folder: Path) -> str:
    """Run an example as its first lines say, and return what it prints."""
    done = subprocess.run(
        [sys.executable, str(example.relative_to(EXAMPLES.parent)), str(folder)],
        cwd=EXAMPLES.parent,
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_watching_a_face_degrade_makes_a_sheet_of_14_steps(tmp_path):
    printed = run(EXAMPLES / "02_watch_a_face_degrade.py", tmp_path / "new")
    assert "14 steps" in printed
    with Image.open(tmp_path / "new/steps.png") as sheet:
        assert sheet.width > sheet.height > 900


@pytest.mark.slow  # loads torch, the checkpoint and the scores in a new process
def test_restoring_an_image_prints_scores_that_improve(tmp_path):
    printed = run(EXAMPLES / "01_restore_an_image.py", tmp_path / "new")
    psnr = {
        line.split(":")[0]: float(line.split("PSNR ")[1].split()[0]) for line in printed.splitlines() if "PSNR" in line
    }
    assert psnr["restored"] > psnr["degraded"]
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "clean.png",
        "degraded.png",
        "restored.png",
    }


def test_the_readme_restores_in_a_few_lines(root, monkeypatch):
    import enhancer.torchvision_stub  # noqa: F401

    text = (root / "README.md").read_text(encoding="utf-8")
    _, after = text.split("\n## In Python\n")
    code = re.search(r"^```python\n(.*?)^```$", after, re.M | re.S)
    assert code is not None
    monkeypatch.chdir(root)
    made: dict = {}
    exec(code[1], made)
    error = {name: float(((made[name] - made["clean"]) ** 2).mean()) for name in ("degraded", "restored")}
    assert error["restored"] < error["degraded"]
    assert made["restored"].shape == (*made["image"].shape[:2], 3)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_is_short_and_says_how_to_run_it(example):
    lines = example.read_text(encoding="utf-8").splitlines()
    assert 30 <= len(lines) <= 60
    assert f"PYTHONPATH=. python examples/{example.name} [FOLDER]" in "\n".join(lines)
