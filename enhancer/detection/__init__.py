"""Faces in pictures of any size. No torch."""

from functools import cache

import numpy as np

from enhancer.detection.blazeface import BlazeFace
from enhancer.detection.detector import Face, find_faces
from enhancer.imaging.framing import Square, framed

# Of faces as the training frames them, by 140 photographs of CelebAMask-HQ: the box's side in heights of the face, chin to
# hairline (standard deviation 0.15), and how far above the box's middle the face's lies, likewise (0.09).
BOX_OF_FACE, FACE_ABOVE_BOX = 0.87, 0.04


def find(rgb: np.ndarray) -> tuple[Face, ...]:
    """Find the faces of an (H, W, 3) float32 picture in [0, 1], the largest first.

    Raises:
        UnavailableError: The detector's weights cannot be read.
    """
    look = _embedded()
    return find_faces(rgb, look, look.side)


def square_of(face: Face, shape: tuple[int, ...]) -> Square:
    """Return the square round a face as the model knows faces, inside a picture of `shape` (H, W, ...)."""
    height = face.side / BOX_OF_FACE
    return framed(face.x, face.y - FACE_ABOVE_BOX * height, height, shape)


@cache
def _embedded() -> BlazeFace:
    return BlazeFace()
