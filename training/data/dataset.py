"""Photographs or ready pairs -> numbered (clean, degraded) pictures, drawn fresh for every epoch, the same after a resume."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from enhancer.degrade import PRESETS, degrade, face_render
from enhancer.errors import EnhancerError, ImageError, SettingsError
from enhancer.imaging.background import over_one_background
from enhancer.imaging.io import WHITE, read_image, read_labels, to_bytes
from enhancer.imaging.masks import soft_masks
from enhancer.imaging.names import encodable
from enhancer.imaging.regions import region_map
from enhancer.seeding import rng_for
from training.config import CLEAN, PAIRS, TrainConfig
from training.data.augment import augment
from training.data.backgrounds import cut_out, draw_colour
from training.data.folders import METADATA, Sample

SPARES = 10  # pictures tried in place of one that cannot be used

_log = logging.getLogger(__name__)


def sources_of(samples: Sequence[Sample], config: TrainConfig) -> dict[str, Sequence[Sample]]:
    """Return what each kind of the mixture is drawn from; without a mixture all samples, under the name "".

    Raises:
        SettingsError: There is nothing for a kind; the message names it.
    """
    faces = [sample for sample in samples if sample.degraded is None]
    pairs = [sample for sample in samples if sample.degraded is not None]
    special: dict[str, Sequence[Sample]] = {PAIRS: pairs, CLEAN: samples}
    found = {kind: special.get(kind, faces) for kind in config.shares} or {"": samples}
    for kind, its in found.items():
        if not its:
            wanted = (
                f"ready pairs: a folder whose {METADATA} names degraded pictures"
                if kind == PAIRS
                else "photographs with label maps: a folder with images/ and masks/"
            )
            raise SettingsError(
                f"The mixture gives {kind!r} a share of {config.shares[kind]:g}, and --train_data_dir "
                f"{config.train_data_dir} holds no {wanted}. Add one, or give a --mixture without {kind}."
            )
    return found


class Pairs(Dataset[tuple[Tensor, Tensor] | EnhancerError]):
    """Pictures as a run shows them, addressed by number: number `n` gives the same pair whenever it is asked for.

    Attributes:
        samples: All that the run draws from.
        sources: Kind of the mixture -> its samples.
    """

    def __init__(self, samples: Sequence[Sample], config: TrainConfig) -> None:
        """Remember where the pictures are; they are read when asked for.

        Raises:
            SettingsError: The mixture asks for what is not among them.
        """
        self.samples, self.config = samples[: config.max_train_samples or None], config
        self.sources = sources_of(self.samples, config)
        self.side = max(phase.resolution for phase in config.schedule)  # of the largest crop
        self.unusable: set[Path] = set()  # pictures that were named already

    def pair(self, epoch: int, index: int, kind: str = "") -> tuple[np.ndarray, np.ndarray]:
        """Return picture `index` of a kind as (clean, degraded), (H, W, 3) float32 in [0, 1], as drawn for `epoch`."""
        sample, config = self.sources[kind][index], self.config
        address = (config.seed, kind or "pair", epoch, index)
        rng = rng_for(*address)
        plain = rng.random() < config.plain_background_share
        background = draw_colour(config.colours, rng) if plain else WHITE
        severity = 1.0 if rng.random() < config.full_severity_share else float(rng.uniform(0, 1.2))
        clean = degraded = read_image(sample.image)
        if sample.degraded is not None:
            degraded = read_image(sample.degraded)
            _check_sizes(sample, clean, degraded)
            if (
                clean.shape != degraded.shape
            ):  # one has alpha: it is the pair's, and what augments must not hide a flat background
                clean, degraded = over_one_background([clean, degraded], background)
        elif plain or kind != CLEAN:
            assert sample.labels is not None
            labels = read_labels(sample.labels)
            if plain:
                clean = cut_out(clean, labels)
            if kind != CLEAN:
                recipe = face_render(kind or config.preset, severity=severity)
                degraded = degrade(clean, soft_masks(region_map(labels)), recipe, seed=address)
        extras = config.augment if sample.degraded is None else config.augment_pairs
        if kind == CLEAN:
            degraded = clean
        elif extras:
            degraded = augment(degraded, (config.seed, "augment", *address[1:]))
        clean, degraded = over_one_background([clean, degraded], background)
        return clean, degraded

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor] | EnhancerError:
        """Return pair `number` of the run as (clean, degraded), each (H, W, 3) uint8.

        Where its picture cannot be used, one of the next takes its place; where they cannot either, the error that the
        first gave is returned, since raised in a worker process it would lose its sentence.
        """
        shares, seed = self.config.shares, self.config.seed
        kind = ""
        if shares:
            kind = str(rng_for(seed, "mixture", number).choice(list(shares), p=list(shares.values())))
        samples = self.sources[kind]
        epoch, place = divmod(number, len(samples))
        chosen = int(rng_for(seed, "order", epoch).permutation(len(samples))[place])
        first = None
        for spare in range(min(SPARES, len(samples))):
            index = (chosen + spare) % len(samples)
            try:
                return self._rounded(epoch, index, kind)
            except EnhancerError as error:
                first = first or error
                path = samples[index].image
                if path not in self.unusable:
                    self.unusable.add(path)
                    _log.warning("%s Another picture takes its place.", error)
        assert first is not None
        return first

    def _rounded(self, epoch: int, index: int, kind: str) -> tuple[Tensor, Tensor]:
        clean, degraded = self.pair(epoch, index, kind)
        if min(clean.shape[:2]) < self.side:
            size = f"{clean.shape[1]}x{clean.shape[0]}"
            raise ImageError(
                f"{self.sources[kind][index].image} is {size} pixels, smaller than the crops of {self.side} "
                "(--resolution)."
            )
        return torch.from_numpy(to_bytes(clean)), torch.from_numpy(to_bytes(degraded))

    def contents(self) -> str:
        """Say what there is, and what is done to it."""
        ready = sum(sample.degraded is not None for sample in self.samples)
        faces, config = len(self.samples) - ready, self.config
        presets = [kind for kind in config.shares if kind in PRESETS] or [config.preset]
        said = [
            f"{ready} ready pairs{' with extras' if config.augment_pairs else ''}" if ready else "",
            f"{faces} photographs, preset {' and '.join(presets)}, {'with' if config.augment else 'without'} extras"
            if faces
            else "",
        ]
        return "; ".join(each for each in said if each)

    def fingerprint(self) -> str:
        """Return a short hash of which pictures there are, so that a resume on other data is noticed."""
        names = encodable("\n".join(sample.image.name for sample in self.samples))
        return hashlib.sha256(names.encode()).hexdigest()[:16]


def _check_sizes(sample: Sample, clean: np.ndarray, degraded: np.ndarray) -> None:
    if clean.shape[:2] != degraded.shape[:2]:
        sizes = " and ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (clean, degraded))
        raise ImageError(f"{sample.image} and {sample.degraded} are {sizes} pixels. Give both at one size.")
