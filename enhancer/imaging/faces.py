"""Whether a region map shows a face, where, and whether it can be believed. No torch."""

from collections.abc import Iterator

import cv2
import numpy as np

from enhancer.imaging.regions import REGION_NAMES

FEATURES = ("eyes", "nose", "mouth")
# A face is one patch of at least this share of the picture, more than so much of it skin, two features each of this
# share of the patch. None of 140 photographs is missed, nor of 70 shrunk to 0.4 and turned; a printed page or a clock
# can still pass for one.
PATCH_SHARE, SKIN_SHARE, FEATURE_SHARE = 0.005, 0.5, 0.01

# What a face that is believed looks like. Lengths are shares of the square root of the patch's area, places shares of the
# way from the eyes to the mouth. In brackets what holds for 98 % of 400 human label maps of CelebAMask-HQ, of our heads,
# and of the embedded parser's maps of 140 photographs, upright, turned by 25 degrees, degraded, and of 55 renders of heads.
HEIGHT = 0.2  # of the picture, at least: in smaller faces the parser's eyes, noses and mouths drift
EYES_TO_MOUTH = (0.38, 0.82)  # [0.44, 0.71]
NOSE_TO_MOUTH = (0.15, 0.50)  # [0.21, 0.41]; where there are no eyes, such as behind sunglasses
NOSE_ALONG = (0.28, 0.68)  # [0.35, 0.60]
NOSE_BESIDE = 0.35  # [0.23], of that way
TURN = 50.0  # degrees from upright, at most [38]
WIDTH = 1.5  # of the patch, in its heights, at most [1.3]
SOLID = 0.65  # share of its convex hull that the patch fills, at least [0.80]; 0.70 in a profile
LARGEST = {"eyes": 0.11, "nose": 0.16, "mouth": 0.2}  # share of the patch [0.08, 0.13, 0.11]
ELSEWHERE = 0.5  # of all pixels of eyes, noses and mouths, at most, that lie in no face that is believed [0.4]


def has_face(regions: np.ndarray) -> bool:
    """Say whether a region map shows a face: somewhere skin encloses at least two of eyes, nose and mouth."""
    return largest_face(regions) is not None


def largest_face(regions: np.ndarray) -> np.ndarray | None:
    """Return the region map with only its largest face; None without one."""
    return next(_faces(regions), None)


def is_plausible(regions: np.ndarray) -> bool:
    """Say whether a parser's region map can be believed: its largest face is as faces are, and little lies elsewhere.

    A parser names a nose in whatever it is shown, such as a suit. In a face the eyes lie above the nose and that above the
    mouth, as far apart as faces have them; it is compact, not much wider than high, and large enough in the picture for
    the parser to see it. The ranges are measured, see the constants.

    Believed, by the embedded parser's maps: all of 140 photographs of CelebAMask-HQ and of 200 that no range was read from,
    upright, degraded, of 70 turned by 25 degrees either way, all of 24 fitted by splats, of 150 generated faces and of 62
    heads and views of heads; of 70 shrunk to half of the picture all, to 0.4 58, to 0.3 8. Of 300 squares of scikit-image's
    pictures without a face 9, where `has_face` sees one in 35; not its astronaut's suit, cat, coffee, coins, page or text.

    Args:
        regions: (H, W) uint8, 0 for outside, k for ``REGIONS[k - 1]``.
    """
    faces = list(_faces(regions))
    if not faces or not _is_believed(faces[0]):
        return False
    features = [REGION_NAMES.index(name) + 1 for name in FEATURES]
    believed = sum(int(np.isin(face, features).sum()) for face in faces if _is_believed(face))
    return believed >= (1 - ELSEWHERE) * np.isin(regions, features).sum()


def believed(regions: np.ndarray) -> np.ndarray:
    """Return a parser's region map, or where it is not plausible an empty one."""
    return regions if is_plausible(regions) else np.zeros_like(regions)


def _faces(regions: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the region map with only one of its faces at a time, the largest first."""
    skin_id, *feature_ids = (REGION_NAMES.index(name) + 1 for name in ("skin", *FEATURES))
    inside = np.isin(regions, (skin_id, *feature_ids)).astype(np.uint8)
    count, patches, table, _ = cv2.connectedComponentsWithStats(inside)
    areas = table[:, cv2.CC_STAT_AREA]
    for patch in sorted(range(1, count), key=lambda number: -areas[number]):
        if areas[patch] < PATCH_SHARE * regions.size:
            return
        found = np.bincount(regions[patches == patch], minlength=len(REGION_NAMES) + 1) / areas[patch]
        if found[skin_id] > SKIN_SHARE and sum(found[k] >= FEATURE_SHARE for k in feature_ids) >= 2:
            yield np.where(patches == patch, regions, 0)


def _is_believed(face: np.ndarray) -> bool:
    """Say whether one face alone in a region map is large, compact and arranged as faces are."""
    rows, columns = np.nonzero(face)
    points = np.stack([columns, rows], 1).astype(np.float32)
    width, height = np.ptp(points, axis=0) + 1
    # pixels are squares round their middles, which a hull of the middles cuts in half
    hull = cv2.contourArea(cv2.convexHull(points)) + width + height
    if height < HEIGHT * face.shape[0] or width > WIDTH * height or len(points) < SOLID * hull:
        return False
    ids = face[rows, columns]
    inside = {name: points[ids == REGION_NAMES.index(name) + 1] for name in FEATURES}
    if any(len(inside[name]) > share * len(points) for name, share in LARGEST.items()):
        return False
    middles = {name: at.mean(0) for name, at in inside.items() if len(at) >= FEATURE_SHARE * len(points)}
    return _is_arranged(middles, float(np.sqrt(len(points))))


def _is_arranged(middles: dict[str, np.ndarray], length: float) -> bool:
    """Say whether eyes, nose and mouth, two at least, lie above one another as far apart as faces have them."""
    upper, lower = [name for name in FEATURES if name in middles][:: len(middles) - 1]
    way = middles[lower] - middles[upper]
    distance = float(np.hypot(*way))
    least, most = NOSE_TO_MOUTH if (upper, lower) != ("eyes", "mouth") else EYES_TO_MOUTH
    if not least * length <= distance <= most * length or np.degrees(abs(np.arctan2(way[0], way[1]))) > TURN:
        return False
    if len(middles) == 2:
        return True
    across, down = middles["nose"] - middles["eyes"]
    along = (across * way[0] + down * way[1]) / distance**2
    beside = abs(across * way[1] - down * way[0]) / distance**2
    return NOSE_ALONG[0] <= along <= NOSE_ALONG[1] and beside <= NOSE_BESIDE
