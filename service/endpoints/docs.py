"""GET /docs: the OpenAPI document as a page on which requests can be tried. It asks no other host for anything."""

from importlib.resources import files
from typing import Final

from apiflask import APIBlueprint
from flask import Response, render_template, send_from_directory

from service.answers.problems import PROBLEMS

_VIEWER: Final = str(files("flask_swagger_ui") / "dist")
"""The folder of Swagger UI's own files."""

blueprint = APIBlueprint("docs", __name__, enable_openapi=False)


@blueprint.get("/docs")
def docs() -> str:
    """Show the endpoints, the fields of their answers, and the problems; let people try requests."""
    return render_template("docs.html", problems=PROBLEMS)


@blueprint.get("/docs/<any('swagger-ui.css', 'swagger-ui-bundle.js'):name>")
def static_file(name: str) -> Response:
    """Send a file of Swagger UI."""
    return send_from_directory(_VIEWER, name)
