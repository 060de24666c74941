"""The Report of an evaluation, which the gate judges, pages show and MLflow stores."""

from dataclasses import dataclass, field
from typing import ClassVar, Final

from model.estimate import Estimate
from model.record import Named, Record, Sequenced

_MEGABYTE: Final = 1e6


@dataclass(frozen=True)
class Slice:
    """The accuracy on the `rows` images whose `column` (generator, source, format or size) has the value `value`."""

    column: str
    value: str
    rows: int
    accuracy: Estimate


@dataclass(frozen=True)
class Degraded:
    """The results on `rows` images after one degradation, such as "jpeg-50".

    `flipped` is the share of images whose label (side of the threshold) the degradation changed.
    """

    name: str
    rows: int
    accuracy: Estimate
    auroc: Estimate
    flipped: Estimate


@dataclass(frozen=True)
class OperatingPoint:
    """The rates on these images at `threshold`, which was chosen on validation images.

    `rate` is the false-positive rate that `threshold` was chosen for.
    """

    rate: float
    threshold: float
    fpr: Estimate
    tpr: Estimate


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the bytes of one image to its score, one image at a time, on the machine that evaluated."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Predictions:
    """Parallel columns with one entry an image: hash, label (index in CLASSES), probability of AI, and groups.

    `groups` holds a column for each that reports are sliced by; None: the image is in no group of the column.
    """

    sha256: Sequenced[str]
    label: Sequenced[int]
    probability: Sequenced[float]
    groups: Named[Sequenced[str | None]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Report(Record):
    """The results of the detector with the graph `onnx_sha256` on the images of one split, at its own threshold.

    `overall` holds accuracy, f1, auroc, ece, fpr, tpr, `answered` (the share outside the conformal band) and
    `answered_error` (the share of answers that are wrong). `stable` is the share of images whose verdict stays the same
    after every degradation in RESHIPPED. `size_bytes` is the size of the graph. `predictions` lets two reports be
    compared image by image.
    """

    kind: ClassVar = "evaluation report"
    most_bytes: ClassVar = 100_000_000
    """Its predictions take 150 bytes an image."""

    dataset_version: str
    split: str
    rows: int
    onnx_sha256: str
    threshold: float
    overall: Named[Estimate]
    slices: Sequenced[Slice]
    latency: Latency
    size_bytes: int
    predictions: Predictions
    operating_points: Sequenced[OperatingPoint] = ()
    robustness: Sequenced[Degraded] = ()
    stable: Estimate | None = None

    @property
    def megabytes(self) -> float:
        """Size of the graph in MB."""
        return self.size_bytes / _MEGABYTE

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability of AI by the sha256 of the image."""
        return dict(zip(self.predictions.sha256, self.predictions.probability, strict=True))

    @property
    def correct(self) -> dict[str, bool]:
        """Whether the detector was right, by the sha256 of the image."""
        columns = zip(self.predictions.sha256, self.predictions.label, self.predictions.probability, strict=True)
        return {sha256: (probability >= self.threshold) == bool(label) for sha256, label, probability in columns}
