"""`truegrain threshold`: finds the threshold that costs least for a price of false accusations and a share of AI."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from model.detectors.artifact import CARD, Card, read_card, read_reference
from model.detectors.prevalence import choose_by_cost, find_calibrated_share
from model.errors import ArtifactError, TruegrainError
from model.estimate import Estimate
from model.evaluation.costs import measure_threshold
from model.evaluation.report import Report
from model.labels import AI
from model.registry import connect
from model.registry.run_files import REPORT, REPORT_INT8
from model.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status, which is 1 after a failure, with the reason on stderr."""
    asked = _parse(arguments)
    try:
        with tempfile.TemporaryDirectory() as aside:
            folder, report = _find(asked, Path(aside))
            sys.stdout.write(_describe(asked, read_card(folder), _read_share(folder), report))
    except (TruegrainError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _find(asked: argparse.Namespace, aside: Path) -> tuple[Path, Report | None]:
    """Return the folder of the artifact, and the report on its test split if there is one."""
    report = Report.from_json(asked.report.read_bytes()) if asked.report else None
    if asked.artifact:
        return asked.artifact, report
    registry = connect(Settings.from_environment(os.environ))
    version = registry.require(asked.version)
    folder = registry.download(version.version, aside)
    graph = read_card(folder).onnx_sha256
    for name in (REPORT, REPORT_INT8) if report is None and version.run_id else ():
        content = registry.read_file(version.run_id, name, most_bytes=Report.most_bytes)
        found = Report.from_json(content) if content else None
        report = found if found and found.onnx_sha256 == graph else report
    return folder, report


def _read_share(folder: Path) -> float:
    """Return the share of AI images that the detector was calibrated for: by its card, else by its reference."""
    share = find_calibrated_share(read_card(folder).calibrated_on)
    if share is not None:
        return share
    reference = read_reference(folder)
    if reference is None or len(set(reference.label.tolist())) < 2:
        raise ArtifactError(f"{folder} does not say for which share of AI images it was calibrated: train a new one")
    return float((reference.label == AI).mean())


def _describe(asked: argparse.Namespace, card: Card, calibrated: float, report: Report | None) -> str:
    threshold = choose_by_cost(cost_ratio=asked.cost_ratio, prevalence=asked.prevalence, calibrated=calibrated)
    lines = [
        f"threshold {threshold:.6g} of `probability`",
        f"A false accusation costs {asked.cost_ratio:g} missed AI images, and {asked.prevalence:.2%} of images are AI.",
        f"The detector, {card.dataset_version}, was calibrated where {calibrated:.1%} of the images are AI.",
    ]
    if report is None:
        lines.append("There is no report of this detector, so its rates at the threshold are not known: give --report.")
    elif report.onnx_sha256 != card.onnx_sha256:
        raise TruegrainError(f"the report is on the detector {report.onnx_sha256[:12]}, not {card.onnx_sha256[:12]}")
    else:
        rates = measure_threshold(report, threshold, prevalence=asked.prevalence)
        lines.append(f"Measured on {report.rows:,} images of the split {report.split}, with 95 % intervals:")
        lines.append(f"  real images called AI  {_tell(rates.fpr)}")
        lines.append(f"  AI images called AI    {_tell(rates.tpr)}")
        if rates.predictive_value is None:
            lines.append("No image is called AI at this threshold, so no accusation can be judged.")
        else:
            lines.append(f"  right accusations      {_tell(rates.predictive_value)}")
    lines.append(
        "To use it: act on a verdict if its `probability` is at least the threshold and `in_domain` is not false."
    )
    return "".join(f"{line}\n" for line in lines)


def _tell(estimate: Estimate) -> str:
    return f"{estimate.value:.3%} ({estimate.low:.3%} to {estimate.high:.3%})"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="truegrain threshold", description="The threshold that costs least for your costs and your share of AI."
    )
    parser.add_argument(
        "--cost-ratio",
        type=float,
        required=True,
        metavar="RATIO",
        help="how many missed AI images one false accusation costs, such as 20",
    )
    parser.add_argument(
        "--prevalence", type=float, required=True, metavar="SHARE", help="share of AI images in use, such as 0.02"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--version", default="production", help="version or alias in the registry [%(default)s]")
    source.add_argument("--artifact", type=Path, metavar="FOLDER", help=f"folder of an artifact, with its {CARD}")
    parser.add_argument("--report", type=Path, metavar="JSON", help="report.json of the detector [that of its run]")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
