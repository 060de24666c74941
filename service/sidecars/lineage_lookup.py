"""Looks up how a version came about: its DAG run, the gate's decision, the validation of its dataset version."""

import json
from typing import Final, Protocol

import structlog

from model.dataset.lake import Lake
from model.dataset.validation import read_validation
from model.registry import ModelVersion
from model.registry import version_tags as tags
from model.registry.run_files import DECISION
from service.status.lineage import Lineage, Validation

MOST_BYTES: Final = 1_000_000
"""Largest size of the gate's decision, which has a line for each rule."""

log = structlog.get_logger(__name__)


class RunFiles(Protocol):
    """What the lookup needs of the registry."""

    def read_file(self, run_id: str, artifact_file: str, *, most_bytes: int) -> bytes | None:
        """Return a file that was logged to a run, None without one; raises RegistryError for a larger file."""


def look_up_lineage(version: ModelVersion, runs: RunFiles, *, lake: str, dataset_version: str) -> Lineage:
    """Return the lineage of `version` from the registry, its run and the lake (a folder or URL).

    Raises RegistryError when the registry does not answer or the gate's decision is too large, ValueError when the
    decision cannot be understood.
    """
    decision = runs.read_file(version.run_id, DECISION, most_bytes=MOST_BYTES)
    rules = json.loads(decision)["rules"] if decision else []
    return Lineage(
        dag_run_id=version.tags.get(tags.DAG_RUN_ID),
        gate=version.tags.get(tags.GATE),
        gate_reason=version.tags.get(tags.GATE_REASON),
        gate_champion=version.tags.get(tags.GATE_CHAMPION),
        promotion_reason=version.tags.get(tags.PROMOTION_REASON),
        promoted_at=version.tags.get(tags.PROMOTED_AT),  # type: ignore[arg-type]  # pydantic reads the time
        gate_lines=rules,
        validation=_validation(lake, dataset_version),
    )


def _validation(lake: str, dataset_version: str) -> Validation | None:
    try:
        found = read_validation(Lake(lake), dataset_version)
    except Exception as error:  # a file system may raise anything; the service works without the lake
        log.info("validation out of reach", dataset_version=dataset_version, cause=str(error))
        return None
    if found is None:
        return None
    return Validation(
        success=found.success, accepted=found.accepted, refused=found.refused, warnings=list(found.warnings)
    )
