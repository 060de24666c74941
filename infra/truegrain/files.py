"""Finds the image files that a person names: files, folders with all below them, and standard input."""

import mimetypes
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.errors import TruegrainError

STDIN: Final = "-"

_TYPES: Final = frozenset(
    {
        "image/avif", "image/bmp", "image/gif", "image/heic", "image/heif", "image/jpeg", "image/png", "image/tiff",
        "image/webp",
    }
)  # fmt: skip
"""Types of images by the name of the file."""

_BEGINNINGS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")
_HEAD_BYTES: Final = 12
_RIFF: Final = (b"RIFF", b"WEBP")
_BRANDS: Final = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")


@dataclass(frozen=True)
class ImageFile:
    """An image to be judged: the name that a person gave it, and its file; without `path` it is standard input."""

    name: str
    path: Path | None

    def read(self) -> bytes:
        """Return the bytes of the file; raises OSError if it cannot be read."""
        return self.path.read_bytes() if self.path else sys.stdin.buffer.read()


@dataclass(frozen=True)
class Found:
    """The images found, and the number of files in folders that were passed over."""

    images: tuple[ImageFile, ...]
    passed_over: int


def find_images(names: Sequence[str]) -> Found:
    """Return the images behind `names`: each is a file, a folder, or '-' for standard input.

    A file that is named is taken as it is. Of the files in folders, those that look like images are taken: by the end
    of the name, or by the first bytes. Hidden files and folders are passed over. Raises TruegrainError for a name
    behind which there is nothing, and if no image was found.
    """
    images: list[ImageFile] = []
    passed_over = 0
    for name in names:
        path = Path(name)
        if name == STDIN:
            images.append(ImageFile(STDIN, None))
        elif path.is_dir():
            files = list(_files_below(path))
            inside = [ImageFile(str(file), file) for file in files if _looks_like_image(file)]
            images += inside
            passed_over += len(files) - len(inside)
        elif path.exists():
            images.append(ImageFile(name, path))
        else:
            raise TruegrainError(f"there is no file or folder '{name}'")
    if not images:
        raise TruegrainError(f"no images in {', '.join(names)}: {passed_over:,} other files were passed over")
    return Found(tuple(images), passed_over)


def _files_below(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise TruegrainError(f"the folder '{error.filename}' cannot be read: {error.strerror}") from error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (Path(place, name) for name in sorted(names))


def _looks_like_image(file: Path) -> bool:
    if file.name.startswith("."):
        return False
    if mimetypes.guess_type(file.name)[0] in _TYPES:
        return True
    try:
        with file.open("rb") as stream:
            return _begins_like_image(stream.read(_HEAD_BYTES))
    except OSError:  # no file of an image by its name, and nothing else is known of it
        return False


def _begins_like_image(head: bytes) -> bool:
    is_webp = (head[:4], head[8:12]) == _RIFF
    is_heif = head[4:8] == b"ftyp" and head[8:12] in _BRANDS
    return head.startswith(_BEGINNINGS) or is_webp or is_heif
