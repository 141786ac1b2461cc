"""Anisotropic 2D Gaussians, one in front of the other: the picture they make, and its gradient. numpy alone.

A picture is cut into tiles of 8x8 px. What a Gaussian does to a tile's pixels is a polynomial of second degree in the
place, so the exponents of all Gaussians of many tiles are one matrix product, and so are the sums that their gradients
need. Only compositing goes from Gaussian to Gaussian, over many tiles at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

TILE = 8  # px a side
DILATION = 0.3  # px^2, added to the variances: no Gaussian falls between pixels (Kerbl et al. 2023)
CUTOFF = 1 / 255  # taken off every alpha, so that a Gaussian ends at this height and does so without a step
CHUNK = 2**16  # numbers in an array that is worked on at once: 256 KB, a few of which a processor's cache holds
NOTHING = -100.0  # exponent of a Gaussian that is not there

_place = np.arange(TILE) - (TILE - 1) / 2  # of pixel middles, from the tile's middle
_x, _y = np.tile(_place, TILE), np.repeat(_place, TILE)
MONOMIALS = np.stack([_x * _x, _x * _y, _y * _y, _x, _y, np.ones_like(_x)]).astype(np.float32)  # (6, pixels of a tile)


@dataclass(frozen=True, eq=False)
class Gaussians2D:
    """N Gaussians, the nearest first. Arrays are float64.

    Attributes:
        means: (N, 2) centres x, y in px from the picture's upper left corner; the first pixel's middle is at 0.5, 0.5.
        log_scales: (N, 2) natural logarithms of the standard deviations along the Gaussian's own two axes, px.
        angles: (N,) of the first axis, radians from x towards y, which points down.
        logits: (N,) of the opacities.
        colours: (N, C), of any C channels.
    """

    means: np.ndarray
    log_scales: np.ndarray
    angles: np.ndarray
    logits: np.ndarray
    colours: np.ndarray

    def __len__(self) -> int:
        """Return the number of Gaussians."""
        return len(self.means)

    @property
    def opacities(self) -> np.ndarray:
        """(N,) in (0, 1)."""
        return 1 / (1 + np.exp(-self.logits))

    @property
    def axes(self) -> np.ndarray:
        """(N, 2, 2): each Gaussian's own axes as rows, unit vectors."""
        cos, sin = np.cos(self.angles), np.sin(self.angles)
        return np.stack([np.stack([cos, sin], 1), np.stack([-sin, cos], 1)], 1)

    @property
    def variances(self) -> np.ndarray:
        """(N, 2) along the own axes as they are drawn, px^2."""
        return np.exp(2 * self.log_scales) + DILATION

    def take(self, rows: np.ndarray) -> "Gaussians2D":
        """Return some of the Gaussians, or all in another order, by indices or a mask."""
        return Gaussians2D(**{name: values[rows] for name, values in vars(self).items()})

    def before(self, others: "Gaussians2D") -> "Gaussians2D":
        """Return these with others behind them."""
        return Gaussians2D(
            **{name: np.concatenate([values, vars(others)[name]]) for name, values in vars(self).items()}
        )

    def enlarged(self, factor: float) -> "Gaussians2D":
        """Return them for a picture `factor` times as large."""
        larger = {"means": factor * self.means, "log_scales": self.log_scales + np.log(factor)}
        return Gaussians2D(**vars(self) | larger)


class _Lists(NamedTuple):
    """Which Gaussians reach which tile: M meetings, tile after tile, the nearest first."""

    rows: int  # of tiles
    columns: int
    ids: np.ndarray  # (M,) the Gaussian
    counts: np.ndarray  # (tiles,) meetings of each tile
    offsets: np.ndarray  # (M, 2) of the Gaussian's centre from the tile's middle, px
    exponents: np.ndarray  # (M + 1, 6) float32, factors of MONOMIALS; the last is NOTHING's


class _Layers(NamedTuple):
    """K Gaussians over each of B tiles. Arrays are float32."""

    heights: np.ndarray  # (K, B, pixels) of the Gaussian, opacity included
    alphas: np.ndarray  # (K, B, pixels) what is left of them after the cutoff
    transmittances: np.ndarray  # (K + 1, B, pixels) of all that is in front; the last: of all
    weights: np.ndarray  # (K, B, pixels) of the Gaussian's colour in the picture


def composite(gaussians: Gaussians2D, shape: tuple[int, int], background: np.ndarray) -> np.ndarray:
    """Return the picture, (H, W, C) float32.

    Args:
        gaussians: With C channels.
        shape: H and W, px.
        background: (C,) what shines through.
    """
    lists = _lists(gaussians, shape)
    colours = _colours(gaussians, lists)
    background = background.astype(np.float32)[:, None]
    tiles = np.empty((len(lists.counts), len(background), TILE * TILE), np.float32)
    for chosen, meetings in _chunks(lists.counts):
        tiles[chosen] = _seen(_layers(lists.exponents[meetings]), colours[meetings], background)
    return _from_tiles(tiles, lists, shape)


