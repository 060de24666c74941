"""`make up` explains why a detector was not promoted, what serves instead, and what to do next."""

from dataclasses import replace
from pathlib import Path

from model.evaluation.gate.rule import Rule
from model.registry.promotion import rollback
from model.sources.synthetic import Order, draw_images
from support.learning import Learning
from support.small_images import many
from truegrain_local.refusal import Refusal, Trained, explain_refusal, find_refusal

DRAWN = Trained(version="1", dataset_version="20261101-aaaaaaaaaaaa", sources={}, drawn=3000)
MINE = Trained(version="2", dataset_version="20261102-bbbbbbbbbbbb", sources={"photographs": 607}, drawn=0)
ACCURACY = Rule("accuracy", 0.8387, 0.85, passed=False, detail="83.87 %, at least 85.00 % is required")
BY_GATE = Refusal(refused=MINE, rules=(ACCURACY,), report="http://mlflow/report.html", production=DRAWN)


def test_what_the_gate_refused_is_told_in_its_own_words_with_the_report() -> None:
    text = explain_refusal(BY_GATE)
    assert text.startswith("Version 2 was refused by the gate:\n")
    assert "\n  trained on dataset version 20261102-bbbbbbbbbbbb: 607 images of 'photographs'\n" in text
    assert "\n  FAILED  accuracy: 83.87 %, at least 85.00 % is required\n" in text
    assert "\n  its report is http://mlflow/report.html\n" in text


def test_it_says_that_a_detector_of_the_demonstration_knows_no_photographs() -> None:
    text = explain_refusal(BY_GATE)
    assert "\nVersion 1 is still in production:\n  trained on dataset version 20261101-aaaaaaaaaaaa" in text
    assert ": 3,000 built-in drawn images; knows nothing about photographs\n" in text


def test_it_says_which_images_of_the_users_a_detector_in_production_knows() -> None:
    known = replace(DRAWN, sources={"shoes": 1200, "faces": 40})
    text = explain_refusal(replace(BY_GATE, production=known))
    assert "1,200 images of 'shoes', 40 images of 'faces', 3,000 built-in drawn images" in text
    assert "knows nothing" not in text


def test_where_nothing_is_known_of_the_images_it_says_so() -> None:
    unknown = Trained(version="1", dataset_version=None, sources={}, drawn=0)
    assert "trained on unknown images" in explain_refusal(replace(BY_GATE, production=unknown))


def test_where_nothing_is_in_production_there_are_no_verdicts() -> None:
    assert "Nothing is in production, so the service gives no verdicts." in explain_refusal(
        replace(BY_GATE, production=None)
    )


def test_after_the_gate_more_images_another_recipe_or_other_limits_are_the_next_step() -> None:
    text = explain_refusal(BY_GATE)
    for way in ("make up SOURCE=", "`recipe`", "training/recipes", "TRUEGRAIN_GATE_POLICY", "gate/gate.toml"):
        assert way in text


def test_what_a_person_refused_had_passed_the_gate_and_can_be_promoted_by_hand() -> None:
    text = explain_refusal(replace(BY_GATE, rules=()))
    assert "Version 2 passed the gate, but a person refused it in Airflow, or nobody answered in time:" in text
    assert "python -m model.registry promote 2 --reason" in text
    assert "TRUEGRAIN_GATE_POLICY" not in text


def test_what_the_gate_asked_a_person_about_is_told_with_its_rules_and_may_be_overridden() -> None:
    text = explain_refusal(replace(BY_GATE, asked=True))
    assert text.startswith("Version 2 has too few test images for the gate to decide, but a person refused it")
    assert "\n  FAILED  accuracy: 83.87 %" in text
    assert "python -m model.registry promote 2 --override --reason" in text


def test_lines_fit_a_terminal() -> None:
    text = explain_refusal(BY_GATE)
    assert max(map(len, text.splitlines())) <= 120


def test_a_refused_version_is_found_with_its_rules_its_images_and_its_report(learning: Learning) -> None:
    first = learning.publish(draw_images(Order(images=12, size=32)))
    learning.promote(learning.register(first))
    second = learning.publish(many(10))
    learning.register(second, failed=ACCURACY)
    refusal = find_refusal(learning.settings, trained=True)
    assert refusal is not None
    assert refusal.refused == Trained(version="2", dataset_version=second, sources={"made": 10}, drawn=0)
    assert refusal.production == Trained(version="1", dataset_version=first, sources={}, drawn=12)
    assert refusal.rules == (ACCURACY,)
    assert refusal.report.startswith(f"{learning.settings.tracking_uri}/#/experiments/")
    assert find_refusal(learning.settings, trained=False) == refusal, "it is as true on the next day"


def test_what_passed_the_gate_and_never_was_in_production_was_refused_by_a_person(learning: Learning) -> None:
    learning.promote(learning.register(learning.publish(many(10))))
    learning.register(learning.publish(many(10, start=50)))
    refusal = find_refusal(learning.settings, trained=True)
    assert refusal is not None
    assert (refusal.refused.version, refusal.rules) == ("2", ())


def test_a_first_detector_that_was_refused_leaves_nothing_in_production(learning: Learning) -> None:
    learning.register(learning.publish(many(10)), failed=ACCURACY)
    refusal = find_refusal(learning.settings, trained=True)
    assert refusal is not None
    assert refusal.production is None


def test_nothing_was_refused_where_the_newest_is_or_was_in_production_or_nothing_was_trained(
    learning: Learning,
) -> None:
    assert find_refusal(learning.settings, trained=False) is None
    learning.promote(learning.register(learning.publish(many(10))))
    newest = learning.publish(many(10, start=50))
    assert find_refusal(learning.settings, trained=False) is None
    learning.promote(learning.register(newest))
    assert find_refusal(learning.settings, trained=True) is None
    rollback(learning.registry, reason="wrong on receipts")
    assert find_refusal(learning.settings, trained=True) is None


def test_a_trial_on_images_that_production_knows_is_told_of_only_when_it_was_this_run(learning: Learning) -> None:
    newest = learning.publish(many(10))
    learning.promote(learning.register(newest))
    learning.register(newest, failed=ACCURACY)
    assert find_refusal(learning.settings, trained=False) is None
    assert find_refusal(learning.settings, trained=True) is not None


def test_a_detector_of_another_lake_is_in_production_without_known_images(learning: Learning, tmp_path: Path) -> None:
    learning.promote(learning.register(learning.publish(many(10))))
    elsewhere = replace(learning, settings=learning.settings.model_copy(update={"lake": str(tmp_path / "other")}))
    elsewhere.register(elsewhere.publish(many(10, start=50)), failed=ACCURACY)
    refusal = find_refusal(elsewhere.settings, trained=True)
    assert refusal is not None
    assert refusal.production == Trained(version="1", dataset_version=None, sources={}, drawn=0)
