"""What is found of a generator that the detector was not trained on."""

from collections.abc import Iterator

from figures.results import Figure
from figures.stack import running, train
from model.forecasting import plan_forecast, publish_forecast


def unseen_generators() -> Iterator[Figure]:
    """Run the loop on the built-in images, then train once without each family of generators, as the DAG does."""
    with running() as stack:
        planned = plan_forecast(stack.settings)
        without = ((left_out, {"leave_out": left_out.generator}) for left_out in planned)
        trained = [(train(stack.settings, each.dataset_version, choice), each) for each, choice in without]
        recall = publish_forecast(stack.settings, trained).recall
    yield Figure("detector.unseen_generator_recall", round(100 * recall.value, 1), "%", "make bench-full")
