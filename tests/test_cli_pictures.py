"""Every odd picture there is, in one folder: each gets its picture or its sentence."""

import json
import struct
import zlib

import numpy as np
from PIL import Image

from enhancer.__main__ import main
from enhancer.imaging.io import composite, read_image
from enhancer.parts import Restorer
from enhancer.service import Service
from tests.stand_ins import KnownParser, encoded


def bad_inputs(image):
    """Name -> (bytes, words of the answer; None where the picture is fine)."""
    rgb = Image.fromarray((image * 255).astype(np.uint8))
    png = encoded(rgb, format="PNG")
    header = b"IHDR" + struct.pack(">II", 20000, 20000) + png[24:29]
    huge = png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]
    exif = Image.Exif()
    exif[274] = 6
    return {
        "no picture.png": (b"hello", "not a picture"),
        "zero bytes.png": (b"", "0 bytes"),
        "truncated.png": (png[: len(png) // 2], "damaged or cut off"),
        "1x1.png": (encoded(rgb.resize((1, 1)), format="PNG"), "1x1"),
        "huge.png": (huge, "far larger than 4096x4096"),
        "transparent.png": (encoded(Image.new("RGBA", (128, 128)), format="PNG"), "fully transparent"),
        "cmyk.jpg": (encoded(rgb.convert("CMYK"), format="JPEG"), None),
        "16 bit.png": (
            encoded(Image.fromarray(np.asarray(rgb.convert("L"), np.uint16) * 257), format="PNG"),
            None,
        ),
        "palette.gif": (encoded(rgb.convert("P"), format="GIF"), None),
        "grey.png": (encoded(rgb.convert("L"), format="PNG"), None),
        "animated.gif": (encoded(rgb, format="GIF", save_all=True, append_images=[rgb.rotate(9)]), None),
        "turned.jpg": (encoded(rgb, format="JPEG", exif=exif), None),
    }


def test_each_gets_its_picture_or_its_sentence(small_head, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd").mkdir()

    def load(checkpoint, **options):
        return Service(KnownParser(small_head.labels), Restorer(lambda rgb: rgb, "same"), None)

    odd = bad_inputs(composite(small_head.image))
    for name, (content, _) in odd.items():
        (tmp_path / "odd" / name).write_bytes(content)
    assert main(["restore", "odd", "--json", "r.json"], load=load) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    for row in json.loads((tmp_path / "r.json").read_text())["images"]:
        words = odd[row["file"].removeprefix("odd/")][1]
        assert (row["error"] is None) == (words is None), row
        assert words is None or words in row["error"]
        assert row["output"] is None or read_image(row["output"]).shape == (128, 128, 3)
