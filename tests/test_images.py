"""Every kind of picture is read rightly, or refused in one sentence that names it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile
from PIL.PngImagePlugin import PngInfo

from enhancer.errors import ImageError, LabelError
from enhancer.imaging import io as imaging_io

SIDE = 128
SIZE = (160, SIDE)  # width, height


def gradient() -> np.ndarray:
    """(128, 160, 3) uint8: red grows to the right, green downwards, blue constant."""
    y, x = np.mgrid[0:SIDE, 0:160]
    return np.dstack([x, 2 * y, np.full_like(x, 40)]).astype(np.uint8)


def encoded(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=format, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def with_holes() -> np.ndarray:
    """(128, 160, 4) uint8, the left half transparent, a strip of half alpha."""
    rgba = np.dstack([gradient(), np.full((SIDE, 160), 255, np.uint8)])
    rgba[:, :80, 3] = 0
    rgba[:, 80:90, 3] = 128
    return rgba


def read_levels(data: bytes) -> np.ndarray:
    image = imaging_io.read_image(data)
    assert image.dtype == np.float32
    assert 0.0 <= image.min() <= image.max() <= 1.0
    return np.rint(image * 255).astype(np.uint8)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_come_back_level_for_level(format):
    np.testing.assert_array_equal(read_levels(encoded(Image.fromarray(gradient()), format)), gradient())


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_lossy_formats_come_back_close(format):
    levels = read_levels(encoded(Image.fromarray(gradient()), format, quality=95))
    assert np.abs(levels.astype(int) - gradient()).mean() < 4


def test_write_and_read_keep_every_level_and_alpha(tmp_path):
    image = with_holes().astype(np.float32) / 255
    imaging_io.write_png(image, tmp_path / "face.png")
    np.testing.assert_array_equal(imaging_io.read_image(tmp_path / "face.png"), image)
    assert [p.name for p in tmp_path.iterdir()] == ["face.png"]


def test_a_failed_write_names_the_file_and_leaves_nothing(tmp_path):
    with pytest.raises(ImageError, match=r"missing.face\.png cannot be written"):
        imaging_io.write_png(np.zeros((4, 4, 3), np.float32), tmp_path / "missing" / "face.png")
    assert not list(tmp_path.iterdir())


def test_path_string_bytes_and_stream_read_the_same(tmp_path):
    data = encoded(Image.fromarray(gradient()))
    path = tmp_path / "face.png"
    path.write_bytes(data)
    with path.open("rb") as stream:
        read = [imaging_io.read_image(source) for source in (path, str(path), data, stream)]
        assert not stream.closed
    for image in read[1:]:
        np.testing.assert_array_equal(image, read[0])


def test_an_opaque_alpha_channel_is_dropped():
    assert imaging_io.read_image(encoded(Image.fromarray(gradient()).convert("RGBA"))).shape == (SIDE, 160, 3)


def test_alpha_is_kept_straight():
    np.testing.assert_array_equal(read_levels(encoded(Image.fromarray(with_holes()))), with_holes())


def test_greyscale_and_one_bit_become_three_equal_channels():
    grey = gradient()[..., 0]
    np.testing.assert_array_equal(read_levels(encoded(Image.fromarray(grey))), np.dstack([grey] * 3))
    bits = read_levels(encoded(Image.fromarray(grey > 80)))
    np.testing.assert_array_equal(bits, np.dstack([(grey > 80) * 255] * 3))


def test_grey_with_alpha_keeps_both():
    la = np.dstack([gradient()[..., 0], with_holes()[..., 3]])
    levels = read_levels(encoded(Image.fromarray(la)))
    np.testing.assert_array_equal(levels, np.dstack([la[..., 0]] * 3 + [la[..., 1]]))


def test_palette_without_transparency_shows_its_colours():
    palette = Image.fromarray(gradient()).quantize(64)
    np.testing.assert_array_equal(read_levels(encoded(palette)), np.asarray(palette.convert("RGB")))


def test_palette_with_transparency_becomes_alpha():
    palette = Image.fromarray(gradient()).quantize(64)
    index = np.asarray(palette)[0, 0]
    levels = read_levels(encoded(palette, transparency=int(index)))
    np.testing.assert_array_equal(levels[..., 3], np.where(np.asarray(palette) == index, 0, 255))


def test_sixteen_bit_grey_keeps_more_than_eight_bits():
    grey = np.linspace(0, 65535, SIDE * 160).astype(np.uint16).reshape(SIDE, 160)
    for format in ("PNG", "TIFF"):
        image = imaging_io.read_image(encoded(Image.fromarray(grey), format))
        np.testing.assert_allclose(image[..., 1], grey / 65535, atol=1e-6)


def test_cmyk_becomes_the_colours_it_prints():
    cmyk = Image.fromarray(gradient()).convert("CMYK")
    for format in ("JPEG", "TIFF"):
        levels = read_levels(encoded(cmyk, format, **({"quality": 95} if format == "JPEG" else {})))
        assert np.abs(levels.astype(int) - gradient()).mean() < 4


def test_the_first_frame_of_an_animation_is_read():
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "lime", "blue")]
    for format in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if format == "WEBP" else {}
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(read_levels(data), np.asarray(frames[0]))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_applied(format, orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {"quality": 95} if format == "JPEG" else {}
    levels = read_levels(encoded(Image.fromarray(gradient()), format, exif=exif, **options))
    expected = np.rot90(gradient(), turns)
    assert levels.shape == expected.shape
    assert np.abs(levels.astype(int) - expected).mean() < 4


def test_damaged_exif_does_not_cost_the_picture():
    data = encoded(Image.fromarray(gradient()), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    np.testing.assert_array_equal(read_levels(data), gradient())


def test_a_tagged_srgb_picture_keeps_every_level():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(read_levels(encoded(Image.fromarray(gradient()), icc_profile=profile)), gradient())


def wide_gamut_profile() -> bytes:
    """The built-in sRGB profile with red and blue primaries exchanged and another name: an exaggerated wide gamut."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return (profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")).replace(
        "sRGB".encode("utf-16-be"), "oRGB".encode("utf-16-be")
    )


