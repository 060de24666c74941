"""Training by several processes on this machine: torchrun, but with the exit status of the process that failed."""

import os

from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError


def launch(arguments: list[str], *, processes: int) -> int:
    """Run `python -m model.training` with `arguments` in so many processes and return their exit status.

    That of the first one that failed, where torchrun itself would always say 1.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))  # torchrun would say 1
    options = ["--standalone", f"--nproc-per-node={processes}", "-m", "model.training", *arguments]
    try:
        torchrun.run(torchrun.parse_args(options))  # type: ignore[no-untyped-call]  # torch leaves both untyped
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        return int(first.exitcode)
    return 0
