"""The pointer file: which detector on this machine is in production. The follower writes it, the workers read it."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from model.errors import ArtifactError


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """A version in production: `name`, `version` and `run_id` are the registry's, `sha256` is that of model.onnx.

    `folder` is the artifact's folder beside the pointer file, without a path, so that the home can be moved.
    """

    name: str
    version: str
    run_id: str
    folder: str
    sha256: str
    dataset_version: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the pointer; raises FileNotFoundError before the first promotion, ArtifactError for other content."""
        text = path.read_text(encoding="utf-8")
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise ArtifactError(f"{path} is no pointer to a detector: {error}") from error

    def write(self, path: Path) -> None:
        """Replace the pointer in one step: a reader finds the old or the new one, whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".pointer-", delete=False) as file:
            json.dump(asdict(self), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)


def pointer_path(home: Path) -> Path:
    """Where the pointer lies under Truegrain's home."""
    return home / "models" / "production.json"
