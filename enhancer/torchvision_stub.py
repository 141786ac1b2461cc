"""Makes torchvision importable beside a CPU build of torch. Imported for that effect, before what needs torchvision.

There is no CPU wheel of torchvision on the Python Package Index: its compiled part wants CUDA libraries, fails to
load in silence, and then ``import torchvision`` dies with "operator torchvision::nms does not exist". transformers,
diffusers and peft notice that torchvision is installed and die with it; lpips needs it outright.

Declaring the missing operators, without an implementation, is enough: the networks and transforms work, and only
what truly runs compiled code (detection, ``torchvision.io.read_image``) still fails when called. Nothing is touched
where torch has CUDA, where torchvision imports by itself (other systems, a CPU wheel from elsewhere) or is absent.

    import enhancer.torchvision_stub  # noqa: F401
    # isort: split
    import transformers
"""

import importlib
import importlib.util

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = (
    "nms",
    "qnms",
)  # those torchvision._meta_registrations looks up at import (torchvision 0.26, 0.28)


def make_importable() -> None:
    """Import torchvision, with its missing operators declared where need be; a second call changes nothing."""
    if torch.version.cuda is not None or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        for operator in _OPERATORS:
            if not hasattr(torch.ops.torchvision, operator):
                torch.library.define(f"torchvision::{operator}", _SCHEMA)
        importlib.import_module("torchvision")


make_importable()
