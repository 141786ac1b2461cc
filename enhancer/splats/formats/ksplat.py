"""`.ksplat` of mkkellogg/GaussianSplats3D, compression levels 0 to 2, spherical harmonics of degree 0 to 2.

Source: ``SplatBuffer.js`` of that project. A header, one header a section; a section has the centres of its buckets, then
its Gaussians. Harmonics stand band by band: red, green and blue of degree 1, then of degree 2.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enhancer.splats.cloud import COEFFICIENTS, SH_BASIS_0
from enhancer.splats.formats.contents import Contents, Gaussians, damaged, size_of, truncated

_HEADER_BYTES = 4096
_SECTION_BYTES = 1024
_MOST_SECTIONS = 1 << 16
_HEADER = np.dtype(
    {
        "names": ["major", "minor", "sections", "count", "level", "sh_least", "sh_most"],
        "formats": ["u1", "u1", "<u4", "<u4", "<u2", "<f4", "<f4"],
        "offsets": [0, 1, 4, 16, 20, 36, 40],
        "itemsize": _HEADER_BYTES,
    }
)
_SECTION = np.dtype(
    {
        "names": ["count", "room", "bucket", "buckets", "side", "bucket_bytes", "range", "full", "partial", "degree"],
        "formats": ["<u4", "<u4", "<u4", "<u4", "<f4", "<u2", "<u4", "<u4", "<u4", "<u2"],
        "offsets": [0, 4, 8, 12, 16, 20, 24, 32, 36, 40],
        "itemsize": _SECTION_BYTES,
    }
)
_DEFAULT_SH_RANGE = (-1.5, 1.5)
_DEFAULT_RANGE = 32767  # of positions inside a bucket, from its centre
# compression level -> types of a position, of scales and rotations, of harmonics
_LEVELS = (("<f4", "<f4", "<f4"), ("<u2", "<f2", "<f2"), ("<u2", "<f2", "u1"))


@dataclass(frozen=True)
class _Section:
    start: int  # byte of its first Gaussian
    buckets: int  # byte of what is known about its buckets
    fields: np.void
    row: np.dtype

    @property
    def end(self) -> int:
        return self.start + int(self.fields["room"]) * self.row.itemsize


def looks_like_ksplat(path: Path) -> bool:
    """Tell by the header: version 0.1 and plausible counts."""
    if size_of(path) < _HEADER_BYTES:
        return False
    header = np.fromfile(path, _HEADER, 1)[0]
    return bool(
        header["major"] == 0
        and header["minor"] == 1
        and header["level"] < len(_LEVELS)
        and 0 < header["sections"] < _MOST_SECTIONS
    )


def open_ksplat(path: Path, name: str) -> Contents:
    """Check the headers.

    Raises:
        SplatError: They contradict each other or the file's size.
    """
    size = size_of(path)
    header = np.fromfile(path, _HEADER, 1)[0]
    position = _HEADER_BYTES + int(header["sections"]) * _SECTION_BYTES
    if size < position:
        raise truncated(name, position, size)
    sections = []
    for fields in np.fromfile(path, _SECTION, int(header["sections"]), offset=_HEADER_BYTES):
        if fields["degree"] > 2 or fields["count"] > fields["room"]:
            raise damaged(name, "a section's header makes no sense")
        row = _row(int(header["level"]), int(fields["degree"]))
        start = position + 4 * int(fields["partial"]) + int(fields["bucket_bytes"]) * int(fields["buckets"])
        section = _Section(start, position, fields, row)
        position = section.end
        if size < position:
            raise truncated(name, position, size)
        sections.append(section)
    filled = [each for each in sections if each.fields["count"]]
    coefficients = COEFFICIENTS[max((int(each.fields["degree"]) for each in filled), default=0)]
    count = sum(int(each.fields["count"]) for each in filled)
    return Contents("ksplat", count, coefficients, lambda: _load(path, name, header, filled, coefficients))


def _row(level: int, degree: int) -> np.dtype:
    """Return the type of one Gaussian; rows follow each other without padding."""
    position, number, harmonic = _LEVELS[level]
    harmonics = 3 * (COEFFICIENTS[degree] - 1)
    return np.dtype(
        [
            ("mean", position, 3),
            ("scale", number, 3),
            ("rotation", number, 4),
            ("rgba", "u1", 4),
            ("sh", harmonic, (harmonics,)),
        ]
    )


def _load(path: Path, name: str, header: np.void, sections: list[_Section], coefficients: int) -> Gaussians:
    data = np.memmap(path, np.uint8, mode="r")
    least, most = (float(header["sh_least"]), float(header["sh_most"]))
    if not least and not most:
        least, most = _DEFAULT_SH_RANGE
    parts = []
    for section in sections:
        n = int(section.fields["count"])
        rows = data[section.start : section.start + n * section.row.itemsize].view(section.row)
        stored = rows["sh"].astype(np.float32)
        if section.row["sh"].base.kind == "u":
            stored = stored / 255 * (most - least) + least
        colours = rows["rgba"].astype(np.float32) / 255
        sh = np.zeros((n, coefficients, 3), np.float32)
        sh[:, 0] = (colours[:, :3] - 0.5) / SH_BASIS_0
        for first, last in ((1, 4), (4, 9))[: int(section.fields["degree"])]:
            band = stored[:, 3 * (first - 1) : 3 * (last - 1)].reshape(n, 3, last - first)
            sh[:, first:last] = band.transpose(0, 2, 1)
        means = _means(rows["mean"], data, name, section)
        parts.append((means, rows["scale"].astype(np.float32), rows["rotation"].astype(np.float32), colours[:, 3], sh))
    means, scales, rotations, opacities, sh = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Gaussians(means, scales, rotations, opacities, sh)


def _means(stored: np.ndarray, data: np.ndarray, name: str, section: _Section) -> np.ndarray:
    """Return (n, 3): as stored, or from the centre of the bucket a Gaussian is in."""
    if stored.dtype.kind == "f":
        return stored.copy()
    fields, n = section.fields, len(stored)
    full, partial = int(fields["full"]), int(fields["partial"])
    if fields["bucket_bytes"] != 12 or full + partial > fields["buckets"]:  # before counts of nonsense fill the memory
        raise damaged(name, "its buckets do not hold its Gaussians")
    lengths = np.concatenate(
        [np.full(full, fields["bucket"]), data[section.buckets : section.buckets + 4 * partial].view("<u4")]
    ).astype(np.int64)
    lengths = np.minimum(lengths, n)
    if lengths.sum() < n:
        raise damaged(name, "its buckets do not hold its Gaussians")
    begin = section.buckets + 4 * partial
    centres = data[begin : begin + 12 * int(fields["buckets"])].view("<f4").reshape(-1, 3)
    bucket = np.searchsorted(lengths.cumsum(), np.arange(n), side="right")
    width = int(fields["range"]) or _DEFAULT_RANGE
    return (stored.astype(np.float32) - width) * (fields["side"] / 2 / width) + centres[bucket]
