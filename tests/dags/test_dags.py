import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from model.evaluation.forecast import LEAST_IMAGES
from model.sources.studio.artefacts import FAMILIES
from truegrain_drill.plan import Plan

DAGS = Path(__file__).parents[2] / "dags"

PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
bag = DagBag()
heavy = {"torch", "timm", "great_expectations", "mlflow", "onnxruntime", "pandas", "pyarrow"} & set(sys.modules)
from airflow.serialization.serialized_objects import DagSerialization
print(json.dumps({
    "errors": bag.import_errors,
    "heavy": sorted(heavy),
    "dags": {dag.dag_id: {
        "order": [task.task_id for task in dag.topological_sort()],
        "edges": sorted([task.task_id, below] for task in dag.tasks for below in task.downstream_task_ids),
        "fields": {name: {
            "schema": field.schema,
            "description": field.description,
            "untouched": field.value if field.has_value else None,
        } for name, field in dag.params.items()},
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "owner": dag.owner,
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "bodies": sorted({task.python_callable.__module__ for task in dag.tasks if hasattr(task, "python_callable")}),
        "timeouts": [bool(task.execution_timeout) for task in dag.tasks],
        "links": {task.task_id: [link.name for link in task.operator_extra_links]
                  for task in dag.tasks if task.operator_extra_links},
        "outlets": {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets},
        "schedule": DagSerialization.to_dict(dag)["dag"]["timetable"],
    } for dag in bag.dags.values()},
}))
"""


@pytest.fixture(scope="session")
def parsed(python) -> dict:
    return json.loads(python("-c", PARSE))


@pytest.fixture
def dags(parsed) -> dict:
    return parsed["dags"]


def test_every_file_is_one_dag_of_the_same_name_and_imports_without_an_error(parsed):
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == {file.stem for file in DAGS.glob("*.py")}


def test_parsing_imports_nothing_heavy(parsed):
    assert parsed["heavy"] == []


@pytest.mark.parametrize("file", sorted(DAGS.glob("*.py")), ids=lambda file: file.name)
def test_a_dag_fits_on_a_screen(file):
    assert len(file.read_text().splitlines()) <= 60


def test_the_plugin_module_of_the_same_name_says_what_the_tasks_of_a_dag_do(dags):
    assert {name: dag["bodies"] for name, dag in dags.items()} == {name: [f"truegrain_airflow.{name}"] for name in dags}


@pytest.mark.parametrize(
    ("dag", "order"),
    [
        ("audit_traffic", ["draw", "ask", "keep"]),
        ("drill_new_generator", ["prepare", "exercise", "report"]),
        ("forecast_generators", ["plan", "train", "publish"]),
        ("ingest_images", ["plan", "collect", "assemble", "validate", "publish"]),
        ("monitor_detector", ["expect", "drift", "ask"]),
        ("rollback_detector", ["rollback"]),
        ("withdraw_images", ["withdraw", "erase"]),
    ],
)
def test_the_tasks_of_a_dag_form_one_chain(dags, dag, order):
    assert dags[dag]["order"] == order
    assert dags[dag]["edges"] == sorted(map(list, pairwise(order)))


def test_what_reporters_took_back_is_erased_whether_or_not_a_person_is_asked(dags):
    assert set(dags["review_feedback"]["order"]) == {"settle", "ask", "keep", "erase"}
    assert dags["review_feedback"]["edges"] == [["ask", "keep"], ["settle", "ask"]]


def test_a_decision_leads_to_promotion_past_a_person_or_directly(dags):
    assert dags["retrain_detector"]["order"] == ["choose", "train", "evaluate", "decide", "approve", "promote"]
    assert dags["retrain_detector"]["edges"] == [
        ["approve", "promote"],
        ["choose", "decide"],
        ["choose", "train"],
        ["decide", "approve"],
        ["decide", "promote"],
        ["evaluate", "decide"],
        ["train", "evaluate"],
    ]


def test_ingestion_keeps_a_fortnight_anchored_on_a_monday(dags):
    schedule = dags["ingest_images"]["schedule"]["__var"]["timetable"]
    assert schedule["__type"] == "truegrain_airflow.timetable.AnchoredTimetable"
    assert schedule["__var"] == {"anchor": "2026-01-05T02:00:00+00:00", "period_seconds": 14 * 86_400}
    assert dags["ingest_images"]["catchup"] is False


def test_monitoring_runs_every_hour_and_makes_up_for_nothing(dags):
    assert dags["monitor_detector"]["schedule"]["__var"]["expression"] == "0 * * * *"
    assert dags["monitor_detector"]["catchup"] is False


def test_assets_connect_the_dags(dags):
    assert dags["ingest_images"]["outlets"] == {"publish": ["dataset"]}
    assert dags["monitor_detector"]["outlets"] == {"ask": ["drift"]}
    assert dags["retrain_detector"]["outlets"] == {"choose": ["retraining"], "promote": ["detector"]}
    assert dags["rollback_detector"]["outlets"] == {"rollback": ["detector"]}
    assert names_of(dags["ingest_images"]["schedule"]) == ["drift"]
    assert names_of(dags["retrain_detector"]["schedule"]) == ["dataset", "drift"]


def names_of(schedule: dict) -> list[str]:
    """The assets whose events start a DAG."""
    return sorted(re.findall(r'"name": "(\w+)"', json.dumps(schedule["__var"]["asset_condition"])))


def test_what_judges_a_detector_links_to_its_report(dags):
    assert dags["retrain_detector"]["links"] == {"evaluate": ["Evaluation report"], "decide": ["Evaluation report"]}


def test_the_trigger_forms_ask_for_what_a_person_may_choose(dags):
    assert {dag: list(form["fields"]) for dag, form in dags.items() if form["fields"]} == {
        "audit_traffic": ["predictions", "days"],
        "drill_new_generator": ["generator", "images"],
        "forecast_generators": ["run", "recipe", "overrides", "least_images"],
        "ingest_images": ["source", "parts", "exclude", "dry_run"],
        "retrain_detector": ["dataset_version", "recipe", "overrides", "approval", "reason"],
        "rollback_detector": ["version", "reason"],
        "withdraw_images": ["sha256", "reason", "keep_bytes"],
    }


def fields_of(dags: dict) -> Iterator[tuple[str, dict]]:
    """Each field of each form as `dag.field`, and whether Airflow's form refuses an empty value."""
    for dag, form in dags.items():
        for name, field in form["fields"].items():
            yield f"{dag}.{name}", field | {"required": "null" not in field["schema"]["type"]}


