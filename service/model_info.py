"""GET /model: the detector in service and what is known about it."""

from datetime import UTC, datetime

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from service.context import context
from service.problems import answers

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
    threshold: float = Field(description="Probability from which on the label is 'ai'")
    band: tuple[float, float] = Field(description="Probabilities between these are 'unsure'")
    alpha: float = Field(description="Largest share of each class that is decided wrongly outside the band")
    operating_points: dict[str, float] = Field(description="Threshold for each false-positive rate")
    metrics: dict[str, object] = Field(description="What was measured when it was made")
    loaded_at: datetime = Field(description="When this worker took it into service")


@blueprint.get("/model")
@blueprint.doc(responses=answers(503))
@blueprint.output(ModelInfo, description="The detector in service")
def model() -> ModelInfo:
    """Describe the detector in service."""
    served = context().require_model()
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
        metrics=dict(card.metrics),
        loaded_at=datetime.fromtimestamp(served.loaded_at, UTC),
    )
