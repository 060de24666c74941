"""Reads Content Credentials: the signed C2PA manifest in a file that records where its picture comes from."""

import io
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from cryptography import x509

from model.errors import SettingsError
from model.images.provenance.findings import SOURCE_TYPES, Finding, Says, Trust, tidy

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

_GENERATED: Final = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
    "trainedAlgorithmicData",
)
"""Source types of a later step that a generator took part in (C2PA asset rubrics 1.0, `perceptibleGenAI`)."""

_UNTOLD: Final = "made or changed, without saying by what"
_PARTLY: Final = "changed in part by a generator"
_PLACED: Final = "put together with a picture of which its credentials say that a generator took part"


def read_trust_list(path: Path) -> str:
    """Return a trust list, as `read_credentials` takes it: the certificates of trusted authorities in a PEM file.

    Raises SettingsError if the file holds none, or if c2pa-python is not installed.
    """
    try:
        text = path.read_text("ascii")
        x509.load_pem_x509_certificates(text.encode())
    except (OSError, ValueError) as error:
        raise SettingsError(f"'{path}' is no PEM file of certificates: {error}") from error
    if find_spec("c2pa") is None:
        raise SettingsError(
            "Content Credentials are not read, because c2pa-python is not installed: install the extra c2pa"
        )
    return text


def read_credentials(data: bytes, *, format_: str, trust_list: str = "") -> tuple[Finding, ...]:
    """Return what the Content Credentials of a file with a MANIFEST_STORE say: one finding, or none.

    A signer is listed if an authority in `trust_list`, certificates as PEM, vouches for it; an empty list names nobody.
    Without c2pa-python, or with more than MOST_BOXES, there is no finding. Nothing is fetched over the network. Raises
    whatever the library raises on a broken manifest.
    """
    if next(islice(_BOX.finditer(data), MOST_BOXES, None), None):
        return ()
    try:
        report = _read_store(data, f"image/{format_.lower()}", trust_list)
    except ImportError:  # the extra `c2pa` is not installed
        return ()
    return () if report is None else (_judge(report),)


def _read_store(data: bytes, media_type: str, trust_list: str) -> dict[str, Any] | None:
    import c2pa  # an extra; takes 0.1 s to import, so only files with credentials load it

    reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), context=_context(trust_list))
    if reader is None:
        return None
    with reader:
        text = reader.json()
    return json.loads(text) if len(text) <= _LONGEST_REPORT else None


@cache
def _context(trust_list: str) -> Any:
    import c2pa

    return c2pa.Context.from_dict(_OFFLINE | ({"trust": {"trust_anchors": trust_list}} if trust_list else {}))


_TRUST: Final[Mapping[str, tuple[Trust, str]]] = MappingProxyType(
    {
        "Trusted": ("listed", "the signature is valid, and the service's trust list names the signer"),
        "Valid": ("unlisted", "the signature is valid, but no trust list of the service names the signer"),
    }
)
"""By the state of c2pa's validation; any other state means that the signature, or the file, is not what was signed."""
_INVALID: Final[tuple[Trust, str]] = ("invalid", "")


def _judge(report: Mapping[str, Any]) -> Finding:
    manifest = report["manifests"][report["active_manifest"]]
    signer = tidy(manifest.get("signature_info", {}).get("issuer") or "an unnamed signer")
    trust, why = _TRUST.get(report["validation_state"], _INVALID)
    says: Says = "nothing"
    words = ""
    if trust != "invalid":
        says, words = _summarise(report)
    record = (
        f"that the picture was {words}; {why}" if words else "nothing that counts, because the signature is not valid"
    )
    detail = f"Content Credentials signed by {signer} record {record}"
    return Finding(source="c2pa", says=says, trust=trust, name=tidy(_name_generator(manifest)), detail=detail)


def _name_generator(manifest: Mapping[str, Any]) -> str:
    """Name the program that made the claim; version 1 of the claim has a string, version 2 a list."""
    for info in manifest.get("claim_generator_info") or ():
        return f"{info.get('name')} {info.get('version', '')}"
    return manifest.get("claim_generator") or "Content Credentials"


def _summarise(report: Mapping[str, Any]) -> tuple[Says, str]:
    """Follow the picture back from parent to parent; a picture that was placed in it counts as a part of it.

    A generator that took part only in a later step did not make the picture, but a part of it.
    """
    manifests = dict(report["manifests"])  # each is read once, so that a circle of parents has an end
    label: str | None = report["active_manifest"]
    origin: tuple[Says, str] = ("nothing", _UNTOLD)
    part = ""
    while label and (manifest := manifests.pop(label, None)):
        created, changed = _read_actions(manifest)
        origin, part = created or origin, part or changed
        ingredients = manifest.get("ingredients", ())
        placed = (each.get("active_manifest") for each in ingredients if each.get("relationship") == "componentOf")
        if any(_took_part(report["manifests"].get(other)) for other in placed):
            part = part or _PLACED
        parents = (each for each in ingredients if each.get("relationship") == "parentOf")
        label = next((parent.get("active_manifest") for parent in parents), None)
    if part and origin[0] != "ai":
        return "partly_ai", part
    return origin


def _read_actions(manifest: Mapping[str, Any]) -> tuple[tuple[Says, str] | None, str]:
    """Return what a manifest says of the picture's creation, None if nothing, and of a generator in a later step."""
    created, changed = None, ""
    for assertion in manifest.get("assertions", ()):
        if not assertion["label"].startswith("c2pa.actions"):
            continue
        for action in assertion["data"].get("actions", ()):
            kind = str(action.get("digitalSourceType")).rpartition("/")[2]
            if action.get("action") == "c2pa.created":
                created = created or SOURCE_TYPES.get(kind)
            elif kind in _GENERATED:
                changed = _PARTLY
    return created, changed


def _took_part(manifest: Mapping[str, Any] | None) -> bool:
    """Return whether a manifest says that a generator made, or changed, its picture."""
    created, changed = _read_actions(manifest or {})
    return bool(changed) or (created is not None and created[0] in {"ai", "partly_ai"})
