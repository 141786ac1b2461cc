"""Weights and numbers that are not finite: the one check of what is loaded."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from enhancer.errors import CheckpointError


def require_finite_tensors(tensors: Mapping[str, Tensor], source: str) -> None:
    """Refuse weights that are infinite or not a number: a single one blackens every picture.

    Args:
        tensors: By name.
        source: Where they are from, for the message.

    Raises:
        CheckpointError: The first name.
    """
    name = first_not_finite(tensors)
    if name is not None:
        raise CheckpointError(
            f"The weights in {source} are damaged: {name} holds values that are infinite or not a number. "
            "Download or save them again."
        )


def first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor with a value that is infinite or not a number; None if there is none."""
    return next((name for name, tensor in tensors.items() if not _is_finite(tensor)), None)


def require_finite_numbers(values: Mapping[str, Any], source: str) -> None:
    """Refuse settings that are infinite or not a number.

    Args:
        values: By name; what is no number, or sequence of numbers, is passed over.
        source: Where they are from, for the message.

    Raises:
        CheckpointError: The first name.
    """
    for name, value in values.items():
        numbers: Iterable[Any] = value if isinstance(value, list | tuple) else (value,)
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            raise CheckpointError(f"{source}: {name} must be finite, got {value}.")


def _is_finite(tensor: Tensor) -> bool:
    if tensor.device.type == "meta" or not tensor.is_floating_point() or not tensor.numel():
        return True
    low, high = torch.aminmax(tensor)  # one pass without a copy; both are NaN where any value is
    return bool(torch.isfinite(low) and torch.isfinite(high))
