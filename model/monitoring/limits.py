"""Drift policy: the limits that recent traffic is held against, read from TOML."""

from importlib.resources import files
from typing import Annotated, ClassVar

from annotated_types import Gt, Le
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from model.toml_options import read_options

Share = Annotated[float, Gt(0.0), Le(1.0)]
Positive = Annotated[float, Gt(0.0)]


@dataclass(frozen=True, kw_only=True)
class DriftLimits:
    """From where on traffic counts as drifted; `model/monitoring/drift.toml` says what each limit means."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    mean_probability: Share
    low_confidence: Share
    class_ratio: Share
    psi: Positive
    ks: Share
    embedding_distance: Share
    dense_group: Share
    doubtful_group: Share
    real_shift: Positive
    chance: Annotated[float, Gt(0.0), Le(0.5)]


def read_limits(path: str = "") -> DriftLimits:
    """Read the limits: those of `model/monitoring/drift.toml`, with what the TOML file at `path` sets laid over them.

    Raises SettingsError for a file that cannot be read, an unknown key or a limit that is not allowed.
    """
    return read_options(DriftLimits, files("model.monitoring") / "drift.toml", path, name="drift policy")
