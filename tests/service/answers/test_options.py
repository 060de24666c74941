"""Options in the query: which are accepted, and which are refused with the way out."""

import io
from collections.abc import Callable

import pytest
from flask import Request
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from service.answers.options import Options, describe_options, read_options
from service.answers.problems import Refusal


def read(query: str) -> Options:
    return read_options(Request(EnvironBuilder(query_string=query).get_environ()))


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", Options()),
        ("max_fpr=0.01", Options(max_fpr="0.01")),
        ("stability=true&receipt=1", Options(stability=True, receipt=True)),
        ("stability=False&receipt=no", Options()),
    ],
)
def test_options_are_read_from_the_query(query: str, options: Options) -> None:
    assert read(query) == options


def test_a_misspelt_option_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refusal, match=r"'max_fp'.*max_fpr, stability, receipt") as refusal:
        read("max_fp=0.01")
    assert refusal.value.reason == "unknown_option"


@pytest.mark.parametrize("value", ["", "maybe", "2"])
def test_a_value_that_is_neither_true_nor_false_is_refused(value: str) -> None:
    with pytest.raises(Refusal, match=f"stability={value} is not allowed; send stability=true") as refusal:
        read(f"stability={value}")
    assert refusal.value.reason == "bad_request"


def test_every_option_is_described_for_the_documentation() -> None:
    described = {parameter["name"]: parameter["schema"]["type"] for parameter in describe_options()}
    assert described == {"max_fpr": "string", "stability": "boolean", "receipt": "boolean"}
    assert all(parameter["description"] for parameter in describe_options())


def test_options_reach_the_verdict(
    publish: Callable[..., object], client: FlaskClient, draw: Callable[..., bytes]
) -> None:
    publish("1")
    client.application.extensions["truegrain"].store.refresh()
    answer = client.post("/predict?max_fpr=0.05&stability=true", data=draw(), content_type="image/jpeg").json
    assert answer is not None
    assert (answer["operating_point"], answer["threshold"], answer["stability"]) == ("0.05", 0.8, 1)


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_an_unknown_operating_point_is_a_problem_that_lists_the_known_ones(
    publish: Callable[..., object], client: FlaskClient, draw: Callable[..., bytes], path: str
) -> None:
    publish("1")
    client.application.extensions["truegrain"].store.refresh()
    data = {"file": (io.BytesIO(draw()), "a.jpg"), "files": (io.BytesIO(draw()), "a.jpg")}
    answer = client.post(f"{path}?max_fpr=0.5", data=data)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["reason"] == "unknown_operating_point"
    assert "0.01, 0.05" in answer.json["detail"]
