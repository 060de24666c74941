"""Work done ahead of the one who waits for it, on a few threads."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")


def made_ahead(make: Callable[[int], Made], count: int, *, threads: int) -> Iterator[Made]:
    """Yield make(0) … make(count - 1) in order, one more than `threads` ahead; what one of them raises is raised here.

    For work that lets go of the interpreter, as Pillow's codecs and NumPy do. Closing the iterator ends the threads.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="ahead") as pool:
        waiting = deque(pool.submit(make, number) for number in range(min(threads + 1, count)))
        try:
            for following in range(len(waiting), len(waiting) + count):
                made = waiting.popleft().result()
                if following < count:
                    waiting.append(pool.submit(make, following))
                yield made
        finally:
            for future in waiting:
                future.cancel()
