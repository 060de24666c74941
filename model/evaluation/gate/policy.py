"""Reads the limits of the gate from TOML."""

from importlib.resources import files
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from model.toml_options import AtMostHalf, Count, Share, ShareAboveZero, contradiction, read_options

Growth = Annotated[float, Field(ge=1)]

WAIT: Final = "wait"
ASK: Final = "ask"
WIDEN: Final = "widen"
"""What follows when images are too few for a proof: a refusal, a question to a person, or a wider margin."""


@dataclass(frozen=True, kw_only=True)
class Alone:
    """The limits for every detector; `model/evaluation/gate/gate.toml` says what each limit means."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    min_accuracy: Share
    min_f1: Share
    min_auroc: Share
    min_recall: Share
    min_generator_recall: Share
    max_false_alarms: Share
    max_calibration_error: Share
    max_answered_error: Share
    min_degraded_accuracy: Share
    min_stable: Share
    max_p95_ms: PositiveFloat
    max_megabytes: PositiveFloat

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_generator_recall > self.min_recall:
            raise contradiction(
                f"min_generator_recall={self.min_generator_recall} is above min_recall={self.min_recall}: the worst"
                " generator cannot be asked for more than all together"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class AgainstChampion:
    """The limits for a detector that is to replace another; `gate.toml` says what each limit means."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    significance: AtMostHalf
    expected_tries: Count
    deciding_share: ShareAboveZero
    margin: Share
    false_alarm_margin: Share
    recall_margin: Share
    too_few: Literal["wait", "ask", "widen"]
    widest_margin: Share
    slice_margin: Share
    small_slice: Count
    degraded_margin: Share
    answered_margin: Share
    stable_margin: Share
    variant_speed: Growth
    latency_growth: Growth
    unnoticed_ms: NonNegativeFloat
    size_growth: Growth
    unnoticed_megabytes: NonNegativeFloat

    @property
    def widening(self) -> float:
        """How many times as wide as written a margin may be while images are few."""
        return self.widest_margin / self.margin if self.margin else 1.0

    @model_validator(mode="before")
    @classmethod
    def _refuse_replaced(cls, given: Any) -> Any:
        names = given.kwargs if isinstance(given, ArgsKwargs) else given
        if isinstance(names, dict) and "require_proof" in names:
            raise contradiction(
                "require_proof is no longer a limit, because proof is always required. too_few replaces it: 'wait'"
                " refuses while images are too few, 'ask' asks a person, 'widen' accepts widest_margin"
            )
        return given

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.widest_margin < self.margin:
            raise contradiction(
                f"widest_margin={self.widest_margin} is below margin={self.margin}: a margin that is widened cannot be"
                " smaller"
            )
        if self.too_few == WIDEN and not self.margin:
            raise contradiction("too_few='widen' needs a margin above 0: a margin of 0 has nothing to widen")
        return self


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Every limit of the gate."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    alone: Alone
    champion: AgainstChampion


def read_policy(path: str = "") -> Policy:
    """Read the limits of `gate.toml` beside this module; limits in the TOML file at `path` replace them.

    Raises SettingsError for a file that cannot be read, an unknown key or a limit that is not allowed.
    """
    return read_options(Policy, files("model.evaluation.gate") / "gate.toml", path, name="gate policy")
