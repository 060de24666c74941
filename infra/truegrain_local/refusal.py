"""Explains why a detector was not promoted, what is in production instead, and what the user can do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from model.dataset.demonstration import is_drawn
from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.errors import DatasetError, in_one_line
from model.evaluation.gate.decision import Decision
from model.evaluation.gate.rule import Rule
from model.registry import PRODUCTION, ModelVersion, connect
from model.registry import version_tags as tags
from model.registry.run_files import DECISION, PAGE
from model.registry.state import look
from model.settings import Settings

_AFTER_THE_GATE = """\
To go on, do one of these:
  1. Ingest more images: make up SOURCE=<more images of yours>
  2. Train with another recipe: trigger retrain_detector in Airflow, with its name or path as `recipe`.
     Truegrain's own recipes are in model/training/recipes.
  3. Set other limits: write the limits that differ from model/evaluation/gate/gate.toml into a file, and name the file
     in TRUEGRAIN_GATE_POLICY. Then run make down and make up, and trigger retrain_detector in Airflow."""

_AFTER_A_PERSON = """\
To go on, do one of these:
  1. Trigger retrain_detector in Airflow once more, and approve what it asks about.
  2. Promote this version: python -m model.registry promote {version}{override} --reason "<why>"
     infra/docs/train/put-back.md says more."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A version, and the images of the dataset version that it was trained on.

    `sources` counts images by source, without the built-in images, which `drawn` counts. `dataset_version` is None if
    it is unknown or not in the lake.
    """

    version: str
    dataset_version: str | None
    sources: Mapping[str, int]
    drawn: int

    def __str__(self) -> str:
        if self.dataset_version is None:
            return "trained on unknown images"
        images = [f"{number:,} images of '{source}'" for source, number in self.sources.items()]
        images += [f"{self.drawn:,} built-in drawn images"] if self.drawn else []
        missing = "" if self.sources else "; knows nothing about photographs"
        return f"trained on dataset version {self.dataset_version}: {', '.join(images)}{missing}"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A version that was not promoted, the `rules` of the gate that failed, and the address of its report.

    `rules` is empty if a person refused what had passed. `asked` says that images were too few for the gate, so that a
    person was asked, who did not approve. `production` is the version that serves instead, or None.
    """

    refused: Trained
    rules: tuple[Rule, ...]
    report: str
    production: Trained | None
    asked: bool = False


def find_refusal(settings: Settings, *, trained: bool) -> Refusal | None:
    """Return the refusal of the last detector trained on the newest images, None if it was not refused.

    `trained` says whether this run trained a detector. Otherwise an earlier refusal is returned as long as the version
    in production was trained on older images. Raises RegistryUnavailable when MLflow does not answer.
    """
    lake, registry = Lake(settings.lake_url), connect(settings)
    newest, production = lake.latest(), registry.resolve(PRODUCTION)
    if newest is None or not (trained or production is None or production.tags.get(tags.DATASET_VERSION) != newest):
        return None
    version = registry.find_trained(newest)
    if version is None or look(registry).history.has_served(version.version):
        return None
    found = registry.read_file(version.run_id, DECISION, most_bytes=Decision.most_bytes)
    rules = Decision.from_json(found).rules if found is not None else ()
    by_gate = version.tags.get(tags.GATE) in (tags.FAILED, tags.ASKED)
    root = settings.mlflow_url or settings.tracking_uri
    return Refusal(
        refused=look_up(lake, version),
        rules=tuple(rule for rule in rules if by_gate and not rule.passed),
        report=registry.page_address(version.run_id, PAGE, root=root),
        production=look_up(lake, production) if production is not None else None,
        asked=version.tags.get(tags.GATE) == tags.ASKED,
    )


def look_up(lake: Lake, version: ModelVersion) -> Trained:
    """Count the images of the dataset version that a version was trained on."""
    dataset_version = version.tags.get(tags.DATASET_VERSION, "")
    try:
        rows = read_manifest(lake, dataset_version, columns=["source", "origin"])
    except DatasetError:
        return Trained(version=version.version, dataset_version=None, sources={}, drawn=0)
    drawn = is_drawn(rows["origin"])
    counts = rows.loc[~drawn, "source"].value_counts()
    sources = {str(source): int(number) for source, number in counts.items()}
    return Trained(version=version.version, dataset_version=dataset_version, sources=sources, drawn=int(drawn.sum()))


def explain_refusal(refusal: Refusal) -> str:
    """Say which version was refused and why, what is in production instead, and what the user can do."""
    override = " --override" if refusal.asked else ""
    by_person = _AFTER_A_PERSON.format(version=refusal.refused.version, override=override)
    ways = _AFTER_THE_GATE if refusal.rules and not refusal.asked else by_person
    return "\n".join((*_tell_why(refusal), *_tell_instead(refusal.production), ways))


def _tell_why(refusal: Refusal) -> list[str]:
    by_gate = "was refused by the gate" if refusal.rules else "passed the gate"
    what = "has too few test images for the gate to decide" if refusal.asked else by_gate
    by_person = ", but a person refused it in Airflow, or nobody answered in time"
    return [
        f"Version {refusal.refused.version} {what}{by_person if refusal.asked or not refusal.rules else ''}:",
        *(f"  {_printable(rule)}" for rule in refusal.rules),
        f"  {refusal.refused}",
        f"  its report is {refusal.report}",
    ]


def _printable(rule: Rule) -> Rule:
    """Return a rule that a terminal may print; who may write to the registry may have written it."""
    return replace(rule, name=in_one_line(rule.name), detail=in_one_line(rule.detail))


def _tell_instead(production: Trained | None) -> list[str]:
    if production is None:
        return ["Nothing is in production, so the service gives no verdicts."]
    return [f"Version {production.version} is still in production:", f"  {production}"]
