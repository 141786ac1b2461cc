"""File names as people bring them: in either Unicode form, not in UTF-8, or as long as a file system allows."""

import os
import re
import unicodedata
from hashlib import blake2b

LONGEST = 255  # bytes, on the usual file systems


def normalised(name: str) -> str:
    """Return a name in the form by which names are compared, NFC: macOS tends to write the dots of an ü as a second character."""
    return unicodedata.normalize("NFC", name)


def encodable(name: str) -> str:
    """Return a name that UTF-8 can hold: a byte that is none, such as Latin-1's ü, becomes ``_fc``."""
    return re.sub("[\ud800-\udfff]", lambda found: f"_{ord(found[0]) & 0xFF:02x}", name)


def fitting(name: str, room: int) -> str:
    """Return a name of at most `room` bytes: a longer one is cut, and a hash of all of it keeps it apart from others."""
    encoded = os.fsencode(name)
    if len(encoded) <= room:
        return name
    digest = blake2b(encoded, digest_size=4).hexdigest()
    return f"{encoded[: room - len(digest) - 1].decode('utf-8', 'ignore')}_{digest}"
