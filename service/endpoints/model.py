"""GET /model: the detector in service, what is known about it, and how it came about."""

from datetime import UTC, datetime
from typing import Final

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from model.detectors.domain import Domain
from model.detectors.training_data import TrainingData
from model.evaluation.gate.rule import Rule
from service.answers.problems import answers
from service.answers.verdict import EXAMPLE_VERDICT
from service.context import context
from service.status.lineage import Lineage, Validation, read_lineage
from service.status.pointer import pointer_path

blueprint = APIBlueprint("model_info", __name__)


class ModelInfo(BaseModel):
    """The version in service, with the decisions and measurements of its card."""

    name: str = Field(description="Registered model")
    version: str = Field(description="Version in the registry")
    run_id: str = Field(description="MLflow run that made it")
    sha256: str = Field(description="SHA-256 of model.onnx")
    dataset_version: str = Field(description="Dataset version it was trained on")
    git_revision: str = Field(description="Revision of the code that made it")
    input_size: int = Field(description="Side of the square the detector looks at, in pixels")
    threshold: float = Field(description="The label is 'ai' at this probability or above")
    band: tuple[float, float] = Field(description="Probabilities between these are 'unsure'")
    alpha: float = Field(
        description="At most this share of each class is decided wrongly outside the band, with 95 % confidence, among"
        " images like those of the calibration; cards of earlier releases promise an average"
    )
    operating_points: dict[str, float] = Field(
        description="Threshold for each false-positive rate; a rate that too few real images could calibrate is missing"
    )
    operating_bounds: dict[str, float] = Field(
        description="The real false-positive rate at each operating point is at most this, with 95 % confidence, among"
        " images like those of the calibration; empty: its card does not say"
    )
    calibrated_on: dict[str, int] = Field(
        description="Validation images that threshold, operating points and band come from, by class; empty: unknown"
    )
    metrics: dict[str, object] = Field(description="What was measured when the version was made")
    trained_on: TrainingData | None = Field(description="The images of its training; null: its card does not say")
    domain: Domain | None = Field(description="Largest distance of an image in its domain; null: it cannot tell")
    loaded_at: datetime = Field(description="When this worker took it into service")
    lineage: Lineage | None = Field(description="How the version came about; null: not written down yet")


_PUBLISHED: Final = datetime(2026, 11, 16, 4, 10, 2, tzinfo=UTC)
EXAMPLE: Final = ModelInfo(
    **EXAMPLE_VERDICT.model.model_dump(exclude={"demonstration", "trained_on"}),
    run_id="4f1d8a2c9b3e4d5f8a7b6c5d4e3f2a1b",
    git_revision="1c38f59c2d0f4f0fb3a2e4f1f9a3f6f2d7a2b9c4",
    input_size=64,
    threshold=EXAMPLE_VERDICT.threshold,
    band=(0.41, 0.63),
    alpha=0.02,
    operating_points={"0.01": 0.88, "0.05": 0.66},
    operating_bounds={"0.01": 0.0161, "0.05": 0.0644},
    calibrated_on={"real": 640, "ai": 610},
    metrics={"accuracy": 0.977},
    trained_on=TrainingData(
        real=6120,
        ai=5750,
        sources={"marketplace": 11870},
        generators={"flux": 3900, "sdxl": 1850},
        formats={"JPEG": 10870, "PNG": 1000},
        shorter=(256, 1080),
        longer=(256, 2048),
        demonstration=False,
    ),
    domain=Domain(limit=1.71, share=0.01),
    loaded_at=_PUBLISHED,
    lineage=Lineage(
        dag_run_id="asset_triggered__2026-11-16T02:31:00+00:00",
        gate="passed",
        gate_reason="all 31 rules passed",
        gate_champion="6",
        gate_lines=[Rule("accuracy", 0.977, 0.85, passed=True, detail="97.70 %, at least 85.00 %")],
        promotion_reason="gate",
        promoted_at=_PUBLISHED,
        validation=Validation(success=True, accepted=11870, refused=14, warnings=[]),
    ),
)
"""A version as the documentation shows it."""


@blueprint.get("/model")
@blueprint.doc(responses=answers("not_ready"))
@blueprint.output(ModelInfo, description="The detector in service", example=EXAMPLE.model_dump(mode="json"))
def model() -> ModelInfo:
    """Describe the detector in service.

    The answer has the detector's card and its lineage: its DAG run, its data, their validation, and every rule of the
    gate.
    """
    shared = context()
    served = shared.require_model()
    card = served.detector.card
    return ModelInfo(
        name=served.version.name,
        version=served.version.version,
        run_id=served.version.run_id,
        sha256=card.onnx_sha256,
        dataset_version=card.dataset_version,
        git_revision=card.git_revision,
        input_size=served.detector.preprocess.size,
        threshold=card.threshold,
        band=card.band,
        alpha=card.alpha,
        operating_points=dict(card.operating_points),
        operating_bounds=dict(card.operating_bounds),
        calibrated_on=dict(card.calibrated_on),
        metrics=dict(card.metrics),
        trained_on=card.trained_on,
        domain=card.domain,
        loaded_at=datetime.fromtimestamp(served.loaded_at, UTC),
        lineage=read_lineage(pointer_path(shared.home).parent / served.version.folder),
    )
