"""PIL pictures and bytes <-> float arrays, and what alpha means. No torch.

Inside the library a picture is `image`: (H, W, 3) or (H, W, 4) float32 in [0, 1], sRGB, alpha straight (not
premultiplied). `rgb` is always (H, W, 3), `alpha` (H, W).
"""

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError, features
from PIL.PngImagePlugin import PngInfo

from enhancer import lfs
from enhancer.errors import ImageError, LabelError
from enhancer.imaging import deep
from enhancer.imaging.arrays import as_image
from enhancer.imaging.colour import Profile, encode_srgb, from_gamma, read_profile
from enhancer.messages import Message
from enhancer.runtime.files import atomic_write

MIN_SIDE = 64  # pixels
MAX_SIDE = 4096  # pixels
WHITE = (1.0, 1.0, 1.0)
PNG_LEVEL = 3  # of compression: under half the time of Pillow's 6 for 3 to 8 % more bytes
AVIF = (".avif",) if features.check("avif") else ()  # a Pillow built without it has no decoder
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", *AVIF, ".bmp", ".tif", ".tiff", ".gif", ".tga", ".hdr")
MOST_BEYOND = 0.25  # of linear values that may lie outside 0 to 1, such as highlights: more is another scale

LINEAR = Message("note.linear", "The picture holds linear light: it was converted to sRGB.")
CLIPPED = Message("note.clipped", "What is darker than 0 or brighter than 1 in it was cut off.")
EIGHT_BITS = Message(
    "note.eight_bits",
    "The picture has 16 bits a channel, its result 8 (restore --bits 16 on the command line keeps them).",
)

Source = str | Path | bytes | BinaryIO
Colour = tuple[float, float, float] | np.ndarray  # one colour, or an (H, W, 3) picture of colours

# Only these decoders are tried: others (EPS, PDF, FITS, ...) call programs or bring nothing for photographs.
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "TIFF", "GIF")
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
# An ICC profile's colour space -> the mode it applies to, and the picture modes we trust it for.
_PROFILE_MODES = {
    "RGB": ("RGB", ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX")),
    "GRAY": ("L", ("1", "L", "LA")),
    "CMYK": ("CMYK", ("CMYK",)),
}


class Reading(NamedTuple):
    """What was read of a picture.

    Attributes:
        image: See `read_image`.
        bits: A channel, 8 or 16: how finely it is rounded.
        linear: What is worth saying about how it was read.
        info: What Pillow has of its header and texts.
    """

    image: np.ndarray
    bits: int = 8
    linear: tuple[Message, ...] = ()
    info: Mapping[str | tuple[int, int], Any] = MappingProxyType({})

    def notes(self, bits: int = 8) -> tuple[Message, ...]:
        """Return what a visitor should know of it, whose result has so many bits."""
        return (*self.linear, EIGHT_BITS) if bits < self.bits else self.linear


def read_image(source: Source, name: str | None = None, largest: int = MAX_SIDE) -> np.ndarray:
    """Read the first frame of a picture, upright, as sRGB.

    Args:
        source: Path, encoded bytes or an open binary stream (left open).
        name: What to call it in error messages; by default the file's name.
        largest: Side in pixels, `MAX_SIDE` or less.

    Returns:
        (H, W, 3) or, if any pixel is not opaque, (H, W, 4) float32 in [0, 1] with straight alpha.

    Raises:
        ImageError: Not a picture, damaged, a side outside `MIN_SIDE` to `largest`, or nothing to see in it.
    """
    return read(source, name, largest).image


def read(source: Source, name: str | None = None, largest: int = MAX_SIDE) -> Reading:
    """Read a picture as `read_image` does, with what should be known of it."""
    name = name or _name_of(source)
    with _stream_of(source, name) as stream:
        size = deep.float_size(stream)
        if size is not None:
            check_size(size, name, MIN_SIDE, largest)
            pixels = deep.decode(stream)
            if pixels is None:
                raise _unread(name)
            return _of_light(pixels, name)
        if deep.is_exr(stream):
            raise _unread(name)
        with opened(stream, name, largest) as picture:
            return _of_pil(picture, name, largest)


@contextlib.contextmanager
def _stream_of(source: Source, name: str) -> Iterator[BinaryIO]:
    """Open a file; a stream that was passed in stays open.

    Raises:
        ImageError: It cannot be opened.
    """
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if not isinstance(source, str | Path):
        yield source
        return
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(source).open("rb"))
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
            reason = getattr(error, "strerror", None) or error
            raise ImageError(
                Message(
                    "picture.unopened",
                    "{name} cannot be opened: {reason}. Check the path.",
                    name=name,
                    reason=str(reason),
                )
            ) from error
        yield stream


