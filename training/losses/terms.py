"""The losses: pure functions of a restored and a clean batch, or of what a network sees in them; one number per image."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, cosine_similarity

from enhancer.metrics.network import unit

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
# Sobel across and down, as in the paper of `gradient_variance`: not divided by 8.
SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
PATCH = 8  # px, side of a patch of `gradient_variance`


def full_precision(tensor: Tensor) -> torch.autocast:
    """Return a context in which autocast leaves float32 alone on the device of `tensor`."""
    return torch.autocast(tensor.device.type, enabled=False)


def l1(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the mean absolute difference of (B, 3, H, W) pictures: (B,)."""
    return (restored - clean).abs().mean((1, 2, 3))


def feature_distance(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Return the mean squared distance of channel-normalised features, averaged over the layers: (B,), 0 to 4.

    In float32: squares of half-precision features overflow.
    """
    with full_precision(ours[0]):
        layers = [
            (unit(a.float()) - unit(b.float())).square().sum(1).mean((1, 2)) for a, b in zip(ours, theirs, strict=True)
        ]
        return torch.stack(layers).mean(0)


def gram_distance(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Return the mean absolute difference of Gram matrices F F^T / (C H W), averaged over the layers: (B,).

    One matrix per image (Gatys et al. 2016), always in float32: F F^T overflows half precision.
    """

    def gram(x: Tensor) -> Tensor:
        flat = x.float().flatten(2)
        return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])

    with full_precision(ours[0]):
        layers = [(gram(a) - gram(b)).abs().mean((1, 2)) for a, b in zip(ours, theirs, strict=True)]
        return torch.stack(layers).mean(0)


def gradient_variance(restored: Tensor, clean: Tensor) -> Tensor:
    """Return how far the local variances of the gradients are apart, summed over the two directions: (B,).

    The Gradient Variance loss of Abrahamyan et al. 2022 ("Gradient Variance Loss for Structure-Enhanced Image
    Super-Resolution"): Sobel maps of the grey pictures in [0, 1], cut into patches without overlap, the unbiased
    variance of each patch, and the mean squared difference of those. A blurred picture has too little variance. The
    Sobel maps have no padding; what does not fill a patch at the right and the bottom is left out. In float32.

    Args:
        restored: (B, 3, H, W) in [-1, 1], H and W at least 10 px.
        clean: The same.
    """
    with full_precision(restored):
        difference = _patch_variances(restored.float()) - _patch_variances(clean.float())
        return difference.square().mean((2, 3)).sum(1)


def _patch_variances(image: Tensor) -> Tensor:
    """(B, 3, H, W) in [-1, 1] -> (B, 2, rows, columns): the variance of both Sobel maps in every patch."""
    grey = torch.einsum("bchw,c->bhw", (image + 1) / 2, image.new_tensor(LUMA))[:, None]
    across = image.new_tensor(SOBEL)
    maps = conv2d(grey, torch.stack([across, across.T])[:, None])
    batch, directions, height, width = maps.shape
    rows, columns = height // PATCH, width // PATCH
    patches = maps[..., : rows * PATCH, : columns * PATCH]
    return patches.reshape(batch, directions, rows, PATCH, columns, PATCH).var((3, 5))


def clip_distance(image: Tensor, prompt: Tensor) -> Tensor:
    """Return 1 - cosine of image embeddings (B, D) and one prompt's (1, D): (B,), 0 to 2, in float32."""
    with full_precision(image):
        return 1 - cosine_similarity(image.float(), prompt.float())
