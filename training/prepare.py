"""Prepare a data set: photographs -> 512x512 faces with label maps, or ready degraded/clean pairs -> an imagefolder.

    python -m training.prepare --photographs FOLDER --output_dir data/faces               # degraded while training
    python -m training.prepare --photographs FOLDER --output_dir data/pairs --write_pairs # degraded now, as files
    python -m training.prepare --photographs FOLDER --output_dir data/splats --degradation splat # fitted by Gaussians
    python -m training.prepare --degraded RENDERS --clean PHOTOGRAPHS --output_dir data/renders

Stop it at any time and run the same command again: it goes on where it was. Train on it with
`--train_data_dir OUTPUT/train`; `datasets.load_dataset("imagefolder", data_dir=OUTPUT)` reads it too.
"""

import hashlib
import importlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from enhancer.degrade import PRESETS, degrade, face_render, strengths_of
from enhancer.errors import EnhancerError, ImageError, LabelError, SettingsError, SplatError
from enhancer.imaging.folders import left_out
from enhancer.imaging.io import MIN_SIDE, read_image, read_labels
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.names import encodable
from enhancer.imaging.regions import region_map
from enhancer.runtime.command_line import file_errors, print_every_name, say_error
from enhancer.runtime.files import write_text
from enhancer.seeding import rng_for
from enhancer.splats.degradation import SPLAT_PRESETS, SplatPreset, degrade_as_splats, drawn_preset, splat_preset
from training.cli import flag, from_flags
from training.columns import OURS, Columns
from training.data.avatars import find_views
from training.data.crop import LabelMaker, prepare
from training.data.look import look_at
from training.data.output import Output, Row
from training.data.pair_lines import pair_lines
from training.data.photographs import Found, Photograph, find_named_pairs, find_pairs, find_photographs
from training.data.split import near_in_order, split_apart
from training.report.figures import mask_figure, pipeline_figure
from training.splats.captures import avatars_of

FINE, BAD_INPUT, INTERRUPTED = 0, 2, 130  # exit codes, as of `python -m enhancer`
WAITING = 2  # pictures handed out per worker: enough to keep them busy, few enough to stop at once
NAMES_SHOWN = 10  # of pictures without a face
PROBLEMS = "problems.txt"
LATER_FLAGS = ("conditioning_image_column", "clean_suffix", "degraded_suffix", "validation_share")
CLOUD_FLAGS = ("splats", "captures", "cameras", "llffhold")
STEPS, DRAWN_SPLATS = "steps", "splat"  # degradations beside the splat presets


