"""Reads the boxes of a HEIC or AVIF file: its items, their properties and where their bytes lie."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from model.errors import InvalidImage
from model.images.directories import MEND

MOST_ITEMS: Final = 1_000
"""Most items of a file: tiles, thumbnails and metadata. A photograph of 48 megapixels has some 250."""
MOST_PARTS: Final = 20_000
"""Most boxes, references, properties and extents of a file together."""

_FILE_OFFSET, _ITEM_DATA = 0, 1
"""How `iloc` counts offsets (ISO/IEC 14496-12, 8.11.3): from the start of the file, or of the box `idat`."""

Span = tuple[int, int]
"""The start and the end of some bytes of the file."""


@dataclass(frozen=True)
class Property:
    """A property of an item, such as its size: the kind of its box, and the content."""

    kind: bytes
    content: bytes
    is_essential: bool


@dataclass
class Item:
    """A part of the file: a coded picture, a grid of pictures, or metadata. `spans` is where its bytes lie."""

    kind: bytes
    content_type: bytes = b""
    properties: list[Property] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def find(self, kind: bytes) -> bytes:
        """Return the content of the first property of a kind; raises InvalidImage if there is none."""
        for each in self.properties:
            if each.kind == kind:
                return each.content
        raise damaged(f"a picture has no '{kind.decode('latin-1')}'")

    def size(self) -> tuple[int, int]:
        """Return the width and the height in pixels by the property `ispe`; raises InvalidImage without it."""
        content = self.find(b"ispe")
        if len(content) < 12:
            raise damaged("'ispe' ends too early")
        return int.from_bytes(content[4:8]), int.from_bytes(content[8:12])

    @property
    def length(self) -> int:
        """The number of its bytes."""
        return sum(end - start for start, end in self.spans)

    def read(self, data: bytes) -> bytes:
        """Return its bytes in the file `data`; raises InvalidImage if there are none, or if the file ends before."""
        if not self.length or any(end > len(data) for _, end in self.spans):
            raise damaged("a part of the picture lies behind the end of the file")
        return b"".join(data[start:end] for start, end in self.spans)


@dataclass
class Container:
    """The items of a file by number, the number of the one to show, and references by kind and origin."""

    primary: int | None = None
    items: dict[int, Item] = field(default_factory=dict)
    references: dict[tuple[bytes, int], list[int]] = field(default_factory=dict)
    is_sequence: bool = False


def damaged(what: str) -> InvalidImage:
    """Return the error of a file that cannot be decoded because of `what`."""
    return InvalidImage("broken", f"the file is damaged or cut off: {what}; {MEND}")


def read_container(data: bytes) -> Container:
    """Read the boxes of a file (ISO/IEC 23008-12); raises InvalidImage if they are damaged or too many."""
    return _Reader(data).read()


class _Reader:
    """Reads a file with a budget of MOST_PARTS."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MOST_PARTS
        self._found = Container()
        self._locations: list[tuple[int, int, list[Span]]] = []
        self._item_data: Span = (0, 0)

    def read(self) -> Container:
        try:
            for kind, start, end in self._boxes(0, len(self._data)):
                if kind == b"meta" and not self._found.items:
                    self._read_meta(start + 4, end)
                self._found.is_sequence |= kind == b"moov"
            self._place_items()
        except struct.error as error:
            raise damaged("a box ends too early") from error
        return self._found

    def _spend(self, parts: int = 1) -> None:
        self._left -= parts
        if self._left < 0:
            raise InvalidImage("broken", f"the file has more parts than an image should have; {MEND}")

    def _boxes(self, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the kind of each box, and where its content starts and ends."""
        while position + 8 <= end:
            self._spend()
            size, kind = struct.unpack_from(">I4s", self._data, position)
            start = position + 8
            if size == 1:
                (size,) = struct.unpack_from(">Q", self._data, start)
                start += 8
            stop = end if size == 0 else position + size
            if stop < start or stop > end:
                if kind in {b"mdat", b"free", b"skip"}:
                    return  # cut off; its items will say so
                raise damaged(f"a box '{kind.decode('latin-1')!s}' ends too early")
            yield kind, start, stop
            position = stop

    def _unpack(self, format_: str, position: int) -> tuple[tuple[int, ...], int]:
        return struct.unpack_from(format_, self._data, position), position + struct.calcsize(format_)

    def _number(self, size: int, position: int) -> int:
        if position + size > len(self._data):
            raise damaged("a number ends too early")
        return int.from_bytes(self._data[position : position + size])

    def _version(self, position: int) -> tuple[int, int]:
        (word,), _ = self._unpack(">I", position)
        return word >> 24, word & 0xFFFFFF

    def _read_meta(self, start: int, end: int) -> None:
        boxes = {kind: (start, end) for kind, start, end in self._boxes(start, end)}
        self._item_data = boxes.get(b"idat", (0, 0))
        if b"pitm" in boxes:
            place = boxes[b"pitm"][0]
            self._found.primary = self._number(4 if self._version(place)[0] else 2, place + 4)
        for kind, read in (
            (b"iinf", self._read_items),
            (b"iprp", self._read_properties),
            (b"iref", self._read_references),
            (b"iloc", self._read_locations),
        ):
            if kind in boxes:
                read(*boxes[kind])

    def _read_items(self, start: int, end: int) -> None:
        for kind, place, stop in self._boxes(start + (8 if self._version(start)[0] else 6), end):
            version, _ = self._version(place)
            if kind != b"infe" or version not in {2, 3}:
                continue
            size = 4 if version == 3 else 2
            type_at = place + 4 + size + 2
            content_type = b""
            if self._data[type_at : type_at + 4] == b"mime":
                _, _, rest = self._data[type_at + 4 : stop].partition(b"\0")
                content_type = rest.partition(b"\0")[0]
            self._found.items[self._number(size, place + 4)] = Item(self._data[type_at : type_at + 4], content_type)
            if len(self._found.items) > MOST_ITEMS:
                raise InvalidImage("broken", f"the file has more than {MOST_ITEMS:,} tiles or other parts; {MEND}")

    def _read_properties(self, start: int, end: int) -> None:
        boxes = list(self._boxes(start, end))
        known: list[tuple[bytes, bytes]] = [
            (inner, self._data[first:last])
            for kind, place, stop in boxes
            if kind == b"ipco"
            for inner, first, last in self._boxes(place, stop)
        ]
        for kind, place, _ in boxes:
            if kind == b"ipma":
                self._associate(known, place)

    def _associate(self, known: list[tuple[bytes, bytes]], place: int) -> None:
        version, flags = self._version(place)
        (entries,), place = self._unpack(">I", place + 4)
        wide, size = flags & 1, 4 if version else 2
        for _ in range(entries):
            number, count = self._number(size, place), self._number(1, place + size)
            place += size + 1
            self._spend(1 + count)
            for _ in range(count):
                code = self._number(1 + wide, place)
                place += 1 + wide
                essential, index = divmod(code, 1 << (7 + 8 * wide))
                if 0 < index <= len(known) and number in self._found.items:
                    self._found.items[number].properties.append(Property(*known[index - 1], bool(essential)))

    def _read_references(self, start: int, end: int) -> None:
        size = 4 if self._version(start)[0] else 2
        for kind, place, _ in self._boxes(start + 4, end):
            origin, count = self._number(size, place), self._number(2, place + size)
            self._spend(count)
            first = place + size + 2
            targets = (self._number(size, first + size * each) for each in range(count))
            self._found.references.setdefault((kind, origin), []).extend(targets)

    def _read_locations(self, start: int, _: int) -> None:
        version, _ = self._version(start)
        sizes, place = self._number(2, start + 4), start + 6
        offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        wide = 4 if version == 2 else 2
        count, place = self._number(wide, place), place + wide
        for _ in range(count):
            number, place = self._number(wide, place), place + wide
            method = 0
            if version:
                method, place = self._number(2, place) & 15, place + 2
            elsewhere, place = self._number(2, place), place + 2
            beginning, place = self._number(base, place), place + base
            extents, place = self._number(2, place), place + 2
            self._spend(1 + extents)
            spans = []
            for _ in range(extents):
                place += index if version else 0
                first = beginning + self._number(offset, place)
                spans.append((first, first + self._number(length, place + offset)))
                place += offset + length
            self._locations.append((number, method if not elsewhere else -1, spans))

    def _place_items(self) -> None:
        """Note where each item lies in the file. What lies in no place that is read has no bytes."""
        begin, end = self._item_data
        for number, method, spans in self._locations:
            item = self._found.items.get(number)
            if item is not None and method == _FILE_OFFSET:
                item.spans = spans
            elif item is not None and method == _ITEM_DATA:
                item.spans = [(begin + start, begin + stop) for start, stop in spans if begin + stop <= end]
