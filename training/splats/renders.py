"""Pairs of a cloud and the frames it was made from: what it shows where the cameras stood, beside what they saw."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from enhancer.errors import SplatError
from enhancer.splats.cameras import Camera, centre_and_extent
from enhancer.splats.cloud import GaussianCloud
from enhancer.splats.files import read_splats
from enhancer.splats.rasterising import render
from training.data.beside import OVERVIEW, Window
from training.data.photographs import Found, Photograph, file_name
from training.data.split import near_in_view, split_apart
from training.splats.captures import Avatar, Capture, chosen, find_captures

TEST = "test"


@dataclass(frozen=True, eq=False)
class CloudView:
    """A cloud as one camera sees it; a `training.data.beside.Rendered`."""

    cloud: GaussianCloud
    camera: Camera

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the camera's picture, px."""
        return self.camera.width, self.camera.height

    def render(self, window: Window, width: int, height: int) -> np.ndarray:
        """Return a window of the camera's picture, rendered at the size asked for.

        Args:
            window: Left, top, right and bottom, as shares of the picture's sides.
            width: In pixels.
            height: In pixels.

        Returns:
            (H, W, 4) float32 in [0, 1], straight alpha.

        Raises:
            SplatError: The camera sees none of the Gaussians there.
        """
        return render(self.cloud, self.camera.window(window, width, height))


def find_renders(
    avatars: Sequence[Avatar], wanted: str, *, shares: Mapping[str, float], every: int = 0, masks: Path | None = None
) -> Found:
    """Find the pairs of clouds and their captures, and say which they are.

    Args:
        avatars: At least one.
        wanted: Which views, as `training.splats.captures.chosen` takes it.
        shares: Part -> its share of the pairs of each avatar, by blocks of views that are near each other.
        every: As `training.splats.seen.told_of` takes it.
        masks: Folder of label maps.

    Returns:
        The frames, each with what renders its partner.

    Raises:
        EnhancerError: A cloud, its frames or its cameras cannot be used, or its cameras all see nothing of it.
    """
    torch.set_num_threads(1)  # frames are worked on in parallel
    photographs: list[Photograph] = []
    problems: list[str] = []
    for avatar, prefix in zip(avatars, _prefixes(avatars), strict=True):
        file = read_splats(avatar.cloud, name=str(avatar.cloud))
        found = find_captures(avatar, every, masks)
        views, line = chosen(found.captures, wanted)
        _require_sight(file.cloud, views, avatar)
        parts = _parts(file.cloud, views, shares)
        problems += found.problems
        for said in (*file.notes, *found.said, line, *_told(parts)):
            print(f"{avatar.cloud}: {said}")
        about = {"cloud": {"file": avatar.cloud.name, "gaussians": len(file.cloud), "digest": _digest(file.cloud)}}
        photographs += _pairs(file.cloud, views, parts, prefix, about)
    return Found(photographs, problems, Counter())


def _pairs(
    cloud: GaussianCloud, views: Sequence[Capture], parts: Sequence[str], prefix: str, about: dict[str, Any]
) -> Iterator[Photograph]:
    """Yield the frames that are in a part."""
    for view, part in zip(views, parts, strict=True):
        if part:
            yield Photograph(
                file_name(f"{prefix}_{view.frame.name}"),
                view.frame.source,
                view.frame.labels,
                rendered=CloudView(cloud, view.camera),
                part=part,
                facts=about | {"view": view.kind},
            )


def _parts(cloud: GaussianCloud, views: Sequence[Capture], shares: Mapping[str, float]) -> list[str]:
    """Return the part of each view; empty for those that are near to one of the other part."""
    poses = np.array([view.camera.world_to_camera for view in views])
    positions = np.array([view.camera.position for view in views])
    near = near_in_view(positions, poses[:, 2, :3], centre_and_extent(cloud)[0])
    return split_apart(near, shares)


def _told(parts: Sequence[str]) -> Iterator[str]:
    """Say what the split left out."""
    if count := parts.count(""):
        yield (
            f"{count} of {len(parts)} pairs are left out: they are seen from nearly where one of the {parts.count(TEST)} pairs in "
            "test/ is (--test_share)."
        )


def _require_sight(cloud: GaussianCloud, views: Sequence[Capture], avatar: Avatar) -> None:
    """See to it, before anything is written, that not every camera sees nothing.

    Raises:
        SplatError: They do.
    """
    for view in views:
        width, height = view.camera.width, view.camera.height
        scale = min(1, OVERVIEW / max(width, height))
        try:
            CloudView(cloud, view.camera).render(
                (0, 0, 1, 1), max(1, round(scale * width)), max(1, round(scale * height))
            )
        except SplatError:
            continue
        return
    raise SplatError(
        f"None of the {len(views)} cameras sees anything of {avatar.cloud}. They must be of the cloud's own scene: nerfstudio turns, "
        "moves and scales what it trains on, and exports its clouds so; export the cameras with the cloud (ns-export cameras)."
    )


def _digest(cloud: GaussianCloud) -> str:
    """Return what tells a cloud from others."""
    digest = hashlib.blake2b(digest_size=6)
    for item in fields(cloud):
        digest.update(np.ascontiguousarray(getattr(cloud, item.name)).tobytes())
    return digest.hexdigest()


def _prefixes(avatars: Sequence[Avatar]) -> list[str]:
    """Return what the files of each avatar begin with: the name of its cloud, and a number where two have one name."""
    names = [avatar.cloud.stem for avatar in avatars]
    return [f"{number}_{name}" if names.count(name) > 1 else name for number, name in enumerate(names, start=1)]
