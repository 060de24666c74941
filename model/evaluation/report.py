"""The Report of an evaluation, which the gate judges, pages show and MLflow stores."""

from dataclasses import dataclass, field
from typing import ClassVar, Final

from model.estimate import Estimate
from model.record import Named, Record, Sequenced

_MEGABYTE: Final = 1e6


@dataclass(frozen=True)
class Slice:
    """The accuracy on the `rows` images whose `column` has the value `value`.

    The columns are generator, source, collection, format, size and entered (the month of the ingestion).

    `out_of_domain` is the share of them that the detector takes for unlike its training images; None: not measured.
    """

    column: str
    value: str
    rows: int
    accuracy: Estimate
    out_of_domain: Estimate | None = None


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

    `rate` is the false-positive rate that `threshold` was chosen for. By the validation images the rate is at most
    `bound`, with 95 % confidence; None: the card does not say.
    """

    rate: float
    threshold: float
    fpr: Estimate
    tpr: Estimate
    bound: float | None = None


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the bytes of one image to its score, one image at a time, on the machine that evaluated."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Predictions:
    """Parallel columns with one entry an image: hash, label (index in CLASSES), probability of AI, groups and cluster.

    `groups` holds a column for each that reports are sliced by; None: the image is in no group of the column. `cluster`
    numbers the clusters of near-duplicates from 0. A report written before clusters were kept has an empty `cluster`.
    `answered` says whether the verdict is not 'unsure'; empty in an older report.
    """

    sha256: Sequenced[str]
    label: Sequenced[int]
    probability: Sequenced[float]
    groups: Named[Sequenced[str | None]] = field(default_factory=dict)
    cluster: Sequenced[int] = ()
    answered: Sequenced[bool] = ()


@dataclass(frozen=True, kw_only=True)
class Report(Record):
    """The results of the detector with the graph `onnx_sha256` on the images of one split, at its own threshold.

    `overall` holds accuracy, f1, auroc, ece, fpr, tpr, `answered` and `answered_error` (the share of answers that are
    wrong). An image outside the conformal band and in the domain is answered. Images of one cluster count as one in the
    intervals, to the degree that their results agree (see `model.metrics`). If the detector knows its domain,
    `overall` also holds `out_of_domain`, the share of images outside.

    `answered_fpr` and `answered_fnr` are the shares of the real images answered 'ai' and of the AI images answered
    'real'. The band promises that neither is above `alpha`; None: a report of an earlier release.

    `stable` is the share of images whose verdict stays the same after every degradation in RESHIPPED. `size_bytes` is
    the size of the graph. `predictions` lets two reports be compared image by image. `training` says what the detector
    was trained on.
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
    alpha: float | None = None
    training: str = ""

    @property
    def clusters(self) -> int | None:
        """Number of clusters of near-duplicates among the images; None: a report of an earlier release."""
        return len(set(self.predictions.cluster)) or None

    @property
    def megabytes(self) -> float:
        """Size of the graph in MB."""
        return self.size_bytes / _MEGABYTE

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability of AI by the sha256 of the image."""
        return dict(zip(self.predictions.sha256, self.predictions.probability, strict=True))

    @property
    def false_alarm(self) -> dict[str, bool]:
        """Whether the detector decided that a real image is AI, by the sha256 of the image; 'unsure' is no alarm."""
        given = self.predictions
        answered = given.answered or (True,) * len(given.sha256)
        columns = zip(given.sha256, given.label, given.probability, answered, strict=True)
        return {sha256: sure and not label and p >= self.threshold for sha256, label, p, sure in columns}

    @property
    def correct(self) -> dict[str, bool]:
        """Whether the detector was right, by the sha256 of the image."""
        columns = zip(self.predictions.sha256, self.predictions.label, self.predictions.probability, strict=True)
        return {sha256: (probability >= self.threshold) == bool(label) for sha256, label, probability in columns}
