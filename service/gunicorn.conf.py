"""How gunicorn runs the service: `gunicorn -c service/gunicorn.conf.py`; its command line overrides any line here."""
# ruff: noqa: N999 - the name gunicorn gives this file

import gc
import os
import shutil
import sys
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from model.detectors.signature import find_public_key
from model.monitoring.limits import read_limits
from model.settings import Settings
from service.logs import LOGGING, configure_logging
from service.sidecars.supervisor import Supervisor

SPARE_THREADS = 16
"""For those who upload, read answers or ask for anything but a verdict, while others compute or wait."""

settings = Settings.from_environment(os.environ)

wsgi_app = "service.app:create_app()"
bind = f"127.0.0.1:{settings.service_port}"
workers = settings.workers
# Threads take requests in, `service.protection.queue` lets one of them compute: onnxruntime fills the core.
worker_class = "service.worker.Worker"
threads = 1 + settings.queue + SPARE_THREADS
# A connection is one request, so that each goes to a worker that has time for it, not to the one that had the last,
# and nobody waits for the rest of an upload that was refused. Kept connections would give a tenth more verdicts.
keepalive = 0
# gunicorn believes no header about the client; `service.protection.browsers` does, for as many proxies as there are.
forwarded_allow_ips = ""
# onnxruntime's threads do not survive a fork, so every worker loads its own detector.
preload_app = False
timeout = 60
graceful_timeout = 30
# The workers' heartbeat; on a disk it could stall them.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes its own private file
control_socket_disable = True
logger_class = "service.worker.Log"
logconfig_dict = LOGGING

# Pillow keeps 64 MB of what it has for pixels; to fetch that for each photograph anew takes a sixth of the time.
os.environ.setdefault("PILLOW_BLOCKS_MAX", "4")
# prometheus_client looks for it when it is imported; so nothing above may import that.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str((settings.home / "run" / "metrics").resolve())


def on_starting(server: Arbiter) -> None:  # noqa: ARG001 - the signature is gunicorn's
    """Start the log, and the metrics from zero: files of an earlier run would be added to ours.

    What the service and those beside it write, pictures of users among it, is for this user alone.
    """
    os.umask(0o077)
    configure_logging()
    find_public_key(settings.require_signature)  # a file that is no key ends the start here, not each worker's
    read_limits(settings.drift_policy)  # likewise, not the monitor
    metrics = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)


def when_ready(server: Arbiter) -> None:
    """Start the sidecars; kept on the server, which outlives a reload of this file."""
    follower, monitor = (
        [sys.executable, "-m", f"service.sidecars.{name}", str(os.getpid())] for name in ("follower", "monitor")
    )
    # Requests come first: the monitor needs seconds of a core to start, and up to one each time it measures.
    server.sidecars = [Supervisor(follower), Supervisor(["nice", *monitor])]
    for supervisor in server.sidecars:
        supervisor.start()


def post_worker_init(worker: Worker) -> None:  # noqa: ARG001
    """Spare the garbage collector what the service consists of: to look through it takes 40 ms, within a request."""
    gc.freeze()


def worker_exit(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001
    """Write down what the worker still holds; without an application it did not get as far as that."""
    if app := getattr(worker, "wsgi", None):
        app.extensions["truegrain"].stop()


def child_exit(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001
    """Forget what a dead worker said about the present; its counters stay in the sums."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Arbiter) -> None:
    """Stop the sidecars."""
    for supervisor in server.sidecars:
        supervisor.stop()
