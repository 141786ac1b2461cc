"""How an evaluation degrades a picture: by the 14 steps, or by a fit of Gaussians, which takes seconds and is kept."""

import time
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from enhancer import degradation as degrading
from enhancer.degradation import Degrading
from enhancer.errors import EnhancerError, SettingsError
from enhancer.imaging.io import WHITE, composite, read_image, write_png
from enhancer.imaging.regions import region_map
from enhancer.splats import artefacts, degradation, fit, gaussians2d
from enhancer.splats.degradation import SPLAT_PRESETS
from training.evaluation.metrics import FOREGROUND
from training.evaluation.results import fingerprint_of_files
from training.evaluation.samples import LoadedSample

# What makes a fit: where one of these files changes, what was kept is not taken for what they make.
_MAKERS = [Path(str(module.__file__)) for module in (degrading, artefacts, degradation, fit, gaussians2d)]


@dataclass(frozen=True)
class Degradation:
    """What is done to a clean picture before it is restored.

    Attributes:
        preset: One of `enhancer.degradation.PRESET_NAMES`.
        seed: Address of its random streams.
        cache: Folder in which fits are kept, by what they are made of. Processes may share it.
    """

    preset: str
    seed: int
    cache: Path

    def __post_init__(self) -> None:
        """Refuse a preset that there is not."""
        Degrading(self.preset, seed=self.seed)

    @property
    def splats(self) -> dict[str, Any] | None:
        """The severity of a splat preset as JSON has it; None of the 14 steps."""
        if self.preset not in SPLAT_PRESETS:
            return None
        preset = SPLAT_PRESETS[self.preset]
        return asdict(preset) | {"artefacts": list(preset.artefacts)}

    def degrade(self, name: str, loaded: LoadedSample) -> tuple[np.ndarray, float | None]:
        """Return a picture as the model is given it, over white.

        Args:
            name: Of the picture: a part of the address of a fit's draws, so that no two are seen from the same side.
            loaded: The picture.

        Returns:
            (H, W, 3) float32 in [0, 1], and the seconds it took; None for a fit that had been kept. Fits are rounded to
            8 bits, as the files of renders are.

        Raises:
            SettingsError: The fit cannot be kept.
        """
        start = time.perf_counter()
        if self.preset not in SPLAT_PRESETS:
            return self._degraded(loaded), time.perf_counter() - start
        path = self.cache / f"{self._address(name, loaded)}.png"
        kept = _kept(path)
        if kept is not None:
            return kept, None
        fitted = self._degraded(loaded, Path(name).name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(fitted, path)
        except (OSError, EnhancerError) as error:
            raise SettingsError(
                f"Fits cannot be kept in {self.cache}: {error}. Name another folder by --cache."
            ) from error
        return read_image(path), time.perf_counter() - start

    def _degraded(self, loaded: LoadedSample, *address: str) -> np.ndarray:
        regions = None if loaded.labels is None else region_map(loaded.labels)
        how = Degrading(self.preset, seed=self.seed)
        *_, last = how.stages(loaded.image, loaded.masks, regions, _person(loaded), address=address, shown=False)
        if last.image is None:
            raise AssertionError("The last stage is always shown.")
        return composite(last.image, WHITE)

    def _address(self, name: str, loaded: LoadedSample) -> str:
        """Return a hash of everything that the fit is made of."""
        digest = blake2b(digest_size=16)
        settings = (self.preset, self.splats, self.seed, Path(name).name, loaded.image.shape)
        digest.update(repr(settings).encode() + fingerprint_of_files(_MAKERS, contents=True).encode())
        for array in (loaded.image, loaded.labels, _person(loaded)):
            digest.update(b"\0" if array is None else np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def _person(loaded: LoadedSample) -> np.ndarray | None:
    """Return where the person is, (H, W) bool; None where nothing says it."""
    if FOREGROUND in loaded.masks:
        return loaded.masks[FOREGROUND] > 0.5
    return None if loaded.labels is None else loaded.labels > 0


def _kept(path: Path) -> np.ndarray | None:
    """Return a fit that was kept; None if there is none, or it can no longer be read."""
    try:
        return read_image(path) if path.is_file() else None
    except EnhancerError:
        return None
