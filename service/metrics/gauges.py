"""Makes the gauges that Truegrain's processes export."""

from typing import Literal

from prometheus_client import CollectorRegistry, Gauge

Mode = Literal["livemax", "livemin", "livesum", "mostrecent"]


def make_gauge(registry: CollectorRegistry, name: str, meaning: str, *labels: str, mode: Mode = "mostrecent") -> Gauge:
    """Make a gauge `truegrain_<name>`; `mode` says what a scrape makes of the values of several processes.

    "mostrecent", for what one process finds out for all: the value set last counts, also after the death of who set it.
    """
    return Gauge(f"truegrain_{name}", meaning, labels, registry=registry, multiprocess_mode=mode)
