"""Finds the published split that a folder, a table or a cell names, in the spellings that data sets use."""

import re
from functools import lru_cache
from typing import Final

SPLITS: Final = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev", "development"),
    "test": ("test", "testing", "eval", "evaluation", "holdout"),
}
"""The splits of a data set and the words that stand for them, in lower case. The words are those of Hugging Face."""

NEUTRAL: Final = frozenset({
    "set", "sets", "data", "dataset", "datasets", "split", "splits", "folder", "folders", "file", "files", "image",
    "images", "img", "imgs", "picture", "pictures", "pic", "pics", "sample", "samples", "batch", "part", "chunk",
    "shard", "volume", "vol", "jpg", "jpeg", "png", "webp", "all", "raw", "download", "downloads", "input", "incoming",
    "extracted", "archive", "new", "label", "labels", "list", "metadata", "annotations",
})  # fmt: skip
"""Words of folder names that say nothing about the images in the folder."""

_SPLIT_OF: Final = {word: split for split, words in SPLITS.items() for word in words}
_JOINED: Final = re.compile(rf"({'|'.join(_SPLIT_OF)})(set|data|images?)")
_TOKENS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_VERSION: Final = re.compile(r"(?<![A-Za-z])[vV]\d+")
_YEAR: Final = re.compile(r"(19|20)\d\d")
_LONGEST: Final = 100
_ALSO_GENERATORS: Final = frozenset({"dev", "development"})
"""Words that are also part of the names of generators, such as FLUX.1-dev."""


@lru_cache(maxsize=4096)
def find_split(name: str) -> str | None:
    """Return the split that a name stands for: 'test' for 'Test Images', 'test_set' or 'test2017'; None for another.

    Words that say nothing (NEUTRAL), a version and a year may stand beside the split.
    """
    if len(name) > _LONGEST:
        return None
    words = [word for word in _words(_VERSION.sub("", name)) if word not in NEUTRAL and not _YEAR.fullmatch(word)]
    return _find(words[0]) if len(words) == 1 else None


def is_plain(name: str) -> bool:
    """Whether a name is a word for a split and nothing else."""
    return name.strip().lower() in _SPLIT_OF


@lru_cache(maxsize=4096)
def may_name_split(name: str) -> bool:
    """Whether a name seems to name a split, but is not understood, as 'test2' and 'cats_test' do."""
    if len(name) > _LONGEST or find_split(name) is not None:
        return False
    return any(_find(word) is not None and word not in _ALSO_GENERATORS for word in _words(name))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _TOKENS.findall(name)]


def _find(word: str) -> str | None:
    joined = _JOINED.fullmatch(word)
    return _SPLIT_OF.get(joined[1] if joined else word)
