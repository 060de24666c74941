"""Previews a source in a child process; a file over a limit is left out, and named."""

from dataclasses import asdict
from typing import Final

from model.dataset.contained.budget import Budget
from model.dataset.contained.child import Child
from model.dataset.preview import Preview
from model.dataset.previewing import SAMPLE, Told
from model.errors import UnreadableSource
from model.sources.declaration import Source
from model.sources.web.reach import PUBLIC, Reach
from model.sources.web.secrets import without_secrets

MOST_UNREAD: Final = 5
"""Most files over a limit: each costs another child, which starts from the beginning."""


def preview(source: Source, *, sample: int = SAMPLE, reach: Reach = PUBLIC, budget: Budget) -> Preview:
    """List a source in a child process, and read about `sample` of its images.

    Raises SourceError for a source that contradicts itself or cannot be understood. Raises UnreadableSource for a
    source that cannot be read within the limits of `budget`.
    """
    without: list[tuple[int, ...]] = []
    unread: list[tuple[str, str]] = []
    while True:
        request = {"source": asdict(source), "sample": sample, "without": without}
        child = Child("preview", request, b"", budget=budget, reach=reach)
        told = Told()
        try:
            while (frame := child.receive()) and not told.take(*frame):
                pass
            if frame is not None:
                return told.preview(source, tuple(unread))
            opened = child.opened()
        finally:
            reason = child.end()
        path = " in ".join(path for _, path in reversed(opened))
        if not opened or len(unread) >= MOST_UNREAD:
            raise UnreadableSource(
                f"The source '{without_secrets(source.location)}' cannot be read: {reason}{path and f', at {path}'}. "
                "Check what the source holds; raise the limit if its files are genuine."
            )
        without.append(opened[-1][0])
        unread.append((path, reason))
