"""Tells how many pixels a coded picture of HEVC or AV1 makes its decoder decode, without decoding it."""

from collections.abc import Iterator
from typing import Final

from model.images.isobmff import damaged

MOST_UNITS: Final = 4_096
"""Most units (NAL units, OBUs) of one coded picture. An encoder writes a few, or one for each slice or tile."""

_LONGEST_HEADER: Final = 256
"""Bytes read of a header; the size of the picture stands in its first 120 bytes."""

_HEVC_CONFIGURATION: Final = 23
_SPS: Final = 33
_MOST_SLICE_TYPE: Final = 31
"""Types of NAL units (ITU-T H.265, table 7-1): a sequence parameter set, and the last that holds pixels."""

_SEQUENCE_HEADER: Final = 1
_FRAMES: Final = (3, 6)
"""Types of OBUs (AV1 specification, 6.2.2): the sequence header, and those that begin a frame."""


class _Bits:
    """Reads a header bit by bit; raises InvalidImage at its end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise damaged("a picture's header ends too early")
        return self._value >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        """Read an unsigned Exp-Golomb number (H.265, 9.2), which AV1 calls uvlc."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def count_hevc_pixels(configuration: bytes, data: bytes) -> int:
    """Return the pixels that decoding the item `data` with its `hvcC` takes; raises InvalidImage if both are damaged.

    Slices of one picture that are repeated cost nothing: libde265 passes over them.
    """
    if len(configuration) < _HEVC_CONFIGURATION:
        raise damaged("'hvcC' ends too early")
    sizes, pictures = [0], 0
    for unit in (*_parameter_sets(configuration), *_nal_units(data, 1 + (configuration[21] & 3))):
        kind, layer = unit[0] >> 1 & 63, (unit[0] & 1) << 5 | unit[1] >> 3
        if layer:
            continue  # libde265 decodes the base layer only
        if kind == _SPS:
            sizes.append(_read_sps(unit))
        elif kind <= _MOST_SLICE_TYPE:
            pictures += unit[2:3] >= b"\x80"  # first_slice_segment_in_pic_flag
    return max(sizes) * max(1, pictures)


def _parameter_sets(configuration: bytes) -> Iterator[bytes]:
    position = _HEVC_CONFIGURATION
    for _ in range(configuration[22]):
        count = int.from_bytes(configuration[position + 1 : position + 3])
        position += 3
        for _ in range(count):
            size = int.from_bytes(configuration[position : position + 2])
            unit = configuration[position + 2 : position + 2 + size]
            if size < 2 or len(unit) < size:
                raise damaged("'hvcC' ends too early")
            yield unit[:_LONGEST_HEADER]
            position += 2 + size


def _nal_units(data: bytes, wide: int) -> Iterator[bytes]:
    """Yield the beginning of each NAL unit of an item, each after its length in `wide` bytes."""
    position = 0
    for _ in range(MOST_UNITS):
        size = int.from_bytes(data[position : position + wide])
        position += wide
        if position + size > len(data):
            raise damaged("a picture ends too early")
        if size > 2:
            yield data[position : position + min(size, _LONGEST_HEADER)]
        position += size
        if position >= len(data):
            return
    raise damaged(f"a picture has more than {MOST_UNITS:,} units")


def _read_sps(unit: bytes) -> int:
    """Return the pixels of a picture by its sequence parameter set (H.265, 7.3.2.2)."""
    bits = _Bits(unit.replace(b"\0\0\3", b"\0\0"))
    bits.take(16 + 4)
    layers = bits.take(3)
    bits.take(1 + 96)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:
        bits.take(1)
    return bits.golomb() * bits.golomb()


def count_av1_pixels(data: bytes) -> int:
    """Return the pixels that decoding the item `data` takes; raises InvalidImage if it is damaged."""
    sizes, frames = [0], 0
    for kind, unit in _obus(data):
        if kind == _SEQUENCE_HEADER:
            sizes.append(_read_sequence_header(unit))
        frames += kind in _FRAMES
    return max(sizes) * max(1, frames)


def _obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the beginning of each OBU (AV1 specification, 5.3)."""
    position = 0
    for _ in range(MOST_UNITS):
        if position >= len(data):
            return
        head = data[position]
        position += 1 + (head >> 2 & 1)
        size = len(data) - position
        if head & 2:
            size, shift = 0, 0
            while shift < 56:
                byte = data[position : position + 1] or b"\0"
                position += 1
                size |= (byte[0] & 127) << shift
                shift += 7
                if byte[0] < 128:
                    break
        if position + size > len(data):
            raise damaged("a picture ends too early")
        yield head >> 3 & 15, data[position : position + min(size, _LONGEST_HEADER)]
        position += size
    raise damaged(f"a picture has more than {MOST_UNITS:,} units")


def _read_sequence_header(unit: bytes) -> int:
    """Return the pixels of the largest frame (AV1 specification, 5.5)."""
    bits = _Bits(unit)
    bits.take(3 + 1)
    if bits.take(1):  # of a still picture, reduced
        bits.take(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return (bits.take(wide) + 1) * (bits.take(high) + 1)


def _skip_operating_points(bits: _Bits) -> None:
    delay = 0
    if bits.take(1):  # timing_info_present_flag
        bits.take(64)
        if bits.take(1):
            bits.golomb()
        if bits.take(1):  # decoder_model_info_present_flag
            delay = bits.take(5) + 1
            bits.take(42)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay and bits.take(1):
            bits.take(2 * delay + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)
