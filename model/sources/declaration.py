"""Reads the TOML file that declares the polled sources: the location, licence, kind and generator of each."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final, Self
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from model.errors import SourceError
from model.sources.class_folders import UNKNOWN_GENERATOR
from model.sources.entries import Container, Item
from model.sources.kinds import KINDS, REPORTS, find_beside, open_source, read_source, split_kind
from model.sources.labelled_image import LONGEST_LICENCE, LONGEST_NAME, LabelledImage
from model.sources.location import Location, reaching
from model.sources.neutralise import keep_apart, neutralise
from model.sources.remarks import Remark
from model.sources.reports import SOURCE as REPORTED
from model.sources.synthetic import is_built_in
from model.sources.web.reach import PUBLIC, Reach, host_of
from model.sources.web.secrets import without_secrets

SUFFIX: Final = ".toml"
"""The ending of file names that are read as declarations of sources."""

_MOST_BYTES: Final = 1_000_000
"""Most bytes of a declaration: some ten thousand sources."""


_LONGEST_LOCATION: Final = 4_000
"""Characters of a location, whose URL may hold a signature."""

_MOST_EXPLAINED: Final = 10
_LONGEST_EXPLAINED: Final = 200
"""An error shows at most _MOST_EXPLAINED problems of an entry and _LONGEST_EXPLAINED characters of a value."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The location of a source of labelled images, and what its declaration adds.

    - `name`, `licence`: replace the name and the licence that the source gives itself.
    - `generator`: the generator of AI images that name none.
    - `neutralise`: whether both classes are re-encoded alike before they enter.
    - `hold_out`: the collections of the source whose images are all for the test split.
    """

    location: str
    name: str | None = None
    licence: str | None = None
    generator: str | None = None
    neutralise: bool = False
    hold_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Return the source whose fields `told` holds, as JSON knows them."""
        return cls(**{**told, "hold_out": tuple(told["hold_out"])})

    @property
    def may_be_empty(self) -> bool:
        """Whether the source may hold no image: users of the service may have reported none."""
        return split_kind(self.location)[0] == REPORTS


class _Table(BaseModel):
    """What a table [sources.<name>] of the file may hold."""

    model_config = ConfigDict(extra="forbid", strict=True)

    location: str = Field(min_length=1, max_length=_LONGEST_LOCATION)
    licence: str = Field(min_length=1, max_length=LONGEST_LICENCE)
    kind: str | None = None
    generator: str | None = Field(None, min_length=1, max_length=LONGEST_NAME)
    neutralise: bool = False
    hold_out: list[str] = Field(default_factory=list)

    @field_validator("kind")
    @classmethod
    def _know_kind(cls, kind: str | None) -> str | None:
        if kind is not None and kind not in KINDS:
            raise ValueError(f"known kinds are {', '.join(KINDS)}")
        return kind


def is_declaration(location: str) -> bool:
    """Whether what lies at a location is called like a declaration of sources."""
    return PurePosixPath(Location(location).name).suffix.lower() == SUFFIX


def declared_sources(location: str, reach: Reach = PUBLIC) -> tuple[Source, ...]:
    """Return the sources that a TOML file declares; any other `location` is returned as one source.

    A file at a URL may name only three kinds of location. So whoever can write the file cannot make this machine read
    its own files or networks:

    1. locations below the file's own folder,
    2. locations at hosts that `reach` names,
    3. built-in images.

    Raises SourceError if a file at a URL names another location, and for a file that cannot be read, is no TOML or
    declares nothing. Raises SourceError also for an entry with an unknown key, without a licence, or with a value that
    is not allowed.
    """
    if not is_declaration(location):
        return (Source(location=location),)
    place = Location(location, reach)
    tables = _read(place)
    return tuple(_declared(place, name, table) for name, table in tables.items())


def read_declared(source: Source, reach: Reach = PUBLIC) -> Iterator[LabelledImage]:
    """Read every image of a source, with what its declaration says; raises SourceError as `open_source` does."""
    return (as_declared(image, source) for image in read_source(source.location, reach))


def as_declared(image: LabelledImage, source: Source) -> LabelledImage:
    """Add what the declaration of its source says to an image; reports of users keep the name of their source."""
    generator = source.generator if image.generator == UNKNOWN_GENERATOR else None
    name = image.source if image.source == REPORTED else source.name or image.source
    licence = source.licence or image.licence
    split = "test" if image.collection in source.hold_out else image.split
    told = keep_apart(replace(image, source=name, generator=generator or image.generator, licence=licence, split=split))
    return neutralise(told) if source.neutralise else told


