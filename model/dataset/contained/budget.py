"""Budget: what a process that reads sources may take."""

from dataclasses import dataclass
from typing import Self

from model.settings import Settings


@dataclass(frozen=True)
class Budget:
    """Memory of a process that reads sources, and the computing time that one image or file may take it."""

    memory_bytes: int = 2_000_000_000
    seconds: int = 10

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read it from the settings."""
        return cls(round(settings.ingest_memory_gb * 1e9), settings.ingest_seconds)
