"""Trained runs for tests of decisions: a real registry, tiny artifacts and hand-written reports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.dataset.lake import Lake
from model.detectors import artifact
from model.evaluation.gate.decision import Decision
from model.evaluation.gate.policy import read_policy
from model.evaluation.report import Report
from model.registry import FULL, INT8, Registry
from model.retraining.steps import decide_run


@dataclass(frozen=True)
class Trainer:
    """Makes runs that hold a tiny artifact of some bias, and the reports that an evaluation would have left."""

    registry: Registry
    lake: Lake
    write: Callable[..., Path]
    dataset_version: str = "20260105-0123456789ab"

    def train(self, bias: float, *, int8: float | None = None) -> str:
        with self.registry.run("train", params={}) as run:
            for variant, its_bias in ((FULL, bias), (INT8, int8)):
                if its_bias is not None:
                    folder = self.write(its_bias, dataset_version=self.dataset_version)
                    run.log_artifact(folder, variant=variant)
        return run.id

    def report(self, run_id: str, tmp_path: Path, reports: Mapping[str, Report]) -> None:
        for name, report in reports.items():
            (tmp_path / "reports").mkdir(exist_ok=True)
            (tmp_path / "reports" / name).write_text(report.to_json())
        with self.registry.run("evaluate", params={}, run_id=run_id) as run:
            run.log_folder(tmp_path / "reports")

    def hash_of(self, bias: float) -> str:
        return artifact.read(self.write(bias)).onnx_sha256

    def decide(self, run_id: str, **changes: Any) -> Decision:
        return decide_run(self.registry, self.lake, run_id, **{"policy": read_policy()} | changes)