@dataclass(frozen=True)
class PrepareConfig:
    """What is prepared, and how. Field name = flag name = key in `prepare.json`."""

    photographs: str = flag("", "folder of photographs, any size; label maps in masks/ beside images/ are used")
    dataset_name: str = flag("", "instead: a `datasets` id or imagefolder (needs the extra `data`)")
    dataset_split: str = flag("train", "its split that is read")
    image_column: str = flag(
        OURS.image, "its column of pictures; of pairs the clean ones. So too in a metadata.jsonl of --photographs"
    )
    conditioning_image_column: str = flag("", "its column of degraded pictures, where it holds pairs; 'none' degrades")
    clean: str = flag("", "instead, ready pairs: folder of clean pictures")
    degraded: str = flag("", "ready pairs: folder of degraded pictures, matched by name")
    clean_suffix: str = flag("", "ready pairs: what the names of clean pictures end in, such as _photo")
    degraded_suffix: str = flag(
        "", "ready pairs: the same of degraded ones, such as _render; both may be in one folder"
    )
    renders: str = flag("", "instead, pairs from output folders of splat trainers, comma-separated; see training.pairs")
    splats: str = flag("", "instead, pairs of clouds of Gaussians and captured frames; see training.pairs")
    captures: str = flag("", "of --splats: folders of captured frames")
    cameras: str = flag("", "of --splats: files or folders of their cameras")
    llffhold: int = flag(0, "of --splats: every so manieth frame by name was held out")
    views: str = flag("", "of pairs: test, val, train, all; empty: those the splats were not fitted to, else any")
    masks: str = flag("", "folder of label maps NAME.png, used instead of the parser")
    output_dir: str = flag("data/faces", "where train/ and test/ go")
    resolution: int = flag(512, "side of the square crops, pixels")
    min_crop: int = flag(256, "leave out pictures whose crop is narrower than this many pixels")
    test_share: float = flag(
        0.05,
        "share of pictures in test/, drawn by name, so that it stays when pictures are added; of --renders and --splats in blocks",
    )
    validation_share: float = flag(0.0, "the same for validation/, a third part")
    write_pairs: bool = flag(False, "write degraded pictures too, instead of degrading afresh while training")
    degradation: str = flag(
        STEPS, f"of the pairs: the 14 steps, '{DRAWN_SPLATS}' (each of its own severity), or {', '.join(SPLAT_PRESETS)}"
    )
    preset: str = flag("v2", "degradation preset of the 14 steps: v1 or v2")
    premultiplied: bool = flag(
        False, "the colours of the pictures are multiplied by their alpha, as renderers may write them"
    )
    parser: str = flag("pocket", "face parser: folder, Hub id, 'pocket', the embedded one, or 'none'")
    num_workers: int = flag(2, "pictures worked on at once")
    seed: int = flag(0, "address of every random draw")

    def __post_init__(self) -> None:
        """Check what can be checked before anything is read."""
        couples = [bool(self.clean or self.degraded), bool(self.splats or self.captures)]
        given = [bool(self.photographs), bool(self.dataset_name), bool(self.renders), *couples]
        if sum(given) != 1 or [bool(self.clean and self.degraded), bool(self.splats and self.captures)] != couples:
            raise SettingsError(
                "Give one source: --photographs, --dataset_name, --renders, --degraded and --clean together, or --splats and "
                "--captures together."
            )
        self._check_pairs()
        if self.degradation not in (STEPS, DRAWN_SPLATS):
            splat_preset(self.degradation)
        if self.preset not in PRESETS:
            raise SettingsError(f"There is no preset {self.preset!r}. Choose one of {', '.join(PRESETS)}.")
        if self.resolution < MIN_SIDE or self.resolution % 16:
            raise SettingsError(
                f"--resolution must be a multiple of 16 and at least {MIN_SIDE}, got {self.resolution}."
            )
        if min(self.test_share, self.validation_share) < 0 or self.test_share + self.validation_share > 1:
            raise SettingsError(
                "--test_share and --validation_share must be from 0 to 1, and not more together, got "
                f"{self.test_share} and {self.validation_share}."
            )
        if self.num_workers < 1 or self.llffhold < 0:
            raise SettingsError(
                f"--num_workers must be at least 1 and --llffhold at least 0, got {self.num_workers} and {self.llffhold}."
            )

    def _check_pairs(self) -> None:
        """Check what is asked of ready pairs."""
        if (self.cameras or self.llffhold) and not self.splats:
            raise SettingsError("--cameras and --llffhold go with --splats and --captures.")
        if (self.clean_suffix or self.degraded_suffix) and not self.clean:
            raise SettingsError("--clean_suffix and --degraded_suffix go with --clean and --degraded.")
        if self.clean and Path(self.clean) == Path(self.degraded) and self.clean_suffix == self.degraded_suffix:
            raise SettingsError(
                "--clean and --degraded are one folder: say what tells them apart by --clean_suffix and --degraded_suffix."
            )
        if self.writes_pairs and self.brings_pairs:
            raise SettingsError(
                "--write_pairs degrades photographs; --renders, --splats, or --degraded and --clean, are pairs already."
            )

    @property
    def shares(self) -> dict[str, float]:
        """Part -> its share, beside train/."""
        return {"test": self.test_share, "validation": self.validation_share}

    @property
    def brings_pairs(self) -> bool:
        """Whether degraded pictures are given, or rendered."""
        return bool(self.clean or self.renders or self.splats)

    @property
    def writes_pairs(self) -> bool:
        """Whether degraded pictures are made here; splats always are, since a fit takes a second."""
        return self.write_pairs or self.degradation != STEPS

    def to_json(self) -> dict[str, Any]:
        """Return what `prepare.json` records: all that changes the result."""
        kept = {key: value for key, value in asdict(self).items() if key not in ("output_dir", "num_workers")}
        if not self.splats:  # as folders have it that were prepared before there were such pairs
            kept = {key: value for key, value in kept.items() if key not in CLOUD_FLAGS}
        kept = {key: value for key, value in kept.items() if value or key not in LATER_FLAGS}
        if self.degradation == STEPS:
            del kept["degradation"]  # as folders have it that were prepared before there was another
        else:
            del kept["preset"], kept["write_pairs"]  # of the 14 steps
            if self.degradation != DRAWN_SPLATS:
                kept["splats"] = splats_json(SPLAT_PRESETS[self.degradation])
        folders = ("photographs", "clean", "degraded", "masks")
        return kept | {key: str(Path(kept[key]).resolve()) for key in folders if kept[key]}


