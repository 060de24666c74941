"""Evaluation reports made by hand, good in every respect by default."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from model.estimate import Estimate
from model.evaluation.report import Degraded, Latency, Predictions, Report
from model.metrics import proportion


def exactly(value: float) -> Estimate:
    return Estimate(value, value, value)


def make_report(
    rights: Sequence[bool],
    *,
    name: str = "challenger",
    groups: Mapping[str, Sequence[str | None]] | None = None,
    degraded: Mapping[str, float] | None = None,
    overall: Mapping[str, Estimate] | None = None,
    **changes: object,
) -> Report:
    """Return a report with an image for each of `rights`, every second AI; `degraded` is accuracy by degradation."""
    rows = len(rights)
    labels = tuple(number % 2 for number in range(rows))
    accuracy = proportion(sum(rights), rows)
    good = {key: exactly(0.99) for key in ("f1", "auroc", "tpr", "answered")}
    bad = {key: exactly(0.0) for key in ("fpr", "ece", "answered_error")}
    columns = {"generator": ("glow",) * rows} if groups is None else {k: tuple(v) for k, v in groups.items()}
    report = Report(
        dataset_version="v1",
        split="test",
        rows=rows,
        onnx_sha256=name,
        threshold=0.5,
        overall={"accuracy": accuracy} | good | bad | dict(overall or {}),
        slices=(),
        latency=Latency(10.0, 12.0),
        size_bytes=10_000_000,
        predictions=Predictions(
            sha256=tuple(f"image{number}" for number in range(rows)),
            label=labels,
            probability=tuple(
                0.99 if bool(label) == right else 0.01 for label, right in zip(labels, rights, strict=True)
            ),
            groups=columns,
        ),
        robustness=tuple(
            Degraded(kind, rows, proportion(round(share * rows), rows), exactly(0.9), exactly(0.1))
            for kind, share in (degraded or {"jpeg-50": 0.9}).items()
        ),
        stable=exactly(0.95),
    )
    return replace(report, **changes)  # type: ignore[arg-type]


def right_but(wrong: int, *, of: int, first: int = 0) -> list[bool]:
    """Return rights that are all true except `wrong` images from the image number `first` on."""
    return [not first <= number < first + wrong for number in range(of)]
