"""The page of metrics."""

from prometheus_client import CollectorRegistry

from service.metrics.drift import DriftMetrics
from service.metrics.pipeline import PipelineMetrics
from service.metrics.service import Metrics
from truegrain_docs.markdown import code, page, table


def metrics() -> str:
    """Return each metric that Truegrain exports, with its type and its meaning."""
    parts = (
        ("The service", Metrics().registry),
        ("Drift, measured by the monitor", DriftMetrics().registry),
        ("The pipeline, seen by the follower", PipelineMetrics().registry),
    )
    return page(
        "Metrics",
        "`GET /metrics` adds up the metrics of all processes of the service. The exporter of Flask adds `flask_*`."
        " MLflow has a page of its own, and Airflow sends its metrics by StatsD.",
        *(f"## {title}\n\n{_table(registry)}" for title, registry in parts),
    )


def _table(registry: CollectorRegistry) -> str:
    families = sorted(registry.collect(), key=lambda family: family.name)
    return table(
        ("metric", "type", "meaning"),
        (
            (
                code(f"{family.name}_total" if family.type == "counter" else family.name),
                family.type,
                family.documentation,
            )
            for family in families
        ),
    )
