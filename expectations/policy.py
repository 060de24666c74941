"""How strict the rules for a dataset version and for predictions are, and what breaking one means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from great_expectations.expectations.metadata_types import FailureSeverity

CRITICAL = FailureSeverity.CRITICAL
"""What breaks the rule is refused: the row, when the rule is about rows and gives a `reason`, else the version."""
WARNING = FailureSeverity.WARNING
"""Breaking the rule refuses nothing; it is logged, and stands in validation.json and the docs."""


def telling(found: str) -> dict[str, str]:
    """Return the meta of a rule that says `found` when it is broken, with `{observed}` for what it saw."""
    return {"found": found}


def refusing(reason: str) -> dict[str, str]:
    """Return the meta of a rule that refuses the rows which break it, for that reason."""
    return {"reason": reason} | telling(f"{reason}: {{observed}}")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How strict the rules are.

    Sides are in pixels; `min_images` is by split and holds for each class in it; `min_class_ratio` is images of the
    rarer class over images of the other; `max_undecodable` and `usual_unplain` are shares of all images; `usual_auc`
    and `max_auc` bound how well a fact other than the picture may tell the label; `usual_change` is the share of the
    mix that changes from one version to the next. Of predictions, `usual_unlikely` is the share that is decided against
    the likelier class, as a caller may ask, and `usual_undescribed` that of rows as an earlier version wrote them. What
    is `usual` warns when it is exceeded.
    """

    min_side: int = 16
    max_side: int = 20_000
    min_images: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"train": 10, "val": 5, "test": 5}))
    min_class_ratio: float = 0.5
    max_undecodable: float = 0.05
    usual_unplain: float = 0.05
    usual_auc: float = 0.75
    max_auc: float = 0.9
    usual_change: float = 0.2
    usual_unlikely: float = 0.05
    usual_unsure: float = 0.5
    usual_undescribed: float = 0.05
