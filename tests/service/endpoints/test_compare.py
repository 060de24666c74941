"""Production and its shadow on one image."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from service.endpoints.compare import Comparison

Draw = Callable[..., bytes]
Metric = Callable[..., float]


@pytest.fixture
def both(publish: Callable[..., object]) -> None:
    """Version 1 in production, and as its shadow version 2, which says AI where version 1 is unsure."""
    publish("1")
    publish("2", bias=2.0, alias="shadow")


def compare(client: FlaskClient, image: bytes, query: str = "") -> Comparison:
    answer = client.post(f"/predict/compare{query}", data=image, content_type="image/jpeg")
    assert answer.status_code == 200, answer.text
    return Comparison.model_validate_json(answer.data)


@pytest.mark.usefixtures("both")
def test_both_versions_answer_for_themselves(client: FlaskClient, draw: Draw) -> None:
    found = compare(client, draw(128))
    assert (found.production.model.version, found.shadow.model.version) == ("1", "2")
    assert (found.production.decision, found.shadow.decision) == ("unsure", "ai")
    assert not found.agreement
    assert found.difference == found.shadow.probability - found.production.probability > 0


@pytest.mark.usefixtures("both")
def test_where_both_decide_alike_they_agree(client: FlaskClient, draw: Draw) -> None:
    assert compare(client, draw(240)).agreement
    assert compare(client, draw(10)).agreement


@pytest.mark.usefixtures("both")
def test_an_option_holds_for_both(client: FlaskClient, draw: Draw) -> None:
    found = compare(client, draw(240), "?max_fpr=0.01")
    assert found.production.threshold == found.shadow.threshold == 0.9


@pytest.mark.usefixtures("both")
def test_only_the_verdict_of_production_counts_as_given(client: FlaskClient, draw: Draw, metric: Metric) -> None:
    compare(client, draw(240))
    assert metric("truegrain_predictions_total") == 1


def test_without_a_shadow_the_problem_says_how_to_name_one(
    publish: Callable[..., object], client: FlaskClient, draw: Draw
) -> None:
    publish("1")
    client.application.extensions["truegrain"].store.refresh()
    answer = client.post("/predict/compare", data=draw(), content_type="image/jpeg")
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.json is not None
    assert answer.json["reason"] == "no_shadow"
    assert "alias 'shadow'" in answer.json["detail"]


@pytest.mark.usefixtures("both")
def test_others_may_go_first_between_its_steps(client: FlaskClient, draw: Draw, pauses: list[float]) -> None:
    compare(client, draw())
    assert pauses
