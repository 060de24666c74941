"""REAL and AI, and the spellings every known dataset uses for them."""

from model.errors import SourceError

REAL = 0
AI = 1
CLASSES = ("real", "ai")
"""Label names by class index: `CLASSES[AI] == "ai"`."""

SPELLINGS = {
    "real": (
        "real", "0_real", "real_image", "real_images", "training_real", "real_art", "realart", "nature", "natural",
        "authentic", "genuine", "original", "human", "photo", "photos", "photograph", "photographs",
    ),
    "ai": (
        "ai", "fake", "1_fake", "fake_image", "fake_images", "training_fake", "ai_image", "ai_images", "ai_art",
        "aiart", "aiartdata", "ai_generated", "aigenerated", "ai_generated_images", "generated", "synthetic",
        "synthesized", "artificial",
    ),
}  # fmt: skip
"""Folder names and table cells that stand for a label, in lower case with `_` for blanks and hyphens."""

_LABELS = {word: label for label, words in SPELLINGS.items() for word in words}

DOUBTFUL = frozenset({
    "nature", "natural", "authentic", "genuine", "original", "human", "photo", "photos", "photograph", "photographs",
    "synthetic", "artificial",
})  # fmt: skip
"""Spellings that may also say what a picture shows: the portrait of a human, a synthetic fabric."""


def find_label(spelling: str) -> str | None:
    """Return the label that `spelling` (a folder's name, a cell of a table) stands for, or None when it names none."""
    return _LABELS.get(_normalise(spelling))


def is_doubtful(spelling: str) -> bool:
    """Whether `spelling` may stand for a label, and as well for what a picture shows."""
    return _normalise(spelling) in DOUBTFUL


def describe_spellings() -> str:
    """Return every known spelling in one sentence, for the message of an error."""
    return "Known spellings: " + "; ".join(f"{label}: {', '.join(words)}" for label, words in SPELLINGS.items())


def parse_label(spelling: str) -> str:
    """Like `find_label`, for a place where a label must stand; raises SourceError naming the known spellings."""
    label = find_label(spelling)
    if label is None:
        raise SourceError(f"'{spelling}' names no label. {describe_spellings()}")
    return label


def _normalise(spelling: str) -> str:
    return spelling.strip().lower().replace("-", "_").replace(" ", "_")
