"""Publishing: the last step of an ingestion, and what it announces."""

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import JsonValue

from truegrain_airflow.assets import read_drift
from truegrain_airflow.environment import open_lake


def publish_version(version: str) -> dict[str, JsonValue]:
    """Publish a dataset version; returns the `extra` of DATASET's event, with the drift that made it happen, if any.

    Raises AirflowSkipException when it was published before.
    """
    from model.dataset.ingest import publish

    if not publish(open_lake(), version):
        raise AirflowSkipException(f"dataset version {version} was published before: nothing new came in")
    return {"dataset_version": version, **read_drift(get_current_context()["triggering_asset_events"])}
