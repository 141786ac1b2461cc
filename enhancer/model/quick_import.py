"""Imports diffusers' models without peft, scipy.stats and transformers, which one step never uses.

They would come along: without this, loading the embedded checkpoint takes 5.9 s instead of 3.9 from a cold disk, and 4.1 s
instead of 2.8 from a warm one (two cores, November 2026). Where diffusers was imported before, nothing is gained
or lost. What diffusers does without from then on: its own `from_single_file`, and casting layer by layer beside LoRA.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_UNUSED = ("_peft_available", "_scipy_available", "_transformers_available")


@contextmanager
def _hidden(found: Any) -> Iterator[None]:
    """Let diffusers, which imports what it finds, find some packages missing for a while."""
    before = {name: vars(found)[name] for name in _UNUSED if name in vars(found)}
    barred = {"transformers"} - sys.modules.keys()  # tried without a look at the flag
    try:
        vars(found).update(dict.fromkeys(before, False))
        sys.modules.update(dict.fromkeys(barred))  # type: ignore[arg-type]  None is how Python bars an import
        yield
    finally:
        vars(found).update(before)
        for name in barred:
            del sys.modules[name]


# Their lists of contents are made by what is found, and are to be whole.
for _package in ("loaders", "models", "pipelines", "schedulers"):
    import_module(f"diffusers.{_package}")
with _hidden(import_module("diffusers.utils.import_utils")):
    for _room in ("models.autoencoders.autoencoder_kl", "models.unets.unet_2d_condition"):
        import_module(f"diffusers.{_room}")
    # reading a scheduler's config imports all of its kind
    _ = import_module("diffusers.schedulers.scheduling_ddpm").DDPMScheduler().compatibles
# Schedulers that do need scipy.stats get it when they ask: scipy itself loads its parts late.
if find_spec("scipy"):
    for _name in [name for name in sys.modules if name.startswith("diffusers.schedulers.scheduling_")]:
        vars(sys.modules[_name]).setdefault("scipy", import_module("scipy"))
