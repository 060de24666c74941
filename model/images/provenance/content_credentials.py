"""Reads Content Credentials: the signed C2PA manifest in a file that records where its picture comes from."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, Final

from model.images.provenance.findings import SOURCE_TYPES, Finding, Says, tidy

MANIFEST_STORE: Final = bytes.fromhex("63327061 0011 0010 8000 00AA00389B71")
"""The JUMBF type of a manifest store (C2PA specification 2, 11.1): a file without these bytes has no manifest store."""

_OFFLINE: Final = {
    # A file must not make this machine fetch an address that it names, nor delay a verdict. Boxes that are compressed
    # cannot be counted, so they are not read.
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"allowed_network_hosts": [], "max_decompressed_manifest_size_in_mb": 0},
}
MOST_BOXES: Final = 2_000
"""Boxes of a manifest store. c2pa compares each assertion with all before it: 3,000 take a second, 9,000 ten.

A manifest has some ten boxes, and a picture that went through ten programs has ten manifests.
"""
_BOX: Final = re.compile(rb"j.?u.?m.?d|\xff\xeb", re.DOTALL)
"""The type of what each box begins with, also if a GIF splits it, and a segment of JPEG, which may split one."""
_LONGEST_REPORT: Final = 1_000_000
"""Most characters of a manifest store as JSON; larger stores are not read."""

_STRONGEST: Final[tuple[Says, ...]] = ("ai", "nothing", "real")
"""If the steps of a picture's history differ, the first of these that occurs counts."""


def read_credentials(data: bytes, *, format_: str) -> tuple[Finding, ...]:
    """Return what the Content Credentials of a file with a MANIFEST_STORE say: one finding, or none.

    Without c2pa-python, or with more than MOST_BOXES, there is no finding. Nothing is fetched over the network. Raises
    whatever the library raises on a broken manifest.
    """
    if next(islice(_BOX.finditer(data), MOST_BOXES, None), None):
        return ()
    try:
        report = _read_store(data, f"image/{format_.lower()}")
    except ImportError:  # the extra `c2pa` is not installed
        return ()
    return () if report is None else (_judge(report),)


def _read_store(data: bytes, media_type: str) -> dict[str, Any] | None:
    import c2pa  # an extra; takes 0.1 s to import, so only files with credentials load it

    reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), context=_context())
    if reader is None:
        return None
    with reader:
        text = reader.json()
    return json.loads(text) if len(text) <= _LONGEST_REPORT else None


@cache
def _context() -> Any:
    import c2pa

    return c2pa.Context.from_dict(_OFFLINE)


def _judge(report: Mapping[str, Any]) -> Finding:
    manifest = report["manifests"][report["active_manifest"]]
    signer = tidy(manifest.get("signature_info", {}).get("issuer") or "an unnamed signer")
    says, record = _summarise(report)
    detail = f"Content Credentials signed by {signer} record {record}"
    return Finding(source="c2pa", says=says, name=tidy(_name_generator(manifest)), detail=detail)


def _name_generator(manifest: Mapping[str, Any]) -> str:
    """Name the program that made the claim; version 1 of the claim has a string, version 2 a list."""
    for info in manifest.get("claim_generator_info") or ():
        return f"{info.get('name')} {info.get('version', '')}"
    return manifest.get("claim_generator") or "Content Credentials"


def _summarise(report: Mapping[str, Any]) -> tuple[Says, str]:
    if report["validation_state"] == "Invalid":
        return "nothing", "nothing that counts, because the signature is not valid"
    untold: tuple[Says, str] = ("nothing", "made or changed, without saying by what")
    says, words = min(_read_claims(report), key=lambda claim: _STRONGEST.index(claim[0]), default=untold)
    trust = "the signature is valid, but no list of trusted signers confirms the signer"
    return says, f"that the picture was {words}; {trust}"


def _read_claims(report: Mapping[str, Any]) -> Iterator[tuple[Says, str]]:
    """Yield what each step says. A generator that took part only in a later step did not make the picture."""
    for action in _trace_actions(report):
        says, words = SOURCE_TYPES.get(str(action.get("digitalSourceType")).rpartition("/")[2], (None, ""))
        if says is not None and action.get("action") == "c2pa.created":
            yield says, words
        elif says in {"ai", "nothing"}:
            yield "nothing", "changed in part by a generator"


def _trace_actions(report: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Follow the picture back from parent to parent, past pictures that were only placed in it."""
    manifests = dict(report["manifests"])
    label: str | None = report["active_manifest"]
    while label and (manifest := manifests.pop(label, None)):
        for assertion in manifest.get("assertions", ()):
            if assertion["label"].startswith("c2pa.actions"):
                yield from assertion["data"].get("actions", ())
        parents = (each for each in manifest.get("ingredients", ()) if each.get("relationship") == "parentOf")
        label = next((parent.get("active_manifest") for parent in parents), None)
