"""The main job of `make up`, with a real lake and a real registry, and a fake Airflow."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from model.evaluation.gate.rule import Rule
from model.settings import Settings
from model.sources.synthetic import Order, draw_images
from support.learning import Learning
from support.small_images import many
from truegrain_local.airflow_api import AirflowApi, Task
from truegrain_local.errors import LaunchError
from truegrain_local.first_run import INGEST, RETRAIN, run_loop
from truegrain_local.progress import Progress

F1 = Rule("f1", 0.71, 0.8, passed=False, detail="71.00 %, at least 80.00 % is required")


@dataclass
class PlayedAirflow(AirflowApi):
    """A fake Airflow that ends every run at once. `does` holds the work of each DAG, which returns task states."""

    does: Mapping[str, Callable[[], str]]
    asked: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    def trigger(self, dag: str, conf: Mapping[str, object]) -> str:
        self.asked.append((dag, dict(conf)))
        return self._run(dag)

    def runs(self, dag: str) -> list[str]:
        return [run for run in reversed(self.states) if run.startswith(dag)]

    def state(self, dag: str, run: str) -> str:  # noqa: ARG002
        return "success"

    def tasks(self, dag: str, run: str) -> list[Task]:
        return [Task("publish" if dag == INGEST else "promote", self.states[run], 1, 1.0)]

    def _run(self, dag: str) -> str:
        run = f"{dag} {len(self.states)}"
        self.states[run] = self.does[dag]()
        if dag == INGEST and self.states[run] == "success":
            self._run(RETRAIN)  # as the scheduler does after the event of a dataset
        return run


def named(learning: Learning) -> Settings:
    return Settings.from_environment(learning.settings.to_environment() | {"TRUEGRAIN_SOURCE": "/photographs"})


def publishing(learning: Learning, start: int = 0) -> Callable[[], str]:
    def ingest() -> str:
        learning.publish(many(10, start=start))
        return "success"

    return ingest


def training(learning: Learning, failed: Rule | None = None) -> Callable[[], str]:
    def train() -> str:
        version = learning.register(str(learning.lake.latest()), failed=failed)
        if failed is None:
            learning.promote(version)
        return "skipped" if failed else "success"

    return train


def test_a_source_that_was_named_is_ingested_and_what_it_made_is_in_production(learning: Learning) -> None:
    airflow = PlayedAirflow({INGEST: publishing(learning), RETRAIN: training(learning)})
    shown = io.StringIO()
    result = run_loop(airflow, named(learning), Progress(shown))
    assert airflow.asked == [(INGEST, {"source": "/photographs"})]
    assert (result.production.version, result.refusal) == ("1", None)
    assert "version 1 is in production, its accuracy on test images was 0.9" in shown.getvalue()
    assert "10 images of 'made'" in shown.getvalue()


def test_where_no_source_was_named_airflow_ingests_its_own_and_nobody_asks_for_the_built_in_one(
    learning: Learning,
) -> None:
    airflow = PlayedAirflow({INGEST: publishing(learning), RETRAIN: training(learning)})
    unnamed = learning.settings.model_copy()
    assert "source" not in unnamed.model_fields_set
    run_loop(airflow, unnamed, Progress(io.StringIO()))
    assert airflow.asked == [(INGEST, {})]


def test_a_refusal_is_returned_beside_what_is_in_production_instead(learning: Learning) -> None:
    learning.promote(learning.register(learning.publish(draw_images(Order(images=12, size=32)))))
    airflow = PlayedAirflow({INGEST: publishing(learning), RETRAIN: training(learning, F1)})
    result = run_loop(airflow, named(learning), Progress(io.StringIO()))
    assert result.production.version == "1"
    assert result.refusal is not None
    assert (result.refusal.refused.version, result.refusal.rules) == ("2", (F1,))


def test_a_refusal_is_told_again_when_nothing_new_came_in(learning: Learning) -> None:
    learning.promote(learning.register(learning.publish(draw_images(Order(images=12, size=32)))))
    learning.register(learning.publish(many(10)), failed=F1)
    shown = io.StringIO()
    airflow = PlayedAirflow({INGEST: lambda: "skipped"})
    result = run_loop(airflow, named(learning), Progress(shown))
    assert "no new images, so nothing to train on" in shown.getvalue()
    assert result.refusal is not None
    assert result.refusal.rules == (F1,)


def test_without_any_detector_in_production_the_error_says_what_the_gate_said(learning: Learning) -> None:
    airflow = PlayedAirflow({INGEST: publishing(learning), RETRAIN: training(learning, F1)})
    with pytest.raises(LaunchError, match=r"(?s)no detector was promoted.*FAILED  f1: 71.00 %, at least 80.00 %"):
        run_loop(airflow, named(learning), Progress(io.StringIO()))


def test_nothing_is_trained_twice_for_want_of_a_detector_alone(learning: Learning) -> None:
    learning.publish(many(10))
    airflow = PlayedAirflow({INGEST: lambda: "skipped", RETRAIN: training(learning)})
    run_loop(airflow, named(learning), Progress(io.StringIO()))
    assert [dag for dag, _ in airflow.asked] == [INGEST, RETRAIN]
