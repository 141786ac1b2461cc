"""The catalogue of what an evaluation reports: the scores, the parts of a picture, and the rows of the table."""

from dataclasses import dataclass

import numpy as np

from enhancer.imaging.regions import REGION_NAMES

WHOLE = ""  # the part that is the whole picture: its scores carry no prefix
FOREGROUND = "foreground"  # what alpha covers, of pictures that have it
PARTS = (WHOLE, *REGION_NAMES, FOREGROUND)
COLOURS = ("red", "green", "blue")

# The four rows: what a picture is before it is scored against the clean one.
KINDS = {
    "degraded": "Do nothing",
    "vae_floor": "VAE floor",
    "restored": "Restored",
    "no_harm": "No harm",
}
KIND_MEANING = {
    "degraded": "the degraded picture itself",
    "vae_floor": "the clean picture encoded and decoded by the untouched base, without skips",
    "restored": "the degraded picture after the checkpoint",
    "no_harm": "the clean picture after the checkpoint",
}


@dataclass(frozen=True)
class Score:
    """One number that says how close a picture is to the clean one."""

    key: str
    label: str
    unit: str
    digits: int  # after the point
    higher_is_better: bool
    is_regional: bool  # also reported per part of the picture
    meaning: str  # for somebody who never met it

    def gain(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return by how much `after` is better: above 0 is better, for every score."""
        return after - before if self.higher_is_better else before - after


_SCORES = (
    Score("psnr", "PSNR", "dB", 2, True, True, "Size of the differences, pixel by pixel"),
    Score("ssim", "SSIM", "", 4, True, True, "Likeness of local structure; 1 is identical"),
    Score("ms_ssim", "MS-SSIM", "", 4, True, False, "The same at five scales, from fine to coarse"),
    Score("lpips_alex", "LPIPS (AlexNet)", "", 4, False, True, "Difference to a trained eye; 0 is identical"),
    Score("lpips_vgg", "LPIPS (VGG16)", "", 4, False, True, "Difference to a trained eye; 0 is identical"),
    Score(
        "squeeze",
        "SqueezeNet distance",
        "",
        4,
        False,
        True,
        "Distance of SqueezeNet 1.1 features, rises with blur; it is not LPIPS",
    ),
    Score(
        "identity",
        "Identity similarity",
        "",
        4,
        True,
        False,
        "Cosine of two face embeddings; 1 is the same face",
    ),
)
SCORES = {score.key: score for score in _SCORES}


def column(part: str, score: str) -> str:
    """Return the name of a part's score, such as `eyes.psnr`; the whole picture's is the score's own."""
    return f"{part}.{score}" if part else score


def score_of(name: str) -> Score:
    """Return the catalogue's entry for a column."""
    return SCORES[name.rpartition(".")[2]]


COLUMNS = tuple(column(part, score.key) for part in PARTS for score in _SCORES if part == WHOLE or score.is_regional)
