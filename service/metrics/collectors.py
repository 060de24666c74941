"""The registry of a worker's metrics, in which a counter can be looked up, also one that the exporter made."""

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.registry import Collector


class Registry(CollectorRegistry):
    """prometheus_client's registry; `counters` has every counter in it by its name, without `_total`."""

    def __init__(self) -> None:
        super().__init__()
        self.counters: dict[str, Counter] = {}

    def register(self, collector: Collector) -> None:
        """Add a metric; raises ValueError if there is another one of its name."""
        super().register(collector)
        if isinstance(collector, Counter):
            self.counters |= {metric.name: collector for metric in collector.describe()}
