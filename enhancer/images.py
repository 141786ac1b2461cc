"""PIL pictures and bytes <-> float arrays, and what alpha means. No torch.

Inside the library a picture is `image`: (H, W, 3) or (H, W, 4) float32 in [0, 1], sRGB, alpha straight (not
premultiplied). `rgb` is always (H, W, 3).
"""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from enhancer.errors import ImageError, LabelError

MIN_SIDE = 128  # pixels
MAX_SIDE = 2048  # pixels
WHITE = (1.0, 1.0, 1.0)
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
