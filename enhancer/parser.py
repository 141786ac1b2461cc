"""The face parser: a Segformer that says which region of the face each pixel belongs to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import cv2
import numpy as np
import torch
import torch.nn.functional as F

import enhancer.torchvision_stub  # noqa: F401  must come before transformers

# isort: split
from safetensors import SafetensorError
from transformers import SegformerForSemanticSegmentation
from transformers.utils import logging as transformers_logging

from enhancer.errors import CheckpointError
from enhancer.finite import require_finite_tensors
from enhancer.hub import PARSER, PARSER_REVISION, Access, resolve
from enhancer.imaging.arrays import as_image
from enhancer.imaging.regions import HEAD_LABELS, REGIONS, names_in_id_order, region_of_label
from enhancer.lfs import refuse_pointers
from enhancer.messages import Message

POCKET = Path(__file__).parent / "pocket" / "parser"
POCKET_NAME = "pocket Segformer"

STRIDE = 32  # px: Segformer's last stage sees one cell per 32 x 32 px
LARGEST = 2.25  # network input, as a multiple of its trained area, for pictures far from square


@dataclass(frozen=True)
class Preprocessing:
    """How a picture must look for the network: size and range."""

    side: int  # px, of the short side
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of_folder(cls, folder: Path) -> "Preprocessing":
        """Read a Segformer image processor's settings; where there are none, transformers' defaults hold."""
        path = folder / "preprocessor_config.json"
        settings = json.loads(path.read_text()) if path.exists() else {}
        size = settings.get("size", 512)
        side = min(size.values()) if isinstance(size, dict) else size
        mean = settings.get("image_mean", (0.485, 0.456, 0.406))  # ImageNet's
        return cls(int(side), tuple(mean), tuple(settings.get("image_std", (0.229, 0.224, 0.225))))

    def __call__(self, rgb: np.ndarray) -> torch.Tensor:
        """(H, W, 3) float32 in [0, 1] -> (1, 3, h, w), the short side at the trained size, aspect kept to 32 px."""
        height, width = rgb.shape[:2]
        scale = min(self.side / min(height, width), (LARGEST * self.side**2 / (height * width)) ** 0.5)
        h, w = (max(STRIDE, STRIDE * round(scale * length / STRIDE)) for length in (height, width))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(np.asarray(rgb, np.float32), (w, h), interpolation=how)
        small = (small - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)))[None]


class Parser:
    """Finds the five face regions in a picture. Several threads may use one parser at once.

    Attributes:
        name: What is running, to be shown: ``"pocket Segformer"``, or a Hub id and short commit, or a folder.
        notice: Why an older copy stands in for what was wanted; None if none does.
    """

    def __init__(
        self,
        model: SegformerForSemanticSegmentation,
        preprocessing: Preprocessing,
        name: str,
        notice: Message | None = None,
    ) -> None:
        """Wrap a loaded Segformer.

        Raises:
            LabelError: The names of its labels are not those of the region table.
        """
        names: Any = model.config.id2label or {}
        table = region_of_label(names_in_id_order(names))
        self.name, self.notice = name, notice
        self._model = model.eval().requires_grad_(False)
        self._preprocessing = preprocessing
        # (6, labels): sums the chances of labels to those of outside and the five regions
        sums = F.one_hot(torch.from_numpy(table).long(), len(REGIONS) + 1).T.float()
        self._sums = sums.to(model.device)
        background = [float(name == "background") for name in names_in_id_order(names)]
        self._background = torch.tensor([background], device=model.device)  # (1, labels)

    @classmethod
    def from_pretrained(
        cls,
        ref: str | Path = "pocket",
        *,
        revision: str | None = None,
        device: str | torch.device = "cpu",
        **access: Unpack[Access],
    ) -> "Parser":
        """Load a parser.

        Args:
            ref: A folder, a Hub id such as `enhancer.hub.PARSER`, or ``"pocket"``, the embedded parser.
            revision: Branch, tag or commit of a Hub id; None: the pinned commit of `enhancer.hub.PARSER`, the main branch of others. A
                commit in the cache asks the Hub nothing.
            device: Where it runs.
            access: `token`, `cache_dir` and `local_files_only`; see `enhancer.hub.Access`.

        Raises:
            HubError: A Hub id was asked for, and the Hub does not give it.
            CheckpointError: The folder does not exist, or holds no complete Segformer.
            LabelError: The names of its labels are not those of the region table.
        """
        if revision is None and str(ref) == PARSER:
            revision = PARSER_REVISION
        found = resolve(ref, kind="parser", revision=revision, **access)
        name = POCKET_NAME if ref == "pocket" else found.name
        return cls(_segformer(found.folder, device), Preprocessing.of_folder(found.folder), name, found.notice)

    def regions(self, rgb: np.ndarray) -> np.ndarray:
        """Find the regions.

        Args:
            rgb: (H, W, 3) float in [0, 1], sRGB, any size.

        Returns:
            (H, W) uint8: 0 for outside, k for ``REGIONS[k - 1]``. Without a face nearly all 0: see `enhancer.imaging.faces.has_face`.
        """
        return self._chances(rgb, self._sums).argmax(0).to(torch.uint8).cpu().numpy()

    def labels(self, rgb: np.ndarray) -> np.ndarray:
        """Find the regions and, outside them, the person: a label map in the order of ``HEAD_LABELS``.

        Returns:
            (H, W) uint8: 0 for background, 1 to 5 as `regions`, 6 for what is of the person but in no region.
        """
        chances = self._chances(rgb, torch.cat([self._sums, self._background]))
        regions = chances[:-1].argmax(0)
        person = chances[0] > 2 * chances[-1]  # of what is outside the regions, less than half is background
        regions[(regions == 0) & person] = HEAD_LABELS.index("other")
        return regions.to(torch.uint8).cpu().numpy()

    @torch.inference_mode()
    def _chances(self, rgb: np.ndarray, sums: torch.Tensor) -> torch.Tensor:
        """(rows of `sums`, H, W): the chances of labels, summed, at the picture's size."""
        rgb = as_image(rgb, channels=(3,))
        chances = self._model(self._preprocessing(rgb).to(self._model.device)).logits.softmax(1)
        # Labels are summed to regions before the map is enlarged: a third of the work, and a pixel that is half upper,
        # half lower lip is all mouth.
        chances = torch.einsum("rl,blhw->brhw", sums, chances)
        return F.interpolate(chances, size=rgb.shape[:2], mode="bilinear", align_corners=False)[0]


def _segformer(folder: Path, device: str | torch.device) -> SegformerForSemanticSegmentation:
    """Load a Segformer in float32, or say what is wrong with the folder."""
    refuse_pointers(folder.glob("*"), CheckpointError)
    config = folder / "config.json"
    kind = json.loads(config.read_text()).get("model_type") if config.exists() else None
    if kind != "segformer" or not (folder / "model.safetensors").exists():
        raise CheckpointError(
            f"{folder} holds no Segformer: config.json {f'names the model type {kind!r}' if kind else 'is missing'}"
            f"{'' if (folder / 'model.safetensors').exists() else ', model.safetensors is missing'}."
        )
    with _no_progress_bar():
        try:
            loaded: Any = SegformerForSemanticSegmentation.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
            )
        except (RuntimeError, ValueError, OSError, SafetensorError) as error:
            raise CheckpointError(f"The parser in {folder} does not load: {error}") from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):  # extra ones, such as a training head's, do no harm
        raise CheckpointError(f"The parser in {folder} lacks the weights {', '.join(missing)}.")
    require_finite_tensors(model.state_dict(), str(folder))
    return model.to(device)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing a bar for a load that takes a blink."""
    drawn = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if drawn:
            transformers_logging.enable_progress_bar()
