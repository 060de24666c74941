"""The pages of the API: its endpoints, and the problems that it answers with."""

from tempfile import TemporaryDirectory
from typing import Any, cast

from model.settings import Settings
from service.answers.options import describe_options
from service.answers.problems import PROBLEMS, RETRY
from service.app import create_app
from service.openapi import path_of
from service.protection.access import role_of
from truegrain_docs.markdown import code, literal, page, table


def endpoints() -> str:
    """Return each endpoint with what it does, the role it needs and the reasons it may be refused for."""
    with TemporaryDirectory() as home:
        app = create_app(Settings.from_environment({"TRUEGRAIN_HOME": home}))
        described = cast(dict[str, Any], app.spec)["paths"]
        served = sorted(
            (rule.rule, method)
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            if "static" not in rule.endpoint
        )
        views = {
            (rule.rule, method): (app.view_functions[rule.endpoint].__doc__ or "").partition("\n")[0]
            for rule in app.url_map.iter_rules()
            for method in rule.methods or set()
        }
    rows = []
    for path, method in served:
        operation = described.get(path_of(path), {}).get(method.lower(), {})
        role = role_of(path)
        rows.append(
            (
                code(f"{method} {path}"),
                literal(operation.get("summary") or views[path, method] or "Answer with the OpenAPI document."),
                "none" if role == "open" else code(role),
            )
        )
    options = [
        (code(each["name"]), each["schema"].get("type", ""), literal(each["description"]))
        for each in describe_options()
    ]
    return page(
        "Endpoints",
        "`GET /openapi.json` describes each request and each answer in full, and `GET /docs` shows the same to a"
        " person. A role is needed only where `TRUEGRAIN_REQUIRE_AUTH` is on.",
        table(("endpoint", "what it does", "role"), rows),
        "## Options\n\nThe endpoints below `/predict` take these parameters of the query.",
        table(("option", "type", "meaning"), options),
    )


def problems() -> str:
    """Return each reason for which a request can fail, with status, title and whether to try again."""
    rows = (
        (code(reason), str(status), title, "yes" if reason in RETRY else "")
        for reason, (status, title) in PROBLEMS.items()
    )
    return page(
        "Problems",
        "Each error is answered as `application/problem+json` (RFC 9457). `reason` never changes its meaning, so a"
        " program may compare it. `detail` says what was wrong this time, and the way out. `request_id` names the"
        " request in the log of the service. Some answers say in the header `Retry-After` for how many seconds to wait"
        " before the same request is sent again.",
        table(("reason", "status", "title", "`Retry-After`"), rows),
    )
