"""What the loss networks are in tests: random weights that keep activations near 1, small where the class allows it."""

# Must precede torchvision, lpips and transformers.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from enhancer.metrics.network import LpipsNetwork, published_heads, trunk_keys
from enhancer.metrics.trunks import read_trunk

SIDE = 48  # px


def pictures(count: int, *address: int) -> Tensor:
    """Noise that is smooth enough to be a picture: (count, 3, SIDE, SIDE) in [-1, 1]."""
    draw = torch.Generator().manual_seed(sum(address, 7))
    coarse = torch.rand(count, 3, SIDE // 4, SIDE // 4, generator=draw) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")


@cache
def vgg_state() -> dict[str, Tensor]:
    """VGG19 up to relu4_1, in torchvision's names."""
    draw, state = torch.Generator().manual_seed(0), {}
    channels = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256)}
    channels |= {14: (256, 256), 16: (256, 256), 19: (256, 512)}
    for number, (given, wanted) in channels.items():
        weight = torch.randn(wanted, given, 3, 3, generator=draw) * (2 / (9 * given)) ** 0.5
        state |= {f"features.{number}.weight": weight, f"features.{number}.bias": torch.zeros(wanted)}
    return state


def lpips_network() -> LpipsNetwork:
    """The embedded AlexNet with the package's heads."""
    return LpipsNetwork("alex", read_trunk("alex"), published_heads("alex"))


def package_lpips(net: str, trunk: dict[str, Tensor], *, spatial: bool = False) -> Any:
    """The lpips package's own network with these convolutions, to compare ours with."""
    import lpips

    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net=net, spatial=spatial, pnet_rand=True, verbose=False)
    own: Any = network.net
    state = {key: trunk["features." + key.partition(".")[2]].float() for key in own.state_dict()}
    own.load_state_dict(state, strict=True)
    return network


@cache
def vgg16_trunk() -> dict[str, Tensor]:
    """Random convolutions of VGG16 that keep activations near 1."""
    draw, state = torch.Generator().manual_seed(0), {}
    for key, shape in trunk_keys("vgg").items():
        spread = (2 / (9 * shape[1])) ** 0.5 if len(shape) == 4 else 0.0
        state[key] = torch.randn(shape, generator=draw) * spread
    return state


TOKENS = ("<|startoftext|>", "<|endoftext|>", "a</w>", "e</w>", "fa", "fac", "face</w>", *"abcdef")


@cache
def clip_model() -> Any:
    """CLIP for 32 px pictures."""
    from transformers import CLIPConfig, CLIPModel

    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {"vocab_size": len(TOKENS), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = CLIPConfig(
        text_config=small | text | {"max_position_embeddings": 7},
        vision_config=small | {"image_size": 32, "patch_size": 8},
        projection_dim=8,
    )
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        return CLIPModel(config).eval()


def save_clip(folder: Path) -> None:
    """Write CLIP and its tokenizer as the Hub has them."""
    clip_model().save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({token: k for k, token in enumerate(TOKENS)}))
    (folder / "merges.txt").write_text("#version: 0.2\nf a\nfa c\nfac e</w>\n")


def former_objective(network: nn.Module, restored: Tensor, clean: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """L1 1.0, SqueezeNet distance 0.15 and Gram 0.07 as the embedded checkpoint was trained with, written out."""

    def one(x: Tensor) -> Tensor:
        return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-8)

    def gram(x: Tensor) -> Tensor:
        flat = x.float().flatten(2)
        return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])

    with torch.no_grad():
        theirs = network(clean)
    ours = network(restored)
    near = torch.stack([(one(a) - one(b)).square().sum(1).mean((1, 2)) for a, b in zip(ours, theirs, strict=True)])
    grams = [(gram(a) - gram(b)).abs().mean((1, 2)) for a, b in zip(ours[:4], theirs[:4], strict=True)]
    parts = {
        "l1": (restored - clean).abs().mean((1, 2, 3)).mean(),
        "perceptual": near.mean(0).mean(),
        "gram": torch.stack(grams).mean(0).mean() * 1e-2,
    }
    return torch.stack([parts["l1"] * 1.0, parts["perceptual"] * 0.15, parts["gram"] * 0.07]).sum(), parts
