"""What a scrape says, for tests that read metrics back."""

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def read_metric(scrape: str, name: str, **labels: str) -> float:
    """The sum of the series of `name` that carry `labels`; fails when there is none."""
    found = read_series(scrape, name, **labels)
    assert found, f"nothing exports {name} {labels}"
    return sum(sample.value for sample in found)


def read_series(scrape: str, name: str, **labels: str) -> list[Sample]:
    """The series of `name` that carry `labels`."""
    return [
        sample
        for family in text_string_to_metric_families(scrape)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
