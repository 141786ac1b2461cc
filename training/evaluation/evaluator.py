"""One picture through a checkpoint: the versions of it that are compared, and the row of scores they make."""

# Must precede torchvision and diffusers.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import copy
import time
from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, pad

from enhancer.errors import EnhancerError, UnavailableError
from enhancer.metrics.catalogue import LPIPS_NETS, lpips_of
from enhancer.metrics.perceptual import Perceptual
from enhancer.metrics.regional import RegionalScorer
from enhancer.model import SplatEnhancer, restore
from enhancer.model.config import EMBEDDED
from enhancer.runtime.device import peak_memory
from enhancer.tensors import to_model_range, to_rgb
from training.evaluation.degradation import Degradation
from training.evaluation.fid import Inception
from training.evaluation.identity import Identity, landmarks
from training.evaluation.metrics import COLOURS, COLUMNS, KINDS, SCORES, SET_SCORES, column
from training.evaluation.samples import LoadedSample
from training.losses.networks import SqueezeFeatures
from training.losses.terms import feature_distance

Row = dict[str, Any]
Pictures = dict[str, np.ndarray]  # kind (or "clean") -> (H, W, 3) float32 in [0, 1]
NO_HARM_UNASKED = "Not asked for (--no-no_harm, or no_harm = false in a set)."
MS_SSIM_SIDE = 161  # px, the least that five scales of an 11 px window need
# Scores that the partial strength does without: they cost most, and say little that LPIPS-AlexNet does not.
SLOW_SCORES = frozenset({lpips_of("vgg").key, "ms_ssim", "squeeze"})


def without_adapters(vae: Any) -> Any:
    """Return a copy of a VAE as its base has it: any LoRA taken out again, not merged."""
    plain = copy.deepcopy(vae)
    adapted = [(name, layer) for name, layer in plain.named_modules() if hasattr(layer, "get_base_layer")]
    for name, layer in adapted:
        parent, _, child = name.rpartition(".")
        setattr(plain.get_submodule(parent), child, layer.get_base_layer())
    return plain.requires_grad_(False).eval()


@torch.inference_mode()
def vae_round_trip(vae: Any, rgb: np.ndarray) -> np.ndarray:
    """Encode to the posterior's mean and decode without skips: (H, W, 3) in [0, 1] -> the same."""
    height, width = rgb.shape[:2]
    multiple = 2 ** (len(vae.config.block_out_channels) - 1)
    batch = pad(to_model_range(rgb), (0, -width % multiple, 0, -height % multiple), mode="reflect")
    latents = vae.encode(batch.to(vae.device)).latent_dist.mode()
    return to_rgb(vae.decode(latents).sample)[0, :height, :width]


