"""Reads the settings, and opens the lake that they name, for task bodies."""

import os
from typing import TYPE_CHECKING

from model.settings import Settings

if TYPE_CHECKING:
    from model.dataset.lake import Lake


def read_settings() -> Settings:
    """Read the settings; raises SettingsError. Call it in a task body, never while a DAG file is parsed."""
    return Settings.from_environment(os.environ)


def open_lake() -> "Lake":
    """Open the lake of the settings. Its module is imported here, because it imports pandas."""
    from model.dataset.lake import Lake

    return Lake(read_settings().lake_url)
