"""Builds the data card of a dataset version: Croissant 1.0 metadata with responsible-AI fields, as JSON-LD."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from model.dataset.card.columns import DESCRIPTIONS, TYPES
from model.dataset.manifest import SPLITS
from model.labels import CLASSES
from model.sources.labelled_image import NOT_STATED

PARQUET: Final = "application/x-parquet"
"""The type of Parquet files, as Croissant's own reader knows it."""

COUNTED: Final = ("split", "label", "source", "generator", "licence")
"""The columns by whose values the images are counted together."""

# The terms of Croissant's own context (https://docs.mlcommons.org/croissant/docs/croissant-spec.html). Its reader warns
# about a context that lacks any of them.
_CONTEXT: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "dct": "http://purl.org/dc/terms/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "sc": "https://schema.org/",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
    }
    | {
        term: f"cr:{term}"
        for term in (
            "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet",
            "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
            "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
            "transform",
        )
    }
)  # fmt: skip

_SPLIT_TERMS: Final = {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}

_MEANINGS: Final = {"real": "A camera or a person made the picture.", "ai": "A generator made the picture."}

_RAI: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "rai:dataCollection": "Truegrain read the images from the sources that the field 'source' names. Images of the "
        "source 'feedback' were reported by users of the service, and accepted by agreement or by a person.",
        "rai:dataAnnotationProtocol": "A label is what the source says of an image, by folders, a table or a column. "
        "No person looked at the images again, except at reports.",
        "rai:dataPreprocessingProtocol": "Files are kept byte for byte. Of a source that was neutralised, each image "
        "was encoded anew as a JPEG without metadata. Of images with equal pixels the first is kept.",
        "rai:dataUseCases": "Training and judging detectors of AI-generated images.",
        "rai:personalSensitiveInformation": "Photographs may show people; nothing is removed from them.",
        "rai:dataReleaseMaintenancePlan": "New images make a new version. Withdrawn images are in no "
        "later version, and images that must be erased leave earlier versions too.",
    }
)


@dataclass(frozen=True)
class ListedFile:
    """A file of a data set: its path relative to the card, SHA-256 sum, size in bytes and media type."""

    path: str
    sha256: str
    size: int
    media_type: str = PARQUET


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a card describes.

    - `version`: the id of the dataset version.
    - `counts`: numbers of images by the values of COUNTED, None for a value that is not stated.
    - `files`: all files, the table of the images among them.
    - `fields`: what is known of each image, as `columns_of` or `beside` returns it.
    - `sets`: sets of files to which `fields` refer, ready for JSON.
    - `warnings`: what validation found, without refusing the version.
    - `page`: where people read about the version, relative to the card; None if there is no page.
    """

    version: str
    counts: Mapping[tuple[str | None, ...], int]
    files: Sequence[ListedFile]
    fields: Sequence[Mapping[str, Any]]
    sets: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    page: str | None = None


def count_images(rows: pd.DataFrame) -> dict[tuple[str | None, ...], int]:
    """Count the images of a manifest by the values of COUNTED."""
    counts = rows.groupby(list(COUNTED), dropna=False).size().reset_index(name="images")
    words = counts[list(COUNTED)].astype("object").where(counts[list(COUNTED)].notna(), None)
    return dict(zip(words.itertuples(index=False, name=None), map(int, counts["images"]), strict=True))


def describe(subject: Subject) -> dict[str, Any]:
    """Return the card, ready for JSON."""
    day, _, digits = subject.version.partition("-")
    images = sum(subject.counts.values())
    licences = sorted({counted[COUNTED.index("licence")] or NOT_STATED for counted in subject.counts})
    card = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"truegrain-{subject.version}",
        "identifier": subject.version,
        # Semantic, as Croissant asks for: no later version changes an earlier one.
        "version": f"{day}.0.0+{digits}",
        "description": f"{images:,} labelled images, real or made by a generator: version {subject.version} of a "
        "Truegrain data set.",
        "datePublished": f"{day[:4]}-{day[4:6]}-{day[6:]}",
        "creator": {"@type": "sc:Organization", "name": "The operator of this Truegrain platform"},
        "keywords": ["AI-generated images", "image forensics"],
        "license": licences,
        "distribution": [*map(_file, subject.files), *map(dict, subject.sets)],
        "recordSet": [_images(subject), _labels(), _splits(), _counts(subject.counts)],
        **_RAI,
        "rai:dataLimitations": _limitations(subject.counts),
    }
    if subject.warnings:
        card["rai:dataBiases"] = list(subject.warnings)
    if subject.page:
        card["url"] = subject.page
    return card


def _file(file: ListedFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": file.media_type,
        "sha256": file.sha256,
    }


def _images(subject: Subject) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "images",
        "name": "images",
        "description": "One record an image.",
        "key": {"@id": "images/sha256"},
        "field": list(map(dict, subject.fields)),
    }


def columns_of(schema: pa.Schema, table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a field for each column of a `table`, which is a reference to a file or to a set of files."""
    return [_column(field, table) for field in schema]


