"""A parser and a scorer that answer at once, for tests of the page."""

import io

import numpy as np

from enhancer.regions import region_map


class KnownParser:
    """Finds the regions it was told, in a picture of any size."""

    name = "known"

    def __init__(self, labels):
        self.labels = labels

    def regions(self, rgb):
        return region_map(np.resize(self.labels, rgb.shape[:2]))


class PlainScorer:
    """Scores by brightness; a region is scored if it is the hair."""

    lpips_name = "LPIPS (fake)"
    lpips_missing = "No LPIPS (fake): the weights are not here."

    def score(self, rgb, reference, masks):
        row = {"psnr": 20.0 + float(rgb.mean()), "ssim": 0.5, "lpips": None}
        return row | {"regions": dict.fromkeys(masks) | {"hair": row}}


def encoded(picture, **options):
    file = io.BytesIO()
    picture.save(file, **({"format": "PNG"} | options))
    return file.getvalue()
