"""The verdict that POST /predict answers with, field by field, and an example of one."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from model.images.provenance.findings import Finding

Decision = Literal["real", "ai", "unsure"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelReference(_Answer):
    """The version of the detector that answered."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(description="Registered model")
    version: str = Field(description="Version in the registry")
    sha256: str = Field(description="SHA-256 of model.onnx")
    dataset_version: str = Field(description="Dataset version it was trained on")


class ImageFacts(_Answer):
    """The image as it was received."""

    sha256: str = Field(description="SHA-256 of the file's bytes")
    format: str = Field(description="Format by the file's bytes, such as JPEG; the file's name plays no part")
    width: int = Field(description="Pixels, with the EXIF orientation applied")
    height: int = Field(description="Pixels, with the EXIF orientation applied")


class Timings(_Answer):
    """Where the time went, in milliseconds."""

    decode: float = Field(description="Bytes to RGB pixels")
    preprocess: float = Field(description="RGB pixels to the detector's input")
    inference: float = Field(description="The detector itself")
    total: float = Field(description="From the last byte received to the verdict")


class Verdict(_Answer):
    """What the production detector says about one image."""

    id: str = Field(description="This verdict; feedback refers to it")
    label: Literal["real", "ai"] = Field(description="The likelier class: 'ai' from the threshold up")
    probability: float = Field(ge=0, le=1, description="Calibrated probability that the image is AI-generated")
    decision: Decision = Field(
        description="What to act on: the label, or 'unsure' in the detector's band of doubt or with a stability below 1"
    )
    confidence: float = Field(ge=0, le=1, description="Probability of the label")
    threshold: float = Field(description="The label is 'ai' at this probability or above")
    operating_point: str | None = Field(description="The false-positive rate asked for as max_fpr; null: none")
    stability: float | None = Field(
        description="Share of four copies (JPEG 75 and 50, half size, crop) with the same label; null: not examined"
    )
    evidence: list[Finding] = Field(description="Findings in the file's metadata; never part of the decision")
    conflict: bool = Field(description="Whether a finding says the opposite of the decision")
    receipt: str | None = Field(description="The verdict, signed, for POST /receipts/verify; null: not asked for")
    model: ModelReference
    image: ImageFacts
    request_id: str = Field(description="Also the X-Request-ID header; names this request in the service's log")
    timings_ms: Timings


EXAMPLE_VERDICT: Final = Verdict(
    id="0f8c1c5d3f5a4d0b8d5e2a7c9b1e6f43",
    label="ai",
    probability=0.9731,
    decision="ai",
    confidence=0.9731,
    threshold=0.5,
    operating_point=None,
    stability=None,
    evidence=[
        Finding(
            source="camera",
            says="real",
            name="Canon EOS R5",
            detail="the file's EXIF, unsigned, names the camera Canon EOS R5",
        )
    ],
    conflict=True,
    receipt=None,
    model=ModelReference(
        name="ai-image-detector",
        version="7",
        sha256="9f2c5f0a4be1d3c78e6a90b5c4d2e1f00a1b2c3d4e5f60718293a4b5c6d7e8f9",
        dataset_version="20261116-3f9a1c20b7de",
    ),
    image=ImageFacts(
        sha256="c0535e4be2b79ffd93291305436bf889314e4a3faec05ecffcbb7df31ad9e51a",
        format="JPEG",
        width=1600,
        height=1200,
    ),
    request_id="5c74bcdc869d494bae9be0a117d5cee4",
    timings_ms=Timings(decode=21.4, preprocess=2.6, inference=4.9, total=29.1),
)
"""A verdict as the documentation shows it."""
