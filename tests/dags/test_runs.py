import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.dataset.tombstones import read_tombstones
from model.feedback.reports import AGREEMENT, ANONYMOUS, read_statements
from model.monitoring import drift_history, predictions
from model.monitoring.database import open_database
from model.registry import Registry, connect
from model.registry.promotion import promote
from model.registry.state import look
from model.settings import Settings
from model.sources.kinds import read_source
from model.sources.reports import ACCEPTED
from model.sources.reports import SOURCE as REPORTS
from support.evaluation_reports import make_report, right_but
from support.monitoring import found, predict
from support.small_images import labelled
from support.trained_runs import Trainer
from support.user_reports import say, write_said
from truegrain_rig.tiny_detector import write_tiny

RUN_DAGS = str(Path(__file__).with_name("run_dags.py"))
AFTER = {"assemble": "success", "validate": "success", "publish": "success"}
GREEN = {"plan": "success", "collect 1": "success", "collect 2": "success", **AFTER}
DRY = dict.fromkeys(["plan", "collect", "assemble", "validate", "publish"], "skipped")
NOTHING_NEW = {"plan": "success", "collect": "skipped", **AFTER, "publish": "skipped"}
pytestmark = pytest.mark.timeout(600)

RETRAINED = dict.fromkeys(["choose", "train", "evaluate", "decide", "approve", "promote"], "success")
REFUSED = RETRAINED | {"approve": "skipped", "promote": "skipped"}
NOTHING_TO_LEARN = dict.fromkeys(RETRAINED, "skipped")
WATCHED = dict.fromkeys(["expect", "drift", "ask"], "success")
REVIEWED = dict.fromkeys(["settle", "ask", "keep", "erase"], "success")
UNSEEN = "0" * 64
SOURCE = "synthetic?images=240&seed=3&size=32"
NOTHING_ELSE = {"dataset_version": " ", "overrides": None, "approval": None, "reason": " "}
"""What the form of `retrain_detector` sends for empty fields."""


AGREED, ASKED, LEFT = (labelled(number, "ai").data for number in range(700, 703))


def report_images(lake: Lake) -> None:
    """Write reports: three keys agree on one image, one key reports a second, a caller without a key a third."""
    for client in ("ada", "bob", "cyd"):
        write_said(lake.root, say(client), AGREED)
    write_said(lake.root, say("ada", "real"), ASKED)
    write_said(lake.root, say(ANONYMOUS), LEFT)


@pytest.fixture(scope="module")
def registry(mlflow_server, tmp_path_factory) -> Registry:
    """The registry of the runs whose decision and promotion are real."""
    return connect(Settings(home=tmp_path_factory.mktemp("registry"), tracking_uri=mlflow_server, model_name="asked"))


@pytest.fixture(scope="module")
def close_runs(registry, tmp_path_factory) -> list[str]:
    """Two evaluated runs that are as good as version 1, which is in production, on 600 test images."""
    folder = tmp_path_factory.mktemp("close")

    def write(bias: float, **about: str) -> Path:
        return write_tiny(folder / f"tiny{bias}", bias=bias, **about)

    trainer = Trainer(registry, Lake(str(folder / "lake")), write)
    registry.register(trainer.train(0.0), tags={"gate": "passed"})
    promote(registry, "1", reason="first")
    champion = make_report(right_but(8, of=600), name=trainer.hash_of(0.0))
    runs = {trainer.train(bias): trainer.hash_of(bias) for bias in (0.1, 0.2)}
    for run_id, name in runs.items():
        report = make_report(right_but(8, of=600, first=8), name=name)
        trainer.report(run_id, folder, {"report.json": report, "champion.json": champion})
    return list(runs)


