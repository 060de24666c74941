"""Gate policy: the limits that the gate holds a detector against, read from TOML."""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from model.errors import SettingsError
from model.options import lay_over, list_problems

Share = Annotated[float, Ge(0.0), Le(1.0)]
Positive = Annotated[float, Gt(0.0)]
Growth = Annotated[float, Ge(1.0)]


@dataclass(frozen=True, kw_only=True)
class Alone:
    """What is asked of every detector; `model/gate.toml` says what each limit means."""

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
    max_p95_ms: Positive
    max_megabytes: Positive


@dataclass(frozen=True, kw_only=True)
class AgainstChampion:
    """What is asked of a detector that is to replace another; `model/gate.toml` says what each limit means."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    significance: Annotated[float, Gt(0.0), Le(0.5)]
    margin: Share
    require_proof: bool
    slice_margin: Share
    small_slice: Annotated[int, Ge(1)]
    degraded_margin: Share
    answered_margin: Share
    stable_margin: Share
    variant_speed: Growth
    latency_growth: Growth
    unnoticed_ms: Annotated[float, Ge(0.0)]
    size_growth: Growth
    unnoticed_megabytes: Annotated[float, Ge(0.0)]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Every limit of the gate."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    alone: Alone
    champion: AgainstChampion


_POLICY = TypeAdapter(Policy)


def read_policy(path: str = "") -> Policy:
    """Read the policy: that of `model/gate.toml`, with the limits that the TOML file at `path` sets laid over it.

    Raises SettingsError for a file that cannot be read, an unknown key or a limit that is not allowed.
    """
    shipped = _read(files("model") / "gate.toml")
    given = _read(Path(path)) if path else {}
    try:
        return _POLICY.validate_python(lay_over(shipped, given))
    except ValidationError as error:
        raise SettingsError(
            f"the gate policy '{path}' is not allowed: {list_problems(error)}. model/gate.toml lists all"
        ) from error


def _read(file: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise SettingsError(f"the gate policy '{file}' cannot be read: {error}") from error
