"""From the location of a source, as a person writes it, to its images."""

from collections.abc import Iterator
from pathlib import Path

from model.errors import SourceError
from model.sources import synthetic
from model.sources.archive import SUFFIXES, is_archive, read_archive
from model.sources.folder import read_folder
from model.sources.labelled import LabelledImage


def open_source(location: str) -> Iterator[LabelledImage]:
    """Open 'synthetic' (with options: 'synthetic?images=600&seed=7'), a folder or an archive.

    Raises SourceError for a location that is none of these; a damaged archive shows only while it is read.
    """
    name, _, options = location.partition("?")
    if name == synthetic.NAME:
        return synthetic.draw_images(synthetic.Order.parse(options))
    path = Path(location).expanduser()
    if path.is_dir():
        return read_folder(path)
    if path.is_file() and is_archive(path):
        return read_archive(path)
    problem = "is neither a folder nor an archive" if path.exists() else "does not exist"
    raise SourceError(
        f"The source '{location}' {problem}. Accepted are '{synthetic.NAME}', a folder with class folders, "
        f"or an archive of one ({', '.join(SUFFIXES)})."
    )