@pytest.fixture(scope="module")
def outcome(python, tmp_path_factory, airflow_environment, registry, close_runs) -> dict:
    """The outcome of every DAG, run in turn against one lake that is empty at first."""
    one_class = tmp_path_factory.mktemp("one_class")
    (one_class / "real").mkdir()
    for grey in range(40):
        Image.new("RGB", (32, 32), (grey, grey, grey)).save(one_class / "real" / f"{grey}.png")
    folder, declaration = tmp_path_factory.mktemp("drawn"), one_class / "sources.toml"
    for image in read_source("synthetic?images=240&seed=4&size=32"):
        path = folder / image.label / image.origin.rpartition("/")[2]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(image.data)
    declaration.write_text(f'[sources.drawn]\nlocation = "{folder}"\nlicence = "ours"\ngenerator = "drawn"\n')
    mlflow = {"TRUEGRAIN_TRACKING_URI": registry.tracking_uri, "TRUEGRAIN_MODEL_NAME": registry.model_name}
    logs = {name: log_of(tmp_path_factory.mktemp(name), name) for name in ("empty", "calm", "drifting", "broken")}
    scenarios = {
        "no such source": ("ingest_images", {"source": str(one_class / "nowhere")}),
        "one class": ("ingest_images", {"source": str(one_class), "parts": 2}),
        "nothing published": ("retrain_detector", {}, mlflow),
        "new images": ("ingest_images", {"source": SOURCE, "parts": 2}),
        "a dataset came": ("scheduler", {}),
        "no predictions": ("monitor_detector", {}, logs["empty"]),
        "no drift": ("monitor_detector", {}, logs["calm"]),
        "a broken log": ("monitor_detector", {}, logs["broken"]),
        "drift": ("monitor_detector", {}, logs["drifting"]),
        "drift came": ("scheduler", {}, {"TRUEGRAIN_SOURCE": "synthetic?images=60&seed=9&size=32"}),
        "a dataset came of it": ("scheduler", {}),
        "drift goes on": ("monitor_detector", {}),
        "nothing more came": ("scheduler", {}),
        "the same once more": ("ingest_images", {"source": SOURCE, "parts": 2}),
        "declared sources": ("ingest_images", {"source": str(declaration), "parts": 2}),
        "nothing new": ("ingest_images", {"source": str(declaration), "parts": 2}),
        "a source excluded": (
            "ingest_images",
            {"source": f" {declaration}\n", "exclude": ["source:drawn", " ", ""], "parts": 2},
        ),
        "nobody excluded": ("ingest_images", {"source": SOURCE, "exclude": ["generator:nobody"]}),
        "passes the gate": ("retrain_detector", {"recipe": "good", "overrides": {"epochs": 3}}),
        "fails the gate": ("retrain_detector", NOTHING_ELSE | {"recipe": " bad "}),
        "approved": ("retrain_detector", {"recipe": "good", "approval": True}),
        "the gate asks, rejected": ("retrain_detector", {"recipe": close_runs[0]}),
        "the gate asks, approved": ("retrain_detector", {"recipe": close_runs[1]}),
        "unknown dataset": ("retrain_detector", {"dataset_version": "20200101-000000000000"}),
        "a forecast": (
            "forecast_generators",
            {"run": " ", "recipe": "good", "overrides": {"epochs": 3}, "least_images": None},
        ),
        "a drill": ("drill_new_generator", {"generator": "smooth", "images": 800}),
        "a drill of nothing in particular": ("drill_new_generator", {"generator": "", "images": None}),
        "a drill with nobody": ("drill_new_generator", {"generator": "dalle"}),
        "rolled back": ("rollback_detector", {"reason": " wrong on receipts\n", "version": " 5 "}),
        "rolled back by one": ("rollback_detector", {"reason": "wrong again", "version": " "}),
        "blank reason": ("rollback_detector", {"reason": "   "}),
        "withdrawn": ("withdraw_images", {"sha256": [f" {UNSEEN}", ""], "reason": "its author asked"}),
        "withdrawn without a sum": ("withdraw_images", {"sha256": ["", " "], "reason": "a slip"}),
        "no sum": ("withdraw_images", {"sha256": [UNSEEN, "abc"], "reason": "a slip"}),
        "reports": ("review_feedback", {}),
        "a wrong number": ("review_feedback", {}),
        "left": ("review_feedback", {}),
        # Within one process, Airflow remembers the `exclude` of an earlier run, and the `dry_run`.
        "reports ingested": ("ingest_images", {"source": str(declaration), "exclude": [], "parts": 2}),
        "a dry run": ("ingest_images", {"source": SOURCE, "dry_run": True}),
        "an audit": ("audit_traffic", {"predictions": 30, "days": None}, logs["calm"]),
    }
    report_images(Lake(f"{airflow_environment['TRUEGRAIN_HOME']}/lake"))
    python("-m", "airflow", "db", "migrate")
    result = json.loads(python(RUN_DAGS, json.dumps(list(scenarios.values()))))
    return dict(zip(scenarios, result.pop("states"), strict=True)) | result


