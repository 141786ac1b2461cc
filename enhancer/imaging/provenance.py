"""How a picture was made, kept inside its PNG file and read back from it. No torch."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import enhancer
from enhancer.imaging.io import Reading, Source, png_file, read, write_png
from enhancer.imaging.regions import REGION_NAMES

KEY = "splat-enhancer"  # of the PNG text chunk
LONGEST = 20_000  # characters; what we write takes some hundreds
# IPTC's word for a photograph or render that a trained model worked on: https://cv.iptc.org/newscodes/digitalsourcetype
_XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


@dataclass(frozen=True)
class Record:
    """The settings that lead to a picture, and what it was made with.

    Attributes:
        checkpoint: Name of the checkpoint; None for a picture that was only degraded.
        sha: Its commit or digest, where it has one.
        version: Of this project.
        preset: Of the degradation; None for a picture that was restored as it came.
        seed: Of the degradation, as the preset.
        strengths: Region -> strength of the degradation, as the preset.
        strength: Of the restoration, from 0 to 1.
        regions: Region -> strength of the restoration, from 0 to 1.
        background: What a transparent picture was compared over, as "#rrggbb".
        faces: Each face was found and restored by itself.
    """

    checkpoint: str | None = None
    sha: str | None = None
    version: str = enhancer.__version__
    preset: str | None = None
    seed: int | None = None
    strengths: Mapping[str, float] = field(default_factory=dict)
    strength: float = 1.0
    regions: Mapping[str, float] = field(default_factory=dict)
    background: str = "#ffffff"
    faces: bool = False

    @property
    def was_restored(self) -> bool:
        """Whether a checkpoint made the picture."""
        return self.checkpoint is not None

    @property
    def of_degraded(self) -> "Record | None":
        """Record of the degraded picture that a restored one was made from; None where it was restored as it came."""
        if self.preset is None:
            return None
        return Record(version=self.version, preset=self.preset, seed=self.seed, strengths=self.strengths)


def png_bytes(image: np.ndarray, record: Record | None = None, bits: int = 8) -> bytes:
    """Return an `image` as a PNG file of 8 or 16 bits a channel, the record inside, marked as worked on by a trained model."""
    return png_file(image, _chunks(record), bits)


def write_recorded(image: np.ndarray, path: str | Path, record: Record | None = None, bits: int = 8) -> None:
    """Write what `png_bytes` returns; at no moment does `path` hold half a picture.

    Raises:
        ImageError: The file cannot be written.
    """
    write_png(image, path, _chunks(record), bits)


def read_record(source: str | Path | BinaryIO) -> Record | None:
    """Return the record inside a PNG file, None without one. What does not fit is dropped: anyone can write a file."""
    try:
        with Image.open(source, formats=["PNG"]) as picture:
            picture.load()  # text may stand behind the pixels
            return _told_by(picture.info)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def read_recorded(source: Source, name: str, largest: int) -> tuple[Reading, Record | None]:
    """Return what `read` and `read_record` do, the file opened and decoded once.

    Args:
        source: Path, encoded bytes or an open binary stream.
        name: What to call it in error messages.
        largest: Side in pixels.

    Raises:
        ImageError: As `read_image` has it.
    """
    reading = read(source, name, largest)
    return reading, _told_by(reading.info)


def _told_by(info: Mapping[str | tuple[int, int], Any]) -> Record | None:
    """Return the record in the texts of a PNG file whose pixels are decoded, None without one."""
    text = info.get(KEY)
    try:
        given = json.loads(text) if isinstance(text, str) and len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        return None
    return _record(given) if isinstance(given, dict) else None


def _chunks(record: Record | None) -> PngInfo:
    """Return the text chunks of a PNG file that tell a record."""
    info = PngInfo()
    if record is not None:
        info.add_text("Software", f"Splat Enhancer {record.version}")
        info.add_itxt(KEY, json.dumps(asdict(record)))
        if record.was_restored:
            info.add_itxt("XML:com.adobe.xmp", _XMP)
    return info


def _record(given: dict[str, Any]) -> Record:
    """Take from a dictionary what has the right kind and range."""
    kept: dict[str, Any] = {}
    for key in ("checkpoint", "sha", "version", "preset"):
        if isinstance(value := given.get(key), str) and len(value) <= 200:
            kept[key] = value
    if isinstance(seed := given.get("seed"), int) and not isinstance(seed, bool) and abs(seed) < 2**53:
        kept["seed"] = seed
    if _is_share(given.get("strength")):
        kept["strength"] = given["strength"]
    for key in ("strengths", "regions"):
        if isinstance(value := given.get(key), dict):
            kept[key] = {name: value[name] for name in REGION_NAMES if _is_share(value.get(name))}
    if isinstance(value := given.get("faces"), bool):
        kept["faces"] = value
    if is_colour(given.get("background")):
        kept["background"] = given["background"]
    return Record(**kept)


def hex_of(rgb: tuple[float, float, float]) -> str:
    """Return a colour in [0, 1] as "#rrggbb"."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def is_colour(value: Any) -> bool:
    """Say whether something is a colour such as "#ffffff"."""
    return (
        isinstance(value, str)
        and len(value) == 7
        and value[0] == "#"
        and all(digit in "0123456789abcdefABCDEF" for digit in value[1:])
    )


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1
