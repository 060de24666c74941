"""What APIFlask cannot derive for the OpenAPI document: the image in a request, the problem in an answer."""

from typing import Any, Final, cast

from apiflask import APIFlask

from service.feedback import REQUEST_EXAMPLE as FEEDBACK_EXAMPLE
from service.feedback import Feedback
from service.problems import Problem
from service.receipt_desk import PRESENTED_EXAMPLE, Presented
from service.uploads import FIELD

DESCRIPTION: Final = (
    "Tells AI-generated images from real ones. The detector behind it is retrained while the generators change; "
    "every verdict names the version that gave it."
)

_IMAGE: Final = {"type": "string", "format": "binary"}
_UPLOAD: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "required": [FIELD], "properties": {FIELD: _IMAGE}},
        },
        "image/*": {"schema": _IMAGE},
    },
}
_BODIES: Final = {
    "/predict": _UPLOAD,
    "/predict/compare": _UPLOAD,
    "/predict/explain": _UPLOAD,
    "/receipts/verify": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Presented"}, "example": PRESENTED_EXAMPLE}
        },
    },
    "/feedback": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Feedback"}, "example": FEEDBACK_EXAMPLE},
            "multipart/form-data": {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Feedback"},
                        {"type": "object", "properties": {FIELD: _IMAGE}},
                    ]
                }
            },
        },
    },
}
"""The bodies of POST requests by path."""


def init_app(app: APIFlask) -> None:
    """Complete the document that GET /openapi.json answers with."""
    app.description = DESCRIPTION
    app.config["AUTO_TAGS"] = False
    app.config["AUTO_404_RESPONSE"] = False  # ours are problems
    app.spec_processor(_complete)


def _complete(document: dict[Any, Any] | str) -> dict[Any, Any] | str:
    spec = cast(dict[str, Any], document)  # text only when the document is asked for as YAML
    spec["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    spec["components"]["schemas"]["Feedback"] = Feedback.model_json_schema()
    spec["components"]["schemas"]["Presented"] = Presented.model_json_schema()
    for path, body in _BODIES.items():
        spec["paths"][path]["post"]["requestBody"] = body
    # What the service is there for comes first.
    spec["paths"] = dict(sorted(spec["paths"].items(), key=lambda item: ("post" not in item[1], item[0])))
    return spec
