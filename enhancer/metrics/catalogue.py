"""The catalogue of metrics: what each is called, counted in, and which way is better. An evaluation adds its own. No torch."""

from dataclasses import dataclass, replace

import numpy as np

WHOLE = ""  # the part of a picture that is all of it, where scores go by part
LPIPS_NETS = {"alex": "AlexNet", "vgg": "VGG16"}  # networks that LPIPS can look through -> their names


@dataclass(frozen=True)
class Metric:
    """One number that says how close a picture is to its reference."""

    key: str
    label: str
    unit: str
    digits: int  # after the point
    higher_is_better: bool
    is_regional: bool  # also reported per part of the picture
    meaning: str  # for somebody who never met it

    @property
    def short_digits(self) -> int:
        """Digits after the point where the number is glanced at: on a page, in a chart, below a picture."""
        return min(self.digits, 3)

    def gain(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return by how much `after` is better: above 0 is better, for every metric."""
        return after - before if self.higher_is_better else before - after


PSNR = Metric(
    "psnr", "PSNR", "dB", 2, True, True, "How small the differences from the ground truth are, pixel by pixel"
)
SSIM = Metric("ssim", "SSIM", "", 4, True, True, "How well local structure matches the ground truth; 1 is identical")
LPIPS = Metric("lpips", "LPIPS", "", 4, False, True, "How different the two look to a trained network; 0 is identical")
METRICS = (PSNR, SSIM, LPIPS)


def lpips_of(net: str) -> Metric:
    """Return LPIPS with a network of `LPIPS_NETS`, by its own name: numbers of different networks do not compare."""
    return replace(LPIPS, key=f"lpips_{net}", label=f"LPIPS ({LPIPS_NETS[net]})")