def log_of(folder: Path, kind: str) -> dict[str, str]:
    """Write a prediction log of 40 predictions, valid or not, with or without drift."""
    url = f"sqlite:///{folder / 'predictions.db'}"
    engine, now = open_database(url), datetime.now(UTC)
    predictions.prepare(engine)
    drift_history.prepare(engine)
    if kind != "empty":
        ahead = {"days_ago": -1} if kind == "broken" else {}
        predictions.add(engine, [predict(number, **ahead) for number in range(40)])
    for minutes in (3, 2, 1):
        if kind in ("calm", "drifting"):
            drift_history.add(
                engine, found("ok" if kind == "calm" else kind, minutes_ago=minutes, now=now, in_a_row=4 - minutes)
            )
    engine.dispose()
    return {"TRUEGRAIN_PREDICTIONS": url}


def test_a_dry_run_skips_every_task(outcome):
    assert outcome["a dry run"] == DRY


def test_new_images_become_a_published_version(outcome):
    assert outcome["new images"] == GREEN


def test_the_same_images_again_publish_nothing(outcome):
    assert outcome["the same once more"] == GREEN | {"publish": "skipped"}


def test_the_sources_that_a_file_declares_are_read(outcome):
    assert outcome["declared sources"] == GREEN


def test_when_nothing_is_new_nothing_is_read_and_nothing_is_red(outcome):
    assert outcome["nothing new"] == NOTHING_NEW


def test_excluding_a_source_makes_a_version_of_what_is_left_although_nothing_is_new(outcome):
    assert outcome["a source excluded"] == NOTHING_NEW | {"publish": "success"}


def test_excluding_what_the_lake_does_not_hold_is_red_and_publishes_nothing(outcome):
    assert outcome["nobody excluded"]["assemble"] == "failed"
    assert outcome["nobody excluded"]["publish"] == "upstream_failed"


def test_a_detector_that_passes_the_gate_is_promoted(outcome):
    assert outcome["passes the gate"] == RETRAINED | {"approve": "skipped"}


def test_a_detector_that_fails_the_gate_is_not_promoted_and_nothing_is_red(outcome):
    assert outcome["fails the gate"] == REFUSED


def test_a_person_who_was_asked_saw_the_decision_and_is_named_in_the_reason(outcome):
    assert outcome["approved"] == RETRAINED
    assert outcome["asked"][0] == "    every rule passed\n    for a reason"
    reasons = [call[2]["reason"] for call in outcome["calls"] if call[0] == "promote"]
    assert reasons == ["gate", "gate, approved by Ada"]


def test_when_the_gate_asks_the_person_sees_the_odds_in_words_and_how_many_images_would_settle_it(outcome):
    for shown in outcome["asked"][1:3]:
        assert "The test images are too few to prove that the new detector is no worse" in shown
        assert re.search(r"Odds of a loss beyond the margin: accuracy \(1 point\) 1 in \d+, false alarms", shown)
        assert re.search(r"About [1-9],\d00 more test images would settle it\.", shown)
        assert "FAILED  accuracy against the champion: " in shown