def require_image(source: Source, reach: Reach = PUBLIC) -> LabelledImage | None:
    """Return the first image of a source; None for an empty source that may be empty.

    Raises SourceError for a source that cannot be read, or holds no image.
    """
    with open_source(source.location, reach) as items:
        image, remarks = _first_image(items)
    if image is None and not source.may_be_empty:
        raise without_images(source, remarks)
    return image and as_declared(image, source)


def _first_image(items: Iterable[Item]) -> tuple[LabelledImage | None, list[Remark]]:
    """Return the first image of some items, and the remarks before it."""
    remarks: list[Remark] = []
    for item in items:
        if isinstance(item, Container):
            image, further = _first_image(item.entries())
            remarks += further
        else:
            image = next(item.images(), None)
            remarks += [item.remark] if item.remark else []
        if image is not None:
            return image, remarks
    return None, remarks


def without_images(source: Source, remarks: Iterable[Remark] = ()) -> SourceError:
    """Return the error for a source without any image; `remarks` say what was found instead."""
    found = [f"{remark.text} Such: {remark.count:,}, first '{remark.examples[0]}'." for remark in remarks]
    told = "".join(f"{each} " for each in found[:_MOST_EXPLAINED])
    return SourceError(
        f"The source '{without_secrets(source.location)}' holds no image at all. {told}Put images into it, as in "
        "folders called 'real' and 'ai', or name another source."
    )


def _read(place: Location) -> dict[str, Any]:
    with reaching(place):
        content = place.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise SourceError(
            f"The declaration of sources '{place}' has more than {_MOST_BYTES:,} bytes. Split it into several files."
        )
    try:
        declared = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError both are ValueErrors
        raise SourceError(
            f"The declaration of sources '{place}' is no TOML in UTF-8: {error}. Every source has one table "
            "[sources.<name>], with a name of its own."
        ) from error
    tables = declared.pop("sources", None)
    if declared or not isinstance(tables, dict) or not tables:
        extra = f" and no other key, such as '{next(iter(declared))[:_LONGEST_EXPLAINED]}'" if declared else ""
        raise SourceError(
            f"The declaration of sources '{place}' must hold a table [sources.<name>] for each source{extra}."
        )
    return tables


def _declared(place: Location, name: str, table: object) -> Source:
    if len(name) > LONGEST_NAME:
        raise SourceError(
            f"The name of the entry [sources.{name[:50]}…] of '{place}' has {len(name):,} characters; at most "
            f"{LONGEST_NAME} are kept. Shorten it."
        )
    if name == REPORTED:
        raise SourceError(f"No entry of '{place}' may be called '{REPORTED}', which is what users report. Rename it.")
    try:
        entry = _Table.model_validate(table)
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors()[:_MOST_EXPLAINED])
        raise SourceError(
            f"The entry [sources.{name}] of '{place}' is not understood: {problems}. "
            f"Its keys are {', '.join(_Table.model_fields)}."
        ) from error
    location = find_beside(place, entry.location)
    location = f"{entry.kind}:{location}" if entry.kind else location
    if not place.is_local and not _may_name(place, location):
        raise SourceError(
            f"The entry [sources.{name}] of '{place}' names '{without_secrets(location)}'. A declaration at a URL may "
            "name what lies in its own folder, or at hosts that TRUEGRAIN_SOURCE_HOSTS names. Name that host there, or "
            "copy the declaration to this machine if you trust it."
        )
    return Source(
        location=location,
        name=name,
        licence=entry.licence,
        generator=entry.generator,
        neutralise=entry.neutralise,
        hold_out=tuple(entry.hold_out),
    )


def _may_name(place: Location, location: str) -> bool:
    """Whether a declaration at a URL may name a location; `declared_sources` lists the three kinds."""
    if is_built_in(location):  # with a kind before it, `open_source` takes the same word for a path
        return True
    address = split_kind(location)[1]
    named = Location(address)
    if named.is_local or "://" not in address:
        return False
    folder = place.parent.location + "/"
    below = address.startswith(folder) and ".." not in PurePosixPath(unquote(address.removeprefix(folder))).parts
    return below or place.reach.names(*host_of(address))


def _explain(problem: Any) -> str:
    where = (".".join(map(str, problem["loc"])) or "it")[:_LONGEST_EXPLAINED]
    if problem["type"] == "missing":
        return f"{where} is missing"
    if problem["type"] == "extra_forbidden":
        return f"'{where}' is no key"
    return f"{where} = {repr(problem['input'])[:_LONGEST_EXPLAINED]}: {problem['msg']}"
