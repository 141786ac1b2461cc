"""Checkpoints on the Hub: name one, fetch it, publish a new version. Files and HTTP only; nothing here loads a model.

`huggingface_hub` is imported where it is needed, so that naming a folder or the embedded checkpoint costs nothing.
"""

from enhancer.hub.publishing import Published, publish
from enhancer.hub.references import ARTIFACTS, BASE, BASE_REVISION, PARSER, PARSER_REVISION, POCKET
from enhancer.hub.resolving import Access, Resolved, resolve, resolve_base
from enhancer.hub.runs import BEST, checkpoint_in, is_checkpoint, step_of

__all__ = [
    "ARTIFACTS",
    "BASE",
    "BASE_REVISION",
    "BEST",
    "PARSER",
    "PARSER_REVISION",
    "POCKET",
    "Access",
    "Published",
    "Resolved",
    "checkpoint_in",
    "is_checkpoint",
    "publish",
    "resolve",
    "resolve_base",
    "step_of",
]