def test_what_a_person_approves_is_promoted_and_the_history_says_who_and_that_the_gate_asked(outcome, registry):
    assert outcome["the gate asks, approved"] == RETRAINED
    change = look(registry).history.changes[-1]
    assert (change.how, change.to_version, change.reason) == ("promotion", "3", "gate asked, approved by Ada")
    assert change.by.startswith("dag_test, manual__")


def test_what_a_person_rejects_leaves_production_as_it_was_and_the_version_says_why(outcome, registry, close_runs):
    assert outcome["the gate asks, rejected"] == RETRAINED | {"promote": "skipped"}
    assert [change.to_version for change in look(registry).history.changes] == ["1", "3"]
    rejected = registry.find(close_runs[0])
    assert (rejected.version, rejected.aliases, rejected.tags["gate"]) == ("2", (), "asked")
    assert rejected.tags["gate_reason"].startswith("a person decides: accuracy against the champion (")


def test_a_new_dataset_version_starts_a_training_with_that_for_a_reason(outcome):
    assert outcome["a dataset came"] == REFUSED
    assert decisions(outcome)[0]["reason"] == "a new dataset version"


def test_without_predictions_or_drift_nothing_is_asked_for_and_nothing_is_red(outcome):
    assert outcome["no predictions"] == outcome["no drift"] == WATCHED | {"ask": "skipped"}


def test_predictions_that_cannot_be_are_red_and_nothing_is_asked_for_on_their_strength(outcome):
    assert outcome["a broken log"] == {"expect": "failed", "drift": "upstream_failed", "ask": "upstream_failed"}


def test_drift_that_lasts_starts_ingestion_and_a_training_that_has_nothing_new_to_learn_from(outcome):
    assert outcome["drift"] == WATCHED
    came = outcome["drift came"]
    assert came == came | {"plan": "success", **AFTER} | NOTHING_TO_LEARN


def test_what_was_ingested_on_drift_is_trained_on_with_the_drift_for_a_reason(outcome):
    assert outcome["a dataset came of it"] == REFUSED
    assert decisions(outcome)[1]["reason"] == f"version 7: {found().reason}"
    assert decisions(outcome)[1]["dag_run_id"].startswith("asset_triggered__")


def test_after_a_training_on_drift_nothing_more_is_asked_for_while_it_cools_down(outcome):
    assert outcome["drift goes on"] == WATCHED | {"ask": "skipped"}
    assert outcome["nothing more came"] == {}


def decisions(outcome) -> list[dict]:
    return [call[-1] for call in outcome["calls"] if call[0] == "decide"]


def test_the_choices_of_the_form_reach_training_and_the_latest_version_is_the_default(outcome):
    name, version, recipe, overrides = next(call for call in outcome["calls"] if "good" in call)
    assert (name, recipe, overrides) == ("train", "good", {"epochs": 3})
    assert len(version) == len("20260105-0123456789ab")


def test_blank_fields_are_empty_ones(outcome):
    name, version, recipe, overrides = next(call for call in outcome["calls"] if "bad" in call)
    assert (name, recipe, overrides) == ("train", "bad", {})
    assert len(version) == len("20260105-0123456789ab")
    assert decisions(outcome)[3]["reason"] == "by hand"


def test_the_decision_remembers_the_dag_run(outcome):
    assert decisions(outcome)[2]["dag_run_id"].startswith("manual__")
    assert decisions(outcome)[2]["reason"] == "by hand"


def test_the_tasks_that_judge_a_detector_have_a_button_to_its_report(outcome, mlflow_server, close_runs):
    assert sorted(map(tuple, outcome["links"])) == sorted(
        (f"{task}: Evaluation report", f"{mlflow_server}/{training}/report.html")
        for training in ("good", "bad", "good", *close_runs, "", "")
        for task in ("evaluate", "decide")
    )


