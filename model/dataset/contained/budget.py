"""The limits of a process that reads sources: memory and CPU time."""

from dataclasses import dataclass
from typing import Self

from model.settings import Settings


@dataclass(frozen=True)
class Budget:
    """Memory of a process that reads sources, in bytes, and its CPU time for one image or file, in seconds."""

    memory_bytes: int = 2_000_000_000
    seconds: int = 10

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits that the settings name."""
        return cls(round(settings.ingest_memory_gb * 1e9), settings.ingest_seconds)
