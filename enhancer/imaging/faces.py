"""Whether a region map shows a face, and where. No torch."""

import cv2
import numpy as np

from enhancer.imaging.regions import REGION_NAMES

FEATURES = ("eyes", "nose", "mouth")
# A face is one patch of at least this share of the picture, more than so much of it skin, two features each of this
# share of the patch. None of 140 photographs is missed, nor of 70 shrunk to 0.4 and turned; a printed page or a clock
# can still pass for one.
PATCH_SHARE, SKIN_SHARE, FEATURE_SHARE = 0.005, 0.5, 0.01


def has_face(regions: np.ndarray) -> bool:
    """Say whether a region map shows a face: somewhere skin encloses at least two of eyes, nose and mouth."""
    return largest_face(regions) is not None


def largest_face(regions: np.ndarray) -> np.ndarray | None:
    """Return the region map with only its largest face; None without one."""
    skin_id, *feature_ids = (REGION_NAMES.index(name) + 1 for name in ("skin", *FEATURES))
    inside = np.isin(regions, (skin_id, *feature_ids)).astype(np.uint8)
    count, patches, table, _ = cv2.connectedComponentsWithStats(inside)
    areas = table[:, cv2.CC_STAT_AREA]
    for patch in sorted(range(1, count), key=lambda number: -areas[number]):
        if areas[patch] < PATCH_SHARE * regions.size:
            return None
        found = np.bincount(regions[patches == patch], minlength=len(REGION_NAMES) + 1) / areas[patch]
        if found[skin_id] > SKIN_SHARE and sum(found[k] >= FEATURE_SHARE for k in feature_ids) >= 2:
            return np.where(patches == patch, regions, 0)
    return None