def find(config: PrepareConfig) -> Found:
    """List what is to be prepared, and what cannot be.

    Raises:
        SettingsError: There is no picture at all.
    """
    masks = Path(config.masks) if config.masks else None
    if masks is not None and not masks.is_dir():
        raise SettingsError(f"There is no folder {masks} of label maps. Check --masks.")
    if config.dataset_name:
        found, where = Found(_rows_of_dataset(config), [], Counter()), config.dataset_name
    elif config.renders:
        found, where = _renders(config), config.renders
    elif config.splats:
        found, where = _splats(config, masks), config.captures
    elif config.clean:
        ends = (config.clean_suffix, config.degraded_suffix)
        found = find_pairs(Path(config.clean), Path(config.degraded), masks, suffixes=ends)
        where = f"{config.clean} with a partner in {config.degraded}"
    else:
        where = config.photographs
        found = find_named_pairs(Path(where), masks, Columns(config.image_column, config.conditioning_image_column))
        found = found or find_photographs(Path(where), masks, leave_out=Path(config.output_dir))
    if not found.photographs:
        said = [f"There are no pictures in {where}.", *found.problems, left_out(found.others)]
        raise SettingsError("\n".join(sentence for sentence in said if sentence))
    return found


def _renders(config: PrepareConfig) -> Found:
    """Return the pairs of splat trainers, and say which views they are."""
    found: list[Photograph] = []
    problems: list[str] = []
    for views in find_views(config.renders, config.views):
        print(f"{len(views.pairs)} pairs of {views.split} views after {views.steps} steps in {views.folder}.")
        parts = split_apart(near_in_order(len(views.pairs)), config.shares)
        about = {"view": views.split, "steps": views.steps}
        found += [replace(pair, part=part, facts=about) for pair, part in zip(views.pairs, parts, strict=True) if part]
        if count := parts.count(""):
            print(f"{count} of them are left out, since they lie beside one of the {parts.count('test')} in test/.")
        problems += views.problems
    return Found(found, problems, Counter())


def _splats(config: PrepareConfig, masks: Path | None) -> Found:
    """Return the pairs of clouds and captured frames, and say which views they are."""
    from training.splats.renders import find_renders  # brings torch, which nothing else here may need

    avatars = avatars_of(config.splats, config.captures, config.cameras)
    return find_renders(avatars, config.views, shares=config.shares, every=config.llffhold, masks=masks)


def _rows_of_dataset(config: PrepareConfig) -> list[Photograph]:
    """Return the rows of a data set as photographs, which are read when needed."""
    try:
        datasets: Any = importlib.import_module("datasets")  # an optional extra
    except ImportError as error:
        raise SettingsError(
            "--dataset_name needs the package `datasets`: pip install 'splat-enhancer[data]', or give --photographs FOLDER."
        ) from error
    try:
        table = datasets.load_dataset(config.dataset_name, split=config.dataset_split)
        pictures = [name for name, kind in table.features.items() if isinstance(kind, datasets.Image)]
        for name in pictures:
            table = table.cast_column(name, datasets.Image(decode=False))
    except Exception as error:  # its errors have no common class
        raise SettingsError(f"The data set {config.dataset_name} cannot be read: {error}") from error
    degraded = _degraded_column(config, pictures)

    def encoded(name: str, index: int) -> bytes:
        entry = table[index][name]
        return entry["bytes"] or Path(entry["path"]).read_bytes()

    found = []
    for index in range(len(table)):
        labels = Path(config.masks, f"{index:06d}.png") if config.masks else None
        partner = partial(encoded, degraded, index) if degraded else None
        given = labels if labels and labels.is_file() else None
        found.append(Photograph(f"{index:06d}", partial(encoded, config.image_column, index), given, partner))
    return found


def _degraded_column(config: PrepareConfig, pictures: Sequence[str]) -> str:
    """Return the data set's column of degraded pictures; empty where its pictures are to be degraded.

    Raises:
        SettingsError: A column is not there; or there are several of pictures, and nobody said what they are.
    """
    asked, columns = config.conditioning_image_column, ", ".join(pictures) or "none"
    for name in {config.image_column, asked} - {"", "none"}:
        if name not in pictures:
            raise SettingsError(f"{config.dataset_name} has no column of pictures {name!r}; it has {columns}.")
    if len(pictures) > 1 and not asked:
        raise SettingsError(
            f"{config.dataset_name} has several columns of pictures: {columns}. Name the clean ones by --image_column and the "
            "degraded ones by --conditioning_image_column, or give --conditioning_image_column none to degrade afresh."
        )
    return "" if asked == "none" else asked


