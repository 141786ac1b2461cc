import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LARGEST_FILE = 10_000_000  # bytes; a Space refuses more outside LFS
ENDS = ("3.11", "3.12")  # both ends of requires-python
NOT_OURS = {".git", "build", "dist", "node_modules", "__pycache__"}


@cache
def project_files() -> tuple[Path, ...]:
    """The files git tracks; in a copy without git, all that are in no hidden or built folder."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
        paths = [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name]
        return tuple(path for path in paths if path.is_file())
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [
            name for name in subfolders if not (name in NOT_OURS or name.startswith(".venv") or name.endswith("_cache"))
        ]
        found += [Path(folder, name) for name in names]
    return tuple(found)


def modules() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".py"]


def requirements(python: str) -> dict[str, Requirement]:
    """Name -> requirement of requirements.txt as pip reads it on this Python."""
    lines = [line.split(" #")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    parsed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    here = [each for each in parsed if each.marker is None or each.marker.evaluate({"python_version": python})]
    assert len({each.name for each in here}) == len(here), "a package is listed twice"
    return {each.name: each for each in here}


def front_matter() -> dict[str, object]:
    _, block, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(block)


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def readme_commands() -> list[str]:
    """The lines of README.md's bash blocks, one command each."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def test_every_module_opens_with_its_purpose():
    ours = [path for path in modules() if "tests" not in path.relative_to(ROOT).parts]
    silent = [str(path.relative_to(ROOT)) for path in ours if not ast.get_docstring(ast.parse(path.read_bytes()))]
    assert silent == []


def test_no_file_is_too_large_for_a_space():
    assert [str(path.relative_to(ROOT)) for path in project_files() if path.stat().st_size > LARGEST_FILE] == []


@pytest.mark.parametrize(
    "module",
    [
        "enhancer",
        "enhancer.degrade",
        "enhancer.imaging.io",
        "enhancer.imaging.masks",
        "enhancer.service",
        "enhancer.splats.degradation",
        "training.prepare",
    ],
)
def test_degrading_and_an_unloaded_service_load_no_torch(module):
    heavy = ("torch", "torchvision", "transformers", "diffusers", "peft", "gradio")
    code = f"import sys, {module}; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_space_runs_the_gradio_that_is_pinned():
    pin = str(requirements("3.12")["gradio"].specifier)
    assert pin == f"=={front_matter()['sdk_version']}"


def test_space_runs_python_3_12():
    matter = front_matter()
    assert matter["python_version"] == "3.12.12"  # what ZeroGPU has; text: without its quotes 3.10 would be 3.1
    assert matter["suggested_hardware"] == "zero-a10g"
    assert (matter["sdk"], matter["app_file"], matter["license"]) == ("gradio", "app.py", "apache-2.0")


def test_space_card_keeps_its_limits():
    matter = front_matter()
    assert len(str(matter["short_description"])) <= 60  # characters
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {matter["colorFrom"], matter["colorTo"]} <= colours


@pytest.mark.parametrize("python", ENDS)
def test_every_requirement_has_an_upper_bound(python):
    open_ended = [
        each.name
        for each in requirements(python).values()
        if not any(one.operator in ("==", "<", "~=") for one in each.specifier)
    ]
    assert open_ended == []


def test_readme_keeps_its_two_promises_of_one_line_each():
    start = "python -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python app.py"
    tests = "python -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/python -m pytest"
    assert readme_commands().count(start) == 1
    assert readme_commands().count(tests) == 1


def test_readme_marks_the_test_command_for_the_checks():
    _, marked = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- .ci/run", 1)
    assert re.search(r"-->\s*```bash\npython -m venv .* -m pytest\n", marked)


def test_checks_script_can_be_run():
    assert os.access(ROOT / ".ci/run", os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)


def test_every_example_head_has_its_label_map_and_a_line_in_the_readme():
    folder = ROOT / "examples/heads"
    heads = sorted(path for path in folder.glob("head_??.png"))
    assert heads
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for path in heads:
        assert path.with_name(f"{path.stem}_labels.png").is_file()
        assert f"`{path.name}`" in readme