def test_a_forecast_trains_once_without_each_generator(outcome):
    assert outcome["a forecast"] == dict.fromkeys(("plan", "train 1", "train 2", "publish"), "success")
    assert ["plan", "", {"least": 30}] in outcome["calls"]
    trained = [call for call in outcome["calls"] if call[0] == "train" and "leave_out" in call[3]]
    assert sorted(trained, key=str) == [
        ["train", "v1", "good", {"epochs": 3, "leave_out": name}] for name in ("glare", "glow")
    ]
    published = next(call for call in outcome["calls"] if call[0] == "publish")
    assert [(training, left_out["generator"]) for training, left_out in published[1]] == [
        ("good", "glow"),
        ("good", "glare"),
    ]


def test_a_drill_is_prepared_carried_out_and_reported_under_one_name(outcome):
    assert outcome["a drill"] == dict.fromkeys(("prepare", "exercise", "report"), "success")
    assert plans(outcome)[0] == ("smooth", 800)
    later = [call[1] for call in outcome["calls"] if call[0] in ("carry out", "post-mortem")]
    assert later[:2] == ["20261121-190000-smooth"] * 2


def test_a_drill_of_nothing_in_particular_is_what_its_form_says(outcome):
    assert outcome["a drill of nothing in particular"] == dict.fromkeys(("prepare", "exercise", "report"), "success")
    assert plans(outcome)[1] == ("patch", 2000)


def plans(outcome) -> list[tuple[str, int]]:
    """Return the generator and the number of images of each drill that was prepared."""
    return [(call[1]["newcomer"], call[1]["images"]) for call in outcome["calls"] if call[0] == "prepare"]


def test_a_drill_with_an_unknown_generator_is_red_before_anything_is_trained(outcome):
    assert outcome["a drill with nobody"]["prepare"] == "failed"
    assert len(plans(outcome)) == 2


def test_a_dataset_version_that_is_not_published_fails_before_training(outcome):
    assert outcome["unknown dataset"]["choose"] == "failed"
    assert [call[0] for call in outcome["calls"] if "leave_out" not in call[-1]].count("train") == 7


def test_a_rollback_hands_over_version_reason_and_user(outcome):
    assert rollbacks(outcome)[0] == {"reason": "wrong on receipts", "to": "5", "by": "dag_test"}


def test_a_rollback_without_a_version_leaves_the_choice_to_the_registry(outcome):
    assert outcome["rolled back by one"] == {"rollback": "success"}
    assert rollbacks(outcome)[1] == {"reason": "wrong again", "to": None, "by": "dag_test"}


def test_each_run_of_a_rollback_is_a_request_of_its_own(outcome):
    first, second = (call[1]["request"] for call in outcome["calls"] if call[0] == "rollback")
    assert first.startswith("manual__")
    assert second.startswith("manual__")
    assert first != second


def rollbacks(outcome) -> list[dict]:
    """Return the arguments of each rollback, without the id of its request."""
    asked = [call[1] for call in outcome["calls"] if call[0] == "rollback"]
    return [{name: value for name, value in each.items() if name != "request"} for each in asked]


def test_a_rollback_without_a_reason_does_nothing(outcome):
    assert outcome["blank reason"] == {"rollback": "failed"}
    assert [call[0] for call in outcome["calls"]].count("rollback") == 2


def test_a_withdrawal_is_kept_in_the_lake_with_its_reason(outcome, airflow_environment):
    assert outcome["withdrawn"] == {"withdraw": "success", "erase": "success"}
    tombstones = read_tombstones(Lake(f"{airflow_environment['TRUEGRAIN_HOME']}/lake"))
    assert tombstones[["sha256", "reason"]].to_dict("records") == [{"sha256": UNSEEN, "reason": "its author asked"}]


