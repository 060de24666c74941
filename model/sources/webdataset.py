"""Lists the samples of WebDataset shards: files with one name, of which one is an image and the others describe it."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Final

from model.errors import SourceError
from model.labels import AI, CLASSES, find_label
from model.sources import archive, sample_words
from model.sources.class_folders import UNKNOWN_GENERATOR
from model.sources.entries import Container, Entry, Item, tell
from model.sources.exported import as_told
from model.sources.labelled_image import LabelledImage
from model.sources.layout import read_split
from model.sources.remarks import Remarks
from model.sources.sample_words import Said, read_words
from model.sources.splits import find_split
from model.sources.tree import Member, Tree, is_image, is_table

_SHARD: Final = re.compile(r"(?P<name>.*?)[-_.]?\d+(-of-\d+)?")
"""The name of a shard, without its ending: `train-000000`, `photos-test-00000-of-00004`."""

_MOST_PEEKED: Final = 100
"""Files of the first shard that are looked at to recognise samples."""

_ODD_SPLIT: Final = (
    "The samples give the split '{}', which is not understood: these images are divided as if they had none. Known are "
    "train, val and test."
)


@dataclass
class _Sample:
    """The files of one sample: its image, the bytes of the image unless it can be read later, and the other files."""

    key: str
    image: Member | None = None
    data: bytes | None = None
    words: dict[str, bytes] = field(default_factory=dict)
    stamps: list[Member] = field(default_factory=list)

    def add(self, member: Member) -> bool:
        """Add a file, and return whether it says anything here; raises SourceError for a second image."""
        if is_image(member.path):
            if self.image is not None:
                raise SourceError(
                    f"The sample '{self.key}' holds two images, '{self.image.path}' and '{member.path}', so its label "
                    "may be meant for either. Leave one out."
                )
            self.image, self.data = member, None if member.seekable else member.read()
        elif suffix := _suffix(member.path):
            self.words[suffix] = member.read(sample_words.MOST_BYTES + 1)
        else:
            return False
        self.stamps.append(member)
        return True

    def stamp(self) -> str | None:
        """Return the stamps of the files, which change together with any of them; None if one file has none."""
        stamps = [member.stamp() for member in self.stamps]
        return None if None in stamps else " ".join(map(str, stamps))


def list_samples(tree: Tree) -> Iterator[Item]:
    """List the samples of a tree, and each tar in the tree as a container of samples.

    The files of a sample stand one behind the other, and have the same path up to the first dot of their name. Samples
    without a label are left out, with a remark.

    Raises SourceError for a sample that is not understood, for shards without any label, and for a table beside
    samples: both could be meant. Raises ContradictingLabels as `read_words` does.
    """
    yield from _list(tree, _split_of_shard(tree.source))


def recognise_samples(tree: Tree) -> bool:
    """Whether a tree holds tars whose images have files beside them that describe them; opens the first tar only."""
    for member in tree.members():
        if is_table(member.path) or is_image(member.path):
            return False
        if _is_tar(member.path):
            with _opened(member) as shard:
                return holds_samples(member for _, member in zip(range(_MOST_PEEKED), shard.members(), strict=False))
    return False


def holds_samples(members: Iterable[Member]) -> bool:
    """Whether an image outside class folders stands beside a file that describes it; reads no further than to these."""
    pair = Pairs()
    return any(pair.completed_by(member.path) for member in members)


@dataclass
class Pairs:
    """Finds an image and a file that describes it, which stand one behind the other."""

    key: str = ""
    image: bool = False
    words: bool = False

    def completed_by(self, path: str) -> bool:
        """Whether the file at `path` and the files before it make a pair."""
        key = _key(path)
        if key != self.key:
            self.key, self.image, self.words = key, False, False
        self.image |= is_image(path) and not any(find_label(name) for name in PurePosixPath(path).parent.parts)
        self.words |= _suffix(path) is not None
        return self.image and self.words


def _list(tree: Tree, split: str | None) -> Iterator[Item]:
    labelled = unlabelled = 0
    remarks = Remarks()
    for item in _gather(tree, split, remarks):
        if isinstance(item, Container):
            labelled += 1
            yield item
        elif item.image is not None:
            said = read_words(item.words, item.image.path)
            if said.odd_split:
                remarks.add(_ODD_SPLIT.format(said.odd_split[:50]), item.image.path, warns=True)
            if said.label is None:
                unlabelled += 1
                remarks.add("Left out: a sample without a label.", item.image.path)
            else:
                labelled += 1
                yield _entry(item, item.image, said, tree.source, split)
    if unlabelled and not labelled:
        raise SourceError(
            f"None of the {unlabelled:,} samples of '{tree.source}' has a label. Give each a .json file with a field "
            "'label', or a .cls file with a word for the class, or 0 for real and 1 for AI."
        )
    yield from tell(remarks)


def _gather(tree: Tree, split: str | None, remarks: Remarks) -> Iterator[_Sample | Container]:
    sample = _Sample("")
    for member in tree.members(remarks):
        if is_table(member.path):
            raise SourceError(
                f"'{tree.source}' holds the table '{member.path}' beside samples that describe themselves. Name the "
                "kind of what is meant (csv:<location>), or take the table away."
            )
        if _is_tar(member.path):
            yield Container(
                member.path, partial(_list_shard, member, tree.source, split), member.stamp, member.revision
            )
            continue
        if (key := _key(member.path)) != sample.key:
            yield sample
            sample = _Sample(key)
        if not sample.add(member):
            remarks.leave_out(member.path)
    yield sample


def _entry(sample: _Sample, image: Member, said: Said, source: str, split: str | None) -> Entry:
    label, told = said.label or "", said.told
    named = told.split or read_split(PurePosixPath(image.path).parent)
    if split and named and split != named:
        raise SourceError(
            f"The sample of '{image.path}' is in a shard for {split}, and says {named}. Correct one of them."
        )

    def read() -> Iterator[LabelledImage]:
        found = LabelledImage(
            data=image.read() if sample.data is None else sample.data,
            label=label,
            source=source,
            origin=image.path,
            generator=(told.generator or UNKNOWN_GENERATOR) if label == CLASSES[AI] else None,
            split=named or split,
            collection=told.collection,
        )
        yield found if said.exported is None else as_told(found, said.exported)

    claims = (label, told.generator or "", named or split or "", told.collection or "")
    return Entry(image.path, read, sample.stamp, claims, image.revision)


def _list_shard(shard: Member, source: str, split: str | None) -> Iterator[Item]:
    path = PurePosixPath(archive.without_suffix(shard.path))
    named = read_split(path.parent) or _split_of_shard(path.name)
    with _opened(shard) as tree:
        yield from _list(Tree(source, tree.walk), named or split)


@contextmanager
def _opened(shard: Member) -> Iterator[Tree]:
    with shard.open_seekable() as file:
        yield Tree(shard.path, partial(archive.walk, shard.path, shard.path, file))


def _is_tar(path: str) -> bool:
    return archive.is_archive(path) and not path.lower().endswith(".zip")


def _key(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition(".")[0]


def _suffix(path: str) -> str | None:
    return next((suffix for suffix in sample_words.SUFFIXES if path.lower().endswith(suffix)), None)


def _split_of_shard(name: str) -> str | None:
    """Return the split that a shard's name states: train for `photos-train-000000`; None for any other name."""
    numbered = _SHARD.fullmatch(name)
    found = {find_split(word) for word in re.split(r"[-_.]", numbered["name"])} - {None} if numbered else set()
    return found.pop() if len(found) == 1 else None
