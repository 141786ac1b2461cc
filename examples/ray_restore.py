"""Restore a folder of pictures on every machine of a Ray cluster; alone, on this machine's processors or GPUs.

Needs `pip install "ray[data]"`. Run from the project's folder, with or without a folder to write to and one to read:

    PYTHONPATH=. python examples/ray_restore.py [FOLDER] [PICTURES]

Both folders must be seen by all machines. A worker that dies is replaced, and what it had not finished is done by another.
"""

import sys
from pathlib import Path
from typing import Any

import ray  # pyright: ignore[reportMissingImports]

from enhancer.errors import EnhancerError
from enhancer.imaging.io import IMAGE_SUFFIXES, read_image, write_png
from enhancer.service import Service

HEADS = Path(__file__).parent / "heads"


class Restore:
    """Restores one picture after another; each worker loads the model once."""

    def __init__(self) -> None:
        self.service = Service.load("pocket", lpips_net=None)  # or user/repo, or a folder

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        error = ""
        try:
            if not Path(row["output"]).exists():  # else a worker finished it and died before it could say so
                result = self.service.restore(read_image(row["file"]), with_regions=False)
                write_png(result.restored, row["output"])
        except EnhancerError as reason:  # a picture that cannot be read stops no other
            error = str(reason)
        return {**row, "error": error}


def main(folder: Path, pictures: Path) -> None:
    ray.init()
    folder.mkdir(parents=True, exist_ok=True)
    files = [file.resolve() for file in sorted(pictures.iterdir()) if file.suffix.lower() in IMAGE_SUFFIXES]
    files = [file for file in files if not file.stem.endswith("_labels")]
    rows = [{"file": str(file), "output": str(folder.resolve() / f"{file.stem}.png")} for file in files]
    gpus = int(ray.cluster_resources().get("GPU", 0))
    workers = gpus or int(ray.cluster_resources()["CPU"])
    share = {"num_gpus": 1} if gpus else {"num_cpus": 1}
    blocks = ray.data.from_items(rows, override_num_blocks=min(len(rows), 8 * workers))
    done = blocks.map(Restore, compute=ray.data.ActorPoolStrategy(size=workers), **share).take_all()
    for row in done:
        if row["error"]:
            print(f"{row['file']}: {row['error']}", file=sys.stderr)
    print(f"{sum(not row['error'] for row in done)} of {len(rows)} pictures are in {folder}")


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[1:3]]
    main(*given, *[Path("restored"), HEADS][len(given) :])