@pytest.mark.parametrize("transparent", [False, True])
def test_an_embedded_profile_is_converted_to_srgb(transparent):
    source = with_holes() if transparent else gradient()
    levels = read_levels(encoded(Image.fromarray(source), icc_profile=wide_gamut_profile()))
    expected = source.copy()
    expected[..., [0, 2]] = source[..., [2, 0]]
    assert np.abs(levels.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 500])
def test_a_damaged_profile_is_ignored(profile):
    np.testing.assert_array_equal(read_levels(encoded(Image.fromarray(gradient()), icc_profile=profile)), gradient())


def test_a_long_narrow_picture_is_fine_when_both_sides_are_in_range():
    assert imaging_io.read_image(encoded(Image.new("RGB", (4096, 64), "red"))).shape == (64, 4096, 3)


BAD = {
    "text": (b"this is not a picture", r"x\.png is not a picture .*PNG, JPEG"),
    "empty": (b"", r"x\.png is empty \(0 bytes\)"),
    "one pixel": (encoded(Image.new("RGB", (1, 1))), r"x\.png is 1x1 pixels; each side must be 64 to 4096"),
    "too small": (encoded(Image.new("RGB", (400, 63))), r"x\.png is 400x63 pixels"),
    "too large": (
        encoded(Image.new("L", (4097, 128))),
        r"x\.png is 4097x128 pixels; .* 4096 .*Scale it down",
    ),
    "bomb": (png_header(20_000, 20_000), r"x\.png is far larger than 4096x4096 pixels.*not decoded"),
    "smaller bomb": (png_header(10_000, 9_000), r"x\.png .*4096"),
    "transparent": (encoded(Image.new("RGBA", SIZE, (255, 0, 0, 0))), r"x\.png is fully transparent"),
    "eps": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 200\n%%EndComments\n",
        "x.png is not a picture",
    ),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_refused_in_one_sentence_that_names_the_file(kind):
    data, message = BAD[kind]
    with pytest.raises(ImageError, match=message):
        imaging_io.read_image(data, "x.png")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_a_truncated_file_is_refused(format, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, 160, 3), np.uint8)
    data = encoded(Image.fromarray(noise), format)
    for share in (0.3, 0.7):
        path = tmp_path / f"cut.{format.lower()}"
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(ImageError, match=r"cut\.\w+ is (damaged or cut off|not a picture)"):
            imaging_io.read_image(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for source in (tmp_path / "none.png", tmp_path, "a\0b.png", ""):
        with pytest.raises(ImageError, match="cannot be opened"):
            imaging_io.read_image(source)


def test_a_size_out_of_range_is_refused_before_decoding(monkeypatch):
    def never(self):
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    with pytest.raises(ImageError, match="5000x4500"):
        imaging_io.read_image(png_header(5000, 4500))


def test_labels_are_palette_indices_not_colours():
    ids = (np.arange(SIDE * 160).reshape(SIDE, 160) % 19).astype(np.uint8)
    palette = Image.fromarray(ids)
    palette.putpalette(np.random.default_rng(1).integers(0, 255, 57).astype(np.uint8).tobytes())
    assert palette.mode == "P"
    np.testing.assert_array_equal(imaging_io.read_labels(encoded(palette)), ids)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_labels_are_grey_values_unscaled(dtype):
    ids = (np.arange(SIDE * 160).reshape(SIDE, 160) % 19).astype(dtype)
    labels = imaging_io.read_labels(encoded(Image.fromarray(ids)))
    assert labels.dtype.kind == "u"
    np.testing.assert_array_equal(labels, ids)


def test_labels_in_colour_or_saved_with_loss_are_refused():
    with pytest.raises(LabelError, match=r"map\.png is mode RGB"):
        imaging_io.read_labels(encoded(Image.fromarray(gradient())), "map.png")
    with pytest.raises(LabelError, match=r"map\.jpg is JPEG"):
        imaging_io.read_labels(encoded(Image.fromarray(gradient()[..., 0]), "JPEG"), "map.jpg")
    with pytest.raises(LabelError, match=r"map\.png is not a picture"):
        imaging_io.read_labels(b"nonsense", "map.png")


def linear_profile():
    """A matrix profile with sRGB's primaries and a linear curve, called what GIMP calls its own."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = int.from_bytes(srgb[128:132], "big")
    profile = bytearray(srgb)
    for place in range(132, 132 + 12 * count, 12):
        if srgb[place : place + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            start = int.from_bytes(srgb[place + 4 : place + 8], "big")
            profile[start : start + 12] = b"curv" + bytes(8)  # no entries: the curve is the identity
            profile[place + 8 : place + 12] = (12).to_bytes(4, "big")
    return bytes(profile)


def encoded_with(picture, **options):
    stream = io.BytesIO()
    picture.save(stream, "PNG", **options)
    return stream.getvalue()


def test_a_linear_profile_is_used_whatever_it_is_called():
    grey = Image.new("RGB", (64, 64), (55, 55, 55))
    read = imaging_io.read_image(encoded_with(grey, icc_profile=linear_profile()))
    np.testing.assert_allclose(255 * read[0, 0], 127, atol=2)  # sRGB of linear 55 / 255


def test_an_srgb_profile_changes_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    read = imaging_io.read_image(encoded_with(Image.fromarray(noise), icc_profile=profile))
    np.testing.assert_array_equal(imaging_io.to_bytes(read), noise)


@pytest.mark.parametrize(("gamma", "expected"), [(1.0, 127), (1 / 2.2, 55), (1 / 1.8, 71)])
def test_a_gamma_chunk_is_used(gamma, expected):
    chunks = PngInfo()
    chunks.add(b"gAMA", round(gamma * 100000).to_bytes(4, "big"))
    read = imaging_io.read_image(encoded_with(Image.new("RGB", (64, 64), (55, 55, 55)), pnginfo=chunks))
    np.testing.assert_allclose(255 * read[0, 0], expected, atol=2)