def gradient(
    gaussians: Gaussians2D,
    target: np.ndarray,
    background: np.ndarray,
    slope: Callable[[np.ndarray], np.ndarray],
) -> Gaussians2D:
    """Return the derivative of a loss, a sum over pixels and channels, by everything that makes up the Gaussians.

    Args:
        gaussians: With C channels.
        target: (H, W, C) float32.
        background: (C,).
        slope: The loss's derivative at a pixel's channel, of the picture minus the target; works on any array.
    """
    lists = _lists(gaussians, target.shape[:2])
    colours = _colours(gaussians, lists)
    background = background.astype(np.float32)[:, None]
    targets, inside = _to_tiles(target, lists), _to_tiles(np.ones_like(target[..., :1]), lists)
    sums = np.empty((len(lists.ids) + 1, 6), np.float32)  # one more for what is not there
    by_colour = np.empty_like(colours)
    for chosen, meetings in _chunks(lists.counts):
        layers, colour = _layers(lists.exponents[meetings]), colours[meetings]
        by_picture = slope(_seen(layers, colour, background) - targets[chosen]) * inside[chosen]  # (B, C, pixels)
        by_colour[meetings] = (layers.weights.swapaxes(0, 1) @ by_picture.swapaxes(1, 2)).swapaxes(0, 1)
        sums[meetings] = _slopes_of_exponents(layers, colour, background, by_picture) @ MONOMIALS.T
    return _by_parameters(gaussians, lists, sums[:-1].astype(np.float64), by_colour[:-1])


