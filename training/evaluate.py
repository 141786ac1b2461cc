"""Score a checkpoint on photographs with label maps: what doing nothing scores, and what restoring scores.

    python -m training.evaluate --data_dir FACES --checkpoint enhancer/pocket/enhancer --output_dir runs/evaluation

Writes `metrics.json` (means and shares), `images.csv` (one row per picture) and `sheet.png` (degraded, restored,
clean), and prints the table.
"""

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from enhancer.degrade import degrade, face_render
from enhancer.errors import EnhancerError
from enhancer.images import read_image, read_labels, split_alpha, write_png
from enhancer.masks import soft_masks
from enhancer.metrics import Scorer
from enhancer.model import load_checkpoint, restore
from enhancer.regions import REGION_NAMES, region_map
from enhancer.tensors import to_model_range
from training.config import flag, from_flags
from training.data import list_faces
from training.objective import SqueezeFeatures, feature_distance

SHEET_ROWS = 12
HIGHER_IS_BETTER = {"psnr": True, "ssim": True, "lpips": False, "squeeze": False}


@dataclass(frozen=True)
class EvalConfig:
    """What is evaluated on what."""

    data_dir: str = flag("", "folders of faces with images/ and masks/ inside, comma-separated")
    checkpoint: str = flag("enhancer/pocket/enhancer", "checkpoint folder")
    output_dir: str = flag("runs/evaluation", "where the results go")
    preset: str = flag("v2", "degradation preset: v1 or v2")
    seed: int = flag(0, "address of the degradation's random streams")
    lpips_net: str = flag("alex", "LPIPS network: alex or vgg")
    perceptual_weights: str = flag(
        "", "SqueezeNet 1.1 features (.pth), for the SqueezeNet distance; empty: without"
    )
    no_harm: bool = flag(False, "also restore the clean pictures and score them against themselves")
    limit: int = flag(0, "only the first this many pictures; 0: all")


def squeeze_distance(features: SqueezeFeatures, rgb: np.ndarray, clean: np.ndarray) -> float:
    """Return the channel-normalised distance of SqueezeNet activations. It is not LPIPS."""
    with torch.inference_mode():
        ours, theirs = features(to_model_range(rgb)), features(to_model_range(clean))
        return float(feature_distance(ours, theirs))


def summary(rows: list[dict[str, Any]], kinds: list[str]) -> dict[str, Any]:
    """Return mean, median and standard deviation of each score of each kind, and the share of pictures improved."""
    out: dict[str, Any] = {"images": len(rows)}
    names = [key.removeprefix("degraded.") for key in rows[0] if key.startswith("degraded.")]
    for kind in kinds:
        out[kind] = {}
        for name in names:
            values = np.array([row[f"{kind}.{name}"] for row in rows if row[f"{kind}.{name}"] is not None])
            if len(values):
                spread = {"mean": values.mean(), "median": np.median(values), "std": values.std()}
                out[kind][name] = {key: round(float(value), 5) for key, value in spread.items()}
    out["improved_share"] = {}
    for name in names:
        higher = HIGHER_IS_BETTER[name.split(".")[-1]]
        pairs = [(row[f"degraded.{name}"], row[f"restored.{name}"]) for row in rows]
        wins = [
            (after > before) == higher for before, after in pairs if before is not None and after is not None
        ]
        if wins:
            out["improved_share"][name] = round(float(np.mean(wins)), 5)
    return out


def flat(scores: Any) -> dict[str, float | None]:
    """Return whole-picture and per-region scores as one level of names."""
    out = {name: scores[name] for name in ("psnr", "ssim", "lpips")}
    for region in REGION_NAMES:
        of_region = scores["regions"][region]
        for name in ("psnr", "ssim", "lpips"):
            out[f"{region}.{name}"] = None if of_region is None else of_region[name]
    return out


def print_table(result: dict[str, Any], kinds: list[str]) -> None:
    """Print mean scores, one line a score."""
    print(
        f"{'mean of ' + str(result['images']):<16}"
        + "".join(f"{kind:>12}" for kind in kinds)
        + f"{'improved':>12}"
    )
    for name, share in result["improved_share"].items():
        cells = "".join(f"{result[kind][name]['mean']:>12.4f}" for kind in kinds)
        print(f"{name:<16}{cells}{share:>12.1%}")


def main(config: EvalConfig) -> dict[str, Any]:
    """Evaluate and write the results; returns what `metrics.json` holds."""
    faces = list_faces(config.data_dir)[: config.limit or None]
    model = load_checkpoint(config.checkpoint).for_inference()
    scorer = Scorer(config.lpips_net)
    scorer.prepare()
    features = SqueezeFeatures(Path(config.perceptual_weights)) if config.perceptual_weights else None
    recipe = face_render(config.preset)
    kinds = ["degraded", "restored", *(["no_harm"] if config.no_harm else [])]
    rows, sheet = [], []
    for face in tqdm(faces, mininterval=2):
        clean, _ = split_alpha(read_image(face.image))
        masks = soft_masks(region_map(read_labels(face.labels)))
        shown = {"degraded": degrade(clean, masks, recipe, seed=config.seed)}
        shown["restored"] = restore(model, shown["degraded"])
        if config.no_harm:
            shown["no_harm"] = restore(model, clean)
        row: dict[str, Any] = {"file": face.image.name}
        for kind in kinds:
            scores = flat(scorer.score(shown[kind], clean, masks))
            if features is not None:
                scores["squeeze"] = squeeze_distance(features, shown[kind], clean)
            row |= {f"{kind}.{name}": value for name, value in scores.items()}
        row["colour_error"] = (255 * (shown["restored"] - clean).mean((0, 1))).round(3).tolist()
        rows.append(row)
        if len(sheet) < SHEET_ROWS:
            sheet.append(np.concatenate([shown["degraded"], shown["restored"], clean], axis=1))
    result = {"schema": 1, "checkpoint": model.config.name, "preset": config.preset, "seed": config.seed}
    result |= summary(rows, kinds)
    result["colour_error_levels"] = np.mean([row["colour_error"] for row in rows], axis=0).round(3).tolist()
    folder = Path(config.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(result, indent=2) + "\n")
    with (folder / "images.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    if len({picture.shape for picture in sheet}) == 1:
        write_png(np.concatenate(sheet), folder / "sheet.png")
    print_table(result, kinds)
    return result


if __name__ == "__main__":
    try:
        main(from_flags(EvalConfig, None, __doc__ or ""))
    except EnhancerError as error:
        sys.exit(f"error: {error}")
