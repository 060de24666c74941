"""Describes the columns of a manifest in words and in Croissant's types."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pyarrow as pa

TYPES: Final[Mapping[pa.DataType, str]] = MappingProxyType(
    {
        pa.string(): "sc:Text",
        pa.bool_(): "sc:Boolean",
        pa.int16(): "cr:Int16",
        pa.int32(): "cr:Int32",
        pa.int64(): "cr:Int64",
        pa.float32(): "cr:Float32",
        pa.timestamp("ms", tz="UTC"): "sc:DateTime",
    }
)
"""Croissant's type for each Arrow type of a column."""

DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sha256": "SHA-256 sum of the file as it came; identifies the image.",
        "pixel_hash": "SHA-256 sum of the upright RGB pixels and their shape; equal for pixel twins.",
        "phash": "64-bit perceptual hash as a signed integer; near-duplicates differ in few bits.",
        "cluster": "Name of the cluster of near-duplicates; a cluster is in one split.",
        "batch": "Batch of the lake that holds the bytes of the image.",
        "row": "Row of the image in the shards of its batch, counted from 0.",
        "label": "What the source says of the picture: real, or made by a generator (ai).",
        "source": "Name of the source that the image came from.",
        "generator": "Generator of an AI image, 'unknown' if the source names none; empty for a real image.",
        "split": "Split of the image; a split once given never changes.",
        "width": "Width of the upright picture, in pixels.",
        "height": "Height of the upright picture, in pixels.",
        "format": "Format of the file, such as JPEG.",
        "mode": "Colour mode of the file, in the words of Pillow.",
        "bytes": "Size of the file in bytes.",
        "jpeg_quality": "Quality setting of a JPEG, 1 to 100, estimated from its quantisation table.",
        "has_icc": "Whether the file has an ICC colour profile.",
        "has_exif": "Whether the file has EXIF metadata.",
        "quantization": "Hash of all quantisation tables of a JPEG; identifies the encoder.",
        "animated": "Whether the file has further frames; only the first frame counts.",
        "brightness": "Mean brightness of the picture, 0 to 1.",
        "border": "Standard deviation of the brightness along the outermost pixels, 0 to 1.",
        "origin": "Path of the image inside its source.",
        "ingested_at": "When the run began that read the image.",
        "decode_error": "Why the file cannot be decoded; empty for images of a published version.",
        "collection": "Group of images inside the source; empty if the source has none.",
        "licence": "Licence in the words of the source; empty if none was stated.",
        "revision": "Commit or ETag of the file that held the image; empty if its store names none.",
        "image": "The bytes of the file as it came, and a file name.",
    }
)
"""What each column of a manifest holds, and the column `image` of an export."""
