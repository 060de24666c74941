"""Makes the gauges that Truegrain's processes export."""

from typing import Literal

from prometheus_client import CollectorRegistry, Gauge

Mode = Literal["livemax", "livemin", "livesum", "mostrecent"]


def make_gauge(registry: CollectorRegistry, name: str, meaning: str, *labels: str, mode: Mode = "mostrecent") -> Gauge:
    """Make a gauge `truegrain_<name>`; `mode` says how a scrape combines the values of several processes.

    "mostrecent" is for facts that one process finds out for all. The value set last counts, even if its process died.
    """
    return Gauge(f"truegrain_{name}", meaning, labels, registry=registry, multiprocess_mode=mode)