def accepts(field: dict, value: object) -> bool:
    return Draft202012Validator(field["schema"]).is_valid(value)


def test_only_what_is_truly_needed_is_required(dags):
    required = {name for name, field in fields_of(dags) if field["required"]}
    assert required == {"rollback_detector.reason", "withdraw_images.reason", "withdraw_images.sha256"}


def test_a_required_field_is_empty_at_first_and_refuses_to_be(dags):
    for name, field in fields_of(dags):
        if field["required"]:
            assert field["untouched"] is None, name
            assert not any(accepts(field, nothing) for nothing in (None, "", [])), name


def test_a_field_that_is_not_required_can_be_sent_untouched_and_emptied(dags):
    for name, field in fields_of(dags):
        if not field["required"]:
            assert accepts(field, field["untouched"]), name
            assert accepts(field, None), name


def test_each_field_has_a_title_and_says_what_it_means_when_empty(dags):
    for name, field in fields_of(dags):
        assert field["schema"]["title"], name
        assert field["required"] or re.search(r"(Empty|Empty or 0|Off): ", field["description"]), name


def test_the_forms_name_what_an_empty_field_stands_for(dags):
    drill, forecast = (dags[name]["fields"] for name in ("drill_new_generator", "forecast_generators"))
    assert all(generator in drill["generator"]["description"] for generator in FAMILIES)
    assert f"Empty: {Plan.newcomer}." in drill["generator"]["description"]
    assert f"Empty: {Plan.images:,}." in drill["images"]["description"]
    assert f"Empty: {LEAST_IMAGES}." in forecast["least_images"]["description"]


def test_every_dag_tells_an_operator_what_to_do_when_it_is_red(dags):
    assert all("**Red?**" in dag["doc"] for dag in dags.values())


def test_every_dag_has_an_owner_a_tag_one_run_at_a_time_and_time_limits(dags):
    for dag in dags.values():
        assert (dag["owner"], dag["tags"], dag["max_active_runs"]) == ("truegrain", ["truegrain"], 1)
        assert all(dag["timeouts"])
