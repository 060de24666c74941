"""A door before an HTTP server that cuts some of the answers in the middle, as an unreliable network does."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR, create_connection, socket

_CHUNK = 1 << 16


class Door:
    """What came through: the first lines of the requests, and the number of answers that were cut."""

    def __init__(self, behind: int, cut_every: int) -> None:
        self.behind, self.cut_every = behind, cut_every
        self.port = 0
        self.cuts = 0
        self.requests: list[str] = []
        self._fetched = 0
        self._lock = threading.Lock()

    def note(self, request: bytes) -> bool:
        """Note the first line of a request; return whether its answer is to be cut."""
        line = request.partition(b"\r\n")[0].decode("ascii", "replace")
        with self._lock:
            self.requests.append(line)
            self._fetched += is_fetch(line)
            cut = is_fetch(line) and self._fetched % self.cut_every == 0
            self.cuts += cut
        return cut


def is_fetch(line: str) -> bool:
    """Whether the first line of a request asks S3 for the content of a file."""
    return line.startswith("GET ") and "list-type" not in line and "?location" not in line


@contextmanager
def open_door(behind: int, *, cut_every: int) -> Iterator[Door]:
    """Pass connections on to the port `behind` until the block ends; cut every `cut_every`-th answer with content."""
    door = Door(behind, cut_every)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with create_connection(("127.0.0.1", behind)) as server:
                _pass(door, self.request, server)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        door.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield door
        finally:
            listener.shutdown()
            thread.join()


def _pass(door: Door, client: socket, server: socket) -> None:
    """Pass requests to the server and answers to the client; the client sends a request when it has the answer."""
    cut = threading.Event()

    def answer() -> None:
        with suppress(OSError):
            while content := server.recv(_CHUNK):
                if cut.is_set():
                    client.sendall(content[: len(content) // 2])
                    break
                client.sendall(content)
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(SHUT_RDWR)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with suppress(OSError):
        while request := client.recv(_CHUNK):
            if door.note(request):
                cut.set()
            server.sendall(request)
    with suppress(OSError):
        server.shutdown(SHUT_RDWR)
    thread.join()
