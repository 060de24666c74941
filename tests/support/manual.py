"""The shell blocks of the manual, run as a reader would run them."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

from model.settings import Settings

ROOT: Final = Path(__file__).parents[2]
_BLOCK: Final = re.compile(r"^```bash\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    """The blocks of `bash` of a page of the manual, in their order."""
    return _BLOCK.findall((ROOT / "infra" / "docs" / page).read_text())


def run_block(
    block: str, settings: Settings, *, folder: Path, seconds: float = 60, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a block against the Truegrain of `settings`: `make` in the checkout, anything else in `folder`.

    The manual calls the service by its usual port. `variables` are added to the environment.
    """
    text = block.replace("localhost:8000", f"127.0.0.1:{settings.service_port}")
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=ROOT if block.startswith("make ") else folder,
        env=os.environ | settings.to_environment() | variables,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
