"""Reads the limits of the gate from TOML."""

from importlib.resources import files
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat
from pydantic.dataclasses import dataclass

from model.toml_options import AtMostHalf, Count, Share, read_options

Growth = Annotated[float, Field(ge=1)]


@dataclass(frozen=True, kw_only=True)
class Alone:
    """The limits for every detector; `model/evaluation/gate/gate.toml` says what each limit means."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    min_accuracy: Share
    min_f1: Share
    min_auroc: Share
    min_recall: Share
    max_false_alarms: Share
    max_calibration_error: Share
    max_answered_error: Share
    min_degraded_accuracy: Share
    min_stable: Share
    max_p95_ms: PositiveFloat
    max_megabytes: PositiveFloat


@dataclass(frozen=True, kw_only=True)
class AgainstChampion:
    """The limits for a detector that is to replace another; `gate.toml` says what each limit means."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    significance: AtMostHalf
    margin: Share
    require_proof: bool
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
