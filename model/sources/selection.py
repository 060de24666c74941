"""Choice: which images of a source are read, asked before any byte of them is."""

from collections.abc import Callable
from typing import Protocol

Stamp = Callable[[], str | None]
"""What changes when a file's content does, such as its size and its time; None where nothing can be trusted to."""


class Choice(Protocol):
    """Which images are read. `path` is that inside the source; the stamp is asked for only where it matters."""

    def opens(self, path: str, stamp: Stamp) -> bool:
        """Whether a file that holds many images, an archive or a shard, is opened at all."""
        ...

    def takes(self, path: str, stamp: Stamp, *claims: str) -> bool:
        """Whether an image, or a group of a shard's rows, is read; `claims` say what is known of it from elsewhere."""
        ...

    def may_be_silent(self) -> None:
        """Be told that this source may hold no image at all, as others may not."""
        ...


class Everything:
    """The Choice of all images."""

    def opens(self, path: str, stamp: Stamp) -> bool:  # noqa: ARG002
        """Open every file."""
        return True

    def takes(self, path: str, stamp: Stamp, *claims: str) -> bool:  # noqa: ARG002
        """Take every image."""
        return True

    def may_be_silent(self) -> None:
        """Make nothing of it."""


EVERYTHING: Choice = Everything()


def unstamped() -> None:
    """Return the stamp of what may change without a sign."""
