"""How close a picture is to its reference: PSNR, SSIM and LPIPS, whole and per region.

Nothing is imported here: the page reads `catalogue` without torch, which `scores` brings.
"""
