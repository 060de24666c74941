"""GET /docs: the OpenAPI document as a page for people, without scripts and without other hosts."""

import json
from functools import partial
from typing import Final

from apiflask import APIBlueprint
from flask import current_app, render_template, request
from markupsafe import escape

from service.answers.problems import PROBLEMS

_HOST: Final = "http://host.invalid"
"""Stands for the service's address in the cached page."""

_PAGE: Final = "docs"
"""The extension of the application that caches the page, since rendering takes tens of milliseconds."""

blueprint = APIBlueprint("docs", __name__, enable_openapi=False)


@blueprint.get("/docs")
def docs() -> str:
    """Show the endpoints, the fields of their answers, and the problems."""
    kept = current_app.extensions
    if _PAGE not in kept:
        kept[_PAGE] = _write()
    return str(kept[_PAGE].replace(_HOST, str(escape(request.host_url.rstrip("/")))))


def _write() -> str:
    as_json = partial(
        json.dumps, indent=2, ensure_ascii=False
    )  # for people; Jinja's is for scripts, and sorts the keys
    spec = current_app.spec  # type: ignore[attr-defined]
    return render_template("docs.html", host=_HOST, spec=spec, problems=PROBLEMS, as_json=as_json)
