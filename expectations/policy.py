"""Sets the limits of the rules for dataset versions and predictions, and the severity of breaking a rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from great_expectations.expectations.metadata_types import FailureSeverity

from model.dataset.shortcuts import MOST_AUC, USUAL_AUC
from model.images.quality import LEAST_SIDE, MOST_SIDE

CRITICAL = FailureSeverity.CRITICAL
"""Breaking the rule refuses something.

A rule about rows with a `reason` refuses the rows that break it. Any other rule refuses the whole table."""
WARNING = FailureSeverity.WARNING
"""Breaking the rule refuses nothing. The warning is in the log, in validation.json and on the page."""


def telling(found: str) -> dict[str, str]:
    """Return the meta of a rule with the message `found`.

    In the message `{observed}` stands for the observed value, and `{examples}` for the most frequent values of the rows
    that break the rule.
    """
    return {"found": found}


def refusing(reason: str) -> dict[str, str]:
    """Return the meta of a rule that refuses each row that breaks it, for `reason`."""
    return {"reason": reason} | telling(f"{reason}: {{observed}}")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The limits of the rules. Exceeding a limit named `usual_…` only warns; breaking any other limit refuses.

    - `min_side`, `max_side`: allowed width and height of an image, in pixels.
    - `min_images`: fewest images of each class in each split.
    - `min_class_ratio`: fewest images of the rarer class, as a share of the other class.
    - `max_undecodable`: largest share of images that cannot be decoded.
    - `usual_unplain`: largest usual share of images with transparency or a palette.
    - `usual_auc`, `max_auc`: largest AUC with which a fact other than the picture may tell the label.
    - `usual_change`: largest usual share of the mix that changes from one version to the next.
    - `usual_unlikely`: largest usual share of predictions decided against the likelier class; a caller's threshold
      can cause such decisions.
    - `usual_unsure`: largest usual share of predictions decided as 'unsure'.
    - `usual_undescribed`: largest usual share of predictions without facts about their file; an earlier version of
      the prediction log had none.
    """

    min_side: int = LEAST_SIDE
    max_side: int = MOST_SIDE
    min_images: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"train": 10, "val": 5, "test": 5}))
    min_class_ratio: float = 0.5
    max_undecodable: float = 0.05
    usual_unplain: float = 0.05
    usual_auc: float = USUAL_AUC
    max_auc: float = MOST_AUC
    usual_change: float = 0.2
    usual_unlikely: float = 0.05
    usual_unsure: float = 0.5
    usual_undescribed: float = 0.05
