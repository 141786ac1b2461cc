"""Checkpoints on the Hub: name one, fetch it, publish a new version. Files and HTTP only; nothing here loads a model.

`huggingface_hub` is imported where it is needed, so that naming a folder or the embedded checkpoint costs nothing.
"""

from enhancer.hub.publishing import Published, publish
from enhancer.hub.references import ARTIFACTS, BASE, BASE_REVISION, PARSER, PARSER_REVISION, POCKET
from enhancer.hub.resolving import Access, Resolved, resolve, resolve_base

__all__ = [
    "ARTIFACTS",
    "BASE",
    "BASE_REVISION",
    "PARSER",
    "PARSER_REVISION",
    "POCKET",
    "Access",
    "Published",
    "Resolved",
    "publish",
    "resolve",
    "resolve_base",
]
