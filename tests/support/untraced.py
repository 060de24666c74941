"""Run a script under coverage but not what it starts: a dozen servers, whose code other tests cover at less cost."""

import os
import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    script = sys.argv[1]
    sys.path[0] = str(Path(script).parent)  # as if it had been started by its own name
    runpy.run_path(script, run_name="__main__")