def test_a_withdrawal_of_what_is_no_sum_is_red(outcome):
    assert outcome["no sum"] == {"withdraw": "failed", "erase": "upstream_failed"}


def test_a_withdrawal_of_blank_lines_is_red(outcome):
    assert outcome["withdrawn without a sum"] == {"withdraw": "failed", "erase": "upstream_failed"}


def test_a_source_that_does_not_exist_is_red_at_once(outcome):
    assert outcome["no such source"]["plan"] == "failed"
    assert outcome["no such source"]["assemble"] == "upstream_failed"


def test_a_source_with_one_class_fails_validation_and_publishes_nothing(outcome):
    assert outcome["one class"] == GREEN | {"validate": "failed", "publish": "upstream_failed"}


def test_without_a_published_version_nothing_is_trained(outcome):
    assert outcome["nothing published"]["choose"] == "failed"


def test_a_log_tells_what_a_validation_found_and_nothing_of_what_great_expectations_does_meanwhile(outcome):
    assert "truegrain.expectations" in outcome["logged"]["INFO"]
    heard = outcome["logged"]["INFO"] + outcome["logged"].get("DEBUG", [])
    assert [name for name in heard if name.startswith("great_expectations")] == []


def test_what_users_agree_on_is_accepted_and_what_a_person_says_is_kept_with_the_name(outcome, airflow_environment):
    assert outcome["reports"] == REVIEWED
    found = read_statements(Lake(f"{airflow_environment['TRUEGRAIN_HOME']}/lake").root)
    assert [(each.client, each.review, each.reviewed_by) for each in found] == [
        *((client, ACCEPTED, AGREEMENT) for client in ("ada", "bob", "cyd")),
        ("ada", ACCEPTED, "reviewer:Ada"),
        (ANONYMOUS, None, None),
    ]


def test_a_person_is_shown_what_is_left_where_to_see_it_and_again_until_it_is_decided(outcome):
    first, second, third = outcome["asked"][3:6]
    assert "These are 2 of 2 images that need a person" in first
    assert "| 1 | real | ada | 20% | 1 of 3 required reporters with a key agree |" in first
    assert "feedback/review.html`" in first
    assert second == third
    assert "| 1 | ai | anonymous |" in second


def test_an_answer_about_no_image_is_red_and_changes_nothing(outcome):
    assert outcome["a wrong number"] == REVIEWED | {"keep": "failed"}


def test_what_a_person_leaves_is_left_and_the_pictures_are_gone(outcome, airflow_environment):
    assert outcome["left"] == REVIEWED
    assert not (Lake(f"{airflow_environment['TRUEGRAIN_HOME']}/lake").root / "feedback" / "review.html").exists()


def test_what_was_accepted_is_ingested_for_training(outcome, airflow_environment):
    lake = Lake(f"{airflow_environment['TRUEGRAIN_HOME']}/lake")
    assert outcome["reports ingested"] == GREEN
    rows = read_manifest(lake, lake.latest())
    reported = rows[rows["source"] == REPORTS]
    assert set(lake.read_images(reported)) == {AGREED, ASKED}
    assert set(reported["split"]) == {"train"}


def test_the_demonstration_makes_way_for_the_sources_that_a_file_declares(outcome, airflow_environment):
    lake = Lake(f"{airflow_environment['TRUEGRAIN_HOME']}/lake")
    assert outcome["reports ingested"] == GREEN
    assert "synthetic" in set(lake.facts()["source"])
    assert set(read_manifest(lake, lake.latest())["source"]) == {"drawn", REPORTS}


def test_a_person_is_asked_about_random_predictions_and_the_labels_are_kept(outcome):
    assert outcome["an audit"] == dict.fromkeys(["draw", "ask", "keep"], "success")
    assert "These are 30 predictions that were drawn at random." in outcome["asked"][6]
    assert outcome["asked"][6].count("| shop |") == 30
