"""A drill's plan separates its platform from production, and the images of its phases."""

from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pytest

from model.errors import SourceError
from model.evaluation.gate.policy import read_policy
from model.settings import Settings
from model.sources.kinds import read_source
from truegrain_drill.plan import Plan, settings_of

PLAN = Plan(newcomer="patch", images=12, ordinary=12, incident=12, reported=12, again=12, most_again=12)


@pytest.mark.parametrize("newcomer", ["dalle", "patch nearest", "x/../../..&generators=patch", "patch&seed=1"])
def test_an_unknown_generator_is_refused_with_those_there_are(newcomer: str) -> None:
    with pytest.raises(SourceError, match="known generators are checkerboard"):
        Plan(newcomer=newcomer)


def test_nothing_by_the_newcomer_is_trained_on_and_all_later_traffic_is_half_by_it() -> None:
    trained = {image.generator for image in read_source(PLAN.source)}
    assert trained == {None, *PLAN.known} == {None, "checkerboard", "nearest", "smooth"}
    assert {image.generator for image in PLAN.traffic("ordinary")} == trained
    for images in (PLAN.traffic("incident"), PLAN.traffic("again")):
        assert [image.generator for image in images] == [None, "patch"] * 6
    assert [image.generator for image in PLAN.reports()] == ["patch"] * 12


def test_no_image_is_sent_that_was_trained_on_or_sent_before() -> None:
    parts = ("ordinary", "incident", "recovery", "again")
    drawn = (read_source(PLAN.source), PLAN.reports(), *map(PLAN.traffic, parts))
    files = [image.data for images in drawn for image in islice(images, 12)]
    assert len(set(files)) == 12 * 6


def test_only_mlflow_is_shared_with_production(tmp_path: Path) -> None:
    production = Settings(
        home=tmp_path,
        lake="s3://production/lake",
        predictions="postgresql://production/predictions",
        api_keys=str(tmp_path / "keys.json"),
        lock="/shared/lock",
        tracking_uri="http://mlflow:5000",
        recipe="cifake",
    )
    own = settings_of(production, "20261121-190000-patch", port=8123)
    assert own.home == tmp_path / "drills" / "20261121-190000-patch"
    for place in (own.lake_url, own.predictions_url, str(own.api_keys_path), str(own.lock_path)):
        assert str(own.home) in place
    assert (own.model_name, own.experiment) == ("ai-image-detector-drill-20261121-190000-patch", "truegrain-drill")
    assert (own.tracking_uri, own.recipe, own.service_port) == (production.tracking_uri, "cifake", 8123)


def test_the_gate_asks_in_a_drill_what_it_always_asks_but_of_images_shipped_again_and_of_so_few(tmp_path: Path) -> None:
    asked, always = read_policy(settings_of(Settings(home=tmp_path), "drill", port=8123).gate_policy), read_policy()
    relaxed = {"min_degraded_accuracy", "min_stable", "degraded_margin", "stable_margin"}
    few = {
        "answered_margin",
        "deciding_share",
        "margin",
        "false_alarm_margin",
        "recall_margin",
        "widest_margin",
        "too_few",
    }
    given, default = (asdict(policy.alone) | asdict(policy.champion) for policy in (asked, always))
    assert {name for name in given if given[name] != default[name]} == relaxed | few
