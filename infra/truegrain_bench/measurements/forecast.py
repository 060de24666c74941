"""Measures the recall on generators that the detector was not trained on."""

from collections.abc import Iterator

from model.dataset.lake import Lake
from model.registry import connect
from model.retraining.forecast_steps import plan_forecast, publish_forecast
from truegrain_bench.results.results import Figure
from truegrain_rig.stack import running, train


def unseen_generators() -> Iterator[Figure]:
    """Run the loop on the built-in images, then train once without each family of generators, as the DAG does it."""
    with running() as stack:
        registry, lake = connect(stack.settings), Lake(stack.settings.lake_url)
        planned = plan_forecast(registry, lake)
        without = ((left_out, {"leave_out": left_out.generator}) for left_out in planned)
        trained = [(train(stack.settings, each.dataset_version, choice), each) for each, choice in without]
        recall = publish_forecast(registry, lake, trained).recall
    yield Figure("detector.unseen_generator_recall", round(100 * recall.value, 1), "%", "make bench-full")
