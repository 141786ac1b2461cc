"""Faces in pictures of any size. No torch."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from enhancer.detection.blazeface import BlazeFace
from enhancer.detection.detector import Face, find_faces
from enhancer.imaging.framing import Square, framed

# Of faces as the training frames them, by 40 photographs of CelebAMask-HQ: the box's side in heights of the face, chin to
# hairline (standard deviation 0.12), and how far above the box's middle the face's lies, likewise (0.08).
BOX_OF_FACE, FACE_ABOVE_BOX = 0.82, 0.08


def find(rgb: np.ndarray) -> tuple[Face, ...]:
    """Find the faces of an (H, W, 3) float32 picture in [0, 1], the largest first.

    Raises:
        UnavailableError: The detector's weights cannot be read.
    """
    look = _embedded()
    return find_faces(rgb, look, look.side)


class Found(NamedTuple):
    """A face, and the square that is cut out round it, as the model knows faces."""

    face: Face
    square: Square

    @classmethod
    def of(cls, face: Face, shape: tuple[int, ...]) -> "Found":
        """Frame a face of a picture of `shape` (H, W, ...)."""
        height = face.side / BOX_OF_FACE
        return cls(face, framed(face.x, face.y - FACE_ABOVE_BOX * height, height, shape))

    def row(self) -> dict[str, Any]:
        """Return what a report says of it: both boxes as left, top, right and bottom, px."""
        x, y, side, sure = self.face
        left, top, length = self.square
        box = [round(edge, 1) for edge in (x - side / 2, y - side / 2, x + side / 2, y + side / 2)]
        return {"box": box, "square": [left, top, left + length, top + length], "sure": round(sure, 3)}


@cache
def _embedded() -> BlazeFace:
    return BlazeFace()
