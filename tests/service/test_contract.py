"""The service answers every request that the OpenAPI document allows as the document says."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import schemathesis
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 25
"""Generated requests for each operation."""


@pytest.fixture
def operations(client: FlaskClient, publish: Callable[..., object]) -> Iterator[object]:
    app = client.application
    assert isinstance(app, APIFlask)
    publish("1")
    app.extensions["truegrain"].store.refresh()
    return (found.ok() for found in schemathesis.openapi.from_wsgi("/openapi.json", app).get_all_operations())


def test_whatever_the_document_allows_is_answered_as_it_says(operations: Iterator[schemathesis.APIOperation]) -> None:
    statuses: Counter[int] = Counter()
    failures: list[str] = []
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: schemathesis.Case) -> None:
            response = case.call()
            statuses[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

        try:
            ask()
        except Exception as error:
            failures.append(f"{operation.label}: {error!r}"[:1500])
    assert failures == []
    assert {200, 400, 404, 415} <= statuses.keys()
