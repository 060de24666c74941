"""What APIFlask cannot derive for the OpenAPI document: the image in a request, the problem in an answer."""

from typing import Any, Final, cast

from apiflask import APIFlask

from service.problems import Problem
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


def init_app(app: APIFlask) -> None:
    """Complete the document that GET /openapi.json answers with."""
    app.description = DESCRIPTION
    app.config["AUTO_TAGS"] = False
    app.spec_processor(_complete)


def _complete(document: dict[Any, Any] | str) -> dict[Any, Any] | str:
    spec = cast(dict[str, Any], document)  # text only when the document is asked for as YAML
    spec["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    for path in ("/predict", "/predict/compare"):
        spec["paths"][path]["post"]["requestBody"] = _UPLOAD
    # What the service is there for comes first.
    spec["paths"] = dict(sorted(spec["paths"].items(), key=lambda item: ("post" not in item[1], item[0])))
    return spec
