"""Is it still the same person? Face embeddings compared, the face aligned by its label map.

The network is a TorchScript file the caller brings: input (1, 112, 112, 3) RGB in 0-255 on the ArcFace template, output
one embedding. Landmarks are the middles of the labelled eyes, nose and mouth: coarser than a landmark network's, but the
same for every version of a picture, and the comparison is between versions.
"""

import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from skimage.transform import SimilarityTransform

from enhancer.errors import UnavailableError
from enhancer.imaging.regions import CELEBAMASK_LABELS, HEAD_LABELS
from enhancer.lfs import refuse_pointers

SIDE = 112  # px of the template
FINE = 4  # the face is cut out this many times larger and then averaged down, so that nothing aliases
# The ArcFace template (Deng et al. 2019), px: left and right eye as seen, nose, middle of the mouth's corners.
TEMPLATE = np.array([(38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (56.14, 92.28)])


def landmarks(labels: np.ndarray) -> np.ndarray | None:
    """Return four points (4, 2), x and y in px, in the template's order; None where a label is missing."""
    if labels.max() < len(HEAD_LABELS):
        eyes = _mask(labels, HEAD_LABELS, ("eyes",))
        if not eyes.any():
            return None
        middle = np.arange(eyes.shape[1]) < np.nonzero(eyes)[1].mean()
        pair = (eyes & middle, eyes & ~middle)
        nose, mouth = (_mask(labels, HEAD_LABELS, (name,)) for name in ("nose", "mouth"))
    else:
        pair = tuple(_mask(labels, CELEBAMASK_LABELS, (name,)) for name in ("l_eye", "r_eye"))
        nose = _mask(labels, CELEBAMASK_LABELS, ("nose",))
        mouth = _mask(labels, CELEBAMASK_LABELS, ("mouth", "u_lip", "l_lip"))
    if not all(mask.any() for mask in (*pair, nose, mouth)):
        return None
    first, second = sorted((_centre(mask) for mask in pair), key=lambda point: point[0])
    return np.stack([first, second, _centre(nose), _centre(mouth)])


def alignment(points: np.ndarray) -> np.ndarray:
    """Return the (2, 3) similarity transform that brings `points` nearest to the template, by least squares."""
    return SimilarityTransform.from_estimate(points, TEMPLATE).params[:2]


class Identity:
    """A face embedding network; compares two pictures of one face."""

    def __init__(self, weights: Path) -> None:
        """Load the TorchScript file.

        Raises:
            UnavailableError: It does not exist, or is no TorchScript.
        """
        if not weights.is_file():
            raise UnavailableError(f"The identity network {weights} does not exist.")
        refuse_pointers([weights], UnavailableError)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit: such files are what there is
                self.network: Any = torch.jit.load(str(weights), map_location="cpu").eval()
        except RuntimeError as error:
            raise UnavailableError(f"{weights} is no TorchScript file: give one, such as mobileface.pt.") from error

    def embedding(self, rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return the unit embedding of a face in an (H, W, 3) picture in [0, 1], at its `landmarks`."""
        large = (FINE * SIDE, FINE * SIDE)
        face = cv2.warpAffine(rgb, FINE * alignment(points), large, borderMode=cv2.BORDER_REFLECT)
        face = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            vector = self.network(torch.from_numpy(face[None] * 255)).flatten().double().numpy()
        return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _mask(labels: np.ndarray, names: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray:
    return np.isin(labels, [names.index(name) for name in wanted])


def _centre(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])
