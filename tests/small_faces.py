"""Small faces in a folder, to prepare data sets from."""

import json
from pathlib import Path

from PIL import Image

from enhancer.imaging.io import write_png
from tests.conftest import Head
from training.prepare import PrepareConfig


def put_face(head: Head, folder: Path, name: str) -> None:
    """Write an example head and its label map, mirrored for odd names so that pictures differ."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    step = -1 if sum(name.encode()) % 2 else 1
    write_png(head.image[:, ::step], folder / "images" / f"{name}.png")
    Image.fromarray(head.labels[:, ::step].copy()).save(folder / "masks" / f"{name}.png")


def small_config(head: Head, folder: Path) -> PrepareConfig:
    """Write six small RGBA faces to ``folder/source``, and return how they are prepared into ``folder/out``."""
    for name in "abcdef":
        put_face(head, folder / "source", name)
    return PrepareConfig(
        photographs=str(folder / "source"),
        output_dir=str(folder / "out"),
        resolution=128,
        min_crop=64,
        parser="none",
        test_share=0.4,
    )


def flags(config: PrepareConfig) -> list[str]:
    """The command line of a config."""
    words = []
    for name, value in vars(config).items():
        words += ([f"--{name}"] if value else []) if isinstance(value, bool) else [f"--{name}", str(value)]
    return words


def tree(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, but for the journal's and the settings', which hold order and paths."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    kept = [path for path in files if path.name not in ("done.jsonl", "prepare.json")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def rows(folder: Path) -> list[dict]:
    """All rows of all splits."""
    return [
        json.loads(line) for path in sorted(folder.glob("*/metadata.jsonl")) for line in path.read_text().splitlines()
    ]
