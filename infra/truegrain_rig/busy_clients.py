"""Clients that send requests without a pause while something else happens."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def asking(ask: Callable[[], None], *, clients: int) -> Iterator[None]:
    """Call `ask` without a pause from several threads until the block ends; then raise an error that `ask` raised."""
    enough = threading.Event()

    def go_on() -> None:
        while not enough.is_set():
            ask()

    with ThreadPoolExecutor(clients) as pool:
        going = [pool.submit(go_on) for _ in range(clients)]
        try:
            yield
        finally:
            enough.set()
    for client in going:
        client.result()
