"""The one source of chance: a random stream has an address."""

from hashlib import blake2b

import numpy as np


def rng_for(*path: int | str) -> np.random.Generator:
    """Return the stream that belongs to `path`, such as ``(seed, epoch, index, "noise")``.

    The path is hashed rather than given to numpy as a list: numpy pads short seeds with zeros, so ``[1]`` and
    ``[1, 0]`` would be the same stream. Types are part of the address: ``1`` and ``"1"`` differ.
    """
    digest = blake2b(repr(path).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))
