"""How close a picture is to its reference: PSNR, SSIM and LPIPS, whole and per region."""

from enhancer.metrics.scores import RegionScores, Scorer, Scores

__all__ = ["RegionScores", "Scorer", "Scores"]
