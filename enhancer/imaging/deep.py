"""Pictures of more than 8 bits a channel, which Pillow flattens or refuses: 16 bits, float TIFF, Radiance HDR. No torch."""

import re
import struct
import zlib
from typing import Any, BinaryIO, cast

import cv2
import numpy as np
from PIL import Image, ImageFile

FLOAT = 3  # TIFF's SampleFormat
_HDR = (b"#?RADIANCE", b"#?RGBE")
_EXR = b"\x76\x2f\x31\x01"
_TIFF = (b"II*\0", b"MM\0*")
_WIDTH, _HEIGHT, _SAMPLE_FORMAT = 256, 257, 339  # TIFF tags
_ORIENTATION = 0x0112  # EXIF tag
_HEAD = 8192  # bytes, in which a Radiance header ends


def is_exr(stream: BinaryIO) -> bool:
    """Say whether a file is OpenEXR, which nothing that is installed reads."""
    return _head(stream, 4) == _EXR


def float_size(stream: BinaryIO) -> tuple[int, int] | None:
    """Return width and height of a file of linear light: a float TIFF or Radiance HDR; None for any other. It is rewound."""
    head = _head(stream, _HEAD)
    if head.startswith(_HDR):
        found = re.search(rb"\n-Y (\d+) \+X (\d+)\n", head)
        return (int(found[2]), int(found[1])) if found else None
    if head.startswith(_TIFF):
        try:
            tags = _tiff_tags(stream, "<" if head.startswith(b"II") else ">")
            return (tags[_WIDTH], tags[_HEIGHT]) if tags.get(_SAMPLE_FORMAT) == FLOAT else None
        except (struct.error, KeyError):
            return None
        finally:
            stream.seek(0)
    return None


def _tiff_tags(stream: BinaryIO, order: str) -> dict[int, int]:
    """Return the first number of each tag of a TIFF file's first picture that holds whole numbers of 16 or 32 bits.

    Pillow's own reader warns of a file that is cut off, where we say so in a sentence.
    """

    def numbers(form: str, at: int) -> tuple[int, ...]:
        stream.seek(at)
        return struct.unpack(order + form, stream.read(struct.calcsize(order + form)))

    (directory,) = numbers("I", 4)
    tags = {}
    for entry in range(directory + 2, directory + 2 + 12 * numbers("H", directory)[0], 12):
        tag, kind, count = numbers("HHI", entry)
        if form := {3: "H", 4: "I"}.get(kind):
            is_inside = count * struct.calcsize(form) <= 4
            (tags[tag],) = numbers(form, entry + 8 if is_inside else numbers("I", entry + 8)[0])
    return tags


def sixteen_bits(picture: Image.Image) -> np.ndarray | None:
    """Decode 16-bit colour, of which Pillow would keep the upper 8 bits.

    Args:
        picture: Opened, not decoded yet; it still can be afterwards.

    Returns:
        (H, W, 3) or (H, W, 4) uint16, upright; None for any other picture.
    """
    if not isinstance(picture, ImageFile.ImageFile) or picture.format not in ("PNG", "TIFF") or not picture.tile:
        return None
    raw: Any = picture.tile[0].args
    mode, _, depth = str(raw[0] if isinstance(raw, tuple) else raw).partition(";")
    if (
        mode not in ("RGB", "RGBA", "LA")
        or not depth.startswith("16")
        or picture.fp is None
        or "transparency" in picture.info
    ):
        return None
    at = picture.fp.tell()
    pixels = decode(cast(BinaryIO, picture.fp))
    picture.fp.seek(at)
    try:
        orientation = int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF is no reason to refuse good pixels
        orientation = 1
    return upright(pixels, orientation) if pixels is not None and pixels.dtype == np.uint16 else None


def decode(stream: BinaryIO) -> np.ndarray | None:
    """Decode a file to (H, W, 3) or (H, W, 4), its own type; one channel is repeated. None where it cannot be."""
    stream.seek(0)
    data = np.frombuffer(stream.read(), np.uint8)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None:
        return None
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=-1)
    order = cv2.COLOR_BGRA2RGBA if pixels.shape[-1] == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(pixels.astype(np.float32) if pixels.dtype == np.float64 else pixels, order)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn a picture by its EXIF orientation, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def encode_png(image: np.ndarray, chunks: list[tuple[bytes, bytes]], level: int) -> bytes:
    """Return a 16-bit PNG file, which Pillow cannot write in colour.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 in [0, 1].
        chunks: Kind and content of what stands between header and pixels.
        level: Of compression, 0 to 9.
    """
    deep = (np.clip(image, 0, 1) * 65535 + 0.5).astype(np.uint16)
    order = cv2.COLOR_RGBA2BGRA if image.shape[-1] == 4 else cv2.COLOR_RGB2BGR
    file = cv2.imencode(".png", cv2.cvtColor(deep, order), [cv2.IMWRITE_PNG_COMPRESSION, level])[1].tobytes()
    after = 8 + 25  # the signature and the header chunk
    told = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return file[:after] + told + file[after:]


def _head(stream: BinaryIO, count: int) -> bytes:
    stream.seek(0)
    head = stream.read(count)
    stream.seek(0)
    return head
