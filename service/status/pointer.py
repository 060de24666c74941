"""The pointer files: which detector on this machine has which role. The follower writes them for the workers."""

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from model.errors import ArtifactError

Alias = Literal["production", "shadow"]
"""The registry's aliases that are followed: the detector that answers, and one that is only compared with it."""


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """A version behind an alias: `name`, `version` and `run_id` are the registry's, `sha256` is that of model.onnx.

    `folder` is the artifact's folder beside the pointer file, without a path, so that the home can be moved.
    `signature` is what the registry said when the follower took the version; workers verify it again.
    """

    name: str
    version: str
    run_id: str
    folder: str
    sha256: str
    dataset_version: str
    signature: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the pointer; raises FileNotFoundError before the first promotion, ArtifactError for other content."""
        text = path.read_text(encoding="utf-8")
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise ArtifactError(f"{path} is no pointer to a detector: {error}") from error

    def names(self, version: str, run_id: str) -> bool:
        """Tell whether the pointer is to this version and run; a new registry numbers its versions from 1 again."""
        return (self.version, self.run_id) == (version, run_id)

    def write(self, path: Path) -> None:
        """Replace the pointer in one step: a reader finds the old or the new one, whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".pointer-", delete=False) as file:
            json.dump(asdict(self), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)


def pointer_path(home: Path, alias: Alias = "production") -> Path:
    """Return the path of an alias's pointer file under Truegrain's home."""
    return home / "models" / f"{alias}.json"


def read_pointers(models: Path) -> list[Pointer]:
    """Read the pointers of all aliases in the folder `models`; a file that cannot be read is left out."""
    found = []
    for path in sorted(models.glob("*.json")):
        with suppress(ArtifactError, OSError):
            found.append(Pointer.read(path))
    return found
