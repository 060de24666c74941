"""The gunicorn worker: threads that take requests in, with time limits for clients that are slow to send or to read.

A slow client occupies one thread and holds up no other client. `service.protection.queue` lets one thread compute at a
time.
"""

import contextlib
import ctypes
import os
import selectors
import socket
import time
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from model.settings import Settings

HEAD_START: Final = 0.0005
"""Seconds a worker waits before it accepts, for each of its requests in progress: an idler worker accepts first."""

LONGEST_HEAD_START: Final = 0.002

MOST_TURNED_AWAY: Final = 16
"""Connections that a worker refuses in a row before it serves those that it has."""

IDLE_SECONDS: Final = 5
"""How long the kernel holds back a connection on which nothing was sent yet."""

GOODBYE_SECONDS: Final = 2
"""How long a client may take to close its side after the answer."""

NOTIFY_SECONDS: Final = 0.5
"""Seconds between heartbeats, and between searches for late connections; gunicorn wakes a worker once a second."""

_CHUNK: Final = 64 * 1024
_HEAD: Final = 4096
"""Bytes of a request that are looked at before the request is read: its headers, if they are as usual."""

_M_ARENA_MAX: Final = -8  # as glibc's malloc.h has it


def head_start(in_progress: int) -> float:
    """Return the seconds that a worker with so many requests in progress waits before it accepts another one."""
    return min(in_progress * HEAD_START, LONGEST_HEAD_START)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's thread worker with deadlines.

    1. A request must arrive within TRUEGRAIN_UPLOAD_SECONDS; then its connection is closed for reading.
    2. After gunicorn's `timeout` the connection is closed for writing too.
    3. A request that lasts twice the `timeout` is stuck in computing: the worker's heartbeat stops, and the master
       replaces the worker.
    4. The rest of a refused upload is read for as long as `service.protection.uploads` waits for it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._upload_seconds = Settings.from_environment(os.environ).upload_seconds
        self._begun: dict[TConn, float] = {}
        self._leaving: dict[socket.socket, float] = {}
        self._notify_at = 0.0

    def init_process(self) -> None:
        """Prepare the process. The kernel holds a connection back until bytes come: silent clients take no thread."""
        for listener in self.sockets:
            if listener.family in {socket.AF_INET, socket.AF_INET6} and hasattr(socket, "TCP_DEFER_ACCEPT"):
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, IDLE_SECONDS)
        _share_one_heap()
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Accept connections until one is let in; `service.protection.admission` refuses those before it unread."""
        time.sleep(head_start(self.nr_conns - len(self._leaving)))
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            for _ in range(MOST_TURNED_AWAY):
                connection, client = listener.accept()
                self.nr_conns += 1
                if not self._turn_away(connection, client):
                    conn = TConn(self.cfg, connection, client, listener.getsockname())
                    conn.data_ready = bool(_peek(connection))  # otherwise gunicorn makes an epoll to find out
                    self.enqueue_req(conn)
                    break

    def handle(self, conn: TConn) -> Any:
        """Answer a request."""
        self._begun[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            del self._begun[conn]

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Close an answered connection without waiting; gunicorn would wait in the thread that accepts connections."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self._say_goodbye(conn.sock)

    def _turn_away(self, connection: socket.socket, client: Any) -> bool:
        """Turn a request away unread when the application has no use for it; tell whether it was."""
        answer: bytes | None = self.wsgi.extensions["door"](partial(_peek, connection), _address(client))
        if answer is None:
            return False
        with contextlib.suppress(OSError):  # the client has gone already
            connection.sendall(answer)
        self._say_goodbye(connection)
        return True

    def _say_goodbye(self, connection: socket.socket) -> None:
        """Close for writing, then let the client read the answer and close (RFC 9112, section 9.6)."""
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # it has gone already
            connection.close()
            self.nr_conns -= 1
            return
        connection.settimeout(0)
        self.poller.register(connection, selectors.EVENT_READ, self._hear_out)
        self._leaving[connection] = time.monotonic() + GOODBYE_SECONDS

    def _hear_out(self, connection: socket.socket) -> None:
        """Discard what an answered client still sends; let the connection go when the client has closed."""
        try:
            more = connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._let_go(connection)

    def _let_go(self, connection: socket.socket) -> None:
        self.poller.unregister(connection)
        connection.close()
        del self._leaving[connection]
        self.nr_conns -= 1

    def murder_pending(self) -> None:
        """Close answered connections whose client did not close in time; gunicorn calls this after all events."""
        super().murder_pending()
        late = [connection for connection, until in self._leaving.items() if until < time.monotonic()]
        for connection in late:
            self._let_go(connection)

    def notify(self) -> None:
        """Cut off late connections and send the heartbeat; gunicorn calls this with every event."""
        if time.monotonic() < self._notify_at:
            return
        self._notify_at = time.monotonic() + NOTIFY_SECONDS
        ages = {conn: time.monotonic() - begun for conn, begun in list(self._begun.items())}
        for conn, age in ages.items():
            if age > self._upload_seconds:
                how = socket.SHUT_RDWR if age > self.cfg.timeout else socket.SHUT_RD
                _cut_off(conn.sock, how)
        for sock, until in list(self.wsgi.extensions["waiting"].items()):
            if until < time.monotonic():
                _cut_off(sock, socket.SHUT_RD)
        if max(ages.values(), default=0) < 2 * self.cfg.timeout:
            super().notify()


def _cut_off(connection: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        connection.shutdown(how)


def _address(client: Any) -> str:
    """Return the address of a client as accept() names it: a tuple for IP, an empty text for a socket in a folder."""
    return str(client[0]) if client else ""


def _peek(connection: socket.socket) -> bytes:
    """Look at the first bytes that have come, without taking them."""
    try:
        return connection.recv(_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:  # nothing has come yet
        return b""


class Log(Logger):  # type: ignore[misc]
    """gunicorn's log without its access lines: `service.request_log` writes fuller ones."""

    def access(self, *_: object) -> None:
        """Write no access line, and collect nothing for one."""


def _share_one_heap() -> None:
    """Have glibc serve all threads from one heap. Several heaps would each keep the size of the largest image."""
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
