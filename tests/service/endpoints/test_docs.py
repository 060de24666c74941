"""The documentation is complete, and loads nothing from other hosts."""

import re
from datetime import date
from typing import Any

import pandas as pd
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from model.dataset.manifest import version_id
from model.images.formats import FORMATS
from service.openapi import UPLOADS
from service.protection.access import role_of


@pytest.fixture
def spec(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/openapi.json").json
    assert answer is not None
    return dict(answer)


def test_the_document_lists_every_endpoint(client: FlaskClient, spec: dict[str, Any]) -> None:
    rules = {rule.rule.translate({60: "{", 62: "}"}) for rule in client.application.url_map.iter_rules()}
    assert set(spec["paths"]) == {rule for rule in rules if not rule.startswith(("/docs", "/static"))} - {
        "/",
        "/openapi.json",
    }


def test_the_document_says_how_to_send_an_image(spec: dict[str, Any]) -> None:
    body = spec["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "image/*"}
    assert "file" in body["multipart/form-data"]["schema"]["properties"]


def test_the_document_says_how_to_send_a_batch(spec: dict[str, Any]) -> None:
    body = spec["paths"]["/predict/batch"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data"}
    files = body["multipart/form-data"]["schema"]["properties"]["files"]
    assert (files["type"], files["maxItems"]) == ("array", 64)


def test_every_endpoint_with_verdicts_documents_the_options(spec: dict[str, Any]) -> None:
    for path in UPLOADS:
        names = [parameter["name"] for parameter in spec["paths"][path]["post"]["parameters"]]
        assert names == ["max_fpr", "stability", "receipt"]


def test_the_document_says_how_a_report_is_changed_without_a_key(spec: dict[str, Any]) -> None:
    for operation in (spec["paths"]["/feedback"]["post"], spec["paths"]["/feedback/{report_id}"]["delete"]):
        assert "X-Report-Token" in [each["name"] for each in operation["parameters"] if each["in"] == "header"]
        problems = operation["responses"]["403"]["description"]
        assert {"The report belongs to another caller", "The API key may not do this"} <= set(problems.split("; "))


def test_every_reference_of_the_document_leads_somewhere(spec: dict[str, Any]) -> None:
    references = set(re.findall(r"#/components/schemas/([\w.]+)", str(spec)))
    assert references == set(spec["components"]["schemas"])


def test_a_type_has_one_name_in_all_answers(spec: dict[str, Any]) -> None:
    item = spec["components"]["schemas"]["JudgedItem"]["properties"]["verdict"]
    answer = spec["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert item["$ref"] == answer["$ref"] == "#/components/schemas/Verdict"
    assert not [name for name in spec["components"]["schemas"] if "." in name]


def test_no_two_types_share_a_name(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.openapi._name_once", lambda _: None)
    described: dict[str, dict[str, Any]] = {}
    for name, schema in app.spec["components"]["schemas"].items():
        short = name.rpartition(".")[2]
        assert described.setdefault(short, schema)["properties"].keys() == schema["properties"].keys()


def test_every_operation_has_a_name_of_its_own_for_clients_made_from_the_document(spec: dict[str, Any]) -> None:
    operations = [operation for of in spec["paths"].values() for operation in of.values()]
    names = [operation["operationId"] for operation in operations]
    assert {"predict", "predict_batch", "give_feedback", "withdraw_feedback", "metrics"} <= set(names)
    assert len(set(names)) == len(names) == len(operations)


def test_every_error_of_the_document_is_a_problem(spec: dict[str, Any]) -> None:
    answers = [
        answer
        for operations in spec["paths"].values()
        for operation in operations.values()
        for status, answer in operation["responses"].items()
        if status >= "400"
    ]
    assert answers
    assert all(list(answer["content"]) == ["application/problem+json"] for answer in answers)


def test_the_document_says_which_role_an_operation_needs_and_how_to_send_a_key(spec: dict[str, Any]) -> None:
    schemes = {name: [] for name in spec["components"]["securitySchemes"]}
    operations = [(path, operation) for path, of in spec["paths"].items() for operation in of.values()]
    guarded = {path: operation for path, operation in operations if role_of(path) != "open"}
    assert guarded
    for path, operation in guarded.items():
        assert operation["x-role"] == role_of(path)
        assert operation["security"] == [{name: scopes} for name, scopes in schemes.items()]
        assert {"401", "403", "429"} <= set(operation["responses"])
    assert all("security" not in operation for path, operation in operations if path not in guarded)


def test_the_document_names_the_formats_and_the_limits_of_this_service(client: FlaskClient) -> None:
    """The service of these tests takes 200 kB."""
    spec = client.get("/openapi.json").json
    assert spec is not None
    body = spec["paths"]["/predict"]["post"]["requestBody"]
    assert "up to 0.2 MB and 50 megapixels" in body["description"]
    types = body["content"]["multipart/form-data"]["encoding"]["file"]["contentType"].split(", ")
    assert types == [f"image/{name.lower()}" for name in FORMATS]
    assert all(name in body["description"] for name in FORMATS)
    batch = spec["paths"]["/predict/batch"]["post"]["requestBody"]
    assert "all together up to 0.8 MB and 200 megapixels" in batch["description"]


def test_the_document_names_the_headers_of_answers(client: FlaskClient, spec: dict[str, Any]) -> None:
    for operations in spec["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                assert "X-Request-ID" in answer["headers"]
                assert ("Retry-After" in answer["headers"]) == (status in {"429", "503"})
    assert spec["components"]["headers"].keys() >= {"X-Request-ID", "Retry-After"}
    refused = client.get("/readyz")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"].isdecimal()
    assert refused.headers["X-Request-ID"]


def test_every_operation_belongs_to_one_group_that_the_document_lists(spec: dict[str, Any]) -> None:
    listed = [tag["name"] for tag in spec["tags"]]
    assert listed[0] == "Verdicts"
    used = [tag for of in spec["paths"].values() for operation in of.values() for tag in operation["tags"]]
    assert set(used) == set(listed)
    assert len(used) == sum(len(of) for of in spec["paths"].values())


def test_the_page_needs_no_other_host_and_holds_no_script_of_its_own(client: FlaskClient) -> None:
    page = client.get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert [address for address in loaded if not address.startswith("/")] == []
    assert re.findall(r"<style|style=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page) == []
    for address in loaded:
        with client.get(address) as answer:
            assert answer.status_code == 200, address


def test_only_the_files_of_the_viewer_that_the_page_needs_are_served(client: FlaskClient) -> None:
    with client.get("/docs/swagger-ui-bundle.js") as script:
        assert script.content_type.startswith("text/javascript")
    assert client.get("/docs/oauth2-redirect.html").status_code == 404


def test_the_type_of_a_problem_leads_to_its_description(client: FlaskClient) -> None:
    problem = client.get("/nowhere").json
    assert problem is not None
    path, anchor = problem["type"].split("#")
    assert f'id="{anchor}"' in client.get(path).text


def test_every_example_is_what_its_schema_says(spec: dict[str, Any]) -> None:
    operations = [operation for of in spec["paths"].values() for operation in of.values()]
    contents = [part for one in operations for part in (one.get("requestBody", {}), *one["responses"].values())]
    bodies = [body for part in contents for body in part.get("content", {}).values() if "example" in body]
    assert len(bodies) > 10
    for body in bodies:
        schema = body["schema"] | {"components": spec["components"]}
        Draft202012Validator(schema).validate(body["example"])


def test_examples_name_dataset_versions_as_the_lake_does(spec: dict[str, Any]) -> None:
    real = version_id(pd.DataFrame(columns=["sha256", "label", "split", "source", "generator"]), today=date(2026, 1, 5))
    pattern = re.sub("[0-9a-f]", "[0-9a-f]", real)
    shown = re.findall(r"'dataset_version': '(.*?)'", str(spec))
    assert len(shown) > 1
    assert [version for version in shown if not re.fullmatch(pattern, version)] == []
