"""A registry of metrics in which counters can be looked up by name, also those that the exporter made."""

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.registry import Collector


class Registry(CollectorRegistry):
    """prometheus_client's registry; `counters` maps the name of each counter, without `_total`, to the counter."""

    def __init__(self) -> None:
        super().__init__()
        self.counters: dict[str, Counter] = {}

    def register(self, collector: Collector) -> None:
        """Add a metric; raises ValueError if another metric has its name."""
        super().register(collector)
        if isinstance(collector, Counter):
            self.counters |= {metric.name: collector for metric in collector.describe()}
