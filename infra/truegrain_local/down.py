"""`make down`: stops everything that `make up` started."""

import os
import sys

from model.errors import SettingsError
from truegrain_local.environment import read_settings
from truegrain_local.processes import read_records, stop
from truegrain_local.start import records_path


def main() -> int:
    """Stop all programs; return the exit status: 0, or 1 for settings that cannot be understood."""
    try:
        home = read_settings(os.environ).home
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    path = records_path(home)
    stopped = stop(read_records(path))
    path.unlink(missing_ok=True)
    sys.stdout.write(f"stopped {stopped} processes\n" if stopped else "nothing is running\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
