"""The verdict that POST /predict answers with, field by field, and an example of one."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from model.estimate import Estimate
from model.images.notes import Note
from model.images.provenance.findings import Finding

Decision = Literal["real", "ai", "unsure"]
FileSays = Literal["ai", "partly_ai", "real"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelReference(_Answer):
    """The version of the detector that answered."""

    name: str = Field(description="Registered model")
    version: str = Field(description="Version in the registry")
    sha256: str = Field(description="SHA-256 of model.onnx")
    dataset_version: str = Field(description="Dataset version it was trained on")
    demonstration: bool = Field(
        default=False, description="Whether it was trained on drawn pictures only: then it knows no photograph"
    )
    trained_on: str = Field(default="", description="What it was trained on, in words; empty: its card does not say")


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
        description="What to act on: the label; 'unsure' in the detector's band of doubt, with a stability below 1,"
        " or by a note that says so"
    )
    confidence: float = Field(ge=0, le=1, description="Probability of the label")
    predictive_value: Estimate | None = Field(
        default=None,
        description="Probability of the label where as many images are AI as the monitor estimates of recent traffic;"
        " the interval is that of the estimate. null: the share is not known, or the detector cannot judge the image",
    )
    threshold: float = Field(description="The label is 'ai' at this probability or above")
    operating_point: str | None = Field(description="The false-positive rate asked for as max_fpr; null: none")
    stability: float | None = Field(
        description="Share of four copies (JPEG 75 and 50, half size, crop) with the same label; null: not examined"
    )
    in_domain: bool | None = Field(
        description="Whether the image resembles those that the detector was trained on; null: the detector cannot tell"
    )
    domain_distance: float | None = Field(
        description="How far the image is from those that the detector was trained on; above 1 it is out of the domain"
    )
    notes: list[Note] = Field(description="What limits the verdict or makes it doubtful")
    file_says: FileSays | None = Field(
        description="What the file itself says of its origin, by the strongest finding of `evidence`; null: nothing"
        " strong, which proves nothing. AI counts from any generator's entry, real only from a signer on the trust list"
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
    predictive_value=Estimate(0.9617, 0.9551, 0.9675),
    threshold=0.5,
    operating_point=None,
    stability=None,
    in_domain=True,
    domain_distance=0.41,
    notes=[
        Note(
            code="centre_only", detail="The detector saw 56 % of the picture, the square in its middle.", unsure=False
        ),
    ],
    file_says=None,
    evidence=[
        Finding(
            source="camera",
            says="real",
            trust="unsigned",
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
        trained_on="6,120 real and 5,750 AI-generated images, by flux, sdxl; JPEG, PNG, 256 to 2,048 px a side",
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
