"""Stores what sources said about their reading, so that the page of each dataset version can show it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from upath import UPath

from model.dataset.digest_set import digest
from model.dataset.ingest_parts import Part
from model.dataset.lake import Lake
from model.files import remove, write_text
from model.sources.declaration import Source
from model.sources.remarks import Remark
from model.sources.web.secrets import without_secrets

Notes = Mapping[str, list[Remark] | None]
"""The remarks of a source by the container that they are about, empty for the source itself. None keeps earlier ones,
because the container has not changed and was not opened."""

_FOLDER: Final = "remarks"
_MOST: Final = 1_000
"""Most remarks of a source that are kept."""


def write_notes(lake: Lake, source: Source, part: Part, notes: Notes) -> None:
    """Put the notes of a part in place of those that the part left in earlier runs; atomic.

    If earlier runs had another number of parts, the first part takes over what these runs counted in rows. Rows that
    were read before are not read again.
    """
    folder = lake.root / _FOLDER / digest(source.location).hex()
    file = folder / f"{part.number}-of-{part.of}.json"
    earlier, said = _read(file), dict[str, list[dict[str, Any]]]()
    for inside, remarks in notes.items():
        if remarks is not None:
            said[inside] = [asdict(remark) for remark in remarks]
        else:
            said |= {place: kept for place, kept in earlier.items() if f"{place}/".startswith(f"{inside}/")}
    others = [path for path in folder.glob("*.json") if not path.name.endswith(f"-of-{part.of}.json")]
    unread = {inside for inside, kept in said.items() if not any(remark["of_rows"] for remark in kept)}
    for inside, kept in (pair for path in others if part.number == 1 for pair in _read(path).items()):
        if inside in unread:
            said[inside] = said[inside] + [remark for remark in kept if remark["of_rows"]]
    said = {inside: kept for inside, kept in list(said.items())[:_MOST] if kept}
    if said or file.exists():
        content = {"source": source.name or without_secrets(source.location), "said": said}
        write_text(file, json.dumps(content, indent=1, sort_keys=True))
    for path in others if part.number == 1 else ():
        remove(path)


def read_notes(lake: Lake) -> list[dict[str, Any]]:
    """Return all remarks, ready for JSON: `source`, `text`, `count`, `examples` and `warns`; equal ones are summed."""
    found: dict[tuple[str, str, bool], dict[str, Any]] = {}
    for file in sorted((lake.root / _FOLDER).glob("*/*.json")):
        content = json.loads(file.read_bytes())
        for remark in (remark for remarks in content["said"].values() for remark in remarks):
            key = (content["source"], remark["text"], remark["warns"])
            entry = found.setdefault(key, {"count": 0, "examples": remark["examples"]})
            entry["count"] += remark["count"]
    return [
        {"source": source, "text": text, "warns": warns, **entry}
        for (source, text, warns), entry in sorted(found.items())
    ]


def _read(file: UPath) -> dict[str, list[dict[str, Any]]]:
    said: dict[str, list[dict[str, Any]]] = json.loads(file.read_bytes())["said"] if file.exists() else {}
    return said