class Evaluator:
    """Makes the versions of a picture and scores each against the clean one.

    Attributes:
        missing: Score or row -> the sentence why it is not reported.
    """

    def __init__(
        self,
        model: SplatEnhancer,
        degradation: Degradation,
        *,
        no_harm: bool,
        strength: float = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Take a loaded checkpoint, not yet merged; it is merged here.

        Args:
            model: The checkpoint.
            degradation: What is done to clean pictures.
            no_harm: Restore the clean pictures, too.
            strength: The part of a restoration that is scored beside the whole, above 0 and below 1; 0: none.
            dtype: What the restoration computes in.
        """
        self.missing: dict[str, str] = {}
        self.degradation, self.strength, self.dtype = degradation, strength, dtype
        self.vae: Any = None
        if model.config.base == EMBEDDED:
            self.missing["vae_floor"] = (
                "This checkpoint's base was trained together with its skips: without them its round trip means nothing."
            )
        else:
            self.vae = without_adapters(model.vae)
        if not strength:
            self.missing["partial"] = "Not asked for (--strength 0)."
        if not no_harm:
            self.missing["no_harm"] = NO_HARM_UNASKED
        self.model = model.for_inference()
        self.perceptuals: dict[str, Perceptual] = {}
        self.features: SqueezeFeatures | None = None
        self.identity: Identity | None = None
        self.ms_ssim: Callable[..., Tensor] | None = None
        self.inception: Inception | None = None

    def bring_scores(
        self,
        lpips_nets: tuple[str, ...],
        squeeze: str = "",
        identity: str = "",
        inception: str = "",
        *,
        lpips_trunk: str = "",
    ) -> "Evaluator":
        """Load the networks of the scores; what cannot be had is noted in `missing`.

        Raises:
            UnavailableError: A file that was named does not exist.
        """
        for net in LPIPS_NETS:
            key = lpips_of(net).key
            if net not in lpips_nets:
                self.missing[key] = f"Not asked for (--lpips_nets {','.join(lpips_nets) or repr('')})."
                continue
            try:
                self.perceptuals[key] = Perceptual.from_pretrained(net, self.model.device, lpips_trunk)
            except UnavailableError as error:
                if net == "vgg" and lpips_trunk:
                    raise  # a file that was named
                self.missing[key] = str(error)[:1].upper() + str(error)[1:]
        if squeeze:
            self.features = SqueezeFeatures(Path(squeeze)).to(self.model.device)
        else:
            self.missing["squeeze"] = "No weights were named (--perceptual_weights)."
        if identity:
            self.identity = Identity(Path(identity))
        else:
            self.missing["identity"] = "No network was named (--identity_weights)."
        if inception:
            self.inception = Inception(Path(inception), self.model.device)
        else:
            self.missing |= dict.fromkeys(SET_SCORES, "No network was named (--inception_weights).")
        try:
            module = import_module("torchmetrics.functional.image")
            self.ms_ssim = module.multiscale_structural_similarity_index_measure
        except ImportError:
            self.missing["ms_ssim"] = "torchmetrics is not installed (pip install torchmetrics)."
        return self

    def with_degradation(self, degradation: Degradation, *, no_harm: bool) -> "Evaluator":
        """Return the same for pictures that are degraded otherwise; the networks are shared."""
        other = copy.copy(self)
        other.degradation = degradation
        other.missing = {key: why for key, why in self.missing.items() if key != "no_harm"}
        if not no_harm:
            other.missing["no_harm"] = NO_HARM_UNASKED
        return other

    @property
    def kinds(self) -> tuple[str, ...]:
        """The rows that are made, in the table's order."""
        return tuple(kind for kind in KINDS if kind not in self.missing)

    @property
    def scores(self) -> tuple[str, ...]:
        """Keys of the scores that can be had."""
        return tuple(key for key in SCORES if key not in self.missing)

    def restore(self, rgb: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the restored picture and the seconds it took."""
        device = self.model.device
        start = time.perf_counter()
        with torch.autocast(device.type, self.dtype, enabled=self.dtype != torch.float32):
            out = restore(self.model, rgb)  # ends on the CPU, so a GPU has finished when it returns
        return out, time.perf_counter() - start

    def pictures(self, name: str, loaded: LoadedSample) -> tuple[Pictures, Row]:
        """Return every version of a picture, the clean one among them, and what its row says of their making."""
        degraded, took = loaded.degraded, None
        if degraded is None:
            degraded, took = self.degradation.degrade(name, loaded)
        out = {"clean": loaded.clean, "degraded": degraded}
        out["restored"], seconds = self.restore(degraded)
        if "partial" in self.kinds:  # as `enhancer.imaging.blend` blends
            out["partial"] = degraded + np.float32(self.strength) * (out["restored"] - degraded)
        if "vae_floor" in self.kinds:
            out["vae_floor"] = vae_round_trip(self.vae, loaded.clean)
        if "no_harm" in self.kinds:
            out["no_harm"], _ = self.restore(loaded.clean)
        return out, {"seconds": round(seconds, 4), "degrade_seconds": None if took is None else round(took, 4)}

    def row(self, name: str, loaded: LoadedSample) -> tuple[Row, Pictures]:
        """Judge one picture: its row, with every column of the catalogue, and the pictures it is about.

        Raises:
            EnhancerError: The model gave something that is not a number; the message names the picture.
        """
        pictures, times = self.pictures(name, loaded)
        height, width = loaded.clean.shape[:2]
        row: Row = {"file": name, "width": width, "height": height} | times
        scorer = PictureScorer(self, loaded)
        for kind in KINDS:
            if kind in self.kinds and not np.isfinite(pictures[kind]).all():
                raise EnhancerError(f"{KINDS[kind]} of {name} is not a number everywhere: the checkpoint is broken.")
            without = SLOW_SCORES if kind == "partial" else frozenset[str]()
            found = scorer.score(pictures[kind], without) if kind in self.kinds else {}
            row |= {f"{kind}.{name}": found.get(name) for name in COLUMNS}
        tint = 255 * (pictures["restored"] - loaded.clean).mean((0, 1), dtype=np.float64)
        row |= {f"colour_error.{colour}": round(float(value), 4) for colour, value in zip(COLOURS, tint, strict=True)}
        row["peak_memory_mib"] = peak_memory(self.model.device)
        return row, pictures


class PictureScorer:
    """Scores versions of one picture: by the library's regional scorer, and by what an evaluation alone has."""

    def __init__(self, evaluator: Evaluator, loaded: LoadedSample) -> None:
        """Prepare the clean picture's features and embedding."""
        self.evaluator, self.clean = evaluator, loaded.clean
        self.regional = RegionalScorer(loaded.clean, loaded.masks, evaluator.perceptuals)
        self.features = _activations(evaluator.features, loaded.clean) if evaluator.features else []
        self.points = landmarks(loaded.labels) if evaluator.identity and loaded.labels is not None else None
        self.embedding = None
        if evaluator.identity is not None and self.points is not None:
            self.embedding = evaluator.identity.embedding(loaded.clean, self.points)

    def score(self, rgb: np.ndarray, without: Collection[str] = ()) -> dict[str, float | None]:
        """Return column -> value of one version, but for the scores `without`."""
        evaluator = self.evaluator
        out: dict[str, float | None] = {}
        for part, scores in self.regional.score(rgb, without).items():
            out |= {column(part, key): value for key, value in scores.items()}
        if evaluator.features is not None and "squeeze" not in without:
            ours = _activations(evaluator.features, rgb)
            out["squeeze"] = float(feature_distance(ours, self.features))
            out |= {
                column(part, "squeeze"): part_distance(ours, self.features, mask)
                for part, mask in self.regional.masks.items()
            }
        large = min(rgb.shape[:2]) >= MS_SSIM_SIDE
        if evaluator.ms_ssim is not None and large and "ms_ssim" not in without:
            pair = [torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()) for picture in (rgb, self.clean)]
            out["ms_ssim"] = float(evaluator.ms_ssim(*pair, data_range=1.0))
        if evaluator.identity is not None and self.points is not None and self.embedding is not None:
            out["identity"] = float(evaluator.identity.embedding(rgb, self.points) @ self.embedding)
        return {name: None if value is None else round(value, 6) for name, value in out.items()}


@torch.inference_mode()
def _activations(features: nn.Module, rgb: np.ndarray) -> list[Tensor]:
    return features(to_model_range(rgb).to(features.get_buffer("mean").device))


def part_distance(ours: list[Tensor], theirs: list[Tensor], mask: np.ndarray) -> float:
    """Return `feature_distance` under a (H, W) mask, which is averaged down to each layer's size."""
    weight = torch.from_numpy(np.ascontiguousarray(mask, np.float32))[None, None]
    layers = []
    for a, b in zip(ours, theirs, strict=True):
        field = (nn.functional.normalize(a, dim=1) - nn.functional.normalize(b, dim=1)).square().sum(1)[0].cpu()
        under = adaptive_avg_pool2d(weight, (field.shape[0], field.shape[1]))[0, 0]
        layers.append(float((field * under).sum() / under.sum()))
    return float(np.mean(layers))
