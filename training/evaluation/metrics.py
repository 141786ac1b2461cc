"""The catalogue of what an evaluation reports: the scores, the parts of a picture, and the rows of the table."""

from dataclasses import replace

from enhancer.imaging.regions import REGION_NAMES
from enhancer.metrics.catalogue import LPIPS_NETS, PSNR, SSIM, WHOLE, Metric, lpips_of

FOREGROUND = "foreground"  # what alpha covers, of pictures that have it
PARTS = (WHOLE, *REGION_NAMES, FOREGROUND)
COLOURS = ("red", "green", "blue")

# The five rows: what a picture is before it is scored against the clean one.
KINDS = {
    "degraded": "Do nothing",
    "vae_floor": "VAE floor",
    "restored": "Restored",
    "partial": "In part",
    "no_harm": "No harm",
}
KIND_MEANING = {
    "degraded": "the degraded picture itself",
    "vae_floor": "the clean picture encoded and decoded by the untouched base, without skips",
    "restored": "the degraded picture after the checkpoint",
    "partial": "between the two: the restoration at less than full strength",
    "no_harm": "the clean picture after the checkpoint",
}


# What the library scores by, under names that tell the LPIPS networks apart, and what an evaluation alone has.
_SCORES = (
    replace(PSNR, meaning="Size of the differences, pixel by pixel"),
    replace(SSIM, meaning="Likeness of local structure; 1 is identical"),
    Metric("ms_ssim", "MS-SSIM", "", 4, True, False, "The same at five scales, from fine to coarse"),
    *(replace(lpips_of(net), meaning="Difference to a trained eye; 0 is identical") for net in LPIPS_NETS),
    Metric(
        "squeeze",
        "SqueezeNet distance",
        "",
        4,
        False,
        True,
        "Distance of SqueezeNet 1.1 features, rises with blur; it is not LPIPS",
    ),
    Metric("identity", "Identity similarity", "", 4, True, False, "Cosine of two face embeddings; 1 is the same face"),
)
SCORES = {metric.key: metric for metric in _SCORES}
SET_SCORES = ("fid", "kid")  # distances of all pictures of a row, as a set, to the clean ones


def column(part: str, score: str) -> str:
    """Return the name of a part's score, such as `eyes.psnr`; the whole picture's is the score's own."""
    return f"{part}.{score}" if part else score


def score_of(name: str) -> Metric:
    """Return the catalogue's entry for a column."""
    return SCORES[name.rpartition(".")[2]]


COLUMNS = tuple(column(part, metric.key) for part in PARTS for metric in _SCORES if part == WHOLE or metric.is_regional)
