"""The fixed words for drift: states, causes of unknown drift, attributions, and the names of signals."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from model.estimate import Estimate

State = Literal["ok", "drifting", "unknown"]

Cause = Literal["no_model", "no_reference", "other_reference", "too_few", "log_unavailable", "clock", "failed"]
"""Why drift is unknown, in the order of the names:

1. Nothing is in service.
2. The detector in service brings no reference.
3. The detector in service brings the reference of another detector.
4. There are too few predictions.
5. The prediction log cannot be read.
6. A clock was moved, or predictions are dated in the future.
7. The monitor itself failed.
"""

Attribution = Literal["none", "container", "content", "balance", "new_generator"]
"""Why traffic has drifted: no drift, other files, other content, another share of AI images, a new generator."""

MEAN_PROBABILITY: Final = "mean_probability"
LOW_CONFIDENCE: Final = "low_confidence"
CLASS_RATIO: Final = "class_ratio"
PSI_PROBABILITY: Final = "psi_probability"
KS_PROBABILITY: Final = "ks_probability"
PSI_PIXELS: Final = "psi_pixels"
PSI_BYTES: Final = "psi_bytes"
PSI_JPEG_QUALITY: Final = "psi_jpeg_quality"
PSI_FORMAT: Final = "psi_format"
EMBEDDING_DISTANCE: Final = "embedding_distance"
DENSE_GROUP: Final = "dense_group"
DOUBTFUL_GROUP: Final = "doubtful_group"
REAL_SHIFT: Final = "real_shift"
"""The signals, by their names in metrics and in GET /health; `drift.toml` says what each signal measures."""

STATES: Final[tuple[State, ...]] = get_args(State)
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)
ATTRIBUTIONS: Final[tuple[Attribution, ...]] = get_args(Attribution)


@dataclass(frozen=True)
class Signal:
    """A measured distance of recent predictions from the reference."""

    name: Annotated[str, Field(description="What was measured")]
    value: Annotated[float, Field(description="The distance")]
    limit: Annotated[float, Field(description="The limit, which the distance may reach")]
    over: Annotated[bool, Field(description="Whether the distance is over its limit")]

    @classmethod
    def against(cls, name: str, value: float, limit: float) -> "Signal":
        """Compare a value with a limit, which the value may reach."""
        return cls(name, value, limit, value > limit)


@dataclass(frozen=True)
class Audit:
    """What a person found about predictions drawn at random."""

    drawn: Annotated[int, Field(description="Predictions that a person was asked about")]
    labelled: Annotated[
        int, Field(description="Predictions whose picture the person could tell; the others are left out")
    ]
    accuracy: Annotated[Estimate, Field(description="Share of right verdicts, estimated from the labels")]
