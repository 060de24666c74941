"""A lake and a registry in which tests create dataset versions and detectors without training."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model.dataset.lake import Lake
from model.evaluation.gate.decision import Decision
from model.evaluation.gate.rule import Rule
from model.registry import ModelVersion, Registry, connect, version_tags
from model.registry.promotion import promote
from model.registry.run_files import DECISION
from model.settings import Settings
from model.sources.labelled_image import LabelledImage
from support.small_images import publish


@dataclass(frozen=True)
class Learning:
    """The lake and the registry that `settings` name."""

    settings: Settings

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_url)

    @property
    def registry(self) -> Registry:
        return connect(self.settings)

    def publish(self, images: Iterable[LabelledImage]) -> str:
        return publish(self.lake, images)

    def register(self, dataset_version: str, *, failed: Rule | None = None) -> ModelVersion:
        """Register a detector without an artifact, with the gate's decision: passed, or the rules that failed."""
        decision = Decision(failed is None, (failed or Rule("accuracy", 0.9, 0.85, passed=True, detail="90 %"),))
        with self.registry.run("train", params={}) as run, tempfile.TemporaryDirectory() as aside:
            (Path(aside) / DECISION).write_text(decision.to_json())
            run.log_folder(Path(aside))
        tags = {
            "dataset_version": dataset_version,
            "gate": version_tags.FAILED if failed else version_tags.PASSED,
            "test_accuracy": "0.9",
        }
        return self.registry.register(run.id, tags=tags)

    def promote(self, version: ModelVersion) -> None:
        promote(self.registry, version.version, reason="gate")
