"""The one-step restorer: an adapted SD-Turbo-style base, its checkpoint folder, and pictures of any size through it."""

# Must precede diffusers, peft and transformers.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
from enhancer.model.checkpoint import POCKET, load_adapters, load_base
from enhancer.model.config import EnhancerConfig
from enhancer.model.enhancer import SplatEnhancer
from enhancer.model.one_step import predict_clean
from enhancer.model.pocket import new_pocket
from enhancer.model.restore import restore

load_checkpoint, save_checkpoint = SplatEnhancer.from_pretrained, SplatEnhancer.save_pretrained

__all__ = [
    "POCKET",
    "EnhancerConfig",
    "SplatEnhancer",
    "load_adapters",
    "load_base",
    "load_checkpoint",
    "new_pocket",
    "predict_clean",
    "restore",
    "save_checkpoint",
]