@contextlib.contextmanager
def opened(source: Source, name: str, largest: int = MAX_SIDE) -> Iterator[Image.Image]:
    """Open a picture by its header alone; a stream that was passed in stays open.

    Args:
        source: As of `read_image`.
        name: What to call it in error messages.
        largest: Side in pixels.

    Raises:
        ImageError: There is no picture that can be read here, or it is too large.
    """
    with _stream_of(source, name) as stream:
        try:
            picture = Image.open(stream, formats=_formats(source))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _far_larger(name, largest) from error
        except UnidentifiedImageError as error:
            stream.seek(0)
            start = stream.read(len(lfs.START))
            if start == lfs.START:
                raise ImageError(lfs.pointer_message(name)) from error
            raise (_no_picture(name) if start else _empty(name)) from error
        except Exception as error:  # decoders raise whatever they stumble over in a damaged header
            raise _damaged(name, error) from error
        check_size(picture.size, name, 1, largest)
        yield picture


def from_pil(picture: Image.Image, name: str = "image", largest: int = MAX_SIDE) -> np.ndarray:
    """Turn an opened picture into an `image`, by the rules of `read_image`."""
    return _of_pil(picture, name, largest).image


def _of_pil(picture: Image.Image, name: str, largest: int) -> Reading:
    """Decode an opened picture."""
    check_size(picture.size, name, MIN_SIDE, largest)
    encoded = picture.info.get("icc_profile") or b""
    profile = read_profile(encoded)
    # the colour engine, which a profile of tables needs, knows 8 bits alone
    pixels = deep.sixteen_bits(picture) if profile is not None or not encoded else None
    loaded = _loaded(picture, name)
    if loaded.mode == "F":
        return _of_light(np.repeat(np.asarray(loaded)[..., None], 3, axis=2), name)
    if loaded.mode in (*_SIXTEEN_BIT, "I"):
        image, bits = np.repeat(_deep_grey(loaded, name)[..., None], 3, axis=2), 16
    elif pixels is not None:
        image, bits = pixels.astype(np.float32) / 65535, 16
    else:
        image, bits = np.asarray(_eight_bits(loaded, profile), np.float32) / 255, 8
    rgb, alpha = split_alpha(image)
    image = with_alpha(_in_srgb(rgb, loaded, profile), alpha)
    return Reading(seen(image, name), bits, info=loaded.info)


def _of_light(light: np.ndarray, name: str) -> Reading:
    """Turn linear light, (H, W, 3) or (H, W, 4) float32 with straight alpha, into an `image`, and say so.

    Raises:
        ImageError: It is no picture: values that are not finite, or mostly outside 0 to 1.
    """
    rgb, alpha = split_alpha(light.astype(np.float32))
    low, high = float(rgb.min()), float(rgb.max())
    beyond = float(((rgb < 0) | (rgb > 1)).mean()) if np.isfinite(light).all() else 1.0
    if beyond > MOST_BEYOND:
        raise ImageError(
            Message(
                "picture.light",
                "{name} holds linear light from {low:g} to {high:g}, of which nearly all must lie in 0 to 1. Scale it first.",
                name=name,
                low=low,
                high=high,
            )
        )
    image = with_alpha(encode_srgb(np.clip(rgb, 0, 1)), None if alpha is None else np.clip(alpha, 0, 1))
    notes = (LINEAR,) if beyond == 0 else (LINEAR, CLIPPED)
    return Reading(seen(image, name), 16, notes)


