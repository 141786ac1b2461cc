"""Colours of other encodings become sRGB by what their file says, and files of more than 8 bits keep them."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from enhancer.__main__ import main
from enhancer.errors import ImageError
from enhancer.imaging.colour import encode_srgb, read_profile
from enhancer.imaging.deep import upright
from enhancer.imaging.io import CLIPPED, EIGHT_BITS, LINEAR, read, read_image, write_png
from enhancer.imaging.keep import keep
from enhancer.imaging.provenance import png_bytes, read_record
from enhancer.parts import Restorer
from enhancer.service import Service

SIDE = 128


def ramp():
    """(128, 160, 3) float32 in [0, 1]: red grows to the right, green downwards, blue against red."""
    y, x = np.mgrid[0:SIDE, 0:160].astype(np.float32)
    return np.dstack([x / 159, y / (SIDE - 1), 1 - x / 159])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(values, *chunks):
    """A PNG of (H, W, 3) values from 0 to 1, of 8 or 16 bits."""
    levels = np.rint(values * 255).astype(np.uint8)
    file = cv2.imencode(".png", levels[..., ::-1])[1].tobytes()
    return file[:33] + b"".join(chunks) + file[33:]


def deep_png(values, *chunks):
    levels = np.rint(values * 65535).astype(np.uint16)
    file = cv2.imencode(".png", levels[..., ::-1])[1].tobytes()
    return file[:33] + b"".join(chunks) + file[33:]


def profile(curve, *, name="sRGB", space=b"RGB ", chroma=None):
    """An ICC profile of sRGB's primaries, or others, with this curve, called as you like."""
    columns = (np.array([[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410]])
               if chroma is None else chroma)  # fmt: skip
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name.encode() + b"\0"}
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        for letter, column in zip(b"rgb", columns, strict=True):
            xyz = struct.pack(">3i", *(round(65536 * value) for value in column))
            tags[bytes([letter]) + b"XYZ"] = b"XYZ " + bytes(4) + xyz
            tags[bytes([letter]) + b"TRC"] = curve
    at, table, data = 132 + 12 * len(tags), b"", b""
    for key, value in tags.items():
        table += struct.pack(">4sII", key, at + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size = at + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", space, b"XYZ ") + bytes(12) + b"acsp"
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + data


def gamma_curve(gamma):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def icc(encoded):
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(encoded))


def para(kind, *numbers):
    return b"para" + bytes(4) + struct.pack(f">HH{len(numbers)}i", kind, 0, *(round(65536 * n) for n in numbers))


SRGB_CURVE = para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


# --- profiles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["GIMP built-in Linear sRGB", "sRGB-elle-V2-g10.icc"])
@pytest.mark.parametrize("curve", [gamma_curve(1), b"curv" + bytes(8), para(0, 1.0)])
def test_a_linear_profile_is_linear_whatever_it_is_called(name, curve):
    image = read_image(png(ramp(), icc(profile(curve, name=name))))
    stored = np.rint(ramp() * 255) / np.float32(255)
    np.testing.assert_allclose(image, encode_srgb(stored), atol=2e-3)
    assert np.abs(image - stored).max() > 60 / 255


@pytest.mark.parametrize("name", ["sRGB", "Display"])
def test_a_profile_with_srgbs_curve_and_primaries_changes_nothing(name):
    image = read_image(png(ramp(), icc(profile(SRGB_CURVE, name=name))))
    np.testing.assert_array_equal(image, np.rint(ramp() * 255).astype(np.float32) / 255)


def test_the_colour_engines_own_srgb_changes_nothing():
    encoded = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = read_profile(encoded)
    assert found is not None
    assert found.to_srgb(ramp()) is not None
    np.testing.assert_array_equal(found.to_srgb(ramp()), ramp())


