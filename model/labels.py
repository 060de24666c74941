"""Defines the labels REAL and AI, and finds them in the spellings that known datasets use."""

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
"""Folder names and table cells that mean a label, in lower case, with `_` for blanks and hyphens."""

_LABELS = {word: label for label, words in SPELLINGS.items() for word in words}

DOUBTFUL = frozenset({
    "nature", "natural", "authentic", "genuine", "original", "human", "photo", "photos", "photograph", "photographs",
    "synthetic", "artificial",
})  # fmt: skip
"""Spellings that may also say what a picture shows: the portrait of a human, a synthetic fabric."""


def find_label(spelling: str) -> str | None:
    """Return the label that `spelling` (a folder name, a table cell) means, 'real' or 'ai'; None for any other word."""
    return _LABELS.get(_normalise(spelling))


def is_doubtful(spelling: str) -> bool:
    """Tell whether `spelling` may mean a label or what a picture shows."""
    return _normalise(spelling) in DOUBTFUL


def describe_spellings() -> str:
    """Return all known spellings in one sentence, for an error message."""
    return "Known spellings: " + "; ".join(f"{label}: {', '.join(words)}" for label, words in SPELLINGS.items())


def parse_label(spelling: str) -> str:
    """Return the label that `spelling` means; raises SourceError, listing the known spellings, for any other word."""
    label = find_label(spelling)
    if label is None:
        raise SourceError(f"'{spelling}' names no label. {describe_spellings()}")
    return label


def _normalise(spelling: str) -> str:
    return spelling.strip().lower().replace("-", "_").replace(" ", "_")
