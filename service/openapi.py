"""Adds to the OpenAPI document what APIFlask cannot derive: images in requests, problems in answers, keys and roles."""

import json
import re
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final, cast

from apiflask import APIFlask
from pydantic import BaseModel

from model.images.decoding import Limits
from model.images.formats import FORMATS
from service.answers.options import describe_options
from service.answers.problems import Problem, answers
from service.endpoints.feedback import FEEDBACK, Feedback
from service.endpoints.receipts import PRESENTED, Presented
from service.protection.access import KEY_HEADER, REPORT_HEADER, role_of
from service.protection.bodies import BATCH_WEIGHT, BODILESS
from service.protection.uploads import BATCH_FIELD, FIELD, MOST_FILES
from service.request_log import HEADER as REQUEST_ID

DESCRIPTION: Final = (
    "Tells AI-generated images from real ones. The detector is retrained as generators change; "
    "every verdict names the version of the detector that gave it."
)

TAGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/predict": "Verdicts",
        "/feedback": "Feedback",
        "/receipts": "Receipts",
        "/model": "Detector",
        "/health": "Operation",
        "/healthz": "Operation",
        "/readyz": "Operation",
        "/metrics": "Operation",
    }
)
"""The group of an operation, by the beginning of its path; groups are shown in this order."""

_IMAGE: Final = {"type": "string", "format": "binary"}
_TYPES: Final = ", ".join(f"image/{name.lower()}" for name in FORMATS)

UPLOADS: Final = ("/predict", "/predict/batch", "/predict/compare", "/predict/explain")
"""Paths of the endpoints that give verdicts. Each of these endpoints takes the Options too."""


def _form(field: str, schema: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": [field], "properties": {field: schema}}
    return {"multipart/form-data": {"schema": schema, "encoding": {field: {"contentType": _TYPES}}}}


def _describe_upload(path: str, limits: Limits) -> dict[str, Any]:
    """Return the request body of an endpoint that gives verdicts: its forms, the formats and the limits."""
    most = f"up to {_in_millions(limits.max_bytes)} MB and {_in_millions(limits.max_pixels)} megapixels"
    formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    if path == "/predict/batch":
        images = {"type": "array", "items": _IMAGE, "minItems": 1, "maxItems": MOST_FILES}
        together = (
            f"all together up to {_in_millions(BATCH_WEIGHT * limits.max_bytes)} MB and"
            f" {_in_millions(BATCH_WEIGHT * limits.max_pixels)} megapixels"
        )
        words = f"Up to {MOST_FILES} images: {formats}, each {most}, {together}."
        return {"required": True, "description": words, "content": _form(BATCH_FIELD, images)}
    content = _form(FIELD, _IMAGE) | {"image/*": {"schema": _IMAGE}}
    return {"required": True, "description": f"An image: {formats}, {most}.", "content": content}


def _in_millions(count: int) -> str:
    return f"{count / 1e6:,.12g}"


_GUARDS: Final = (
    "key_missing", "key_unknown", "key_expired", "role_missing", "too_many_requests", "keys_unavailable",
)  # fmt: skip
_KEYS: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
}

_HEADERS: Final = {
    REQUEST_ID: {
        "description": "Names this request in the service's log; what the request named itself in this header, or new",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the request is sent again; a refusal that time does not heal has none",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How to send a key (RFC 6750)", "schema": {"type": "string"}},
}
_HEADERS_OF: Final = {"401": ("WWW-Authenticate",), "429": ("Retry-After",), "503": ("Retry-After",)}
"""Headers of an answer beside the request's id, by its status."""

_LICENCE: Final = {
    "name": REPORT_HEADER,
    "in": "header",
    "description": "For a report that was made without an API key: the `report_token` in the answer to that report",
    "schema": {"type": "string"},
}


def _describe_feedback() -> dict[str, Any]:
    schema = Feedback.model_json_schema()
    with_image = schema | {"properties": schema["properties"] | {FIELD: _IMAGE}}
    return {"required": True, "content": _as_json(FEEDBACK) | {"multipart/form-data": {"schema": with_image}}}


def _as_json(example: BaseModel) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{type(example).__name__}"}
    return {"application/json": {"schema": schema, "example": example.model_dump(mode="json", exclude_unset=True)}}