def beside(files: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of images that have a file `<sha256>.json` beside them, in a set of files."""
    key = _field("images", "sha256", "sc:Text", DESCRIPTIONS["sha256"])
    key["source"] = {**files, "extract": {"fileProperty": "filename"}, "transform": {"regex": r"^(.*)\.json$"}}
    facts = _field("images", "facts", "sc:Text", "What is known of the image, as a JSON object.")
    facts["source"] = {**files, "extract": {"fileProperty": "content"}}
    return [key, facts]


def _column(field: pa.Field, table: Mapping[str, Any]) -> dict[str, Any]:
    name = field.name
    column: dict[str, Any] = _field("images", name, TYPES.get(field.type, "sc:ImageObject"), DESCRIPTIONS[name])
    column["source"] = {**table, "extract": {"column": name}}
    if pa.types.is_struct(field.type):
        column["source"]["transform"] = {"jsonPath": "bytes"}
    if name in ("label", "split"):
        column["references"] = {"field": {"@id": f"{name}s/{'name' if field.type == pa.string() else 'number'}"}}
    return column


def _labels() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "labels",
        "name": "labels",
        "dataType": "sc:Enumeration",
        "key": {"@id": "labels/name"},
        "field": [
            _field("labels", "name", "sc:Text", "The label."),
            _field("labels", "number", "cr:Int64", "The number that stands for the label."),
            _field("labels", "meaning", "sc:Text", "What the label says of a picture."),
        ],
        "data": [
            {"labels/name": name, "labels/number": number, "labels/meaning": _MEANINGS[name]}
            for number, name in enumerate(CLASSES)
        ],
    }


def _splits() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            _field("splits", "name", "sc:Text", "The split."),
            _field("splits", "url", "sc:URL", "Croissant's term for the split."),
        ],
        "data": [{"splits/name": split, "splits/url": _SPLIT_TERMS[split]} for split in SPLITS],
    }


def _counts(counts: Mapping[tuple[str | None, ...], int]) -> dict[str, Any]:
    words = [_field("counts", name, "sc:Text", DESCRIPTIONS[name]) for name in COUNTED]
    rows = sorted(counts.items(), key=lambda row: tuple(value or "" for value in row[0]))
    return {
        "@type": "cr:RecordSet",
        "@id": "counts",
        "name": "counts",
        "description": "Numbers of images by split, label, source, generator and licence.",
        "field": [*words, _field("counts", "images", "sc:Integer", "Number of images.")],
        "data": [
            {f"counts/{name}": value for name, value in zip(COUNTED, values, strict=True)} | {"counts/images": images}
            for values, images in rows
        ],
    }


def _field(records: str, name: str, kind: str, description: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
    }


def _limitations(counts: Mapping[tuple[str | None, ...], int]) -> list[str]:
    def images(of: Iterable[int]) -> str:
        return f"{sum(of):,} images"

    generator, licence = COUNTED.index("generator"), COUNTED.index("licence")
    unnamed = images(n for values, n in counts.items() if values[generator] == "unknown")
    unlicensed = images(n for values, n in counts.items() if values[licence] is None)
    return [
        "A label is as right as its source: a photograph that a source calls AI is not noticed.",
        "Near-duplicates are found by perceptual hashes that differ in up to 4 of 64 bits; cropped copies are missed.",
        f"The generator of {unnamed} is unknown.",
        f"The licence of {unlicensed} is not stated.",
    ]
