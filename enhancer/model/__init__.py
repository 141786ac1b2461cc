"""The one-step restorer: an adapted SD-Turbo-style base, its checkpoint folder, and pictures of any size through it."""

# Must precede diffusers, peft and transformers.
import enhancer.torchvision_stub

# isort: split
import enhancer.model.quick_import  # noqa: F401  before anything imports from diffusers

# isort: split
from enhancer.model.checkpoint import POCKET, load_adapters, load_base
from enhancer.model.config import EnhancerConfig
from enhancer.model.enhancer import SplatEnhancer
from enhancer.model.one_step import predict_clean
from enhancer.model.pocket import new_pocket
from enhancer.model.restorer import restore, restore_in_tiles, restore_whole

__all__ = [
    "POCKET",
    "EnhancerConfig",
    "SplatEnhancer",
    "load_adapters",
    "load_base",
    "new_pocket",
    "predict_clean",
    "restore",
    "restore_in_tiles",
    "restore_whole",
]
