"""PLY as a container: a header that names tables, and the numbers of one of them. It knows nothing of Gaussians.

Source: Turk's "The PLY Polygon File Format" (1994), with the type names that later programs added.
"""

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from enhancer.splats.cloud import COEFFICIENTS
from enhancer.splats.formats.contents import damaged, size_of, truncated, unknown

LONGEST_HEADER = 1 << 20  # bytes
_BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}


@dataclass(frozen=True)
class Element:
    """One table.

    Attributes:
        name: Such as "vertex".
        count: Of rows.
        properties: Name -> numpy type without byte order; a list has the types of its length and its items.
    """

    name: str
    count: int
    properties: dict[str, str | tuple[str, str]]

    @property
    def has_lists(self) -> bool:
        """Rows differ in length."""
        return any(isinstance(kind, tuple) for kind in self.properties.values())

    def dtype(self, order: str) -> np.dtype:
        """Return the type of a row; `order` is "<" or ">". Only for elements without lists."""
        return np.dtype([(name, order + str(kind)) for name, kind in self.properties.items()])


@dataclass(frozen=True)
class Ply:
    """A header.

    Attributes:
        path: The file.
        name: What to call it in messages.
        order: "<", ">" or "" for text.
        elements: In the file's order.
        start: Byte after the header.
    """

    path: Path
    name: str
    order: str
    elements: tuple[Element, ...]
    start: int

    def element(self, name: str) -> Element | None:
        """Return a table's description, or None."""
        return next((each for each in self.elements if each.name == name), None)

    def table(self, name: str) -> np.ndarray:
        """Return a table as a structured array, in place where the file allows.

        Raises:
            SplatError: The file ends before it, or text where numbers should be.
        """
        before = tuple(itertools.takewhile(lambda each: each.name != name, self.elements))
        element = self.elements[len(before)]
        if element.has_lists:
            raise damaged(self.name, f"a property of {name} is a list")
        if not self.order:
            return self._text_table(before, element)
        dtype, start = element.dtype(self.order), self._skip(before)
        end = start + element.count * dtype.itemsize
        if size_of(self.path) < end:
            raise truncated(self.name, end, size_of(self.path))
        return np.memmap(self.path, dtype, mode="r", offset=start, shape=(element.count,))

    def _skip(self, elements: tuple[Element, ...]) -> int:
        """Return the byte after these tables."""
        position = self.start
        with self.path.open("rb") as file:
            for element in elements:
                if not element.has_lists:
                    position += element.count * element.dtype(self.order).itemsize
                    continue
                file.seek(position)
                for _ in range(element.count):
                    self._skip_row(file, element)
                position = file.tell()
        return position

    def _skip_row(self, file: BinaryIO, element: Element) -> None:
        """Move behind one row with lists."""
        for kind in element.properties.values():
            if isinstance(kind, str):
                file.seek(np.dtype(kind).itemsize, 1)
                continue
            length = np.dtype(self.order + kind[0])
            raw = file.read(length.itemsize)
            if len(raw) < length.itemsize:
                raise truncated(self.name, file.tell() + length.itemsize, file.tell())
            items = int(np.frombuffer(raw, length)[0])
            if items < 0:
                raise damaged(self.name, f"a list of {items} items")
            file.seek(items * np.dtype(kind[1]).itemsize, 1)

    def _text_table(self, before: tuple[Element, ...], element: Element) -> np.ndarray:
        with self.path.open("rb") as file:
            file.seek(self.start)
            lines = (line for line in file if line.strip())
            skipped = sum(each.count for each in before)
            rows = list(itertools.islice(lines, skipped, skipped + element.count))
        if len(rows) < element.count:
            raise damaged(self.name, f"it has {len(rows)} lines of {element.name}, its header says {element.count}")
        try:
            numbers = np.loadtxt(rows, ndmin=2, dtype=np.float64, comments=None)
        except ValueError as error:
            raise damaged(self.name, f"a line of {element.name} is cut off or not numbers") from error
        if numbers.shape[1] != len(element.properties):
            raise damaged(
                self.name,
                f"{element.name} has {numbers.shape[1]} numbers a line, its header says {len(element.properties)}",
            )
        table = np.empty(element.count, element.dtype("<"))
        for column, property_name in zip(numbers.T, element.properties, strict=True):
            table[property_name] = column
        return table


def read_header(path: Path, name: str) -> Ply:
    """Read what tables a PLY file has.

    Args:
        path: The file; it begins with "ply".
        name: What to call it in messages.

    Raises:
        SplatError: The header is no PLY header.
    """
    with path.open("rb") as file:
        beginning = file.read(LONGEST_HEADER)
    header, mark, rest = beginning.partition(b"end_header")
    if not mark:
        raise unknown(name)
    ending = 2 if rest.startswith(b"\r\n") else 1
    lines = [line.split() for line in header.decode("latin-1").splitlines()[1:]]
    order, elements = None, []
    for words in lines:
        try:
            match words:
                case ["format", kind, *_]:
                    order = "" if kind == "ascii" else _BYTE_ORDERS[kind]
                case ["element", element, count]:
                    elements.append(Element(element, int(count), {}))
                case ["property", *kind, prop]:
                    if prop in elements[-1].properties:  # numpy's rows have no two columns of one name
                        raise ValueError(prop)
                    elements[-1].properties[prop] = _type(kind)
        except (KeyError, ValueError, IndexError) as error:
            raise damaged(name, f"its header has the line {' '.join(words)!r}") from error
    if order is None or any(each.count < 0 for each in elements):
        raise damaged(name, "its header names no format, or a table with fewer than 0 rows")
    return Ply(path, name, order, tuple(elements), len(header) + len(mark) + ending)


def _type(words: list[str]) -> str | tuple[str, str]:
    """Return the type of a property by what stands before its name."""
    if len(words) == 3 and words[0] == "list":
        return _TYPES[words[1]], _TYPES[words[2]]
    (kind,) = words
    return _TYPES[kind]


def check_rest(name: str, properties: Collection[str]) -> int:
    """Return how many coefficients of degree 1 and more a colour has.

    Args:
        name: What to call the file.
        properties: Those that begin with ``f_rest_``.

    Raises:
        SplatError: They are not what degree 0, 1, 2 or 3 has.
    """
    count = len(properties)
    if set(properties) != {f"f_rest_{index}" for index in range(count)}:
        raise damaged(name, "its f_rest properties are not numbered from 0")
    if count % 3 or count // 3 + 1 not in COEFFICIENTS:
        raise damaged(name, f"it has {count} f_rest properties, and 0, 9, 24 or 45 make sense")
    return count // 3
