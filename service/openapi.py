"""What APIFlask cannot derive for the OpenAPI document: images in requests, problems in answers, keys and roles."""

from typing import Any, Final, cast

from apiflask import APIFlask

from service.access import KEY_HEADER, role_of
from service.admission import COMPUTING
from service.problems import Problem, answers
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
_KEYS: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
}


def init_app(app: APIFlask) -> None:
    """Complete the document that GET /openapi.json answers with."""
    app.description = DESCRIPTION
    app.config["AUTO_TAGS"] = False
    app.spec_processor(_complete)


def _complete(document: dict[Any, Any] | str) -> dict[Any, Any] | str:
    spec = cast(dict[str, Any], document)  # text only when the document is asked for as YAML
    spec["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    spec["paths"]["/predict"]["post"]["requestBody"] = _UPLOAD
    spec["components"]["securitySchemes"] = _KEYS
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            _guard(operation, path, method)
    # What the service is there for comes first.
    spec["paths"] = dict(sorted(spec["paths"].items(), key=lambda item: ("post" not in item[1], item[0])))
    return spec


def _guard(operation: dict[str, Any], path: str, method: str) -> None:
    """Say which role the operation needs, and how it is refused by what stands before every view."""
    role = role_of(path)
    if role == "open":
        return
    operation["x-role"] = role
    operation["security"] = [{name: []} for name in _KEYS]
    computes = method == "post" and path.startswith(COMPUTING)
    refusals = answers(401, 403, 429, *((408, 503) if computes else ()))
    operation["responses"] |= {str(status): answer for status, answer in refusals.items()}
