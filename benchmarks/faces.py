"""How well faces are found in group pictures, by size, turn and damage; and what restoring each by itself gains.

    OMP_NUM_THREADS=1 python -m benchmarks.faces [--pictures FOLDER] [--finders near far parser] [--groups 24]
    OMP_NUM_THREADS=1 python -m benchmarks.faces --restore [--pictures FOLDER]

Group pictures are composed: the example heads, and where ../shared is there photographs cut out by their label maps, at
known sizes (chin to hairline, px) and turns, on backgrounds without a face: scikit-image's own pictures, noise, gradients.
A face counts as found where the middle of a box lies within a third of its height of the true one and the size is within a
factor of 1.6. What else is found is false. The finders: BlazeFace for near faces, which is embedded; from
../shared the one for near and far ones; the embedded face parser in the same tiles.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import skimage
import torch
from tqdm import tqdm

from enhancer.degrade import degrade, face_render
from enhancer.detection import BOX_OF_FACE, FACE_ABOVE_BOX
from enhancer.detection.blazeface import FULL_RANGE, BlazeFace
from enhancer.detection.detector import SURE, Face, find_faces
from enhancer.imaging.faces import is_plausible, largest_face
from enhancer.imaging.framing import framed
from enhancer.imaging.io import read_image, read_labels, split_alpha, write_png
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.regions import region_map
from enhancer.metrics.fidelity import psnr, squared_error, weighted_mean
from enhancer.metrics.perceptual import Perceptual
from enhancer.parser import Parser
from enhancer.runtime.command_line import ArgumentParser
from enhancer.seeding import rng_for
from enhancer.service import Service

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
PHOTOGRAPHS = SHARED / "data/celebamask512/val"
SIZES = (40, 56, 80, 112, 160, 224, 320, 400)  # px, chin to hairline
TURNS = (0, 15, 25, 45)  # degrees, to either side
RESTORED_SIZES = (96, 128, 176, 256, 400)
DAMAGES = ("clean", "v2")
FACELESS = (
    "brick", "cell", "chelsea", "clock_motion", "coffee", "coins", "grass", "gravel", "ihc", "moon", "motorcycle_left",
    "page", "retina", "rocket", "text", "hubble_deep_field",
)  # fmt: skip
GROUP = (1024, 1536)  # px, height and width
NEAR, ALIKE = 1 / 3, 1.6  # of a found face: off by this share of its height at most, and this factor of its size

Finder = Callable[[np.ndarray], Sequence[Face]]


class Person(NamedTuple):
    """Somebody cut out."""

    rgb: np.ndarray
    alpha: np.ndarray
    labels: np.ndarray
    face: tuple[float, float, float]  # middle across and down, and height, px


class Placed(NamedTuple):
    """A face in a group picture: what is true of it."""

    x: float
    y: float
    height: float  # px, chin to hairline
    turn: int  # degrees
    labels: np.ndarray  # region map of the whole picture, with only this face


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--finders", nargs="+", choices=FINDERS, default=list(FINDERS))
    parser.add_argument("--groups", type=int, default=24, help="pictures that are composed")
    parser.add_argument("--pictures", type=Path, help="folder for pictures with what was found drawn in, to look at")
    parser.add_argument("--restore", action="store_true", help="measure what restoring each face by itself gains")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    people = list(_people())
    print(f"{len(people)} people, {len(_backgrounds())} backgrounds, {options.groups} groups of {GROUP[1]}x{GROUP[0]}")
    if options.restore:
        _gains(people, options.groups, options.pictures)
        return
    for name in options.finders:
        _measure(name, FINDERS[name](), people, options.groups, options.pictures)


def _people() -> Iterator[Person]:
    """Yield the example heads, and where there are some photographs, cut out."""
    for path in sorted((ROOT / "examples/heads").glob("head_??.png")):
        rgb, alpha = split_alpha(read_image(path))
        labels = read_labels(path.with_name(f"{path.stem}_labels.png"))
        yield _person(rgb, np.ones(rgb.shape[:2], np.float32) if alpha is None else alpha, region_map(labels))
    for path in sorted((PHOTOGRAPHS / "images").glob("*.jpg"))[:60]:
        labels = read_labels(PHOTOGRAPHS / "masks" / f"{path.stem}.png")
        alpha = cv2.GaussianBlur((labels > 0).astype(np.float32), (0, 0), 2)
        yield _person(read_image(path), alpha, region_map(labels))


def _person(rgb: np.ndarray, alpha: np.ndarray, regions: np.ndarray) -> Person:
    face = largest_face(regions)
    assert face is not None
    rows, columns = np.nonzero(face)
    middle = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
    return Person(rgb, alpha, regions, (*middle, float(np.ptp(rows) + 1)))


def _backgrounds() -> list[Callable[[np.random.Generator], np.ndarray]]:
    """Return what draws a background of the size of a group, without a face."""

    def photograph(path: Path, rng: np.random.Generator) -> np.ndarray:
        rgb = read_image(path)[..., :3]
        scale = max(GROUP[0] / rgb.shape[0], GROUP[1] / rgb.shape[1]) * rng.uniform(1, 1.5)
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        top, left = (rng.integers(full - length + 1) for full, length in zip(rgb.shape, GROUP, strict=False))
        return np.clip(rgb[top : top + GROUP[0], left : left + GROUP[1]], 0, 1)

    def noise(rng: np.random.Generator) -> np.ndarray:
        coarse = rng.random((int(rng.integers(8, 256)), int(rng.integers(8, 256)), 3), np.float32)
        return cv2.resize(coarse, GROUP[::-1], interpolation=cv2.INTER_LINEAR)

    def gradient(rng: np.random.Generator) -> np.ndarray:
        return cv2.resize(rng.random((2, 2, 3), np.float32), GROUP[::-1], interpolation=cv2.INTER_LINEAR)

    folder = Path(skimage.__file__).parent / "data"
    files = [path for path in sorted(folder.iterdir()) if path.stem in FACELESS and path.suffix in (".png", ".jpg")]
    return [*(lambda rng, path=path: photograph(path, rng) for path in files), noise, noise, gradient, gradient]


class Group(NamedTuple):
    """A composed picture."""

    rgb: np.ndarray
    faces: list[Placed]


def compose(people: Sequence[Person], number: int, sizes: Sequence[int] = SIZES) -> Group:
    """Compose a group picture, the same for the same number: people of every size in turn, where there is room."""
    rng = rng_for(number, "group")
    grounds = _backgrounds()
    rgb = grounds[number % len(grounds)](rng).astype(np.float32)
    taken = np.zeros(GROUP, bool)
    faces: list[Placed] = []
    for size in sorted(sizes, reverse=True):
        for _ in range(1 if size >= 224 else 2):
            person = people[rng.integers(len(people))]
            turn = int(rng.choice(TURNS)) * int(rng.choice([-1, 1]))
            placed = _put(rgb, taken, person, size, turn, rng)
            faces += [placed] if placed is not None else []
    return Group(np.clip(rgb, 0, 1), faces)


def _put(
    rgb: np.ndarray, taken: np.ndarray, person: Person, size: int, turn: int, rng: np.random.Generator
) -> Placed | None:
    """Draw a person into a picture where nobody is yet; None where there is no room."""
    x, y, height = person.face
    scale = size / height
    reach = round(0.75 * size)  # the face and some of what is round it
    small_rgb, small_alpha = (
        cv2.resize(array, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        for array in (person.rgb * person.alpha[..., None], person.alpha)
    )
    for _ in range(60):
        across, down = rng.integers(reach, GROUP[1] - reach), rng.integers(reach, GROUP[0] - reach)
        if taken[down - reach : down + reach, across - reach : across + reach].any():
            continue
        matrix = cv2.getRotationMatrix2D((x * scale, y * scale), turn, 1)
        matrix[:, 2] += across - x * scale, down - y * scale
        moved, alpha = (
            cv2.warpAffine(each, matrix, GROUP[::-1], flags=cv2.INTER_LINEAR) for each in (small_rgb, small_alpha)
        )
        free = np.clip(alpha, 0, 1) * ~taken
        rgb *= (1 - free)[..., None]
        rgb += moved * (free / np.maximum(alpha, 1e-6))[..., None]
        taken |= free > 0.05
        taken[down - reach : down + reach, across - reach : across + reach] = True
        to_labels = matrix @ np.diag([scale, scale, 1])
        labels = cv2.warpAffine(person.labels, to_labels, GROUP[::-1], flags=cv2.INTER_NEAREST)
        return Placed(float(across), float(down), float(size), abs(turn), np.where(free > 0.5, labels, 0))
    return None


def _damaged(group: Group, damage: str, number: int) -> np.ndarray:
    """Damage each face of a picture as if it had been rendered alone."""
    if damage == "clean":
        return group.rgb
    out = group.rgb.copy()
    for face in group.faces:
        reach = int(0.75 * face.height)
        there = np.s_[int(face.y) - reach : int(face.y) + reach, int(face.x) - reach : int(face.x) + reach]
        masks = soft_masks(face.labels[there])
        out[there] = degrade(group.rgb[there], masks, face_render(damage), seed=number)
    return out


def near() -> Finder:
    """Find by the network that is embedded."""
    network = BlazeFace()
    return lambda rgb: find_faces(rgb, network, network.side, LEAST)


def far() -> Finder:
    """Find by the one for faces near and far."""
    network = BlazeFace(SHARED / "data/weights/blazeface/full_range.tflite", FULL_RANGE)
    return lambda rgb: find_faces(rgb, network, network.side, LEAST)


def parsed() -> Finder:
    """Find by the embedded parser in the same tiles: what `is_plausible` believes."""
    parser = Parser.from_pretrained()

    def look(tile: np.ndarray) -> np.ndarray:
        regions = parser.regions(tile)
        face = largest_face(regions) if is_plausible(regions) else None
        if face is None:
            return np.empty((0, 4), np.float32)
        rows, columns = np.nonzero(face)
        height = np.ptp(rows) + 1
        middle = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2 + FACE_ABOVE_BOX * height
        return np.array([[*middle, BOX_OF_FACE * height, 1]], np.float32)

    return lambda rgb: find_faces(rgb, look, 192, LEAST)


LEAST = 0.3  # what is less sure is not even looked at
FINDERS: dict[str, Callable[[], Finder]] = {"near": near, "far": far, "parser": parsed}
THRESHOLDS = (0.5, 0.6, SURE, 0.7, 0.8)


def _measure(name: str, find: Finder, people: Sequence[Person], groups: int, pictures: Path | None) -> None:
    """Print recall by size and turn, and false finds, of one finder."""
    hits: dict[tuple[str, str, int, float], list[bool]] = defaultdict(list)
    false: dict[tuple[str, float], int] = defaultdict(int)
    seconds = 0.0
    for number in tqdm(range(groups), desc=name, leave=False):
        group = compose(people, number)
        for damage in DAMAGES:
            rgb = _damaged(group, damage, number)
            start = time.process_time()
            found = find(rgb)
            seconds += time.process_time() - start
            for sure in THRESHOLDS:
                kept = [face for face in found if face.sure >= sure]
                matched = {number for face in group.faces for number in _matches(face, kept)}
                false[damage, sure] += len(kept) - len(matched)
                for face in group.faces:
                    is_hit = bool(_matches(face, kept))
                    hits[damage, "size", int(face.height), sure].append(is_hit)
                    hits[damage, "turn", face.turn, sure].append(is_hit)
            if pictures is not None:
                _draw(rgb, [face for face in found if face.sure >= SURE], pictures / f"{name}_{number}_{damage}.png")
    print(f"{name}: {1000 * seconds / (groups * len(DAMAGES)):.0f} ms a picture")
    for damage in DAMAGES:
        for sure in THRESHOLDS:
            rows = [
                f"{by} " + "  ".join(f"{key}: {_share(hits[damage, by, key, sure])}" for key in keys)
                for by, keys in (("size", SIZES), ("turn", TURNS))
            ]
            print(f"  {damage}, sure {sure}: false {false[damage, sure]}; {'; '.join(rows)}")


def _gains(people: Sequence[Person], groups: int, pictures: Path | None) -> None:
    """Print PSNR and LPIPS of the faces and their hair: as given, of the picture restored as a whole, and face by face."""
    service, lpips = Service.load(lpips_net=None), Perceptual.from_pretrained("alex")
    scores: dict[int, list[list[tuple[float, float]]]] = defaultdict(list)
    missed = 0
    for number in tqdm(range(groups), leave=False):
        group = compose(people, number, RESTORED_SIZES)
        given = _damaged(group, "v2", number)
        result = service.restore_faces(given, with_regions=False)
        versions = [given, service.restore(given, with_regions=False).restored, result.restored]
        for face in group.faces:
            missed += not _matches(face, [found.face for found in result.faces or ()])
            square = framed(face.x, face.y, face.height, GROUP)
            clean, labels = (np.ascontiguousarray(square.of(each)) for each in (group.rgb, face.labels))
            inside = (labels > 0).astype(np.float32)
            cuts = [np.ascontiguousarray(square.of(version)) for version in versions]
            scores[int(face.height)].append(
                [
                    (
                        psnr(weighted_mean(squared_error(cut, clean), inside)),
                        weighted_mean(lpips.distance(cut, clean)[1], inside),
                    )
                    for cut in cuts
                ]
            )
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            write_png(np.concatenate([given, result.restored], 1), pictures / f"restored_{number}.png")
    print(f"faces that were not found, and count as given: {missed}")
    for size, rows in sorted(scores.items()):
        means = np.array(rows).mean(0)
        said = ", ".join(
            f"{what} {decibels:.2f} dB, LPIPS {distance:.3f}"
            for what, (decibels, distance) in zip(("given", "as a whole", "face by face"), means, strict=True)
        )
        print(f"  {size} px ({len(rows)}): {said}")


def _matches(face: Placed, found: Sequence[Face]) -> list[int]:
    """Return which of the faces that were found are this one."""
    heights = [other.side / BOX_OF_FACE for other in found]
    return [
        number
        for number, (other, height) in enumerate(zip(found, heights, strict=True))
        if np.hypot(other.x - face.x, other.y - FACE_ABOVE_BOX * height - face.y) < NEAR * face.height
        and 1 / ALIKE < height / face.height < ALIKE
    ]


def _share(hits: Sequence[bool]) -> str:
    return f"{np.mean(hits):.2f} ({len(hits)})" if hits else "-"


def _draw(rgb: np.ndarray, found: Sequence[Face], path: Path) -> None:
    """Write a picture with boxes."""
    out = rgb.copy()
    for face in found:
        half = face.side / 2
        corners = [(round(face.x + sign * half), round(face.y + sign * half)) for sign in (-1, 1)]
        cv2.rectangle(out, corners[0], corners[1], (0.0, 1.0, 0.0), 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(out, path)


if __name__ == "__main__":
    main()