def seen(image: np.ndarray, name: str) -> np.ndarray:
    """Leave out alpha where it says nothing, and refuse a picture of which nothing is seen."""
    rgb, alpha = split_alpha(image)
    if alpha is None or alpha.min() == 1.0:
        return np.ascontiguousarray(rgb)
    if alpha.max() == 0.0:
        raise ImageError(
            Message(
                "picture.transparent",
                "{name} is fully transparent: there is nothing to see. Give a picture with visible pixels.",
                name=name,
            )
        )
    return image


def to_levels(image: np.ndarray, bits: int = 8) -> np.ndarray:
    """Round an `image` to what a file of 8 or 16 bits a channel holds, float32 in [0, 1]."""
    most = np.float32(2**bits - 1)
    return (
        (np.rint(np.clip(image, 0, 1) * most) / most).astype(np.float32)
        if bits != 8
        else to_bytes(image).astype(np.float32) / 255
    )


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Round an `image` to uint8 of the same shape."""
    return (np.clip(image, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def to_pil(image: np.ndarray) -> Image.Image:
    """Round an `image`, or one channel (H, W), to an 8-bit picture."""
    as_image(np.atleast_3d(image), channels=(1, 3, 4))
    return Image.fromarray(to_bytes(image))


def png_file(image: np.ndarray, chunks: PngInfo | None = None, bits: int = 8) -> bytes:
    """Return an `image` as a PNG file.

    Args:
        image: (H, W, 3 or 4) float32 in [0, 1]; with 8 bits one channel (H, W) too.
        chunks: Text to stand in the file.
        bits: A channel, 8 or 16.
    """
    if bits == 16:
        told = [] if chunks is None else [(kind, data) for kind, data, *_ in chunks.chunks]
        return deep.encode_png(as_image(image), told, PNG_LEVEL)
    file = io.BytesIO()
    to_pil(image).save(file, format="PNG", pnginfo=chunks, compress_level=PNG_LEVEL)
    return file.getvalue()


def write_png(image: np.ndarray, path: str | Path, chunks: PngInfo | None = None, bits: int = 8) -> None:
    """Write what `png_file` returns; at no moment does `path` hold half a picture.

    Args:
        image: As `png_file`, and so the others.
        path: The file; its folder is there.
        chunks: Text to stand in the file.
        bits: A channel.

    Raises:
        ImageError: The file cannot be written, or the array is no such picture.
    """
    path = Path(path)
    try:
        with atomic_write(path) as temporary:
            temporary.write_bytes(png_file(image, chunks, bits))
    except OSError as error:
        raise ImageError(f"{path} cannot be written: {error.strerror or error}.") from error


def read_labels(source: Source, name: str | None = None, largest: int = MAX_SIDE) -> np.ndarray:
    """Read a label map: palette indices or grey values, never the palette's colours.

    Args:
        source: As of `read_image`.
        name: Likewise.
        largest: Side in pixels; how small it is does not matter here.

    Returns:
        (H, W) integer label ids.

    Raises:
        LabelError: Not a picture, too large, not one channel, or saved with loss.
    """
    name = name or _name_of(source)
    try:
        with opened(source, name, largest) as picture:
            lossy = picture.format == "JPEG"
            picture = _loaded(picture, name)
    except ImageError as error:
        raise LabelError(
            Message("labels.unreadable", "The label map cannot be read. {problem}", problem=error.message)
        ) from error
    if lossy:
        raise LabelError(
            Message(
                "labels.lossy",
                "The label map {name} is JPEG, which changes the ids. "
                "Save it as a greyscale or palette PNG of label ids.",
                name=name,
            )
        )
    if picture.mode not in ("1", "L", "P", "I", *_SIXTEEN_BIT):
        raise LabelError(
            Message(
                "labels.colours",
                "The label map {name} is mode {mode}. Save it as a greyscale or palette PNG of label ids.",
                name=name,
                mode=picture.mode,
            )
        )
    labels = np.asarray(picture)
    return labels.astype(np.uint8) if labels.dtype == bool else labels.astype(labels.dtype.newbyteorder("="))


def check_size(size: tuple[int, int], name: str, smallest: int = MIN_SIDE, largest: int = MAX_SIDE) -> None:
    """Refuse a picture with a side out of range.

    Args:
        size: Width and height, pixels.
        name: What to call the picture in messages.
        smallest: Shortest side that is taken, pixels; the message asks for `MIN_SIDE` all the same.
        largest: Longest side that is taken, pixels.

    Raises:
        ImageError: The limits, and what was given.
    """
    width, height = size
    if max(size) > largest:
        raise ImageError(
            Message(
                "picture.large",
                "{name} is {width}x{height} pixels; each side must be {least} to {most} pixels. Scale it down first.",
                name=name,
                width=width,
                height=height,
                least=MIN_SIDE,
                most=largest,
            )
        )
    if min(size) < smallest:
        raise ImageError(
            Message(
                "picture.small",
                "{name} is {width}x{height} pixels; each side must be {least} to {most} pixels. Give a larger picture.",
                name=name,
                width=width,
                height=height,
                least=MIN_SIDE,
                most=largest,
            )
        )


def _far_larger(name: str, largest: int) -> ImageError:
    """Return the error for a picture whose header alone says too much; `largest` is the longest side taken, in pixels."""
    return ImageError(
        Message(
            "picture.far_larger",
            "{name} is far larger than {most}x{most} pixels, the most taken here, and was not decoded. "
            "Scale it down first.",
            name=name,
            most=largest,
        )
    )


def split_alpha(image: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return `rgb` and `alpha`, None for a picture without."""
    return (image[..., :3], image[..., 3]) if image.shape[-1] == 4 else (image, None)


