"""Imports diffusers' models without peft, scipy and most of transformers, which they would bring and one step never uses.

Half of the seconds that loading diffusers takes go there. Where diffusers was imported before, nothing is gained or lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_UNUSED = ("_peft_available", "_scipy_available", "_transformers_available")


@contextmanager
def _hidden(found: Any) -> Iterator[None]:
    """Let diffusers, which imports what it finds, find some packages missing for a while."""
    before = {name: vars(found)[name] for name in _UNUSED if name in vars(found)}
    try:
        vars(found).update(dict.fromkeys(before, False))
        yield
    finally:
        vars(found).update(before)


# Their lists of contents are made by what is found, and are to be whole.
for _package in ("loaders", "models", "pipelines", "schedulers"):
    import_module(f"diffusers.{_package}")
with _hidden(import_module("diffusers.utils.import_utils")):
    for _room in ("models.autoencoders.autoencoder_kl", "models.unets.unet_2d_condition", "schedulers.scheduling_ddpm"):
        import_module(f"diffusers.{_room}")
