"""Looks up how a version came about: its DAG run, the gate's decision, the validation of its dataset version."""

from dataclasses import dataclass, replace
from typing import ClassVar, Final, Protocol

import structlog

from model.dataset.lake import Lake
from model.dataset.validation import read_validation
from model.evaluation.gate.rule import Rule
from model.record import Record, Sequenced
from model.registry import ModelVersion
from model.registry import version_tags as tags
from model.registry.run_files import DECISION
from service.status.lineage import Lineage, Validation

_MOST_RULES: Final = 100
_MOST_CHARACTERS: Final = 1_000
"""Of what the registry says, so that GET /model stays small: the gate has some 30 rules, of 250 characters each."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Decision(Record):
    """What is read of a `model.evaluation.gate.decision.Decision`, whose module would bring SciPy with it."""

    kind: ClassVar = "decision of the gate"

    rules: Sequenced[Rule]


class RunFiles(Protocol):
    """What the lookup needs of the registry."""

    def read_file(self, run_id: str, artifact_file: str, *, most_bytes: int) -> bytes | None:
        """Return a file that was logged to a run, None without one; raises RegistryError for a larger file."""


def look_up_lineage(version: ModelVersion, runs: RunFiles, *, lake: str, dataset_version: str) -> Lineage:
    """Return the lineage of `version` from the registry, its run and the lake (a folder or URL).

    Texts of the registry are cut, because anyone who can write to the registry may have written them.

    Raises RegistryError if the registry does not answer, or if the run's decision is too large. Raises TruegrainError
    if the decision cannot be understood, and ValueError for a malformed time.
    """
    decision = runs.read_file(version.run_id, DECISION, most_bytes=_Decision.most_bytes)
    rules = _Decision.from_json(decision).rules if decision else ()
    told = {name: value[:_MOST_CHARACTERS] for name, value in version.tags.items()}
    return Lineage(
        dag_run_id=told.get(tags.DAG_RUN_ID),
        gate=told.get(tags.GATE),
        gate_reason=told.get(tags.GATE_REASON),
        gate_champion=told.get(tags.GATE_CHAMPION),
        promotion_reason=told.get(tags.PROMOTION_REASON),
        promoted_at=told.get(tags.PROMOTED_AT),  # type: ignore[arg-type]  # pydantic reads the time
        gate_lines=[_cut(rule) for rule in rules[:_MOST_RULES]],
        validation=_validation(lake, dataset_version),
    )


def _cut(rule: Rule) -> Rule:
    return replace(rule, name=rule.name[:_MOST_CHARACTERS], detail=rule.detail[:_MOST_CHARACTERS])


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
