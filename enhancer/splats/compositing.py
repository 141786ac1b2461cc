"""2D Gaussians over each other, front to back, tile by tile: the picture they make. Plain torch, differentiable.

The rules are those of the paper's own renderer (Kerbl et al. 2023, diff-gaussian-rasterization): alpha is at most 0.99, a
Gaussian leaves a pixel alone where its alpha is below 1/255, and a pixel is finished by the first Gaussian that would leave
less than 1/10,000 of what lies behind; that one is not drawn.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from enhancer.splats.projection import LEAST_ALPHA, Splats

TILE = 8  # px a side
LARGEST_ALPHA = 0.99
LARGEST_ODDS = 98.9  # of alpha against 1 - alpha: a little under 0.99 / 0.01, since 1 - alpha is rounded
LEAST_TRANSMITTANCE = 1e-4
LAYERS = 64  # Gaussians of a tile that are composited at once, before it is seen whether anything shines through them
ELEMENTS = 2**18  # pixels times layers at once: arrays of 1 MB, which caches hold
NOTHING = -1e4  # log of the opacity of what fills up shorter lists


def composite_splats(splats: Splats, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Return colours (H, W, C), premultiplied by alpha, and alpha (H, W) in [0, 1).

    Colours may be anything that is to be weighted as colours are, in any number of channels.
    """
    columns, rows = -(-width // TILE), -(-height // TILE)
    ids, counts = _lists(splats, columns, rows)
    starts = counts.cumsum(0) - counts
    places = _monomials(splats.means)
    colours = torch.cat([splats.colours, torch.ones_like(splats.opacities)[:, None]], 1)  # alpha is the last one
    channels = colours.shape[1]
    canvas, done = [splats.means.new_zeros(0, TILE * TILE, channels)], [counts[:0]]
    for tiles in _chunks(counts):
        layers = torch.arange(int(counts[tiles].max()), device=counts.device)
        filler = layers >= counts[tiles, None]
        members = ids[(starts[tiles, None] + layers).clamp_max(len(ids) - 1)]
        corners = TILE * torch.stack([tiles % columns, tiles // columns], 1)
        exponents = _exponents(splats, members, filler, corners + TILE / 2)
        canvas.append(_Compositing.apply(exponents, _rows(colours, members), places))
        done.append(tiles)
    blank = splats.means.new_zeros(rows * columns, TILE * TILE, channels)
    picture = blank.index_copy(0, torch.cat(done), torch.cat(canvas)).reshape(rows, columns, TILE, TILE, channels)
    picture = picture.transpose(1, 2).reshape(rows * TILE, columns * TILE, channels)[:height, :width]
    return picture[..., :-1], picture[..., -1]


@torch.no_grad()
def _lists(splats: Splats, columns: int, rows: int) -> tuple[Tensor, Tensor]:
    """Return which Gaussians reach which tile: indices, tile after tile and nearest first, and how many each tile has."""
    end = splats.means.new_tensor([columns * TILE - 1, rows * TILE - 1])
    # The first and the last pixel whose centre, at + 0.5, a Gaussian's box holds.
    pixels = (splats.means - splats.extents - 0.5).ceil(), (splats.means + splats.extents - 0.5).floor()
    first, last = (pixel.clamp_min(0).minimum(end).long() // TILE for pixel in pixels)
    across, down = (last - first + 1).clamp_min(0).unbind(1)
    ids = torch.repeat_interleave(across * down)
    number = torch.arange(len(ids), device=ids.device) - ((across * down).cumsum(0) - across * down)[ids]
    tile = (first[ids, 1] + number // across[ids]) * columns + first[ids, 0] + number % across[ids]
    order = torch.argsort(tile, stable=True)
    return ids[order], torch.bincount(tile, minlength=columns * rows)


def _chunks(counts: Tensor) -> Iterator[Tensor]:
    """Yield the tiles with any Gaussians, as many at once as `ELEMENTS` allows, those of like numbers together."""
    tiles = torch.argsort(counts, descending=True)[: int((counts > 0).sum())]
    while len(tiles):
        deepest = int(counts[tiles[0]])
        size = max(1, ELEMENTS // max(TILE * TILE * min(deepest, LAYERS), deepest))
        yield tiles[:size]
        tiles = tiles[size:]


def _rows(table: Tensor, members: Tensor) -> Tensor:
    """Return rows of a table (N, C) by indices (tiles, layers): (tiles, layers, C)."""
    return table.index_select(0, members.reshape(-1)).reshape(*members.shape, -1)


def _monomials(like: Tensor) -> Tensor:
    """Return 1, x, y, xx, xy and yy at each pixel of a tile, px from its middle: (pixels, 6)."""
    pixel = torch.arange(TILE, dtype=like.dtype, device=like.device) + 0.5 - TILE / 2
    y, x = (part.reshape(-1) for part in torch.meshgrid(pixel, pixel, indexing="ij"))
    return torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], 1)


def _exponents(splats: Splats, members: Tensor, filler: Tensor, centres: Tensor) -> Tensor:
    """Return log alpha of each tile's Gaussians as polynomials in the place in the tile: (tiles, layers, 6).

    So alpha is the exponential of a matrix product with `_monomials`. Places are measured from the tile's middle: in
    pixels of the whole picture float32 would be too coarse.
    """
    u, v = (_rows(splats.means, members) - centres[:, None]).unbind(-1)
    xx, xy, yy = _rows(splats.conics, members).unbind(-1)
    opacity = _rows(torch.log(splats.opacities)[:, None], members)[..., 0].masked_fill(filler, NOTHING)
    constant = opacity - (xx * u * u + 2 * xy * u * v + yy * v * v) / 2
    return torch.stack([constant, xx * u + xy * v, xy * u + yy * v, -xx / 2, -xy, -yy / 2], -1)


class _Compositing(torch.autograd.Function):
    """Compositing of tiles, with a gradient that works everything out again rather than keep it.

    Shapes: exponents (tiles, layers, 6), colours (tiles, layers, C), places (pixels, 6), picture (tiles, pixels, C). In
    between, what belongs to a pixel and a layer is (tiles, pixels, layers).
    """

    @staticmethod
    def forward(ctx: Any, exponents: Tensor, colours: Tensor, places: Tensor) -> Tensor:
        picture = colours.new_zeros(len(colours), len(places), colours.shape[-1])
        transmittance = torch.ones_like(picture[..., 0])
        for start in range(0, exponents.shape[1], LAYERS):
            part = slice(start, start + LAYERS)
            weights, _, transmittance = _weights(exponents[:, part], places, transmittance)
            picture += weights @ colours[:, part]
            if not transmittance.any():
                break
        ctx.save_for_backward(exponents, colours, places, picture)
        return picture

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        exponents, colours, places, picture = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        to_exponents, to_colours = torch.zeros_like(exponents), torch.zeros_like(colours)
        # What is behind the layers so far: its part in the loss, to first order, at each pixel.
        behind = (gradient * picture).sum(-1, keepdim=True)
        transmittance = torch.ones_like(picture[..., 0])
        for start in range(0, exponents.shape[1], LAYERS):
            part = slice(start, start + LAYERS)
            weights, odds, transmittance = _weights(exponents[:, part], places, transmittance)
            to_colours[:, part] = weights.transpose(1, 2) @ gradient
            own = (gradient @ colours[:, part].transpose(1, 2)).mul_(weights)
            behind = behind - own.cumsum(-1)
            # More alpha shows more of the Gaussian and takes from all behind it; none of it where alpha is at its largest,
            # or the pixel is finished.
            to_logs = own.addcmul_(behind, odds, value=-1)
            to_logs.masked_fill_((weights == 0) | (odds >= LARGEST_ODDS), 0)
            to_exponents[:, part] = to_logs.transpose(1, 2) @ places
            behind = behind[..., -1:]
            if not transmittance.any():
                break
        return to_exponents, to_colours, None


def _weights(exponents: Tensor, places: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights of some layers in the sum of colours, their odds alpha / (1 - alpha), and transmittances behind each.

    Args:
        exponents: (tiles, layers, 6).
        places: (pixels, 6).
        before: (tiles, pixels) transmittance in front of them, 0 where a pixel is finished.
    """
    alphas = (places @ exponents.transpose(1, 2)).exp_().clamp_max_(LARGEST_ALPHA)
    F.threshold(alphas, LEAST_ALPHA, 0.0, inplace=True)
    kept = 1 - alphas
    odds = alphas.div_(kept)
    kept[..., 0] *= before
    behind = F.threshold(torch.cumprod(kept, -1, out=kept), LEAST_TRANSMITTANCE, 0.0, inplace=True)
    return behind * odds, odds, behind[..., -1]