def prepare_one(photograph: Photograph, config: PrepareConfig, parser: LabelMaker | None, output: Output) -> None:
    """Do one picture: crop, label map, degraded partner if there is or shall be one, and its row."""
    done = prepare(photograph, parser, config.resolution, config.min_crop, premultiplied=config.premultiplied)
    name = photograph.name
    split = photograph.part or _drawn_part(name, config)
    row: Row = {**photograph.facts, **done.facts}
    degraded = done.degraded
    if config.writes_pairs and done.labels is not None:
        degraded, row = degraded_partner(done.image, done.labels, name, config)
    elif degraded is not None:
        row["alpha"] = _sides_with_alpha(done.image, degraded)
    # In 8 bits these are the ids themselves.
    labels = None if done.labels is None else done.labels.astype(np.float32) / 255
    pictures = {"file_name": done.image, "degraded_file_name": degraded, "mask_file_name": labels}
    columns = output.write_pictures(split, name, {key: each for key, each in pictures.items() if each is not None})
    seen = "given" if photograph.labels is not None else getattr(parser, "name", None)
    facts = {
        "split": split,
        "source": photograph.shown,
        "crop": [round(edge, 5) for edge in done.crop],
        "face": done.face,
        "looks_premultiplied": done.looks_premultiplied,
        "labels": seen,
    }
    output.record(columns | {"name": name} | row | facts)


def _drawn_part(name: str, config: PrepareConfig) -> str:
    """Return the part a picture goes to, whatever others there are."""
    drawn = rng_for(config.seed, "split", name).random()
    if drawn < config.test_share:
        return "test"
    return "validation" if drawn < config.test_share + config.validation_share else "train"


def _sides_with_alpha(clean: np.ndarray, degraded: np.ndarray) -> str:
    """Return which pictures of a pair have alpha."""
    return {(3, 3): "neither", (4, 4): "both", (4, 3): "clean", (3, 4): "degraded"}[clean.shape[2], degraded.shape[2]]


def degraded_partner(image: np.ndarray, labels: np.ndarray, name: str, config: PrepareConfig) -> tuple[np.ndarray, Row]:
    """Degrade a crop, and return it with what repeats it."""
    seed, regions = degradation_seed(config, name), region_map(labels)
    if config.degradation == STEPS:
        degraded = degrade(image, soft_masks(regions), face_render(config.preset), seed=seed)
        return degraded, {"seed": seed, "preset": config.preset, "strengths": strengths_of(config.preset)}
    if config.degradation == DRAWN_SPLATS:
        preset = drawn_preset(rng_for(seed, "preset"))
    else:
        preset = splat_preset(config.degradation)
    degraded = degrade_as_splats(image, preset, seed, regions=regions, person=labels > 0)
    return degraded, {"seed": seed, "degradation": config.degradation, "splats": splats_json(preset)}


def splats_json(preset: SplatPreset) -> dict[str, Any]:
    """Return a severity as JSON has it."""
    return asdict(preset) | {"artefacts": list(preset.artefacts)}


def degradation_seed(config: PrepareConfig, name: str) -> int:
    """Return the seed of a picture's degradation: `degrade` or `degrade_as_splats` repeats it from this number."""
    return int(rng_for(config.seed, "degrade", name).integers(2**31))


def work_through(
    todo: Sequence[Photograph], config: PrepareConfig, parser: LabelMaker | None, output: Output, total: int
) -> list[str]:
    """Prepare pictures in parallel; return what could not be used, a sentence each."""
    problems: list[str] = []
    pool = ThreadPoolExecutor(config.num_workers)
    progress = tqdm(total=total, initial=total - len(todo), unit="picture", mininterval=0.5)
    running: dict[Future[None], Photograph] = {}
    waiting = iter(todo)
    try:
        while True:
            while len(running) < WAITING * config.num_workers and (photograph := next(waiting, None)) is not None:
                running[pool.submit(prepare_one, photograph, config, parser, output)] = photograph
            if not running:
                return problems
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                photograph = running.pop(future)
                progress.update()
                try:
                    future.result()
                except (ImageError, LabelError, SplatError) as error:
                    text = str(error)
                    problems.append(text if photograph.shown in text else f"{photograph.shown}: {text}")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # what runs is finished and recorded
        progress.close()


