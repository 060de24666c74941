"""Part: the share of a run's sources that one task collects, without what was read of them before."""

from pydantic.dataclasses import dataclass

from model.dataset.digest_set import Digests, digest
from model.sources.declaration import Source
from model.sources.selection import Stamp


@dataclass(frozen=True)
class Part:
    """Part `number` (from 1) of `of` equal ones of all images of the `sources`; fit for JSON and back."""

    number: int
    of: int
    sources: tuple[Source, ...]

    def __str__(self) -> str:
        return f"part {self.number} of {self.of}"


class Share:
    """The Choice of a part: of one source, the images that are its own and that were not read before.

    An image belongs to one part by the hash of its path, whatever its neighbours. Of what is read, the digest is added
    to `read`; `found` says whether the source holds any image, whosever it is, or need not.
    """

    def __init__(self, part: Part, source: Source, *, seen: Digests, read: Digests) -> None:
        self.found = False
        self._part, self._source = part, source
        self._seen, self._read = seen, read

    def opens(self, path: str, stamp: Stamp) -> bool:
        """Whether a file that holds many images is opened: not if this part of it was read as it is now."""
        opened = self._is_new(_digest(self._source, path, stamp(), *_share(self._part.number, self._part.of)))
        self.found |= not opened
        return opened

    def takes(self, path: str, stamp: Stamp, *claims: str) -> bool:
        """Whether an image is this part's and new."""
        self.found = True
        mine = int.from_bytes(digest(path)) % self._part.of == self._part.number - 1
        return mine and self._is_new(_digest(self._source, path, stamp(), *claims))

    def may_be_silent(self) -> None:
        """Find no fault with a source that holds nothing."""
        self.found = True

    def _is_new(self, what: bytes | None) -> bool:
        if what is None:
            return True
        if what in self._seen:
            return False
        self._read.add(what)
        return True


class Survey:
    """A Choice that reads nothing, and tells whether `parts` parts would find any image and any `new` one."""

    def __init__(self, source: Source, *, parts: int, seen: Digests) -> None:
        self.found = self.new = False
        self._source, self._parts, self._seen = source, parts, seen

    def opens(self, path: str, stamp: Stamp) -> bool:
        """Look at what is remembered of the file alone."""
        shares, now = (_share(number, self._parts) for number in range(1, self._parts + 1)), stamp()
        self._look(*(_digest(self._source, path, now, *share) for share in shares))
        return False

    def takes(self, path: str, stamp: Stamp, *claims: str) -> bool:
        """Look at what is remembered of the image alone."""
        self._look(_digest(self._source, path, stamp(), *claims))
        return False

    def may_be_silent(self) -> None:
        """Find no fault with a source that holds nothing."""
        self.found = True

    def _look(self, *wanted: bytes | None) -> None:
        self.found = True
        self.new |= any(each is None or each not in self._seen for each in wanted)


def _share(number: int, of: int) -> tuple[str, str]:
    return str(number), str(of)


def _digest(source: Source, path: str, stamp: str | None, *claims: str) -> bytes | None:
    """Return the digest of what is read and of how it is read; None when a change of it would not show.

    Its name and generator are no part of it: they are taken down when an image enters, and stay as they are.
    """
    if stamp is None:
        return None
    return digest(source.location, source.neutralise, path, stamp, *claims)