def with_alpha(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Undo `split_alpha`."""
    return rgb if alpha is None else np.dstack([rgb, alpha]).astype(np.float32)


def composite(image: np.ndarray, background: Colour = WHITE) -> np.ndarray:
    """Lay an `image` over a background colour (or `rgb` picture) and return `rgb`."""
    rgb, alpha = split_alpha(image)
    if alpha is None:
        return rgb
    behind = np.asarray(background, np.float32)
    a = alpha[..., None]
    return a * rgb + (1 - a) * behind  # in this form exact where alpha is 0 or 1


def uncomposite(rgb: np.ndarray, alpha: np.ndarray, background: Colour) -> np.ndarray:
    """Return the straight colour F of a composite C = a F + (1 - a) B, clipped; filled in where a is 0.

    For exact composites alone, such as a renderer's: of an estimate it would multiply the errors by 1 / a.
    """
    a = alpha[..., None]
    colour = (rgb - (1 - a) * np.asarray(background, np.float32)) / np.where(a > 0, a, 1)
    return fill_transparent(np.clip(colour, 0.0, 1.0).astype(np.float32), alpha)


def fill_transparent(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Replace colours under zero alpha by bled neighbouring ones, so that no blur pulls in what nobody saw.

    Colours are averaged down to one pixel, weighted by alpha, and each coarser level fills what the finer one lacks
    (the pull-push of Gortler et al. 1996, "The Lumigraph"): any distance is bridged in linear time.

    Args:
        rgb: (H, W, 3) float32, straight colours.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) float32; untouched wherever alpha is above 0.
    """
    if not alpha.max() > 0 or alpha.min() > 0:
        return rgb
    levels: list[np.ndarray] = [np.dstack([rgb * alpha[..., None], alpha]).astype(np.float32)]
    while max(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        half = ((width + 1) // 2, (height + 1) // 2)
        levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
    top = levels.pop()
    filled = top[..., :3] / top[..., 3:]
    for level in reversed(levels):
        filled = cv2.resize(filled, level.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        if level is not levels[0]:
            filled = level[..., :3] + (1 - level[..., 3:]) * filled
    return np.where(alpha[..., None] > 0, rgb, filled).astype(np.float32)


def _name_of(source: Source) -> str:
    """Return what to call a source in messages: its file name where it has one."""
    path = source if isinstance(source, str | Path) else getattr(source, "name", None)
    return Path(path).name if isinstance(path, str | Path) and str(path) else "image"


def _formats(source: Source) -> tuple[str, ...]:
    """Return the decoders to try. TGA has no signature that would tell it from other files, so its suffix must."""
    return (*_FORMATS, "TGA") if Path(_name_of(source)).suffix.lower() == ".tga" else _FORMATS


def _loaded(picture: Image.Image, name: str) -> Image.Image:
    """Decode the pixels and turn the picture upright by its EXIF orientation."""
    try:
        picture.load()
    except Exception as error:  # as above: OSError, SyntaxError, struct.error, ... by format
        raise _damaged(name, error) from error
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged EXIF is no reason to refuse good pixels
        return picture


def _damaged(name: str, error: Exception) -> ImageError:
    """Return the error for a file that is a picture but does not decode."""
    return ImageError(
        Message(
            "picture.damaged",
            "{name} is damaged or cut off ({reason}). Save or download it again.",
            name=name,
            reason=str(error),
        )
    )


def _no_picture(name: str) -> ImageError:
    return ImageError(
        Message(
            "picture.unknown",
            "{name} is not a picture that can be read here. Give a PNG, JPEG, WebP, AVIF, BMP, TIFF, GIF, TGA or Radiance HDR file.",
            name=name,
        )
    )


def _unread(name: str) -> ImageError:
    return ImageError(
        Message(
            "picture.float",
            "{name} is a float picture that cannot be read here: OpenEXR, damaged, or not of 32 bits. "
            "Save it as 16-bit PNG, as TIFF of 32-bit float, or as Radiance HDR.",
            name=name,
        )
    )


def _empty(name: str) -> ImageError:
    return ImageError(
        Message(
            "picture.empty",
            "{name} is empty (0 bytes). Give a PNG, JPEG, WebP, AVIF, BMP, TIFF, GIF, TGA or Radiance HDR file.",
            name=name,
        )
    )


def _deep_grey(picture: Image.Image, name: str) -> np.ndarray:
    """Return (H, W) float32 in [0, 1] of a one-channel picture of 16-bit grey."""
    grey = np.asarray(picture).astype(np.float32)
    low, high = float(grey.min()), float(grey.max())
    white = 65535.0  # mode I is what PIL gives 16-bit data in some formats; its full 32 bits have no agreed white
    if low < 0 or high > white:
        raise ImageError(
            Message(
                "picture.grey",
                "{name} holds values from {low:g} to {high:g}, where integer grey must lie in 0 to {white:g}. "
                "Scale it, or save it with 8 bits.",
                name=name,
                low=low,
                high=high,
                white=white,
            )
        )
    return grey / white


def _eight_bits(picture: Image.Image, profile: Profile | None) -> Image.Image:
    """Return an 8-bit RGB or RGBA picture; its colours are in sRGB where only the colour engine understands its profile."""
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    colours = (_by_engine(picture) if profile is None else None) or picture.convert("RGBA").convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _in_srgb(rgb: np.ndarray, picture: Image.Image, profile: Profile | None) -> np.ndarray:
    """Convert colours to sRGB, by the embedded profile of curves, or the gamma that a PNG names."""
    if profile is not None:
        is_grey = picture.mode in ("1", "L", "LA", "I", *_SIXTEEN_BIT)
        return profile.to_srgb(rgb) if is_grey or profile.to_xyz is not None else rgb
    gamma = picture.info.get("gamma")
    is_silent = "icc_profile" not in picture.info and "srgb" not in picture.info  # these go before: PNG, 4.3
    return from_gamma(rgb, gamma) if is_silent and isinstance(gamma, float) else rgb


def _by_engine(picture: Image.Image) -> Image.Image | None:
    """Convert colours to sRGB by an ICC profile of tables, as printers and scanners have; None without one that fits."""
    encoded = picture.info.get("icc_profile")
    if not encoded:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(encoded))
        space = encoded[16:20].decode("ascii").strip()  # ICC.1:2022, table 17: data colour space
        mode, trusted = _PROFILE_MODES[space]
        if picture.mode not in trusted:
            return None
        colours = picture if picture.mode == mode else picture.convert("RGBA").convert(mode)
        return ImageCms.profileToProfile(colours, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError, TypeError):
        return None  # a damaged or exotic profile: the colours as they stand are the best there is
