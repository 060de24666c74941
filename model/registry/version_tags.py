"""The names of a version's tags, and the values that other code compares."""

from typing import Final

DATASET_VERSION: Final = "dataset_version"
GIT_SHA: Final = "git_sha"
ONNX_SHA256: Final = "onnx_sha256"
DAG_RUN_ID: Final = "dag_run_id"
"""Airflow's run that trained the version; versions trained by hand lack the tag."""
RETRAIN_REASON: Final = "retrain_reason"
"""Why the version was trained; a tag of its run, too."""
REPORT: Final = "report"
"""The file of the run that people read."""

GATE: Final = "gate"
"""What the gate said: PASSED, FAILED, ASKED or OVERRIDDEN by a person. A version that was not judged lacks the tag."""
PASSED: Final = "passed"
FAILED: Final = "failed"
ASKED: Final = "asked"
"""The images were too few for proof, so a person was asked. If the person approves, the tag becomes PASSED."""
OVERRIDDEN: Final = "overridden"
GATE_REASON: Final = "gate_reason"
GATE_CHAMPION: Final = "gate_champion"
"""The version that the gate compared this one with; NOTHING if nothing was in production."""
NOTHING: Final = "none"

PROMOTION_REASON: Final = "promotion_reason"
PROMOTED_AT: Final = "promoted_at"
ROLLBACK_REASON: Final = "rollback_reason"
ROLLED_BACK_AT: Final = "rolled_back_at"


def measured(metric: str) -> str:
    """Return the name of the tag, and of the run's metric, that holds a `metric` measured on test images."""
    return f"test_{metric}"
