"""GET /docs: the API for people, rendered from its OpenAPI document, without a script or another host."""

import json
from functools import partial

from apiflask import APIBlueprint
from flask import current_app, render_template

from service.answers.problems import PROBLEMS

blueprint = APIBlueprint("docs", __name__, enable_openapi=False)


@blueprint.get("/docs")
def docs() -> str:
    """Show the endpoints, the fields of their answers, and the problems."""
    as_json = partial(json.dumps, indent=2, ensure_ascii=False)  # to be read; Jinja's is for scripts, and sorts
    return render_template("docs.html", spec=current_app.spec, problems=PROBLEMS, as_json=as_json)  # type: ignore[attr-defined]