def _lists(gaussians: Gaussians2D, shape: tuple[int, ...]) -> _Lists:
    """Find the tiles that each Gaussian reaches, and its exponent in them."""
    rows, columns = (-(-side // TILE) for side in shape[:2])
    axes, variances, opacities = gaussians.axes, gaussians.variances, gaussians.opacities
    radius = np.sqrt(2 * np.log(np.maximum(opacities / CUTOFF, 1)))  # in standard deviations
    reach = radius[:, None] * np.sqrt(np.einsum("nki,nk->ni", axes**2, variances))  # across and down, px
    first, last = (
        np.clip(np.floor((gaussians.means + side * reach) / TILE) + more, 0, (columns, rows)).astype(np.int64)
        for side, more in ((-1, 0), (1, 1))
    )
    across, down = ((last - first) * (radius > 0)[:, None]).T
    ids = np.repeat(np.arange(len(gaussians)), across * down)
    number = np.arange(len(ids)) - np.repeat(np.cumsum(across * down) - across * down, across * down)
    row, column = np.divmod(number, across[ids])
    row, column = row + first[ids, 1], column + first[ids, 0]
    offsets = gaussians.means[ids] - TILE * np.stack([column, row], 1) - TILE / 2
    # A box round a slanting Gaussian has empty corners: along its own axes, too, a tile must come near enough.
    half = np.abs(axes).sum(2) * (TILE - 1) / 2
    gap = np.maximum(np.abs(np.einsum("mki,mi->mk", axes[ids], offsets)) - half[ids], 0) / np.sqrt(variances)[ids]
    near = (gap**2).sum(1) < radius[ids] ** 2
    tile = (row * columns + column)[near].astype(np.min_scalar_type(rows * columns))  # 16 bits are sorted fastest
    order = np.argsort(tile, kind="stable")
    ids, offsets = ids[near][order], offsets[near][order]
    exponents = _exponents(_conics(axes, variances)[ids], offsets, np.log(opacities)[ids])
    return _Lists(rows, columns, ids, np.bincount(tile, minlength=rows * columns), offsets, exponents)


def _conics(axes: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Return inverse covariances, (N, 2, 2)."""
    return np.einsum("nki,nk,nkj->nij", axes, 1 / variances, axes)


def _exponents(conics: np.ndarray, offsets: np.ndarray, log_opacities: np.ndarray) -> np.ndarray:
    """Multiply out ``log opacity - (place - offset) conic (place - offset) / 2``: (M + 1, 6), NOTHING last."""
    linear = np.einsum("mij,mj->mi", conics, offsets)
    exponents = np.zeros((len(offsets) + 1, 6), np.float32)
    exponents[:-1, 0], exponents[:-1, 1], exponents[:-1, 2] = (
        -conics[:, 0, 0] / 2,
        -conics[:, 0, 1],
        -conics[:, 1, 1] / 2,
    )
    exponents[:-1, 3:5] = linear
    exponents[:-1, 5] = log_opacities - (linear * offsets).sum(1) / 2
    exponents[-1, 5] = NOTHING
    return exponents


def _colours(gaussians: Gaussians2D, lists: _Lists) -> np.ndarray:
    """Return the colour of each meeting, (M + 1, C) float32, NOTHING's last."""
    channels = gaussians.colours.shape[1]
    return np.concatenate([gaussians.colours[lists.ids], np.zeros((1, channels))]).astype(np.float32)


def _chunks(counts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield tiles (B,), those of like numbers together, and their meetings (K, B), -1 for none."""
    starts = np.cumsum(counts) - counts
    tiles = np.argsort(-counts, kind="stable")
    while len(tiles):
        depth = max(1, int(counts[tiles[0]]))
        chosen, tiles = np.split(tiles, [max(1, CHUNK // (depth * TILE * TILE))])
        layer = np.arange(depth)[:, None]
        yield chosen, np.where(layer < counts[chosen], starts[chosen] + layer, -1)


def _layers(exponents: np.ndarray) -> _Layers:
    """Composite front to back: exponents (K, B, 6)."""
    depth, tiles, _ = exponents.shape
    heights = (exponents.reshape(-1, 6) @ MONOMIALS).reshape(depth, tiles, -1)
    np.exp(heights, out=heights)
    alphas = heights - np.float32(CUTOFF)
    np.maximum(alphas, 0, out=alphas)
    transmittances = np.empty((depth + 1, *alphas.shape[1:]), np.float32)
    transmittances[0] = 1
    weights = np.empty_like(alphas)
    for k in range(depth):
        np.multiply(transmittances[k], alphas[k], out=weights[k])
        np.subtract(transmittances[k], weights[k], out=transmittances[k + 1])
    return _Layers(heights, alphas, transmittances, weights)


def _seen(layers: _Layers, colours: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the tiles' picture, (B, C, pixels); colours (K, B, C), background (C, 1)."""
    return colours.transpose(1, 2, 0) @ layers.weights.swapaxes(0, 1) + layers.transmittances[-1][:, None] * background


def _slopes_of_exponents(
    layers: _Layers, colours: np.ndarray, background: np.ndarray, by_picture: np.ndarray
) -> np.ndarray:
    """Return the loss's derivative by each exponent at each pixel, (K, B, pixels), from that by the picture."""
    slopes = np.ascontiguousarray((colours.swapaxes(0, 1) @ by_picture).swapaxes(0, 1))
    behind = (by_picture * background).sum(1)  # what is seen behind a Gaussian, times the derivative by the picture
    for k in reversed(range(len(slopes))):
        slopes[k] -= behind  # more alpha shows more of the Gaussian, and as much less of what is behind it
        behind += layers.alphas[k] * slopes[k]
        slopes[k] *= layers.transmittances[k]
    slopes *= layers.heights
    slopes *= np.sign(layers.alphas)  # beyond the cutoff nothing changes
    return slopes


def _by_parameters(gaussians: Gaussians2D, lists: _Lists, sums: np.ndarray, by_colour: np.ndarray) -> Gaussians2D:
    """Turn derivatives by the exponents into those by what they are made of.

    Args:
        gaussians: Those of `lists`.
        lists: Where they meet which tile.
        sums: (M, 6) over a tile's pixels, of the derivative by the exponent times each of MONOMIALS.
        by_colour: (M, C).
    """

    def total(values: np.ndarray) -> np.ndarray:
        """Sum (M,) over the meetings of each Gaussian."""
        return np.bincount(lists.ids, values, len(gaussians))

    (xx, xy, yy, x, y, one), (u, v) = sums.T, lists.offsets.T
    # The same sums with places measured from the Gaussian's centre.
    first = np.stack([total(x - u * one), total(y - v * one)], 1)
    across = total(xx - 2 * u * x + u * u * one)
    slanted = total(xy - u * y - v * x + u * v * one)
    down = total(yy - 2 * v * y + v * v * one)
    second = np.stack([across, slanted, slanted, down], 1).reshape(-1, 2, 2)

    axes, scales = gaussians.axes, np.exp(2 * gaussians.log_scales)
    conics = _conics(axes, gaussians.variances)
    by_covariance = conics @ second @ conics / 2
    along = np.einsum("nki,nij,nlj->nkl", axes, by_covariance, axes)
    return Gaussians2D(
        means=np.einsum("nij,nj->ni", conics, first),
        log_scales=2 * scales * np.diagonal(along, axis1=1, axis2=2),
        angles=2 * (scales[:, 0] - scales[:, 1]) * along[:, 0, 1],
        logits=total(one) * (1 - gaussians.opacities),
        colours=np.stack([total(channel) for channel in by_colour.T], 1),
    )


def _to_tiles(picture: np.ndarray, lists: _Lists) -> np.ndarray:
    """Cut an (H, W, C) picture into tiles, (tiles, C, pixels), 0 beyond its edges."""
    height, width, channels = picture.shape
    spare = ((0, lists.rows * TILE - height), (0, lists.columns * TILE - width), (0, 0))
    cut = np.pad(picture, spare).reshape(lists.rows, TILE, lists.columns, TILE, channels)
    return np.ascontiguousarray(cut.transpose(0, 2, 4, 1, 3)).reshape(-1, channels, TILE * TILE)


def _from_tiles(tiles: np.ndarray, lists: _Lists, shape: tuple[int, int]) -> np.ndarray:
    """Undo `_to_tiles`."""
    channels = tiles.shape[1]
    joined = tiles.reshape(lists.rows, lists.columns, channels, TILE, TILE).transpose(0, 3, 1, 4, 2)
    return np.ascontiguousarray(joined.reshape(lists.rows * TILE, -1, channels)[: shape[0], : shape[1]])