def main(config: PrepareConfig) -> list[str]:
    """Prepare all that is not done yet; returns what could not be used, a sentence each."""
    cv2.setNumThreads(1)  # pictures are worked on in parallel, not parts of them
    found, problems, others = find(config)
    output = Output(Path(config.output_dir), config.to_json() | _fingerprint(found), len(found))
    todo = [photograph for photograph in found if photograph.name not in output.done]
    parser = _load_parser(config) if any(each.labels is None for each in todo) else None
    problems += work_through(todo, config, parser, output, len(found))
    counts = output.finish()
    if problems:
        write_text(output.folder / PROBLEMS, encodable("\n".join(problems) + "\n"))
    else:
        (output.folder / PROBLEMS).unlink(missing_ok=True)
    told = ", ".join(f"{count} pictures in {output.folder / part}" for part, count in counts.items())
    print(f"{told}. {left_out(others)}".rstrip())
    _tell_of_faces(output)
    _tell_of_premultiplied(output)
    for line in pair_lines(list(output.done.values())):
        print(line)
    if config.clean and output.done and look_at(output.samples()).swapped:
        print("The degraded pictures are the sharper ones: --degraded and --clean seem to be swapped.")
    if figures := draw_figures(config, output):
        print(f"Figures: {', '.join(str(path) for path in figures)}")
    return problems


def _fingerprint(found: Sequence[Photograph]) -> dict[str, str]:
    """Return, where pictures were shared out by blocks, which ones they are: with others the blocks would be others."""
    if not any(each.part for each in found):
        return {}
    lines = json.dumps([[each.name, each.part, dict(each.facts)] for each in found])
    return {"pairs": f"{len(found)}, {hashlib.sha256(lines.encode()).hexdigest()[:12]}"}


def _load_parser(config: PrepareConfig) -> LabelMaker | None:
    """Load the parser that was asked for."""
    if config.parser == "none":
        return None
    import torch  # takes seconds, and is not needed where every label map is given

    from enhancer.parser import Parser
    from enhancer.runtime.device import device_of

    torch.set_num_threads(1)
    parser = Parser.from_pretrained(config.parser, device=device_of("auto"))
    print(parser.notice or f"Label maps by {parser.name}.")
    return parser


def _tell_of_faces(output: Output) -> None:
    """Name pictures in which no face was found."""
    faceless = sorted(row["source"] for row in output.done.values() if not row["face"] and row["labels"])
    if faceless:
        more = f" and {len(faceless) - NAMES_SHOWN} more" if len(faceless) > NAMES_SHOWN else ""
        shown = ", ".join(faceless[:NAMES_SHOWN])
        print(f"No face was found in {len(faceless)}, cut from the middle: {shown}{more}.")


def _tell_of_premultiplied(output: Output) -> None:
    """Say how many pictures look premultiplied."""
    count = sum(bool(row.get("looks_premultiplied")) for row in output.done.values())
    if count:
        print(
            f"In {count} no colour exceeds its alpha, as if they were multiplied by it. If they are, give --premultiplied."
        )


def draw_figures(config: PrepareConfig, output: Output) -> list[Path]:
    """Draw the pipeline and the mask logic on the first picture with a face; ready pairs and splats have neither."""
    shown = sorted((row for row in output.done.values() if row["face"]), key=lambda row: row["name"])
    if config.brings_pairs or config.degradation != STEPS or not shown:
        return []
    row = shown[0]
    folder = output.folder / row["split"]
    image, labels = read_image(folder / row["file_name"]), read_labels(folder / row["mask_file_name"])
    paths = []
    for name, draw in (("pipeline", pipeline_figure), ("masks", mask_figure)):
        seed = degradation_seed(config, row["name"])
        figure = draw(image, labels, preset=config.preset, seed=seed, name=row["name"])
        paths.append(output.folder / "figures" / f"{name}.png")
        output.write_picture(paths[-1], np.asarray(figure, np.float32) / 255)
    return paths


def command(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0 all fine, 2 something could not be used (the rest is done), 130 interrupted."""
    return run(lambda: from_flags(PrepareConfig, argv, __doc__ or ""))


def run(settings: Callable[[], PrepareConfig]) -> int:
    """Prepare what `settings()` asks for; an error of that is said like any other. Returns the exit code."""
    print_every_name()
    try:
        with file_errors():
            problems = main(settings())
    except EnhancerError as error:
        say_error(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. What is done is kept: the same command goes on from there.\n")
        return INTERRUPTED
    if problems:
        sys.stderr.write("\n".join([f"{len(problems)} could not be used:", *problems]) + "\n")
    return BAD_INPUT if problems else FINE


if __name__ == "__main__":
    sys.exit(command())