def init_app(app: APIFlask) -> None:
    """Complete the document that GET /openapi.json answers with."""
    app.description = DESCRIPTION
    app.version = version("truegrain")
    app.config["AUTO_TAGS"] = False
    app.config["AUTO_404_RESPONSE"] = False  # our 404 is a problem
    app.spec_processor(partial(_complete, app))


def _complete(app: APIFlask, document: dict[Any, Any] | str) -> dict[Any, Any] | str:
    spec = cast(dict[str, Any], document)  # APIFlask passes text only for a document in YAML
    spec["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    spec["components"]["schemas"]["Feedback"] = Feedback.model_json_schema()
    spec["components"]["schemas"]["Presented"] = Presented.model_json_schema()
    for path in UPLOADS:
        body = _describe_upload(path, app.extensions["truegrain"].limits)
        spec["paths"][path]["post"] |= {"requestBody": body, "parameters": describe_options()}
    spec["paths"]["/feedback"]["post"]["requestBody"] = _describe_feedback()
    for path, method in (("/feedback", "post"), ("/feedback/{report_id}", "delete")):
        spec["paths"][path][method].setdefault("parameters", []).append(_LICENCE)
    spec["paths"]["/receipts/verify"]["post"]["requestBody"] = {"required": True, "content": _as_json(PRESENTED)}
    spec["components"]["securitySchemes"] = _KEYS
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            _guard(operation, path, method)
            operation["tags"] = [TAGS["/" + path.split("/")[1]]]
            _name_headers(operation)
    spec["tags"] = [{"name": name} for name in dict.fromkeys(TAGS.values())]
    spec["components"]["headers"] = _HEADERS
    _name_operations(app, spec)
    _name_once(spec)
    # The endpoints that judge images come first.
    spec["paths"] = dict(
        sorted(spec["paths"].items(), key=lambda item: (item[0] not in UPLOADS, "post" not in item[1], item[0]))
    )
    return spec


def path_of(rule: str) -> str:
    """Return a route of Flask as OpenAPI writes it: '/feedback/<report_id>' becomes '/feedback/{report_id}'."""
    return re.sub(r"<(\w+)>", r"{\1}", rule)


def _guard(operation: dict[str, Any], path: str, method: str) -> None:
    """Add the role that the operation needs, and the problems of the checks that run before every view."""
    role = role_of(path)
    guards = () if role == "open" else _GUARDS
    if method.upper() not in BODILESS:
        guards = (*guards, "cross_site")
    _refuse_also(operation, guards)
    if role == "open":
        return
    operation["x-role"] = role
    operation["security"] = [{name: []} for name in _KEYS]


def _name_headers(operation: dict[str, Any]) -> None:
    """Add to each answer of an operation the headers that programs rely on."""
    for status, answer in operation["responses"].items():
        names = (REQUEST_ID, *_HEADERS_OF.get(status, ()))
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refuse_also(operation: dict[str, Any], reasons: tuple[str, ...]) -> None:
    """Add problems to the answers of an operation; titles of one status are joined with those that the view names."""
    for status, answer in answers(*reasons).items():
        known = operation["responses"].setdefault(str(status), answer)
        titles = dict.fromkeys([*known["description"].split("; "), *str(answer["description"]).split("; ")])
        known["description"] = "; ".join(titles)


def _name_operations(app: APIFlask, spec: dict[str, Any]) -> None:
    """Set each `operationId` to the name of the view; generated clients name their functions after it."""
    for rule in app.url_map.iter_rules():
        operations = spec["paths"].get(path_of(rule.rule), {})
        for method in operations.keys() & {method.lower() for method in rule.methods or ()}:
            operations[method]["operationId"] = rule.endpoint.rpartition(".")[2]


def _name_once(spec: dict[str, Any]) -> None:
    """Name each schema after its type alone; APIFlask repeats a nested type for every answer, as Answer.Type."""
    shortened = json.loads(re.sub(r"(#/components/schemas/)\w+\.", r"\1", json.dumps(spec)))
    schemas = shortened["components"]["schemas"]
    shortened["components"]["schemas"] = {name.rpartition(".")[2]: schema for name, schema in schemas.items()}
    spec |= shortened
