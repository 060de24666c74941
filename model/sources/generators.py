"""Which folder names the generator in the data sets that keep one folder a generator."""

from pathlib import PurePosixPath

from model.sources.class_folders import find_split

_GENIMAGE_CLASSES = ("ai", "nature")
_CNNDETECTION_CLASSES = ("0_real", "1_fake")


def above_the_split(folders: PurePosixPath) -> str | None:
    """Find the generator in GenImage's `<generator>/{train,val}/{ai,nature}` (arXiv 2306.08571)."""
    above = folders.parts[:-2]
    return above[-1] if above and is_genimage(folders) else None


def outermost(folders: PurePosixPath) -> str | None:
    """Find the generator in CNNDetection's `<generator>/[<class>/]{0_real,1_fake}` (arXiv 1912.11035)."""
    above = [name for name in folders.parts[:-1] if find_split(name) is None]
    return above[0] if above and is_cnndetection(folders) else None


def is_genimage(folders: PurePosixPath) -> bool:
    """Whether an image in `folders` lies as GenImage's do, under a generator."""
    *above, split, name = ("", "", *folders.parts)
    return name in _GENIMAGE_CLASSES and find_split(split) is not None and any(above)


def is_cnndetection(folders: PurePosixPath) -> bool:
    """Whether an image in `folders` lies as CNNDetection's do."""
    return folders.name in _CNNDETECTION_CLASSES