@pytest.mark.parametrize(
    "curve",
    [
        gamma_curve(1.8),
        gamma_curve(2.2),
        para(0, 2.2),
        SRGB_CURVE,
        para(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.0, 0.0),
        b"curv" + bytes(4) + struct.pack(">I256H", 256, *(round(65535 * (k / 255) ** 2) for k in range(256))),
    ],
    ids=["1.8", "2.2", "para 2.2", "sRGB", "para 4", "table"],
)
@pytest.mark.parametrize("wide", [False, True])
def test_colours_are_those_of_the_colour_engine(curve, wide):
    adobe = np.array([[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]])
    encoded = profile(curve, chroma=adobe if wide else None)
    stored = Image.fromarray(np.rint(ramp() * 255).astype(np.uint8))
    source = ImageCms.ImageCmsProfile(io.BytesIO(encoded))
    truth = ImageCms.profileToProfile(stored, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    levels = 255 * read_image(png(ramp(), icc(encoded)))
    assert np.abs(levels - np.asarray(truth, np.float32)).max() <= 2.5


def test_a_grey_profile_is_read_by_its_curve():
    grey = Image.fromarray(np.rint(ramp()[..., 0] * 255).astype(np.uint8))
    stream = io.BytesIO()
    grey.save(stream, "PNG", icc_profile=profile(gamma_curve(1), space=b"GRAY"))
    image = read_image(stream.getvalue())
    np.testing.assert_allclose(image[..., 1], encode_srgb(np.asarray(grey, np.float32) / 255), atol=1e-5)


# --- gamma -------------------------------------------------------------------------------------------------------


def test_the_gamma_of_a_png_counts():
    stored = np.rint(ramp() * 255) / np.float32(255)
    linear = chunk(b"gAMA", struct.pack(">I", 100_000))
    np.testing.assert_allclose(read_image(png(ramp(), linear)), encode_srgb(stored), atol=1e-5)
    usual = chunk(b"gAMA", struct.pack(">I", 45_455))
    np.testing.assert_array_equal(read_image(png(ramp(), usual)), stored)


def test_srgb_and_profiles_go_before_gamma():
    stored = np.rint(ramp() * 255) / np.float32(255)
    linear = chunk(b"gAMA", struct.pack(">I", 100_000))
    for before in (chunk(b"sRGB", b"\0"), icc(profile(SRGB_CURVE))):
        np.testing.assert_array_equal(read_image(png(ramp(), before, linear)), stored)


# --- linear light ------------------------------------------------------------------------------------------------


def encoded(values, ending):
    done, data = cv2.imencode(ending, values[..., ::-1] if values.ndim == 3 and values.shape[-1] == 3 else values)
    assert done
    return data.tobytes()


@pytest.mark.parametrize(("ending", "tolerance"), [(".tiff", 1e-6), (".hdr", 0.08)])
def test_float_files_hold_linear_light_and_it_is_said(ending, tolerance):
    reading = read(encoded(ramp(), ending), "render")
    np.testing.assert_allclose(reading.image, encode_srgb(ramp()), atol=tolerance)
    assert reading.linear == (LINEAR,)


def test_float_grey_and_alpha_are_read():
    grey = ramp()[..., 0]
    np.testing.assert_allclose(read_image(encoded(grey, ".tiff"))[..., 2], encode_srgb(grey), atol=1e-6)
    alpha = np.clip(ramp()[..., 1], 0.1, 0.9)
    image = read_image(encoded(np.dstack([ramp()[..., ::-1], alpha]), ".tiff"))
    np.testing.assert_allclose(image, np.dstack([encode_srgb(ramp()), alpha]), atol=1e-6)


def test_highlights_are_cut_off_and_it_is_said():
    bright = ramp()
    bright[:20] *= 8
    reading = read(encoded(bright, ".tiff"), "render")
    assert reading.image.max() == pytest.approx(1)
    assert reading.linear == (LINEAR, CLIPPED)


@pytest.mark.parametrize("wrong", [ramp() * 255, ramp() - 0.5, np.where(ramp() > 0.5, np.float32("nan"), ramp())])
def test_float_files_of_another_scale_are_refused(wrong):
    with pytest.raises(ImageError, match=r"deep\.tif holds linear light from .* in 0 to 1"):
        read_image(encoded(wrong.astype(np.float32), ".tiff"), "deep.tif")


def test_what_cannot_be_read_is_not_asked_for():
    with pytest.raises(ImageError, match=r"x\.exr is a float picture that .*OpenEXR.* Save it as 16-bit PNG"):
        read_image(b"\x76\x2f\x31\x01" + bytes(100), "x.exr")
    half = io.BytesIO()
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(half, ramp().astype(np.float16), photometric="rgb")
    with pytest.raises(ImageError, match=r"half\.tif is a float picture that .* not of 32 bits"):
        read_image(half.getvalue(), "half.tif")


def test_a_float_file_too_large_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="9000x8000"):
        read_image(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 8000 +X 9000\n", "x.hdr")


# --- sixteen bits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_of_colour_are_kept(ending, channels):
    values = np.dstack([ramp(), np.clip(ramp()[..., 1], 0.1, 0.9)])[..., :channels]
    deep = np.rint(values * 65535).astype(np.uint16)
    order = [2, 1, 0, 3][:channels]
    reading = read(cv2.imencode(ending, deep[..., order])[1].tobytes())
    np.testing.assert_allclose(reading.image, deep / 65535, atol=1e-6)
    assert (reading.bits, reading.notes(8), reading.notes(16)) == (16, (EIGHT_BITS,), ())


def test_a_linear_profile_of_sixteen_bits_loses_nothing():
    dark = ramp() / 50
    image = read_image(deep_png(dark, icc(profile(gamma_curve(1), name="GIMP built-in Linear sRGB"))))
    np.testing.assert_allclose(image, encode_srgb(dark), atol=2e-4)
    assert len(np.unique(image[..., 0])) > 100


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bits_are_turned_as_eight_are(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    eight = read_image(png(ramp(), chunk(b"eXIf", block)))
    np.testing.assert_allclose(read_image(deep_png(ramp(), chunk(b"eXIf", block))), eight, atol=1 / 255)
    assert upright(ramp(), orientation).flags.c_contiguous


@pytest.mark.parametrize("channels", [3, 4])
def test_a_written_picture_of_sixteen_bits_reads_as_it_was_with_its_record(tmp_path, channels):
    values = np.dstack([ramp(), np.clip(ramp()[..., 1], 0.1, 0.9)])[..., :channels]
    write_png(values, tmp_path / "x.png", bits=16)
    np.testing.assert_allclose(read_image(tmp_path / "x.png"), values, atol=1e-5)


class Nobody:
    def prepare(self):
        pass


def service(*_, **__):
    return Service(Nobody(), Restorer(lambda rgb: rgb[:, ::-1], "mirror"), None)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_command_line_writes_the_bits_it_is_asked_for_and_says_what_is_lost(bits, tmp_path, capsys):
    (tmp_path / "x.png").write_bytes(deep_png(ramp()))
    out = tmp_path / "out"
    assert main(["restore", str(tmp_path / "x.png"), "-o", str(out), "--bits", str(bits)], load=service) == 0
    restored = read(out / "x.png")
    assert restored.bits == bits
    given = read_image(tmp_path / "x.png")
    expected = keep(given, given, ramp()[:, ::-1], grey=False)
    np.testing.assert_allclose(restored.image, expected, atol=0.6 / (2**bits - 1))
    record = read_record(out / "x.png")
    assert record is not None
    assert record.checkpoint == "mirror"
    assert (str(EIGHT_BITS) in capsys.readouterr().out) == (bits == 8)


def test_eight_bits_are_the_default():
    with Image.open(io.BytesIO(png_bytes(ramp()))) as picture:
        assert picture.mode == "RGB"
    assert read(png_bytes(ramp())).bits == 8
