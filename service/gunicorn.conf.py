"""How gunicorn runs the service: `gunicorn -c service/gunicorn.conf.py`; its command line overrides any line here."""
# ruff: noqa: N999 - the name gunicorn gives this file

import contextlib
import ctypes
import gc
import os
import shutil
import socket
import struct
import sys
from pathlib import Path
from typing import Final

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from model.detectors.signature import find_public_key
from model.monitoring.limits import read_limits
from model.settings import Settings
from service.logs import LOGGING, configure_logging
from service.sidecars.supervisor import Supervisor

SPARE_THREADS = 16
"""Threads for uploads, slow readers and requests for anything but a verdict, beside those that compute or wait."""

_IDLE_SECONDS: Final = 5
"""How long the kernel holds back a connection on which nothing was sent yet."""

_M_ARENA_MAX: Final = -8  # as glibc's malloc.h has it

settings = Settings.from_environment(os.environ)

wsgi_app = "service.app:create_app()"
bind = f"127.0.0.1:{settings.service_port}"
workers = settings.workers
# Threads take requests in; `service.protection.queue` lets one compute at a time, since onnxruntime fills the core.
worker_class = "gthread"
threads = 1 + settings.queue + SPARE_THREADS
# Seconds that a connection may be idle between two requests: longer than nginx keeps it (3 s), so that nginx closes it.
keepalive = 5
# gunicorn trusts no header about the client; `service.protection.browsers` trusts those of the configured proxies.
forwarded_allow_ips = ""
# onnxruntime's threads do not survive a fork, so every worker loads its own detector.
preload_app = False
timeout = 60
# A worker that ends waits so long for its requests, and for clients that keep an idle connection open.
graceful_timeout = 15
# The workers' heartbeat files; a slow disk would stall the workers.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes its own private file
control_socket_disable = True
logger_class = "service.logs.Log"
logconfig_dict = LOGGING

# Pillow keeps 64 MB of pixel memory for reuse; to allocate it anew for each photograph takes a sixth of the time.
os.environ.setdefault("PILLOW_BLOCKS_MAX", "4")
# prometheus_client reads this variable on import, so nothing above may import prometheus_client.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str((settings.home / "run" / "metrics").resolve())


def on_starting(server: Arbiter) -> None:  # noqa: ARG001 - the signature is gunicorn's
    """Configure the log, check files that settings name, and delete the metrics of an earlier run.

    Only the service's user can read what the service and its sidecars write, such as pictures of users.
    """
    os.umask(0o077)
    configure_logging()
    find_public_key(settings.require_signature)  # a wrong file stops the service here, not each worker
    read_limits(settings.drift_policy)  # a wrong file stops the service here, not the monitor
    metrics = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)


def when_ready(server: Arbiter) -> None:
    """Start the sidecars. The server holds them, since this module's variables are lost when gunicorn reloads it."""
    follower, monitor = (
        [sys.executable, "-m", f"service.sidecars.{name}", str(os.getpid())] for name in ("follower", "monitor")
    )
    # `nice`: the monitor takes seconds of a core to start and up to one for each measurement, and requests come first.
    server.sidecars = [Supervisor(follower), Supervisor(["nice", *monitor])]
    for supervisor in server.sidecars:
        supervisor.start()


def post_fork(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001
    """Prepare the worker's process and the sockets from which it accepts connections."""
    _share_one_heap()
    for listener in worker.sockets:
        _bound_silence(listener)


def post_worker_init(worker: Worker) -> None:  # noqa: ARG001
    """Exclude what is loaded so far from garbage collection, which would take 40 ms within a request."""
    gc.freeze()


def worker_exit(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001
    """Let the worker's threads write what they hold. A worker that failed to start has no application."""
    if app := getattr(worker, "wsgi", None):
        app.extensions["truegrain"].stop()


def child_exit(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001
    """Delete the live gauges of a dead worker; its counters stay in the sums."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Arbiter) -> None:
    """Stop the sidecars."""
    for supervisor in server.sidecars:
        supervisor.stop()


def _bound_silence(listener: socket.socket) -> None:
    """Have the kernel end what waits for a silent client; gunicorn's own threads would wait for ever.

    Accepted connections inherit the time limits. A connection on which nothing was sent yet takes no thread.
    """
    limit = struct.pack("@ll", int(settings.upload_seconds), int(settings.upload_seconds % 1 * 1_000_000))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        listener.setsockopt(socket.SOL_SOCKET, option, limit)
    if listener.family in {socket.AF_INET, socket.AF_INET6} and hasattr(socket, "TCP_DEFER_ACCEPT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _IDLE_SECONDS)


def _share_one_heap() -> None:
    """Have glibc serve all threads from one heap. Several heaps would each keep the size of the largest image."""
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
