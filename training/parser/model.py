"""The face parser as it is trained: its network, its loss, how good it is, and its export."""

# Must precede transformers.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import copy
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from enhancer.imaging.regions import CELEBAMASK_LABELS, REGION_NAMES, region_map, region_of_label
from enhancer.parser import Parser
from enhancer.seeding import rng_for
from training.parser.data import IGNORE, MEAN, STD, Faces

SIDE = 320  # px, the network's input when the parser is used
# Small parts count more in the loss than their few pixels would.
SMALL_PARTS, SMALL_PART_WEIGHT = ("l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip"), 2.0


def network() -> SegformerForSemanticSegmentation:
    """Return the untrained parser: about Segformer's smallest layout (B0) at half its width, 1.2 M parameters."""
    return SegformerForSemanticSegmentation(
        SegformerConfig(
            depths=[2, 2, 3, 2],
            hidden_sizes=[16, 32, 80, 160],
            num_attention_heads=[1, 1, 2, 5],
            sr_ratios=[8, 4, 2, 1],
            mlp_ratios=[4, 4, 4, 4],
            decoder_hidden_size=64,
            drop_path_rate=0.0,
            classifier_dropout_prob=0.0,
            semantic_loss_ignore_index=IGNORE,
            id2label=dict(enumerate(CELEBAMASK_LABELS)),
            label2id={name: k for k, name in enumerate(CELEBAMASK_LABELS)},
        )
    )


def initialise(model: nn.Module, seed: int) -> None:
    """Draw the starting weights, variance 1 / fan-in, from streams addressed by the weights' names."""
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                shape = tuple(module.weight.shape)
                drawn = rng_for(seed, "parser init", name).standard_normal(shape, np.float32)
                module.weight.copy_(torch.from_numpy(drawn / np.sqrt(np.prod(shape[1:]))))
                if module.bias is not None:
                    module.bias.zero_()


class Objective(nn.Module):
    """Cross-entropy over the 19 labels, plus one minus the soft IoU of each of the five regions."""

    weights: torch.Tensor  # (19,)
    sums: torch.Tensor  # (6, 19): sums label chances to those of outside and the five regions

    def __init__(self) -> None:
        super().__init__()
        weights = [SMALL_PART_WEIGHT if name in SMALL_PARTS else 1.0 for name in CELEBAMASK_LABELS]
        table = torch.from_numpy(region_of_label(CELEBAMASK_LABELS)).long()
        self.register_buffer("weights", torch.tensor(weights))
        self.register_buffer("sums", F.one_hot(table, len(REGION_NAMES) + 1).T.float())

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(B, 19, h, w) logits, (B, H, W) label ids -> loss."""
        logits = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
        known = labels != IGNORE
        entropy = F.cross_entropy(logits, labels, self.weights, ignore_index=IGNORE)
        found = torch.einsum("rl,blhw->rbhw", self.sums, logits.softmax(1))[1:] * known
        one_hot = F.one_hot(labels * known, len(CELEBAMASK_LABELS)).float()
        true = torch.einsum("rl,bhwl->rbhw", self.sums, one_hot)[1:] * known
        both, either = (found * true).sum((1, 2, 3)), (found + true - found * true).sum((1, 2, 3))
        return entropy + (1 - (both + 1) / (either + 1)).mean()  # + 1 px: a region may be absent


def region_iou(parser: Parser, faces: Faces) -> dict[str, float]:
    """Return the IoU of each region over all pixels of all faces, and their mean, at the faces' own size."""
    both, either = np.zeros(len(REGION_NAMES)), np.zeros(len(REGION_NAMES))
    for picture, labels in zip(faces.pictures, faces.labels, strict=True):
        found, true = parser.regions(picture.astype(np.float32) / 255), region_map(labels, CELEBAMASK_LABELS)
        for k in range(len(REGION_NAMES)):
            both[k] += np.count_nonzero((found == k + 1) & (true == k + 1))
            either[k] += np.count_nonzero((found == k + 1) | (true == k + 1))
    scores = dict(zip(REGION_NAMES, (both / np.maximum(either, 1)).tolist(), strict=True))
    return {"mean": float(np.mean(list(scores.values()))), **scores}


def export(model: SegformerForSemanticSegmentation, folder: Path) -> None:
    """Write the parser as transformers reads it, weights in half precision."""
    copy.deepcopy(model).half().save_pretrained(folder)
    settings = {
        "image_processor_type": "SegformerImageProcessor",
        "do_resize": True,
        "size": {"height": SIDE, "width": SIDE},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN,
        "image_std": STD,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2) + "\n")
