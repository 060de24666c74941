"""The limits above which traffic counts as drifted, read from TOML."""

from importlib.resources import files
from typing import ClassVar

from pydantic import ConfigDict, PositiveFloat
from pydantic.dataclasses import dataclass

from model.toml_options import AtMostHalf, ShareAboveZero, read_options


@dataclass(frozen=True, kw_only=True)
class DriftLimits:
    """The limits above which traffic counts as drifted; `model/monitoring/drift.toml` says what each limit means."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    mean_probability: ShareAboveZero
    low_confidence: ShareAboveZero
    class_ratio: ShareAboveZero
    psi: PositiveFloat
    ks: ShareAboveZero
    embedding_distance: ShareAboveZero
    dense_group: ShareAboveZero
    doubtful_group: ShareAboveZero
    real_shift: PositiveFloat
    chance: AtMostHalf


def read_limits(path: str = "") -> DriftLimits:
    """Read the limits of `model/monitoring/drift.toml`; limits in the TOML file at `path` replace them.

    Raises SettingsError for a file that cannot be read, an unknown key or a limit that is not allowed.
    """
    return read_options(DriftLimits, files("model.monitoring") / "drift.toml", path, name="drift policy")
