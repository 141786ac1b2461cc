"""BlazeFace, which finds faces in a small square: MediaPipe's network, read by OpenCV. No torch."""

import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from enhancer.errors import UnavailableError
from enhancer.lfs import refuse_pointers
from enhancer.messages import Message

EMBEDDED = Path(__file__).with_name("weights") / "blazeface_short_range.tflite"  # 0.2 MB; its NOTICE is beside it


@dataclass(frozen=True)
class Layout:
    """What goes into a BlazeFace and comes out of it."""

    side: int  # px, of its square input
    grids: tuple[tuple[int, int], ...]  # cells a side, and anchors in the middle of each cell
    outputs: tuple[str, str]  # names: logits (anchors, 1), and boxes (anchors, 16) in px of the input, from the anchor


# By MediaPipe's face_detection_full_range and _short_range graphs.
FULL_RANGE = Layout(192, ((48, 1),), ("reshaped_classifier_face_4", "reshaped_regressor_face_4"))
SHORT_RANGE = Layout(128, ((16, 2), (8, 6)), ("classificators", "regressors"))


class BlazeFace:
    """Finds faces in squares. Several threads may use one at once; they take turns."""

    def __init__(self, path: Path = EMBEDDED, layout: Layout = SHORT_RANGE) -> None:
        """Load it.

        Raises:
            UnavailableError: The file is not there, or cannot be read.
        """
        self.side, self._outputs = layout.side, list(layout.outputs)
        self._anchors = np.concatenate([_middles(cells).repeat(count, 0) for cells, count in layout.grids])
        refuse_pointers([path], UnavailableError)
        try:
            # OpenCV's newer engine, which it also takes for bytes, keeps only one of the two outputs (5.0.0)
            self._network = cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)
        except (OSError, cv2.error) as error:
            raise UnavailableError(
                Message(
                    "detection.weights",
                    "The face detector {name} cannot be read. Install the package again, or clone the repository anew.",
                    name=path.name,
                )
            ) from error
        self._turn = threading.Lock()

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Look at one square.

        Args:
            rgb: (side, side, 3) float32 in [0, 1].

        Returns:
            (N, 4) float32, a row for each anchor: middle of the face across and down and side of its box, in px of the
            square, and how sure it is, 0 to 1. The box reaches from the brows to the chin.
        """
        with self._turn:
            self._network.setInput(np.ascontiguousarray(2 * rgb.transpose(2, 0, 1)[None] - 1))
            logits, boxes = (np.array(output[0]) for output in self._network.forward(self._outputs))
        sure = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
        middles = self.side * self._anchors + boxes[:, :2]
        return np.concatenate([middles, boxes[:, 2:4].mean(1, keepdims=True), sure], 1).astype(np.float32)


def _middles(cells: int) -> np.ndarray:
    """(cells * cells, 2): the middles of a grid's cells, across and down, as shares of its side."""
    down, across = np.mgrid[:cells, :cells]
    return (np.stack([across, down], -1).reshape(-1, 2) + 0.5) / cells
