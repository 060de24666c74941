"""What a scrape says, for tests that read metrics back."""

from prometheus_client.parser import text_string_to_metric_families


def read_metric(scrape: str, name: str, **labels: str) -> float:
    """The sum of the series of `name` that carry `labels`; fails when there is none."""
    found = [
        sample.value
        for family in text_string_to_metric_families(scrape)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert found, f"nothing exports {name} {labels}"
    return sum(found)
